"""Callbacks of every module: divergence, the loss of an overridden step, and metrics on progress bars."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import polars as pl
import pytest
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.tuner import Tuner
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lit_classify import (
    BinaryClassifier,
    BlobsDataModule,
    CirclesDataModule,
    EpochLog,
    MulticlassClassifier,
    Regressor,
    TableDataModule,
    TensorLoader,
)
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.cli.main import main
from lit_classify.errors import DivergedError
from lit_classify.modules.fit_callbacks import DivergenceCheck
from tests.training import trainer


class OwnStep(BinaryClassifier):
    """A subclass that overrides training_step; its loss is NaN from the third step on."""

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        loss = self.loss(self(x), y)
        return loss * float("nan") if batch_idx >= 2 else loss


@pytest.mark.reliability(10)
def test_a_trainer_stops_at_a_diverged_loss_and_leaves_finite_weights() -> None:
    model = BinaryClassifier(2, hidden=[8], lr=1e30)
    fitted = trainer(max_epochs=5)
    with pytest.raises(DivergedError, match=r"at step 1, epoch 1, learning rate 1e\+30"):
        fitted.fit(model, CirclesDataModule())
    assert all(bool(weight.isfinite().all()) for weight in model.parameters())


@pytest.mark.reliability(10)
def test_a_diverged_loss_of_an_overridden_step_is_detected() -> None:
    with pytest.raises(DivergedError, match="the loss is nan at step 2, epoch 0"):
        trainer(max_epochs=1).fit(OwnStep(2), CirclesDataModule(batch_size=100))


class NaNAt(BinaryClassifier):
    """A module whose loss is NaN at one step."""

    step = 0

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss = super().training_step(batch, batch_idx)
        return loss * float("nan") if self.global_step == self.step else loss


@pytest.mark.reliability(10)
@pytest.mark.parametrize("step", [0, 5, 15, 16, 39, 40])
def test_steps_that_the_device_does_not_wait_for_stop_at_the_same_loss_with_the_same_weights(
    step: int,
) -> None:
    messages, weights = [], []
    for every in (1, 16):
        torch.manual_seed(0)
        model = NaNAt(2, hidden=[8], optimizer="Adam", optimizer_args={"weight_decay": 0.1})
        model.step = step
        check = DivergenceCheck(every)
        with pytest.raises(DivergedError) as caught:
            trainer(max_epochs=5, callbacks=[check]).fit(model, CirclesDataModule(batch_size=20))
        messages.append(str(caught.value))
        weights.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))
    assert f"the loss is nan at step {step}, epoch {step // 40}" in messages[0]
    assert messages[0] == messages[1]
    assert torch.equal(*weights)


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Lists the operations for whose result a host would wait for its device."""

    operations = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "bincount")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.waiting: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> object:
        _, name, overload = str(func).split(".")
        has_mask = (name, overload) == ("index", "Tensor") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if has_mask or name in self.operations:
            self.waiting.append(name)
        return func(*args, **(kwargs or {}))


class SecondEpoch(L.Callback):
    """Runs the second epoch in a dispatch mode."""

    def __init__(self, mode: TorchDispatchMode) -> None:
        self.mode = mode

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch == 1:
            self.mode.__enter__()  # type: ignore[no-untyped-call]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch == 1:
            self.mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]


def regression_table(**options: Any) -> TableDataModule:
    rows = np.random.default_rng(0).normal(size=(1000, 2))
    frame = pl.DataFrame({"x": rows[:, 0], "y": rows.sum(axis=1), "weight": np.abs(rows[:, 1]) + 0.1})
    return TableDataModule(frame, "y", features=["x"], batch_size=10, **options)


@pytest.mark.parametrize(
    ("model", "data", "clip"),
    [
        (BinaryClassifier(2, optimizer="Adam"), CirclesDataModule(batch_size=10), None),
        (BinaryClassifier(2, optimizer="AdamW", members=3), CirclesDataModule(batch_size=10), 1.0),
        (MulticlassClassifier(2, 4, optimizer="Adam"), BlobsDataModule(batch_size=10), 1.0),
        (Regressor(1, optimizer="Adam", folds=4), regression_table(folds=4), None),
        (Regressor(1, optimizer="Adam"), regression_table(sample_weight="weight"), None),
    ],
    ids=["binary", "members", "multiclass", "folds", "weights"],
)
def test_no_step_waits_for_the_device(
    model: L.LightningModule, data: L.LightningDataModule, clip: float | None
) -> None:
    waits = Waits()
    callbacks = [DivergenceCheck(every=16), SecondEpoch(waits)]
    fitted = trainer(max_epochs=2, callbacks=callbacks, limit_val_batches=0, gradient_clip_val=clip)
    fitted.fit(model, data)
    assert fitted.num_training_batches >= 60
    assert len(waits.waiting) <= fitted.num_training_batches / 16 + 2, waits.waiting


@pytest.mark.reliability(10)
def test_losses_may_diverge_in_the_learning_rate_finder() -> None:
    torch.manual_seed(0)
    model = BinaryClassifier(2, hidden=[8, 8], activation="GELU")
    initial_weights = [weight.clone() for weight in model.parameters()]
    data = CirclesDataModule(batch_size=100, shuffle=True)
    finder = Tuner(trainer(max_epochs=20)).lr_find(
        model, datamodule=data, min_lr=1e20, max_lr=1e38, num_training=30, early_stop_threshold=None
    )
    assert finder is not None
    assert not all(torch.isfinite(torch.tensor(finder.results["loss"])))
    assert all(torch.equal(old, new) for old, new in zip(initial_weights, model.parameters(), strict=True))


@pytest.mark.reliability(10)
def test_diverged_training_stops_at_the_step_and_exits_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model.optimizer", "SGD", "--model.optimizer_args", "null", "--model.lr", "1e30"]
    assert main(["fit", "--config", "blobs", "--plots", "none", *options]) == 3
    stderr = capsys.readouterr().err
    assert "at step 1, epoch 1, learning rate 1e+30; try a smaller one, such as --model.lr 0.1\n" in stderr
    best = Path("lightning_logs/blobs/version_0/checkpoints/best.ckpt")
    if best.is_file():
        content = torch.load(best, weights_only=True)
        assert all(bool(weight.isfinite().all()) for weight in content["state_dict"].values())


class Squared(BinaryClassifier):
    """A module whose training_step returns another loss."""

    returned: list[tuple[float, int]]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        loss = (torch.sigmoid(self(x).squeeze(1)) - y.float()).square().mean()
        self.returned.append((loss.item(), len(y)))
        return loss


class Penalised(BinaryClassifier):
    """A module whose training_step adds a term to the loss of the base class."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss: Tensor = super().training_step(batch, batch_idx)
        return loss + 100


@pytest.mark.reliability(59)
@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_loss_that_an_overridden_step_returns_is_logged(accumulated: int) -> None:
    model = Squared(2)
    model.returned = []
    rows = EpochLog(every_n_epochs=1)
    fitted = trainer(max_epochs=1, accumulate_grad_batches=accumulated, callbacks=[rows])
    fitted.fit(model, CirclesDataModule(batch_size=300))
    expected = sum(loss * rows for loss, rows in model.returned) / 800
    assert float(fitted.callback_metrics["train/loss"]) == pytest.approx(expected, rel=1e-6)
    assert "train/accuracy" not in fitted.callback_metrics
    assert rows.lines[0].startswith(f"Epoch: 0 | Loss: {expected:.5f} | Test loss: ")


@pytest.mark.reliability(59)
def test_an_overridden_step_accepts_float_targets_with_class_weights() -> None:
    model = Squared(2, class_weight=[1.0, 3.0])
    model.returned = []
    x, y = CirclesDataModule().split("train")
    loader = TensorLoader((x, y.float()), batch_size=300)
    fitted = trainer(max_epochs=1)
    fitted.fit(model, loader, loader)
    weights = [float((1 + 2 * targets).sum()) for targets in torch.split(y, 300)]
    expected = np.average([loss for loss, _ in model.returned], weights=weights)
    assert float(fitted.callback_metrics["train/loss"]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.reliability(59)
def test_a_term_that_an_overridden_step_adds_is_in_the_logged_loss() -> None:
    logged = {}
    for task in (BinaryClassifier, Penalised):
        torch.manual_seed(0)
        fitted = trainer(max_epochs=1)
        fitted.fit(task(2), CirclesDataModule(batch_size=300))
        logged[task] = fitted.callback_metrics
    assert float(logged[Penalised]["train/loss"]) == pytest.approx(
        float(logged[BinaryClassifier]["train/loss"]) + 100, rel=1e-6
    )
    assert logged[Penalised]["train/accuracy"] == logged[BinaryClassifier]["train/accuracy"]


class Manual(BinaryClassifier):
    """A module with manual optimization, whose training_step returns nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.automatic_optimization = False

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:  # type: ignore[override]
        x, y = batch
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        optimizer.zero_grad()
        self.manual_backward(self.loss(self(x), y))
        optimizer.step()


@pytest.mark.reliability(59)
def test_a_step_that_returns_no_loss_logs_no_loss() -> None:
    rows = EpochLog(every_n_epochs=1)
    fitted = trainer(max_epochs=2, logger=CSVLogger("."), callbacks=[rows], log_every_n_steps=1)
    fitted.fit(Manual(2), CirclesDataModule(batch_size=300))
    assert "train/loss" not in fitted.callback_metrics
    assert all(bool(torch.isfinite(value)) for value in fitted.callback_metrics.values())
    assert re.fullmatch(r"Epoch: 1 \| Test loss: 0\.\d+, Acc: [\d.]+%", rows.lines[1])


def test_lightning_s_progress_bar_shows_the_metrics_of_the_epoch() -> None:
    shown: list[dict[str, Any]] = []

    class Bar(TQDMProgressBar):
        def on_train_epoch_end(self, made: L.Trainer, pl_module: L.LightningModule) -> None:
            shown.append(dict(self.get_metrics(made, pl_module)))
            super().on_train_epoch_end(made, pl_module)

    class Seen(L.Callback):
        def on_train_end(self, made: L.Trainer, *args: Any) -> None:
            seen.update({tag: float(value) for tag, value in made.callback_metrics.items()})

    seen: dict[str, float] = {}
    torch.manual_seed(0)
    made = trainer(max_epochs=3, enable_progress_bar=True, callbacks=[Bar(), Seen()])
    made.fit(BinaryClassifier(2), CirclesDataModule(batch_size=100))
    assert len(shown) == 3
    for tag in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert shown[-1][tag] == pytest.approx(seen[tag], rel=1e-6)
        assert made.progress_bar_metrics[tag] == pytest.approx(seen[tag], rel=1e-6)


def test_runs_of_the_command_line_compute_no_metrics_for_a_progress_bar() -> None:
    made = RunTrainer(max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False)
    made.shows_metrics = False
    made.fit(BinaryClassifier(2), CirclesDataModule())
    assert made.progress_bar_metrics == {}
