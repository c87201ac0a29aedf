"""Contract: a signal during a fit is noted, and Lightning restores the handlers of signals."""

import os
import signal
from typing import Any

import lightning.pytorch as L
import pytest

from lit_classify import BinaryClassifier, MoonsDataModule
from lit_classify._lightning.trainer import RunTrainer
from tests._lightning.test_trainer import QUIET


class SignalAt(L.Callback):
    """Send a signal to this process in a hook."""

    def __init__(self, hook: str, number: int) -> None:
        self.epochs: list[int] = []
        self.handlers: list[Any] = []
        setattr(self, hook, lambda *_: os.kill(os.getpid(), number))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.epochs.append(trainer.current_epoch)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_fit_stops_after_the_step_of_a_signal_and_restores_the_handlers(
    number: signal.Signals, error: type[BaseException]
) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal_at = SignalAt("on_train_batch_start", number)
    trainer = RunTrainer(**QUIET, max_epochs=5, callbacks=[signal_at])
    with pytest.raises(error):
        trainer.fit(BinaryClassifier(2), MoonsDataModule(num_samples=50, batch_size=20))
    assert (trainer.global_step, signal_at.epochs) == (1, [])
    assert {one: signal.getsignal(one) for one in before} == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_outside_a_fit_the_previous_handler_is_called(number: signal.Signals) -> None:
    received: list[int] = []
    before = signal.signal(number, lambda given, _: received.append(given))
    try:
        trainer = RunTrainer(**QUIET, callbacks=[SignalAt("on_validation_batch_start", number)])
        data = MoonsDataModule(num_samples=50)
        trainer.validate(BinaryClassifier(2), data, verbose=False)
        assert received == [number]
    finally:
        signal.signal(number, before)
