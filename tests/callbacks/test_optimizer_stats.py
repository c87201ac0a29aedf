"""Learning rate and gradient norm."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger
from torch.nn import functional as F

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify.callbacks import OptimizerStats


class Recorder(CSVLogger):
    """Record the learning rate and gradient norm of each epoch that has them."""

    def __init__(self) -> None:
        super().__init__(".")
        self.stats: dict[int, tuple[float, float]] = {}

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        if "optimizer/lr" in metrics:
            self.stats[metrics["epoch"]] = metrics["optimizer/lr"], metrics["optimizer/grad_norm"]


def fit(model: BinaryClassifier, resume: str | None = None, **limit: int) -> dict[int, tuple[float, float]]:
    recorder = Recorder()
    trainer = Trainer(
        accelerator="cpu",
        logger=recorder,
        callbacks=[OptimizerStats()],
        limit_val_batches=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **limit,  # type: ignore[arg-type]
    )
    trainer.fit(model, CirclesDataModule(batch_size=100), ckpt_path=resume, weights_only=True)
    trainer.save_checkpoint("last.ckpt")
    return recorder.stats


def halving() -> BinaryClassifier:
    schedule = {"step_size": 1, "gamma": 0.5}
    return BinaryClassifier(2, lr=0.5, lr_scheduler="StepLR", lr_scheduler_args=schedule)


def test_the_norm_is_that_of_all_gradients_of_the_last_step() -> None:
    model = BinaryClassifier(2)
    network, data = deepcopy(model.network), CirclesDataModule(batch_size=100)
    x, y = next(iter(data.train_dataloader()))
    F.binary_cross_entropy_with_logits(network(x).squeeze(1), y.float()).backward()  # type: ignore[no-untyped-call]
    squares = [float(weight.grad.double().square().sum()) for weight in network.parameters()]  # type: ignore[union-attr]
    assert fit(model, limit_train_batches=1, max_epochs=1)[0][1] == pytest.approx(sum(squares) ** 0.5)


def test_the_learning_rate_is_the_one_used_in_the_epoch() -> None:
    assert [rate for rate, _ in fit(halving(), max_epochs=3).values()] == pytest.approx([0.5, 0.25, 0.125])


def test_a_run_that_is_resumed_within_an_epoch_logs_the_learning_rate_of_that_epoch() -> None:
    fit(halving(), max_steps=10)  # of 8 steps per epoch
    resumed = fit(halving(), "last.ckpt", max_epochs=3)
    assert {epoch: rate for epoch, (rate, _) in resumed.items()} == pytest.approx({1: 0.25, 2: 0.125})


def test_after_epoch_100_every_tenth_epoch_is_logged() -> None:
    logged = fit(BinaryClassifier(2), limit_train_batches=1, max_epochs=131)
    assert list(logged) == [*range(101), 110, 120, 130]
