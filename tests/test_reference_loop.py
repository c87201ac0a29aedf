"""The Trainer gives the weights of the course's hand-written loops, bit for bit, and the same epoch log."""

from collections.abc import Callable
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from lit_classify import (
    BinaryClassifier,
    BlobsDataModule,
    CirclesDataModule,
    EpochLog,
    LineDataModule,
    MulticlassClassifier,
    Regressor,
)
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule
from tests import reference_loop

MODELS: dict[str, tuple[type[LitModule], dict[str, Any], Callable[[], InMemoryDataModule], int, int]] = {
    "circles_v0": (BinaryClassifier, {"hidden": [5], "activation": None}, CirclesDataModule, 100, 10),
    "circles_v1": (BinaryClassifier, {"activation": None}, CirclesDataModule, 1000, 100),
    "circles_v2": (BinaryClassifier, {"activation": "ReLU"}, CirclesDataModule, 1000, 100),
    "line": (Regressor, {"in_features": 1, "activation": None}, LineDataModule, 1000, 100),
    "blobs": (
        MulticlassClassifier,
        {"out_features": 4, "hidden": [8, 8], "activation": None},
        BlobsDataModule,
        100,
        10,
    ),
}


@pytest.mark.reliability(1)
@pytest.mark.parametrize("name", MODELS)
def test_weights_and_epoch_log_equal_those_of_the_reference_loop(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    task, arguments, data, epochs, every = MODELS[name]
    epoch_log = EpochLog(every_n_epochs=every)
    L.seed_everything(42, verbose=False)
    model = task(**{"in_features": 2, "hidden": [10, 10], "lr": 0.1, **arguments})
    trainer = L.Trainer(
        max_epochs=epochs,
        callbacks=[epoch_log],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        accelerator="cpu",
    )
    trainer.fit(model, data())

    reference = reference_loop.train(name, epochs, every)
    *printed, last = epoch_log.lines  # the course does not print the last epoch
    assert printed == reference.lines
    assert last.startswith(f"Epoch: {epochs - 1} ")
    for actual, expected in zip(model.parameters(), reference.model.parameters(), strict=True):
        assert torch.equal(actual, expected)
    assert capsys.readouterr().out.splitlines() == epoch_log.lines
