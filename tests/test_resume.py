"""A run that is resumed equals one that was never interrupted, bit for bit."""

import contextlib
import signal
from collections.abc import Sequence
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from torch.utils.data import TensorDataset

from lit_classify import BinaryClassifier, SeededDataLoader
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.main import main
from tests.runs import DRAWING, FIT_MOONS, MOONS_CHECKPOINT, start_fit

SCHEDULED = ["--model.lr_scheduler", "StepLR", "--model.lr_scheduler_args.step_size", "1"]


QUIET = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "accelerator": "cpu",
}


def weights(run: int) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(MOONS_CHECKPOINT.format(run), weights_only=True)
    return {**content["state_dict"], "optimizer": content["optimizer_states"][0]["state"]}


@cache
def uninterrupted(epochs: int) -> dict[str, Any]:
    """Return the weights after some epochs of a run of its own."""
    with TemporaryDirectory() as directory, contextlib.chdir(directory):
        assert main([*FIT_MOONS, "--trainer.max_epochs", str(epochs)]) == 0
        return weights(0)


def assert_equal(first: dict[str, Any], second: dict[str, Any]) -> None:
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.reliability(1)
def test_the_same_seed_gives_the_same_weights() -> None:
    assert main([*FIT_MOONS, "--trainer.max_epochs", "3"]) == 0
    assert_equal(uninterrupted(3), weights(0))


@pytest.mark.reliability(2)
@pytest.mark.parametrize("epochs", [1, 2, 4])
def test_a_run_resumed_after_any_epoch_equals_an_uninterrupted_run(epochs: int) -> None:
    assert main([*FIT_MOONS, "--trainer.max_epochs", str(epochs)]) == 0
    assert main([*FIT_MOONS, "--trainer.max_epochs", "5", "--ckpt_path", MOONS_CHECKPOINT.format(0)]) == 0
    assert_equal(uninterrupted(5), weights(1))


def marked_slow(values: Sequence[int], *, but: Sequence[int]) -> list[Any]:
    return [value if value in but else pytest.param(value, marks=pytest.mark.slow) for value in values]


@pytest.mark.reliability(3)
@pytest.mark.parametrize("steps", marked_slow(range(1, 39), but=[1, 7, 13, 20, 26]))
def test_a_run_resumed_after_any_step_equals_an_uninterrupted_run(steps: int) -> None:
    assert main([*FIT_MOONS, "--trainer.max_steps", str(steps)]) == 0
    assert main([*FIT_MOONS, "--trainer.max_epochs", "3", "--ckpt_path", "last"]) == 0  # 13 steps each
    assert_equal(uninterrupted(3), weights(1))


@pytest.mark.reliability(3)
@pytest.mark.parametrize("stops", [[5, 13, 14, 26, 30], pytest.param(range(1, 39), marks=pytest.mark.slow)])
def test_a_run_resumed_many_times_equals_an_uninterrupted_run(stops: Sequence[int]) -> None:
    resume: list[str] = []
    for run, steps in enumerate(stops):  # each is resumed from the one before
        assert main([*FIT_MOONS, "--trainer.max_steps", str(steps), *resume]) == 0
        resume = ["--ckpt_path", MOONS_CHECKPOINT.format(run)]
    assert main([*FIT_MOONS, "--trainer.max_epochs", "3", *resume]) == 0
    assert_equal(uninterrupted(3), weights(len(stops)))


@pytest.mark.reliability(3)
@pytest.mark.parametrize("name", ["best", "last"])
@pytest.mark.parametrize("recipe", ["circles_v2", "moons"])
def test_a_run_is_resumed_from_its_best_and_last_checkpoints(name: str, recipe: str) -> None:
    fit = ["fit", "--config", recipe, *DRAWING, *SCHEDULED, "--model.lr_scheduler_args.gamma", "0.5"]
    fit += ["--log_every_n_epochs", "1"]
    directory = f"lightning_logs/{recipe}/version_{{}}/checkpoints"
    assert main([*fit, "--trainer.max_epochs", "6"]) == 0
    assert main([*fit, "--trainer.max_epochs", "3"]) == 0
    epochs = Checkpoint.read(f"{directory.format(1)}/{name}.ckpt").epochs
    options = ["--ckpt_path", f"{directory.format(1)}/{name}.ckpt", "--trainer.max_epochs", "6"]
    assert main([*fit, *options]) == 0
    assert 0 < epochs <= 3
    uninterrupted, resumed = (
        torch.load(f"{directory.format(run)}/last.ckpt", weights_only=True) for run in (0, 2)
    )
    assert uninterrupted["global_step"] == resumed["global_step"]
    assert_equal(uninterrupted["state_dict"], resumed["state_dict"])
    assert uninterrupted["lr_schedulers"] == resumed["lr_schedulers"]


class DataOfWorkers(L.LightningDataModule):
    """Rows that worker processes load."""

    def __init__(self, num_workers: int) -> None:
        super().__init__()
        self.num_workers = num_workers

    def train_dataloader(self) -> SeededDataLoader:
        x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        rows = TensorDataset(x, (x[:, 0] > 0).long())
        return SeededDataLoader(rows, batch_size=8, shuffle=True, num_workers=self.num_workers)


@pytest.mark.reliability(3)
@pytest.mark.parametrize(("num_workers", "steps"), [(0, 3), (0, 7), (2, 10)])
@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*no .val_dataloader")
def test_a_run_with_worker_processes_is_resumed_after_any_step(num_workers: int, steps: int) -> None:
    def run(path: str | None = None, **until: int) -> tuple[L.Trainer, BinaryClassifier]:
        L.seed_everything(1, verbose=False)
        model = BinaryClassifier(2, hidden=[8], dropout=0.3, lr=0.1)
        trainer = L.Trainer(**QUIET, **until)  # type: ignore[arg-type]
        trainer.fit(model, DataOfWorkers(num_workers), ckpt_path=path, weights_only=True)
        return trainer, model

    _, expected = run(max_epochs=2)  # 7 steps each
    stopped, _ = run(max_steps=steps)
    stopped.save_checkpoint("stopped.ckpt")
    _, resumed = run("stopped.ckpt", max_epochs=2)
    assert_equal(expected.state_dict(), resumed.state_dict())


@pytest.mark.slow
@pytest.mark.reliability(8)
@pytest.mark.parametrize("signum", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_run_stopped_by_a_signal_and_resumed_equals_an_uninterrupted_run(signum: int) -> None:
    until = ["--trainer.max_epochs", "150"]
    process = start_fit(*until)
    process.send_signal(signum)
    process.communicate(timeout=60)
    assert process.returncode in (130, 143)
    assert main([*FIT_MOONS, *until, "--ckpt_path", MOONS_CHECKPOINT.format(0)]) == 0
    assert_equal(uninterrupted(150), weights(1))
