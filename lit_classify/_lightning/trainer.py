"""The command line's Trainer, whose processes stop together at a signal.

Reason: a callback that sets ``trainer.should_stop`` comes too late and does too much. Lightning registers its
own handlers after ``on_fit_start``; until training starts, its handler of SIGTERM waits for the other
processes amid whatever they do, and all hang. ``should_stop`` ends an epoch like any other, with its hooks
and its line in the log, and the resumed run would log that epoch again.

Private parts: ``_SignalConnector``, the trainer's ``_signal_connector``, the module's ``_current_fx_name``
and ``_broadcast_sigterm_tensor`` of the training epoch loop; ``_MultiProcessingLauncher``, because whether a
strategy starts its processes by multiprocessing shows only in the class of its launcher.
"""

import signal
from contextlib import suppress
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_classify import signals
from lit_classify._lightning.hooks import skipping_unused_hooks
from lit_classify.loggers import RunLogger


class _Signals(_SignalConnector):
    """Stop a fit between two steps, several processes between the same two.

    Lightning interrupts a fit wherever Ctrl-C finds it.
    """

    received = 0  # the number of the signal

    @property
    def received_sigterm(self) -> bool:
        """Whether to stop now, which Lightning checks after every batch and epoch.

        Accumulated gradients are applied first; after the last batch of an epoch the epoch ends first.
        """
        if not self.received or self.trainer.world_size > 1 or not self.trainer.training:
            return False
        loop = self.trainer.fit_loop
        if loop.epoch_loop.batch_progress.is_last_batch:
            ended = vars(loop.epoch_progress.current)
            return bool(ended["processed"] == ended["started"])
        return loop.epoch_loop.batch_progress.current.ready % self.trainer.accumulate_grad_batches == 0

    @received_sigterm.setter
    def received_sigterm(self, val: bool) -> None:
        """Ignore Lightning, which resets it."""

    def register_signal_handlers(self) -> None:
        """Register a handler that only notes the signal in a fit; else keep the previous handlers.

        Lightning's handler of SIGTERM does nothing during an evaluation.
        """
        before = {number: signal.getsignal(number) for number in signals.termination_signals()}
        super().register_signal_handlers()
        for number, handler in before.items():
            if self.trainer.state.fn == TrainerFn.FITTING:
                self._register_signal(number, self._note)
            elif handler is not None:
                self._register_signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received:  # a second signal does not wait
            raise SystemExit(128 + number)
        self.received = number
        if self.trainer.world_size == 1 and self.trainer.lightning_module._current_fx_name == "on_train_end":
            raise SIGTERMException  # no step follows, but plots may

    def agree(self) -> None:
        """Stop all processes if one has received a signal; called before every batch.

        Raises:
            SIGTERMException: one has received a signal.
        """
        trained = self.trainer.fit_loop.epoch_loop.batch_progress.current.completed
        if trained % self.trainer.accumulate_grad_batches:  # accumulated gradients are applied first
            return
        received = torch.tensor(self.received, device=self.trainer.strategy.root_device)
        agreed = int(self.trainer.strategy.reduce(received, reduce_op="max"))
        if agreed:  # a signal received meanwhile is checked next time
            self.received = agreed
            raise SIGTERMException


class RunTrainer(Trainer):
    """The command line's Trainer: it skips unused hooks, stops at signals and knows the run's directory."""

    stops_together = True  # several processes, at the same step
    shows_metrics = True  # on a progress bar
    run: RunLogger | None = None  # owns the run's directory, even if it logs nothing

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._signals = signals = _Signals(self)
        self._signal_connector = signals
        self.fit_loop.epoch_loop._broadcast_sigterm_tensor = signals.agree  # type: ignore[method-assign]

    def fit(self, *args: Any, **kwargs: Any) -> None:
        """Train a model, without calling hooks that nobody overrides; stop between two steps after a signal.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: after another signal.
        """
        with skipping_unused_hooks(self), suppress(SIGTERMException):
            super().fit(*args, **kwargs)
        if self._signals.received:
            signals.terminate(self._signals.received)

    @property
    def uses_multiprocessing(self) -> bool:
        """Whether processes are started by multiprocessing, so that the parent keeps no trained model."""
        return isinstance(self.strategy.launcher, _MultiProcessingLauncher)

    @property
    def log_dir(self) -> str | None:
        """The run's directory, the same on all processes; loggers of other kinds have their own."""
        if self.run is None:
            return super().log_dir
        directory: str = self.strategy.broadcast(self.run.log_dir)
        return directory
