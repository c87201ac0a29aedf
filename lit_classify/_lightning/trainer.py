"""Lightning's Trainer with its most asked questions answered faster, whose processes stop together."""

import signal
from contextlib import suppress
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_classify import signals
from lit_classify._lightning.hooks import skipping_unused_hooks
from lit_classify.loggers import RunLogger


class _Signals(_SignalConnector):
    """Let a fit that is told to stop do so between two steps, several processes between the same two.

    Lightning breaks off wherever Ctrl-C finds it, and its handler of SIGTERM waits for the other processes
    amid whatever they do: then all wait for ever, and nothing can be saved that a run could go on from.
    """

    told = 0

    @property
    def received_sigterm(self) -> bool:
        """Whether to stop now; Lightning asks after every batch and epoch, an epoch's last batch ends it.

        Accumulated gradients become a step first.
        """
        if not self.told or self.trainer.world_size > 1 or not self.trainer.training:
            return False
        loop = self.trainer.fit_loop
        if loop.epoch_loop.batch_progress.is_last_batch:
            ended = vars(loop.epoch_progress.current)
            return bool(ended["processed"] == ended["started"])
        return loop.epoch_loop.batch_progress.current.ready % self.trainer.accumulate_grad_batches == 0

    @received_sigterm.setter
    def received_sigterm(self, val: bool) -> None:
        """Leave what was told as it is."""

    def register_signal_handlers(self) -> None:
        """Take Lightning's handlers, but for a fit one that only takes a note, and else leave what there was.

        Lightning's own for SIGTERM does nothing while it evaluates.
        """
        before = {number: signal.getsignal(number) for number in signals.termination_signals()}
        super().register_signal_handlers()
        for number, handler in before.items():
            if self.trainer.state.fn == TrainerFn.FITTING:
                self._register_signal(number, self._note)
            elif handler is not None:
                self._register_signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.told:  # the second one does not wait
            raise SystemExit(128 + number)
        self.told = number
        if self.trainer.world_size == 1 and self.trainer.lightning_module._current_fx_name == "on_train_end":
            raise SIGTERMException  # no step will follow, but pictures may

    def agree(self) -> None:
        """Stop, on all processes, if one was told to; Lightning asks before every batch of several.

        Raises:
            SIGTERMException: one was told.
        """
        trained = self.trainer.fit_loop.epoch_loop.batch_progress.current.completed
        if trained % self.trainer.accumulate_grad_batches:  # accumulated gradients become a step first
            return
        told = torch.tensor(self.told, device=self.trainer.strategy.root_device)
        agreed = int(self.trainer.strategy.reduce(told, reduce_op="max"))
        if agreed:  # one that comes meanwhile is asked for next time
            self.told = agreed
            raise SIGTERMException


class RunTrainer(Trainer):
    """The command line's Trainer: it skips unused hooks, stops at signals and knows the run's directory."""

    stops_together = True  # several processes, at the same step
    shows_metrics = True  # on a progress bar
    run: RunLogger | None = None  # owns the directory of the run, even where it logs nothing

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._signals = signals = _Signals(self)
        self._signal_connector = signals
        self.fit_loop.epoch_loop._broadcast_sigterm_tensor = signals.agree  # type: ignore[method-assign]

    def fit(self, *args: Any, **kwargs: Any) -> None:
        """Fit, and skip the hooks that nobody has overridden; a run told to stop ends as commands do.

        Raises:
            KeyboardInterrupt: Ctrl-C told it.
            SystemExit: another signal did.
        """
        with skipping_unused_hooks(self), suppress(SIGTERMException):
            super().fit(*args, **kwargs)
        if self._signals.told:
            signals.terminate(self._signals.told)

    @property
    def log_dir(self) -> str | None:
        """The run's directory, the same on all processes; loggers of other kinds write where they want."""
        if self.run is None:
            return super().log_dir
        directory: str = self.strategy.broadcast(self.run.log_dir)
        return directory
