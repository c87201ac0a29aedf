"""Modules: logits, probabilities and labels; losses equal to those of torch; invalid targets."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.tuner import Tuner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    DataError,
    MulticlassClassifier,
    Regressor,
)
from tests.training import loader, rows, same_weights, trainer

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*no .val_dataloader")


def test_losses_equal_those_of_torch() -> None:
    logits, y = torch.randn(9, 1), torch.randint(2, (9,))
    assert torch.equal(
        BinaryClassifier(2).loss(logits, y), nn.BCEWithLogitsLoss()(logits.squeeze(), y.float())
    )
    many, classes = torch.randn(9, 4), torch.randint(4, (9,))
    assert torch.equal(MulticlassClassifier(2, 4).loss(many, classes), nn.CrossEntropyLoss()(many, classes))
    values = torch.randn(9)
    assert torch.equal(Regressor(1).loss(logits, values), nn.L1Loss()(logits, values[:, None]))
    assert torch.equal(Regressor(1, loss="MSE").loss(logits, values), nn.MSELoss()(logits, values[:, None]))


@pytest.mark.parametrize("stage", ["fit", "test"])
def test_another_number_of_features_is_named(stage: str) -> None:
    message = "BinaryClassifier takes rows of 3 features, but these have 2; build it with in_features=2"
    with pytest.raises(DataError, match=message):
        getattr(trainer(max_epochs=1), stage)(BinaryClassifier(3), CirclesDataModule())


def test_the_optimizer_uses_the_learning_rate_that_was_set() -> None:
    for rate in ("hparams", "attribute"):
        model = BinaryClassifier(2, lr=0.5)
        if rate == "hparams":
            model.hparams["lr"] = 0.01
        else:
            model.lr = 0.01
        assert model.configure_optimizers().param_groups[0]["lr"] == 0.01  # type: ignore[union-attr]


def test_a_fit_with_a_found_learning_rate_equals_one_with_that_rate_given() -> None:
    def begin(**arguments: Any) -> tuple[L.Trainer, BinaryClassifier, CirclesDataModule]:
        L.seed_everything(3, verbose=False)
        model = BinaryClassifier(2, hidden=[8], **arguments)
        return trainer(max_epochs=5), model, CirclesDataModule(batch_size=100, shuffle=True)

    tuned, model, data = begin()
    finder = Tuner(tuned).lr_find(model, datamodule=data, num_training=30)
    assert finder is not None
    assert model.lr == model.hparams["lr"] == finder.suggestion() != 0.1
    tuned.fit(model, data)
    tuned.save_checkpoint("found.ckpt")
    assert torch.load("found.ckpt", weights_only=True)["lit_classify"]["model"]["init_args"]["lr"] == model.lr
    reference, same, data = begin(lr=model.lr)
    reference.fit(same, data)
    assert same_weights(model, same)
    further, resumed, data = begin(lr=model.lr)
    further.fit_loop.max_epochs = reference.fit_loop.max_epochs = 8
    further.fit(resumed, data, ckpt_path="found.ckpt", weights_only=True)
    straight, uninterrupted, data = begin(lr=model.lr)
    straight.fit_loop.max_epochs = 8
    straight.fit(uninterrupted, data)
    assert same_weights(resumed, uninterrupted)


def test_predict_accepts_batches_without_targets() -> None:
    x, y = rows()
    model = BinaryClassifier(2)
    bare = trainer().predict(model, DataLoader(x, batch_size=10))  # type: ignore[arg-type]
    pairs = trainer().predict(model, loader(x, y))
    assert torch.equal(torch.cat(bare), torch.cat(pairs))  # type: ignore[arg-type]


class Evaluating(BinaryClassifier):
    """A module with its own validation and test steps."""

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        self.log("val/loss", torch.tensor(0.25))

    def test_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        self.log("test/loss", torch.tensor(0.5))


@pytest.mark.reliability(59)
def test_overridden_evaluation_steps_log_only_their_metrics() -> None:
    model = Evaluating(2)
    fitted = trainer(max_epochs=1)
    fitted.fit(model, CirclesDataModule())
    assert float(fitted.callback_metrics["val/loss"]) == 0.25
    assert "val/accuracy" not in fitted.callback_metrics
    (metrics,) = fitted.test(model, CirclesDataModule(), verbose=False)
    assert metrics == {"test/loss": 0.5}
