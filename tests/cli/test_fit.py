"""fit: what it prints, and what a run leaves behind."""

import shlex
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_classify.cli.main import main

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


STOP = "--trainer.callbacks EarlyStopping --trainer.callbacks.monitor val/loss"


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_fit_prints_its_epochs_and_the_next_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--log_every_n_epochs", "2"]) == 0
    printed = lines(capsys)
    assert [line.split(" |")[0] for line in printed if line.startswith("Epoch")] == ["Epoch: 0", "Epoch: 2"]
    folder = Path("lightning_logs/circles_v2/version_0")
    assert f"Run:   {folder}" in printed
    assert "Look:  tensorboard --logdir lightning_logs" in printed
    assert f"Test:  lit-classify test --ckpt_path {folder}/checkpoints/best.ckpt" in printed


def test_the_best_epoch_is_printed_with_its_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    rising = ["--model.lr", "50", "--log_every_n_epochs", "1", "--trainer.max_epochs", "6"]
    assert main([*SHORT, *rising]) == 0
    printed = lines(capsys)
    rows = [line for line in printed if line.startswith("Epoch")]
    best = min(range(6), key=lambda epoch: float(rows[epoch].split("Test loss: ")[1].split(",")[0]))
    assert f"Best:  epoch {best}, {rows[best].split(' | ')[-1]}" in printed


def test_a_progress_bar_is_shown_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(SHORT) == 0
    piped = capsys.readouterr()
    assert piped.err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert main(SHORT) == 0
    shown = capsys.readouterr()
    assert "/3" in shown.err
    assert "epoch" in shown.err
    rows = [line for line in piped.out.splitlines() if line.startswith("Epoch")]
    assert rows == [line for line in shown.out.splitlines() if line.startswith("Epoch")]


def test_a_fit_writes_a_configuration_events_and_checkpoints() -> None:
    assert main(SHORT) == 0
    assert main(SHORT) == 0
    for version in ("version_0", "version_1"):
        folder = Path("lightning_logs/circles_v2") / version
        names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        events = {name for name in names if name.startswith("events.out.tfevents")}
        assert len(events) == 1
        assert {"config.yaml", "checkpoints/last.ckpt", "checkpoints/best.ckpt"} <= names


def test_the_event_file_has_the_metrics_of_every_epoch() -> None:
    assert main([*SHORT[:-1], "12", "--log_every_n_epochs", "5"]) == 0
    events = EventAccumulator("lightning_logs/circles_v2/version_0", size_guidance={"scalars": 0})
    events.Reload()
    for tag in ("train/loss", "train/accuracy"):
        assert [event.step for event in events.Scalars(tag)] == list(range(12))
    for tag in ("val/loss", "val/accuracy"):
        assert [event.step for event in events.Scalars(tag)] == [0, 5, 10, 11]
    assert events.Scalars("train/loss")[0].value == pytest.approx(0.69295, abs=1e-5)


def test_a_saved_configuration_runs_again_under_its_name() -> None:
    assert main(SHORT) == 0
    config = "lightning_logs/circles_v2/version_0/config.yaml"
    assert main(["fit", "--config", config, "--trainer.max_epochs", "1"]) == 0
    assert Path("lightning_logs/circles_v2/version_1/config.yaml").is_file()


def test_a_run_without_recipe_is_named_after_its_data() -> None:
    command = ["fit", "--model", "BinaryClassifier", "--data", "MoonsDataModule", "--trainer.max_epochs", "1"]
    assert main(command) == 0
    assert Path("lightning_logs/moons/version_0").is_dir()


def test_a_directory_with_the_name_of_a_recipe_is_not_taken_for_it() -> None:
    Path("circles_v2").mkdir()
    assert main(SHORT) == 0


def test_the_printed_next_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--model.network", "tests.custom_networks.Narrow", "--model.activation", "null"]
    assert main([*SHORT, *own, "--trainer.default_root_dir", "a folder's"]) == 0
    (line,) = (line for line in lines(capsys) if line.startswith("Test:"))
    program, *arguments = shlex.split(line.removeprefix("Test:"))
    assert program == "lit-classify"
    assert main(arguments) == 0


def test_a_closure_that_is_called_repeatedly_counts_a_batch_once(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "1", "--model.optimizer", "LBFGS"]
    assert main(command) == 0
    assert "Loss: 0.69295, Acc: 50.00%" in capsys.readouterr().out


def test_early_stopping_counts_validations(capsys: pytest.CaptureFixture[str]) -> None:
    command = [*SHORT[:-1], "40", "--log_every_n_epochs", "5", *STOP.split()]
    assert main([*command, "--trainer.callbacks.patience", "3"]) == 0
    assert "Trained 40 epochs in" in capsys.readouterr().out  # the loss falls at every validation
    more = ["--trainer.callbacks.patience", "1", "--trainer.callbacks.min_delta", "1"]
    assert main([*command, *more]) == 0
    assert "Trained 6 epochs, stopped early, in" in capsys.readouterr().out


def test_a_run_of_max_steps_ends_with_a_validation() -> None:
    assert main([*SHORT[:-1], "1000", "--trainer.max_steps", "7"]) == 0
    events = EventAccumulator("lightning_logs/circles_v2/version_0", size_guidance={"scalars": 0})
    events.Reload()
    assert [event.step for event in events.Scalars("val/loss")] == [0, 6]


@pytest.mark.slow
def test_an_error_of_a_scheduler_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = ["--model.lr_scheduler", "StepLR", "--model.lr_scheduler_args.step_size", "0"]
    assert main([*SHORT, *scheduler]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err
