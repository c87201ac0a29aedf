"""Contract: where Lightning registers signal handlers and asks whether to stop."""

import signal

import lightning.pytorch as L
import pytest
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from lit_classify._lightning.trainer import RunTrainer

QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}


def test_lightning_asks_its_signal_connector_whether_to_stop() -> None:
    stock = L.Trainer(accelerator="cpu", **QUIET)  # type: ignore[arg-type]
    assert type(stock._signal_connector) is _SignalConnector
    stock._signal_connector.received_sigterm = True
    assert stock.received_sigterm
    assert callable(_TrainingEpochLoop._broadcast_sigterm_tensor)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_outside_a_fit_handlers_stay_as_they_are(number: signal.Signals) -> None:
    trainer = RunTrainer(accelerator="cpu", **QUIET)
    before = signal.getsignal(number)
    trainer._signal_connector.register_signal_handlers()
    try:
        assert signal.getsignal(number) is before
    finally:
        trainer._signal_connector.teardown()
