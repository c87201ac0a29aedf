"""Data modules: the batches that options of the Trainer select."""

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.tuner import Tuner
from torch import Tensor

from lit_classify import BinaryClassifier, CirclesDataModule, UserError
from tests.training import trainer


def test_a_data_module_prints_the_sizes_of_its_splits() -> None:
    data = CirclesDataModule(val_fraction=0.1)
    assert str(data) == "CirclesDataModule\n{train: None}\n{val: None}\n{test: None}"
    data.setup("fit")
    assert str(data) == "CirclesDataModule\n{train: size=700}\n{val: size=100}\n{test: size=200}"


class Seen(L.Callback):
    def __init__(self) -> None:
        self.batches: list[Tensor] = []

    def on_train_batch_start(
        self,
        lightning_trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        self.batches.append(batch[0])


@pytest.mark.parametrize(("overfit_batches", "num_batches"), [(1, 1), (3, 3), (0.1, 8)])
def test_overfit_batches_are_the_same_in_every_epoch(overfit_batches: float, num_batches: int) -> None:
    seen = Seen()
    lightning_trainer = trainer(max_epochs=3, overfit_batches=overfit_batches, callbacks=[seen])
    data = CirclesDataModule(batch_size=10, shuffle=True)
    lightning_trainer.fit(BinaryClassifier(2), data)
    assert len(seen.batches) == 3 * num_batches
    expected = data.split("train").x[: 10 * num_batches]
    for epoch in range(3):
        batches = seen.batches[epoch * num_batches : (epoch + 1) * num_batches]
        assert torch.equal(torch.cat(batches), expected)


@pytest.mark.parametrize(("limit", "num_rows"), [(2, 20), (0.1, 20), (1, 10), (1.0, 200)])
def test_limits_of_evaluation_count_batches_of_batch_size_rows(limit: float, num_rows: int) -> None:
    data = CirclesDataModule(batch_size=10)
    lightning_trainer = trainer(limit_predict_batches=limit)
    predicted = lightning_trainer.predict(BinaryClassifier(2), data)
    assert sum(map(len, predicted)) == num_rows  # type: ignore[arg-type]


def test_limited_epochs_select_other_rows_each_time() -> None:
    seen = Seen()
    lightning_trainer = trainer(max_epochs=2, limit_train_batches=2, callbacks=[seen])
    lightning_trainer.fit(BinaryClassifier(2), CirclesDataModule(batch_size=100, shuffle=True))
    assert len(seen.batches) == 4
    assert not torch.equal(seen.batches[0], seen.batches[2])


def test_the_batch_size_can_be_tuned_unless_it_is_all_rows() -> None:
    data = CirclesDataModule(batch_size=2)
    tuner = Tuner(trainer(max_epochs=1))
    batch_size = tuner.scale_batch_size(BinaryClassifier(2), datamodule=data, max_trials=3)
    assert batch_size == data.batch_size == data.hparams["batch_size"] == 8
    with pytest.raises(UserError, match=r"set batch_size, for example --data\.batch_size 32"):
        Tuner(trainer(max_epochs=1)).scale_batch_size(BinaryClassifier(2), datamodule=CirclesDataModule())
