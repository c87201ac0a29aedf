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

    def __init__(self, hook: str, signum: int) -> None:
        self.epochs: list[int] = []
        self.handlers: list[Any] = []
        setattr(self, hook, lambda *_: os.kill(os.getpid(), signum))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.epochs.append(trainer.current_epoch)


@pytest.mark.parametrize(
    ("signum", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_fit_stops_after_the_step_of_a_signal_and_restores_the_handlers(
    signum: signal.Signals, error: type[BaseException]
) -> None:
    handlers = {sig: signal.getsignal(sig) for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal_at = SignalAt("on_train_batch_start", signum)
    trainer = RunTrainer(**QUIET, max_epochs=5, callbacks=[signal_at])
    with pytest.raises(error):
        trainer.fit(BinaryClassifier(2), MoonsDataModule(num_samples=50, batch_size=20))
    assert (trainer.global_step, signal_at.epochs) == (1, [])
    assert {sig: signal.getsignal(sig) for sig in handlers} == handlers


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_outside_a_fit_the_previous_handler_is_called(signum: signal.Signals) -> None:
    received: list[int] = []
    previous = signal.signal(signum, lambda received_signum, _: received.append(received_signum))
    try:
        trainer = RunTrainer(**QUIET, callbacks=[SignalAt("on_validation_batch_start", signum)])
        data = MoonsDataModule(num_samples=50)
        trainer.validate(BinaryClassifier(2), data, verbose=False)
        assert received == [signum]
    finally:
        signal.signal(signum, previous)
