"""The command line's Trainer, whose processes stop together at a signal.

Lightning asks ``trainer.received_sigterm`` after every batch and epoch whether to stop: a public property. A
callback that sets ``trainer.should_stop`` would end an epoch like any other, with its hooks and its line in
the log, and the resumed run would log that epoch again. A callback that raises an exception would come too
early or too late: after ``on_train_batch_end`` follows the module's hook of that name, and before
``on_train_batch_start`` the next batch has been loaded, with random numbers that a resumed run draws again.

Private API: ``_MultiProcessingLauncher``, because whether a strategy starts its processes by
multiprocessing shows only in the class of its launcher.
"""

from contextlib import suppress
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_classify import signals
from lit_classify._lightning.skip_unused_hooks import skipping_unused_hooks
from lit_classify._lightning.stop_at_signal import StopAtSignal
from lit_classify.loggers import RunLogger


class RunTrainer(Trainer):
    """The command line's Trainer: it skips unused hooks, stops at signals and knows the run's directory."""

    stops_together = True  # several processes, at the same step
    shows_metrics = True  # on a progress bar
    run: RunLogger | None = None  # owns the run's directory, even if it logs nothing

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._signal = StopAtSignal()
        self._agreed, self._agreed_position = 0, (-1, -1)
        self.callbacks = [self._signal, *self.callbacks]  # type: ignore[has-type]  # set in its constructor

    def fit(self, *args: Any, **kwargs: Any) -> None:
        """Train a model, calling only overridden hooks; stop between two steps after a signal.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: after another signal.
        """
        with skipping_unused_hooks(self), suppress(SIGTERMException):
            super().fit(*args, **kwargs)
        if self._signal.received:
            signals.terminate(self._signal.received)

    @property
    def received_sigterm(self) -> bool:
        """Whether to stop now, in all processes if one has received a signal.

        Accumulated gradients are applied first; after the last batch of an epoch the epoch ends first.
        """
        alone = self.world_size == 1
        if (alone and not self._signal.received) or not self.training:
            return False
        epoch, batches = vars(self.fit_loop.epoch_progress.current), self.fit_loop.epoch_loop.batch_progress
        if batches.is_last_batch:
            if epoch["processed"] != epoch["started"]:
                return False
        elif batches.current.ready % self.accumulate_grad_batches:
            return False
        position = epoch["processed"], batches.current.ready
        if not alone and position != self._agreed_position:  # Lightning asks again before the next batch
            received = torch.tensor(self._signal.received, device=self.strategy.root_device)
            self._agreed = int(self.strategy.reduce(received, reduce_op="max"))
            self._agreed_position = position
            self._signal.received = self._agreed or self._signal.received
        return alone or bool(self._agreed)

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
