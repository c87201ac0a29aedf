"""Lightning's Trainer with its most asked questions answered faster, whose processes stop together."""

import signal
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector
from lightning.pytorch.trainer.states import RunningStage, TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException


class _Signals(_SignalConnector):
    """Let several processes that train stop before the same step, whichever of them was told to.

    Lightning's own handler waits for the other processes amid whatever they do, and lets them stop at
    different steps; then all wait for ever, and nothing can be saved.
    """

    _told = 0

    def register_signal_handlers(self) -> None:
        """Take Lightning's handlers, but for a fit on several processes one that only takes a note."""
        super().register_signal_handlers()
        if self.trainer.world_size > 1 and self.trainer.state.fn == TrainerFn.FITTING:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._register_signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._told:  # the second one does not wait for the others
            raise SystemExit(128 + number)
        self._told = number

    def agree(self) -> None:
        """Stop, on all processes, if one was told to.

        Raises:
            SIGTERMException: one was told to end.
            KeyboardInterrupt: one was interrupted.
        """
        told = torch.tensor(self._told, device=self.trainer.strategy.root_device)
        number = int(self.trainer.strategy.reduce(told, reduce_op="max"))
        if number == signal.SIGTERM:
            raise SIGTERMException
        if number == signal.SIGINT:
            raise KeyboardInterrupt


class RunTrainer(Trainer):
    """Do all that Lightning's Trainer does; the command line's trainer.

    In every step Lightning asks some twenty-five times whether it is training, by comparing the lower-case
    names of two states, and some forty times for the module, through three properties. On a network of
    150 weights these two questions take a tenth of the step.
    """

    stops_together = True  # several processes, at the same step

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._signal_connector = signals = _Signals(self)
        # what Lightning asks before every step of several processes
        self.fit_loop.epoch_loop._broadcast_sigterm_tensor = signals.agree  # type: ignore[method-assign]

    @property
    def training(self) -> bool:
        """Whether a training loop runs; stages are members of one enumeration, so identity will do."""
        return self.state.stage is RunningStage.TRAINING

    @training.setter
    def training(self, val: bool) -> None:
        if val or self.training:
            self.state.stage = RunningStage.TRAINING if val else None

    @property
    def lightning_module(self) -> LightningModule:
        """The module that is trained or evaluated."""
        module: LightningModule = self._accelerator_connector.strategy._lightning_module
        return module
