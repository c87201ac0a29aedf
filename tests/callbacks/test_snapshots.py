"""Snapshots of the weights: when they are taken, thinned, continued and written."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify.callbacks import Snapshots, snapshots
from lit_classify.callbacks.snapshots import flat_state, load_snapshots, unflatten_state
from lit_classify.cli.main import main
from lit_classify.loggers import RunLogger
from lit_classify.networks import MLP

FIT = ["fit", "--config", "circles_v2", "--plots", "[snapshots]", "--trainer.max_epochs"]
RUN = Path("lightning_logs/circles_v2/version_0")


def fit(model: BinaryClassifier, epochs: int, name: str = "a") -> tuple[list[int], torch.Tensor]:
    logger = RunLogger(Path("runs"), name)
    trainer = Trainer(
        max_epochs=epochs,
        logger=logger,
        callbacks=[Snapshots()],
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(model, CirclesDataModule(num_samples=100))
    return load_snapshots(Path(logger.log_dir))


def test_the_first_and_last_snapshot_are_the_weights_before_and_after_training() -> None:
    model = BinaryClassifier(2, hidden=[4])
    initial = flat_state(model.network)
    epochs, weights = fit(model, 5)
    assert epochs == [0, 1, 2, 3, 4, 5]
    assert torch.equal(weights[0], initial)
    assert torch.equal(weights[-1], flat_state(model.network))
    network = MLP(2, 1, hidden=[4])
    network.load_state_dict(unflatten_state(network, weights[-1]))
    x = torch.rand(5, 2)
    assert torch.equal(network(x), model.network(x))


def test_snapshots_are_evenly_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_MAX_SNAPSHOTS", 10)
    epochs, _ = fit(BinaryClassifier(2), 101)
    assert len(epochs) <= 11
    assert (epochs[0], epochs[-1]) == (0, 101)
    assert {current - previous for previous, current in pairwise(epochs[:-1])} == {16}


def test_large_networks_have_few_snapshots() -> None:
    epochs, weights = fit(BinaryClassifier(2, hidden=[300, 300]), 7)
    assert epochs[0] == 0
    assert epochs[-1] == 7
    assert len(weights) == len(epochs) <= 4


def test_data_without_two_features_has_no_snapshots() -> None:
    assert main(["fit", "--config", "line", "--plots", "[snapshots]", "--trainer.max_epochs", "2"]) == 0
    assert not list(Path("lightning_logs").rglob("snapshots.pt"))


def test_a_resumed_run_has_the_snapshots_of_the_uninterrupted_one() -> None:
    assert main([*FIT, "300"]) == 0
    assert main([*FIT, "100"]) == 0
    resumed = RUN.with_name("version_1")
    assert main([*FIT, "300", "--ckpt_path", str(resumed / "checkpoints" / "last.ckpt")]) == 0
    written = sorted(Path("lightning_logs").rglob("snapshots.pt"))
    expected, states = load_snapshots(RUN)
    epochs, weights = load_snapshots(written[-1].parent)
    assert torch.equal(weights[-1], states[-1])
    assert epochs[-1] == expected[-1] == 300
