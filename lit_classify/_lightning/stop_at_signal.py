"""A callback that records a signal during training, so that the trainer stops.

Reason: at Ctrl-C, Lightning interrupts a fit wherever it is. ``trainer.py`` explains why a callback does not
stop the trainer itself.

Private API: that Lightning restores the handlers of all signals after a fit: ``_SignalConnector`` does.
"""

import signal
import threading
from types import FrameType

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_classify import signals


class StopAtSignal(Callback):
    """Record a signal during training, so that the trainer stops between two steps."""

    received = 0  # the number of the signal

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Register a handler after Lightning registered its own; Lightning restores the earlier ones."""
        self.received, self._interrupts = 0, False
        if threading.current_thread() is threading.main_thread():
            for signum in signals.termination_signals():
                signal.signal(signum, self._record)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From now on a signal interrupts plots, because no step follows after which training would stop."""
        self._interrupts = trainer.world_size == 1

    def _record(self, signum: int, frame: FrameType | None) -> None:
        if self.received:  # a second signal does not wait
            raise SystemExit(128 + signum)
        self.received = signum
        if self._interrupts:
            raise SIGTERMException
