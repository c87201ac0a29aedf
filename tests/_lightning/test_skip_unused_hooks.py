"""Hooks that are overridden are called, although unused ones are skipped."""

import inspect
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer import call
from torch import Tensor

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify._lightning.skip_unused_hooks import _SKIPPED
from lit_classify._lightning.trainer import RunTrainer
from tests import reference_loop

HOOKS = sorted(_SKIPPED)


def fit(
    model: BinaryClassifier,
    data: CirclesDataModule | None = None,
    trainer: type[L.Trainer] = RunTrainer,
    **settings: Any,
) -> L.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False}
    made = trainer(**{"max_epochs": 3, "accelerator": "cpu", "limit_val_batches": 0, **quiet, **settings})
    made.fit(model, data or CirclesDataModule())
    return made


@pytest.mark.parametrize("name", HOOKS)
def test_an_overridden_hook_is_called(name: str) -> None:
    calls: list[str] = []

    def hook(*args: Any, **kwargs: Any) -> None:
        calls.append(name)

    callback = type("Listening", (L.Callback,), {name: hook})()
    fit(BinaryClassifier(2), callbacks=[callback])
    assert len(calls) == 3


@pytest.mark.parametrize(("trainer", "called"), [(RunTrainer, False), (L.Trainer, True)])
def test_only_the_trainer_of_the_command_line_skips_unused_hooks(
    trainer: type[L.Trainer], called: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(L.Callback, "on_train_batch_start", lambda *_: calls.append("unused"))
    fit(BinaryClassifier(2), trainer=trainer, callbacks=[L.Callback()])
    assert bool(calls) == called


class Forwarding(L.Callback):
    """A wrapper that calls the hooks of another callback."""

    def __init__(self, inner: L.Callback) -> None:
        self.inner = inner
        self.calls = 0

    def on_train_batch_start(self, *args: Any) -> None:
        self.calls += 1
        self.inner.on_train_batch_start(*args)

    def on_train_epoch_end(self, *args: Any) -> None:
        self.inner.on_train_epoch_end(*args)


@pytest.mark.parametrize("trainer", [RunTrainer, L.Trainer])
def test_a_callback_may_forward_to_one_whose_hooks_are_unused(trainer: type[L.Trainer]) -> None:
    inner = L.Callback()
    forwarding = Forwarding(inner)
    fit(BinaryClassifier(2), trainer=trainer, callbacks=[inner, forwarding])
    assert forwarding.calls == 3


@pytest.mark.parametrize("monitors", [True, False])
def test_monitoring_callbacks_see_the_end_of_an_epoch_after_all_others(monitors: bool) -> None:
    order: list[str] = []

    class Monitoring(Checkpoint):
        def on_train_epoch_end(self, *args: Any) -> None:
            order.append("monitoring")

    class Other(L.Callback):
        def on_train_epoch_end(self, *args: Any) -> None:
            order.append("other")

    callbacks = [Monitoring(), Other()] if monitors else [Other()]
    fit(BinaryClassifier(2), max_epochs=1, callbacks=callbacks, enable_checkpointing=monitors)
    assert order == (["other", "monitoring"] if monitors else ["other"])


def test_a_callback_logs_from_a_hook_of_a_step() -> None:
    class Logging(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
            pl_module.log("mine", 7.0, on_step=True)

    assert fit(BinaryClassifier(2), callbacks=[Logging()]).callback_metrics["mine"] == 7


def test_a_hook_that_is_set_during_a_fit_is_called() -> None:
    calls: list[int] = []
    late = L.Callback()

    class Setting(L.Callback):
        def on_train_epoch_end(self, trainer: L.Trainer, *args: Any) -> None:
            late.on_train_batch_start = lambda *_: calls.append(trainer.current_epoch)  # type: ignore[method-assign]

    fit(BinaryClassifier(2), callbacks=[Setting(), late])
    assert calls == [1, 2]


def test_the_hooks_of_lightning_are_restored_after_a_failed_fit() -> None:
    class Failing(L.Callback):
        def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
            raise RuntimeError("on purpose")

    originals = call._call_callback_hooks, call._call_lightning_module_hook
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(BinaryClassifier(2), callbacks=[Failing()])
    assert (call._call_callback_hooks, call._call_lightning_module_hook) == originals


def test_a_data_module_s_transfer_hook_is_called() -> None:
    class Shifted(CirclesDataModule):
        def on_after_batch_transfer(self, batch: list[Tensor], dataloader_idx: int) -> list[Tensor]:
            calls.append(dataloader_idx)
            return batch

    calls: list[int] = []
    fit(BinaryClassifier(2), Shifted(), limit_val_batches=0)
    assert calls == [0, 0, 0]


def test_clipped_gradients_equal_those_of_the_reference_loop() -> None:
    torch.manual_seed(42)
    model = BinaryClassifier(2)
    fit(model, gradient_clip_val=0.01)
    torch.manual_seed(42)
    plain = reference_loop.sequential(2, 10, 10, 1, activation=torch.nn.ReLU)
    x, _, y, _ = reference_loop.circles()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(plain(x).squeeze(), y)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.01)
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))


@pytest.mark.parametrize("settings", [{"accumulate_grad_batches": 3}, {"precision": "bf16-mixed"}], ids=str)
def test_accumulation_and_other_precisions_use_the_step_of_lightning(settings: dict[str, Any]) -> None:
    model = BinaryClassifier(2)
    trainer = fit(model, CirclesDataModule(batch_size=100), max_epochs=1, **settings)
    assert trainer.global_step == (3 if "accumulate_grad_batches" in settings else 8)


def test_early_stopping_can_monitor_training_metrics() -> None:
    stop = L.callbacks.EarlyStopping("train/loss", stopping_threshold=10.0, check_on_train_epoch_end=True)
    assert fit(BinaryClassifier(2), max_epochs=50, callbacks=[stop]).current_epoch == 1


def test_the_private_parts_that_are_replaced_exist_and_take_these_arguments() -> None:
    expected = {
        "_call_callback_hooks": ["trainer", "hook_name", "args", "monitoring_callbacks", "kwargs"],
        "_call_lightning_module_hook": ["trainer", "hook_name", "args", "pl_module", "kwargs"],
        "_call_strategy_hook": ["trainer", "hook_name", "args", "kwargs"],
    }
    for name, parameters in expected.items():
        assert list(inspect.signature(getattr(call, name)).parameters) == parameters
    assert "_current_fx_name" in vars(L.LightningModule())
    for name in ("_on_before_batch_transfer", "_apply_batch_transfer_handler"):
        assert list(inspect.signature(getattr(L.LightningModule, name)).parameters)[1] == "batch"


def test_the_methods_of_the_module_are_restored_after_a_fit() -> None:
    model = BinaryClassifier(2)
    attributes = set(vars(model))
    fit(model)
    replaced = {"optimizer_step", "optimizer_zero_grad", "_apply_batch_transfer_handler"}
    assert not replaced & (set(vars(model)) - attributes)
