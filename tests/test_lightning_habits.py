"""What users of Lightning are in the habit of doing works, with a plain Trainer and on the command line."""

from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.tuner import Tuner
from torch import Tensor

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify.errors import DivergedError

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*no .val_dataloader")


def trainer(**settings: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return L.Trainer(**{**quiet, "enable_model_summary": False, "accelerator": "cpu", **settings})


class OwnStep(BinaryClassifier):
    """A subclass with a step of its own, whose loss is NaN from the third step on."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        loss = self.loss(self(x), y)
        return loss * float("nan") if batch_idx >= 2 else loss


@pytest.mark.reliability(10)
def test_a_plain_trainer_stops_where_the_loss_diverges_and_leaves_the_weights_finite() -> None:
    model = BinaryClassifier(2, hidden=[8], lr=1e30)
    fitted = trainer(max_epochs=5)
    with pytest.raises(DivergedError, match=r"at step 1, epoch 1, learning rate 1e\+30"):
        fitted.fit(model, CirclesDataModule())
    assert all(bool(weight.isfinite().all()) for weight in model.parameters())


@pytest.mark.reliability(10)
def test_a_step_of_one_s_own_is_watched_too() -> None:
    with pytest.raises(DivergedError, match="the loss is nan at step 2, epoch 0"):
        trainer(max_epochs=1).fit(OwnStep(2), CirclesDataModule(batch_size=100))


@pytest.mark.reliability(10)
def test_losses_may_explode_while_lightning_looks_for_a_learning_rate() -> None:
    torch.manual_seed(0)
    model = BinaryClassifier(2, hidden=[8, 8], activation="GELU")
    before = [weight.clone() for weight in model.parameters()]
    data = CirclesDataModule(batch_size=100, shuffle=True)
    found = Tuner(trainer(max_epochs=20)).lr_find(
        model, datamodule=data, min_lr=1e20, max_lr=1e38, num_training=30, early_stop_threshold=None
    )
    assert found is not None
    assert not all(torch.isfinite(torch.tensor(found.results["loss"])))
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
