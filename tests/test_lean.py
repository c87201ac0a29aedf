"""What Lightning is spared must not be missed by anyone who wants it."""

import subprocess
import sys
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from torch import Tensor

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify.trainers import RunTrainer
from tests import course

HOOKS = [
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_epoch_start",
    "on_train_epoch_end",
]


def fit(model: BinaryClassifier, data: CirclesDataModule | None = None, **settings: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = RunTrainer(
        **{"max_epochs": 3, "enable_model_summary": False, "accelerator": "cpu", **quiet, **settings}
    )
    trainer.fit(model, data or CirclesDataModule())
    return trainer


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_somebody_wrote_is_called(name: str) -> None:
    calls: list[str] = []

    def hook(*args: Any, **kwargs: Any) -> None:
        calls.append(name)

    callback = type("Listening", (L.Callback,), {name: hook})()
    fit(BinaryClassifier(2), callbacks=[callback])
    assert len(calls) == 3


def test_idle_hooks_are_not_called_in_a_fit_and_are_back_after_it() -> None:
    seen = {}

    class Looking(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
            seen["callback"] = vars(self)["on_train_batch_start"]
            seen["module"] = vars(pl_module)["on_after_backward"]

    looking, model = Looking(), BinaryClassifier(2)
    fit(model, callbacks=[looking])
    assert seen == {"callback": None, "module": None}
    assert callable(looking.on_train_batch_start)
    assert callable(model.on_after_backward)


def test_an_exception_brings_the_hooks_back() -> None:
    class Failing(L.Callback):
        def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
            raise RuntimeError("on purpose")

    failing, model = Failing(), BinaryClassifier(2)
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(model, callbacks=[failing])
    assert callable(model.on_after_backward)
    assert callable(failing.on_train_batch_start)


def test_a_data_module_s_transfer_hook_is_called() -> None:
    class Shifted(CirclesDataModule):
        def on_after_batch_transfer(self, batch: list[Tensor], dataloader_idx: int) -> list[Tensor]:
            calls.append(dataloader_idx)
            return batch

    calls: list[int] = []
    fit(BinaryClassifier(2), Shifted(), limit_val_batches=0)
    assert calls == [0, 0, 0]


def test_clipped_gradients_equal_the_plain_loop_s() -> None:
    torch.manual_seed(42)
    model = BinaryClassifier(2)
    fit(model, gradient_clip_val=0.01)
    torch.manual_seed(42)
    plain = course.sequential(2, 10, 10, 1, activation=torch.nn.ReLU)
    x, _, y, _ = course.circles()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(plain(x).squeeze(), y)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.01)
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))


@pytest.mark.parametrize("settings", [{"accumulate_grad_batches": 3}, {"precision": "bf16-mixed"}], ids=str)
def test_accumulation_and_precision_go_lightning_s_way(settings: dict[str, Any]) -> None:
    model = BinaryClassifier(2)
    trainer = fit(model, CirclesDataModule(batch_size=100), max_epochs=1, **settings)
    assert trainer.global_step == (3 if "accumulate_grad_batches" in settings else 8)


def test_early_stopping_sees_train_figures() -> None:
    stop = L.callbacks.EarlyStopping("train/loss", stopping_threshold=10.0, check_on_train_epoch_end=True)
    assert fit(BinaryClassifier(2), max_epochs=50, callbacks=[stop]).current_epoch == 1


def test_lightning_comes_without_matplotlib_and_metrics_still_plot() -> None:
    code = """
import sys
from lit_classify.commands.light_imports import import_lightning
import_lightning()
assert not {"matplotlib", "scipy.signal"} & set(sys.modules)
import matplotlib, scipy.signal, torch
matplotlib.use("agg")
assert scipy.signal.windows.hann(4) is not None
from torchmetrics.classification import BinaryAccuracy
metric = BinaryAccuracy()
metric.update(torch.tensor([0.2, 0.8]), torch.tensor([0, 1]))
figure, _ = metric.plot()
assert isinstance(figure, matplotlib.figure.Figure)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
