"""Loggers: one directory for each run, and scalars in order."""

import csv
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
)
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.main import main
from lit_classify.loggers import RunLogger
from tests.forked import COMMAND, ForkedProgram
from tests.runs import FIT_MOONS, MOONS_CHECKPOINT
from tests.training import trainer

FIT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


CSV = "{class_path: CSVLogger, init_args: {save_dir: elsewhere}}"


WANDB = "{class_path: tests.custom_loggers.LikeWandb}"


BOARD = "{class_path: TensorBoardLogger, init_args: {save_dir: elsewhere, name: '', version: ''}}"


@pytest.mark.reliability(61)
@pytest.mark.parametrize("logger", ["true", "false", CSV, WANDB, BOARD, f"[{CSV}, {WANDB}]"])
def test_every_fit_has_one_directory_for_any_logger(logger: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FIT, "--trainer.logger", logger]) == 0
    stdout = capsys.readouterr().out
    (directory,) = {path.parent.parent for path in Path().rglob("*.ckpt")}
    assert directory == Path("lightning_logs/circles_v2/version_0")
    names = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    assert {"config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt"} <= names
    assert list(Path().rglob("config*.yaml")) == [directory / "config.yaml"]
    assert Path("elsewhere").exists() == ("elsewhere" in logger or "Wandb" in logger)
    assert f"Run:   {directory}\n" in stdout
    assert f"--ckpt_path {directory}/checkpoints/best.ckpt" in stdout
    assert ("tensorboard --logdir" in stdout) == (logger == "true")
    assert main([*FIT[:-1], "4", "--trainer.logger", logger, "--ckpt_path", "last"]) == 0
    assert f"last is {directory}/checkpoints/last.ckpt" in capsys.readouterr().err
    assert Path("lightning_logs/circles_v2/version_1/checkpoints/last.ckpt").is_file()


@pytest.mark.slow
@pytest.mark.reliability(61)
@pytest.mark.ddp
def test_two_processes_have_one_directory_without_a_logger() -> None:
    on_two = ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
    root = str(Path(__file__).parent.parent)
    process = ForkedProgram(COMMAND, *FIT, "--trainer.logger", "false", *on_two, PYTHONPATH=root)
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr[-3000:]
    files = sorted(str(path) for path in Path().rglob("*") if path.is_file())
    folder = "lightning_logs/circles_v2/version_0"
    assert files == [f"{folder}/checkpoints/{name}.ckpt" for name in ("best", "last")] + [
        f"{folder}/config.yaml"
    ]


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.reliability(59)
def test_a_csv_logger_gets_metrics_in_order_of_steps_with_their_epoch(every: int) -> None:
    fitted = trainer(max_epochs=7, check_val_every_n_epoch=every, logger=CSVLogger("."), log_every_n_steps=1)
    fitted.fit(BinaryClassifier(2), CirclesDataModule(batch_size=300))
    assert fitted.log_dir is not None
    with Path(fitted.log_dir, "metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    steps = [int(line["step"]) for line in lines]
    assert steps == sorted(steps)
    assert [int(line["epoch"]) for line in lines] == [step // 3 for step in steps]
    assert sum(bool(line["train/loss"]) for line in lines) == 7
    assert sum(bool(line["val/loss"]) for line in lines) == 7 // every


@pytest.mark.reliability(15)
def test_two_runs_that_start_together_have_two_directories() -> None:
    folders = [RunLogger(Path("runs"), "moons").log_dir for _ in range(2)]
    assert folders == ["runs/moons/version_0", "runs/moons/version_1"]


@pytest.mark.reliability(15)
def test_another_run_and_a_resumed_run_leave_the_files_of_the_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = ["--trainer.logger", "TensorBoardLogger", "--trainer.logger.save_dir", "logger"]
    # one directory for the events of all runs
    logger += ["--trainer.logger.name", "", "--trainer.logger.version", ""]
    assert main([*FIT_MOONS, *logger, "--trainer.max_epochs", "1"]) == 0
    files = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert len(files) == 5  # configuration, two checkpoints, and what the logger writes
    assert main([*FIT_MOONS, *logger, "--trainer.max_epochs", "1"]) == 0
    capsys.readouterr()
    resume = ["--trainer.max_epochs", "3", "--ckpt_path", MOONS_CHECKPOINT.format(0)]
    assert main([*FIT_MOONS, *logger, *resume]) == 0
    assert "\nResumed after 1 epoch and trained 2 more in " in capsys.readouterr().out
    assert all(path.read_bytes() == content for path, content in files.items())
    assert Checkpoint.read(MOONS_CHECKPOINT.format(2)).epochs == 3


@pytest.mark.reliability(38)
def test_a_directory_of_runs_that_is_not_writable_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("lightning_logs").touch()
    assert main([*FIT_MOONS, "--trainer.max_epochs", "1"]) == 2
    stderr = capsys.readouterr().err
    assert stderr.startswith("lit-classify: cannot write runs into lightning_logs/moons: Not a directory")
    assert "--trainer.default_root_dir" in stderr
    assert [path.name for path in Path().iterdir()] == ["lightning_logs"]
    assert main(["--help"]) == 0
