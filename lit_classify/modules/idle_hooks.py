"""Hooks that do nothing, and Lightning's price for calling them.

Lightning calls every hook of every callback and of the module in every step, each inside a profiler's context
and with bookkeeping around it; on a small network that costs more than the step. It calls what is callable,
so while a fit runs, the hooks that nobody has overridden are None on the object.
"""

from contextlib import AbstractContextManager, nullcontext

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import PassThroughProfiler

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


class IdleHooks:
    """Put the idle hooks of a fit aside, and bring them back.

    Args:
        trainer: whose callbacks are looked at.
        module: the module that is trained.
    """

    def __init__(self, trainer: Trainer, module: LightningModule) -> None:
        self._trainer = trainer
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
        self._idle: list[tuple[object, str]] = [
            (callback, name)
            for callback in callbacks
            for name in (*_STEP, *_EPOCH)
            if getattr(type(callback), name) is getattr(Callback, name) and name not in vars(callback)
        ]
        self._num_owners = len(callbacks) + 1
        self._idle += [
            (module, name)
            for name in _STEP
            if getattr(type(module), name) is getattr(LightningModule, name) and name not in vars(module)
        ]

    def put_aside(self) -> None:
        """Hide them from Lightning, and the profiler that measures nothing."""
        if type(getattr(self._trainer, "profiler", None)) is PassThroughProfiler:
            vars(self._trainer)["profiler"] = _NoProfiler()
        for owner, name in self._idle:
            vars(owner)[name] = None

    def covers(self, name: str) -> bool:
        """Whether a hook does nothing, in the module and in all callbacks."""
        return sum(idle == name for _, idle in self._idle) == self._num_owners

    def bring_back(self) -> None:
        """Let the class's own hook show again."""
        for owner, name in self._idle:
            vars(owner).pop(name, None)
        self._idle = []
