"""What Lightning does in every step that changes nothing here, and how it is spared.

Lightning calls every hook of every callback and of the module in every step, each inside a profiler's context
and with bookkeeping around it, and looks for hooks of the data's transfer anew; on a small network that costs
more than the step. It calls what is callable, so while a fit runs, the hooks that nobody has overridden are
None on the object. Whoever overrides a hook, clips gradients or scales losses gets all that Lightning does.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.plugins.precision import Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch.optim import Optimizer

Step = TypeVar("Step", bound=Callable[..., Any])
Closure = Callable[[], Any] | None

_TRANSFER = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
_NOTHING: AbstractContextManager[None] = nullcontext()
_STEP = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)
_EPOCH = ("on_train_epoch_start", "on_train_epoch_end")


class _NoProfiler(PassThroughProfiler):
    """Lightning's profiler that does nothing, without building a context to do it in."""

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]  # no generator
        """Return a context that is always the same."""
        return _NOTHING


class SpareHooks(Callback):
    """While a fit runs, put aside the hooks that do nothing; bring them back however it ends."""

    def __init__(self) -> None:
        self._idle: list[tuple[object, str]] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at each callback and at the module, and tell the module what it may skip."""
        assert isinstance(pl_module, LeanModule)
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
        self._idle = [pair for callback in callbacks for pair in _idle(callback, Callback, _STEP + _EPOCH)]
        self._idle += _idle(pl_module, LightningModule, _STEP)
        listened = len(callbacks) + 1 - sum(name == "on_before_optimizer_step" for _, name in self._idle)
        for owner, name in self._idle:
            vars(owner)[name] = None
        if type(getattr(trainer, "profiler", None)) is PassThroughProfiler:
            vars(trainer)["profiler"] = _NoProfiler()
        pl_module.be_lean(plain_steps=not listened)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the classes' own hooks show again."""
        self._bring_back(pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Let the classes' own hooks show again, and the loggers have what waits."""
        self._bring_back(pl_module)
        assert isinstance(pl_module, LeanModule)
        pl_module.hand_over_scalars()

    def _bring_back(self, module: LightningModule) -> None:
        assert isinstance(module, LeanModule)
        module.be_thorough()
        for owner, name in self._idle:
            vars(owner).pop(name, None)
        self._idle = []


def _idle(owner: object, base: type, names: tuple[str, ...]) -> list[tuple[object, str]]:
    """Return the hooks that neither the owner nor its class has overridden."""
    inherited = [name for name in names if getattr(type(owner), name) is getattr(base, name)]
    return [(owner, name) for name in inherited if name not in vars(owner)]


def with_signature(step: Step) -> Step:
    """Write a step's signature down: Lightning asks for it in every step, and Python would build it anew."""
    step.__signature__ = inspect.signature(step)  # type: ignore[attr-defined]  # PEP 362
    return step


class LeanModule(LightningModule, ABC):
    """A LightningModule that asks Lightning for no more than what somebody has overridden."""

    def __init__(self) -> None:
        super().__init__()
        self._rows_stay = self._plain_steps = False

    @abstractmethod
    def hand_over_scalars(self) -> None:
        """Give the loggers the figures that still wait, at the end of a fit or when it breaks off."""

    def configure_callbacks(self) -> list[Callback]:
        """Bring along what puts idle hooks aside, once for each trainer."""
        there = any(isinstance(callback, SpareHooks) for callback in getattr(self.trainer, "callbacks", ()))
        return [] if there else [SpareHooks()]

    def be_lean(self, plain_steps: bool) -> None:
        """Skip what nobody has asked for; ``plain_steps``: no hook waits for the optimizer's step."""
        datamodule = getattr(self.trainer, "datamodule", None)
        self._rows_stay = not any(
            is_overridden(name, self, LightningModule)
            or (datamodule is not None and is_overridden(name, datamodule, LightningDataModule))
            for name in _TRANSFER
        )
        self._plain_steps = (
            plain_steps
            and not is_overridden("configure_gradient_clipping", self, LightningModule)
            and not self.trainer.gradient_clip_val
            and type(self.trainer.precision_plugin) is Precision
            and type(self.trainer.strategy) is SingleDeviceStrategy
        )

    def has_plain_precision(self) -> bool:
        """Whether a trainer runs this module in float32 on a device that has torch's fused kernels."""
        return (
            self._trainer is not None
            and type(self._trainer.precision_plugin) is Precision
            and self.device.type in {"cpu", "cuda"}
        )

    def be_thorough(self) -> None:
        """Go all of Lightning's ways again."""
        self._rows_stay = self._plain_steps = False

    def _on_before_batch_transfer(self, batch: Any, dataloader_idx: int = 0) -> Any:  # noqa: ANN401 - Lightning's
        """Skip Lightning's search for a hook that is not there."""
        return batch if self._rows_stay else super()._on_before_batch_transfer(batch, dataloader_idx)

    def _apply_batch_transfer_handler(self, batch: Any, *where: Any, **also: Any) -> Any:  # noqa: ANN401 - Lightning's
        """Skip Lightning's search for hooks where the rows lie on the device already."""
        if self._rows_stay and all(tensor.device == self._device for tensor in batch):
            return batch
        return super()._apply_batch_transfer_handler(batch, *where, **also)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Closure = None,
    ) -> None:
        """Take torch's own step where Lightning has nothing to add: no clipping, no scaling, no hook."""
        if self._plain_steps and isinstance(optimizer, LightningOptimizer):
            optimizer.optimizer.step(optimizer_closure)
        else:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """Let go of the gradients, as ``zero_grad`` does, without its profiling."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - torch's own signature
        """Set an attribute; Lightning's note of the hook that runs skips torch's search for parameters."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)
