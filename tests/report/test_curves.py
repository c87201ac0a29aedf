"""Curves from event files: epochs, resumed runs, thinning."""

import math
from pathlib import Path

import torch

from lit_classify.loggers import RunLogger, ScalarBuffer
from lit_classify.report.curves import read_curves


def log(logger: RunLogger, steps: range, offset: float = 0.0) -> None:
    buffer = ScalarBuffer()
    for step in steps:
        buffer.add(step, step, {"train/loss": torch.tensor(offset + step)}, [logger])
    buffer.flush([logger])


def test_a_later_value_of_an_epoch_replaces_the_earlier_one() -> None:
    logger = RunLogger(Path("runs"), "a")
    log(logger, range(10))
    log(logger, range(8, 12), offset=0.5)
    curve = read_curves(Path(logger.log_dir), 1.0)["train/loss"]
    assert curve["epoch"] == list(range(12))
    assert curve["value"] == [*range(8), 8.5, 9.5, 10.5, 11.5]


def test_other_summaries_are_not_curves() -> None:
    logger = RunLogger(Path("runs"), "a")
    log(logger, range(3))
    logger.writer("val").add_pr_curve("rows", torch.tensor([0, 1]), torch.tensor([0.2, 0.7]), 0)
    logger.finalize("success")
    assert [*read_curves(Path(logger.log_dir), 1.0)] == ["train/loss"]


def test_steps_are_converted_to_epochs() -> None:
    logger = RunLogger(Path("runs"), "a")
    log(logger, range(12, 65, 13))  # the last step of each epoch
    assert read_curves(Path(logger.log_dir), 13.0)["train/loss"]["epoch"] == [0, 1, 2, 3, 4]


def test_long_curves_are_thinned() -> None:
    logger = RunLogger(Path("runs"), "a")
    log(logger, range(5000))
    epochs = read_curves(Path(logger.log_dir), 1.0)["train/loss"]["epoch"]
    assert 300 <= len(epochs) <= 600
    assert epochs[0] == 0


def test_values_that_are_nan_or_infinite_are_left_out() -> None:
    logger = RunLogger(Path("runs"), "a")
    buffer = ScalarBuffer()
    for step, loss in enumerate([1.0, math.nan, 2.0, math.inf]):
        metrics = {"train/loss": torch.tensor(loss), "val/loss": torch.tensor(math.nan)}
        buffer.add(step, step, metrics, [logger])
    buffer.flush([logger])
    assert read_curves(Path(logger.log_dir), 1.0) == {"train/loss": {"epoch": [0, 2], "value": [1.0, 2.0]}}
