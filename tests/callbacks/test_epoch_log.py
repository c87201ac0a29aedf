"""The lines that a fit prints for its epochs."""

import pytest

from lit_classify.callbacks.epoch_log import format_metrics
from lit_classify.cli.main import main

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]
STOP = "{class_path: EarlyStopping, init_args: {monitor: val/loss, patience: 2}}"


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        (["--log_every_n_epochs", "4", "--trainer.max_epochs", "11"], [0, 4, 8, 10]),
        (["--trainer.max_steps", "7"], [0, 6]),
        (["--trainer.limit_val_batches", "0"], [0, 2]),
    ],
)
def test_the_last_epoch_is_always_printed(
    options: list[str], epochs: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main([*SHORT, *(["--trainer.max_epochs", "1000"] if "_steps" in options[0] else []), *options]) == 0
    )
    printed = [
        int(line.split()[1]) for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")
    ]
    assert printed == epochs


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        (["--print_every_n_epochs", "5"], [0, 5, 10, 12]),
        (["--print_every_n_epochs", "5", "--log_every_n_epochs", "3"], [0, 6, 12]),
        (["--trainer.callbacks", STOP], [0, 2]),
    ],
)
def test_lines_of_long_tables_are_printed_every_n_epochs(
    options: list[str], epochs: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    every = ["--log_every_n_epochs", "1", "--print_every_n_epochs", "9"]
    stop = ["--model.lr", "100"] if "callbacks" in options[0] else []
    assert main([*SHORT[:-1], "13", *every, *stop, *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[1]) for line in lines if line.startswith("Epoch")] == epochs
    assert any(line.startswith("Best:  epoch ") and "Test loss: " in line for line in lines)


def test_a_line_of_an_epoch_fits_80_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wide = {"train/loss": 1e36, "train/accuracy": 1.0, "val/loss": 1e36, "val/accuracy": 1.0}
    assert len(" | ".join(["Epoch: 9999", *format_metrics(wide, "Test")])) <= 80
    assert main([*SHORT, "--data.val_fraction", "0.2"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert "Val loss" in rows[0]
    assert max(map(len, rows)) <= 80
