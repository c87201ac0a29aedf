"""The command line: files of a run, self-contained checkpoints, one message per mistake."""

import csv
import re
import shlex
from pathlib import Path

import polars as pl
import pytest
import yaml
from jsonargparse.typing import class_from_function
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_classify.callbacks.epoch_log import format_line
from lit_classify.checkpoints import DATA_MODULES
from lit_classify.cli.evaluation_cli import recorded_data
from lit_classify.cli.lightning_parser import class_help
from lit_classify.cli.main import COMMANDS, main

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_fit_prints_rows_and_says_what_to_type_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--log_every_n_epochs", "2"]) == 0
    printed = lines(capsys)
    assert [line.split(" |")[0] for line in printed if line.startswith("Epoch")] == ["Epoch: 0", "Epoch: 2"]
    folder = Path("lightning_logs/circles_v2/version_0")
    assert f"Run:   {folder}" in printed
    assert "Look:  tensorboard --logdir lightning_logs" in printed
    assert f"Test:  lit-classify test --ckpt_path {folder}/checkpoints/best.ckpt" in printed


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
    printed = [int(line.split()[1]) for line in lines(capsys) if line.startswith("Epoch")]
    assert printed == epochs


def test_the_best_epoch_is_named_with_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    rising = ["--model.lr", "50", "--log_every_n_epochs", "1", "--trainer.max_epochs", "6"]
    assert main([*SHORT, *rising]) == 0
    printed = lines(capsys)
    rows = [line for line in printed if line.startswith("Epoch")]
    best = min(range(6), key=lambda epoch: float(rows[epoch].split("Test loss: ")[1].split(",")[0]))
    assert f"Best:  epoch {best}, {rows[best].split(' | ')[-1]}" in printed


def test_a_line_of_an_epoch_fits_80_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wide = {"train/loss": 12.5, "train/accuracy": 1.0, "val/loss": 12.5, "val/accuracy": 1.0}
    assert len(format_line(9999, wide, "Test", 4)) <= 80
    assert main([*SHORT, "--data.val_fraction", "0.2"]) == 0
    rows = [line for line in lines(capsys) if line.startswith("Epoch")]
    assert "Val loss" in rows[0]
    assert max(map(len, rows)) <= 80


def test_a_terminal_gets_a_bar_and_a_pipe_none(
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


def test_a_fit_leaves_config_events_and_checkpoints() -> None:
    assert main(SHORT) == 0
    assert main(SHORT) == 0
    for version in ("version_0", "version_1"):
        folder = Path("lightning_logs/circles_v2") / version
        names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        events = {name for name in names if name.startswith("events.out.tfevents")}
        assert len(events) == 1
        assert {"config.yaml", "checkpoints/last.ckpt", "checkpoints/best.ckpt"} <= names


def test_tensorboard_has_every_epoch_s_figures() -> None:
    assert main([*SHORT[:-1], "12", "--log_every_n_epochs", "5"]) == 0
    events = EventAccumulator("lightning_logs/circles_v2/version_0", size_guidance={"scalars": 0})
    events.Reload()
    for tag in ("train/loss", "train/accuracy"):
        assert [event.step for event in events.Scalars(tag)] == list(range(12))
    for tag in ("val/loss", "val/accuracy"):
        assert [event.step for event in events.Scalars(tag)] == [0, 5, 10, 11]
    assert events.Scalars("train/loss")[0].value == pytest.approx(0.69295, abs=1e-5)


def test_a_saved_config_runs_again_under_its_name() -> None:
    assert main(SHORT) == 0
    config = "lightning_logs/circles_v2/version_0/config.yaml"
    assert main(["fit", "--config", config, "--trainer.max_epochs", "1"]) == 0
    assert Path("lightning_logs/circles_v2/version_1/config.yaml").is_file()


def test_a_run_without_recipe_is_named_after_its_data() -> None:
    command = ["fit", "--model", "BinaryClassifier", "--data", "MoonsDataModule", "--trainer.max_epochs", "1"]
    assert main(command) == 0
    assert Path("lightning_logs/moons/version_0").is_dir()


def test_a_folder_of_the_recipe_s_name_does_not_hide_it() -> None:
    Path("circles_v2").mkdir()
    assert main(SHORT) == 0


@pytest.mark.parametrize(
    ("recipe", "figures"),
    [
        ("circles_v2", ["loss", "accuracy", "precision", "recall", "f1", "auroc"]),
        ("blobs", ["loss", "accuracy", "precision", "recall", "f1"]),
        ("line", ["loss", "mae", "rmse", "r2"]),
    ],
)
def test_a_checkpoint_needs_no_config(
    recipe: str, figures: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    changed = "--data.random_state=7"  # travels in the checkpoint
    assert main(["fit", "--config", recipe, "--trainer.max_epochs", "2", changed]) == 0
    checkpoint = f"lightning_logs/{recipe}/version_0/checkpoints/best.ckpt"
    before = set(Path("lightning_logs").rglob("*"))
    capsys.readouterr()
    assert main(["test", "--ckpt_path", checkpoint]) == 0
    printed = lines(capsys)
    assert [line.split()[0] for line in printed[1 : len(figures) + 1]] == figures
    assert printed[-3].startswith("baselines")
    assert main(["validate", "--ckpt_path", checkpoint]) == 0
    assert lines(capsys)[1].split()[0] == "loss"
    assert main(["predict", f"--ckpt_path={checkpoint}", "--out", "p.csv"]) == 0
    assert set(Path("lightning_logs").rglob("*")) == before
    rows = list(csv.reader(Path("p.csv").read_text().splitlines()))
    assert rows[0][0] == "prediction"
    assert len(rows) - 1 == {"line": 20}.get(recipe, 200)
    if recipe != "line":
        assert all(abs(sum(map(float, row[1:])) - 1) < 1e-6 for row in rows[1:])


@pytest.mark.reliability(36)
def test_predictions_are_not_overwritten_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    command = ["predict", "--ckpt_path", "lightning_logs/circles_v2/version_0/checkpoints/last.ckpt"]
    Path("predictions.csv").write_text("mine")
    assert main(command) == 2
    assert Path("predictions.csv").read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert Path("predictions.csv").read_text().startswith("prediction,p_0,p_1")


CIRCLES = "fit --config circles_v2"
STOP = "--trainer.callbacks EarlyStopping --trainer.callbacks.monitor val/loss"
MISTAKES = {
    "fti": "unknown command 'fti': did you mean 'fit'?",
    "fit --config circle_v2": "unknown recipe 'circle_v2': did you mean 'circles_v2'?",
    "fit --config nowhere.yaml": "no recipe file at nowhere.yaml",
    "fit circles_v2": "to use a recipe, add --config circles_v2",
    "fit --config": "expected one argument",
    "fit --model BinaryClassifier": "--data is missing",
    "fit --config table": "--data.path and --data.target are missing",
    "fit --config table --data.path nowhere.csv --data.target y": "no table at nowhere.csv",
    "fit --config table --data.path wrong.yaml --data.target y": "unknown target column 'y'",
    f"{CIRCLES} --foo 3": "unknown option --foo",
    f"{CIRCLES} --model.hiden [5]": "unknown option --model.hiden: did you mean --model.hidden?",
    f"{CIRCLES} --trainer.max_epoc 5": "did you mean --trainer.max_epochs?",
    f"{CIRCLES} --data.num_sample 5": "did you mean --data.num_samples?",
    f"{CIRCLES} --model.lr abc": "--model.lr: expected float, but got 'abc'",
    f"{CIRCLES} --model.lr 0": "lr must be a positive number, but is 0.0",
    f"{CIRCLES} --model.hidden [a]": "--model.hidden: expected int, but got 'a'",
    f"{CIRCLES} --model.hidden [-3]": "every width in hidden must be at least 1, but is -3",
    f"{CIRCLES} --data.num_samples -5": "num_samples must be at least 2, but is -5",
    f"{CIRCLES} --trainer.max_epochs abc": "--trainer.max_epochs: expected int, but got 'abc'",
    f"{CIRCLES} --model.activation Relu": "unknown activation 'Relu': did you mean 'ReLU'?",
    f"{CIRCLES} --model.optimizer SDG": "unknown optimizer 'SDG': did you mean 'SGD'?",
    f"{CIRCLES} --model.optimizer_args.momentum -1": "Invalid momentum value: -1",
    f"{CIRCLES} --model BinaryClasifier": "did you mean 'BinaryClassifier'?",
    f"{CIRCLES} --data CircleDataModule": "did you mean 'CirclesDataModule'?",
    f"{CIRCLES} --model Regressor": "has 2 classes; use BinaryClassifier",
    f"{CIRCLES} --model MulticlassClassifier": "use BinaryClassifier",
    "fit --config blobs --model BinaryClassifier": "has 4 classes; use MulticlassClassifier",
    "fit --config line --model BinaryClassifier": "for numbers use Regressor",
    f"{CIRCLES} --model.network tests.custom_networks.Wide": "its output has shape (2, 2)",
    f"{CIRCLES} --model.network os.path.join": "network 'os.path.join' could not be built",
    f"{CIRCLES} --trainer.accelerator tpux": "invalid accelerator name",
    f"{CIRCLES} --trainer.devices 5000": "--trainer.devices 5000: this machine has",
    f"{CIRCLES} --trainer.accelerator cpu --trainer.devices 2 --trainer.strategy ddp_spawn": "use ddp",
    f"{CIRCLES} {STOP} --trainer.limit_val_batches 0": "early stopping requires validation",
    f"{CIRCLES} --log_every_n_epochs 0": "every_n_epochs must be at least 1, but is 0",
    "test": "test requires a checkpoint: add --ckpt_path",
    "test --ckpt_path nowhere.ckpt": "no checkpoint at nowhere.ckpt",
    "test --ckpt_path wrong.yaml": "wrong.yaml is not a readable checkpoint",
    "fit --config wrong.yaml": "unknown option --model.hiden: did you mean --model.hidden?",
    "fit --config broken.yaml": "broken.yaml, line 3 is not YAML",
    "fit --config latin.yaml": "latin.yaml is not YAML in UTF-8",
    "fit --config empty.yaml": "must be a mapping",
    "fit --config folder": "folder is a directory",
    "verify empty.yaml": "must be a mapping",
    f"{CIRCLES} --ckpt_path nowhere.ckpt": "no checkpoint at nowhere.ckpt",
    f"{CIRCLES} --model.in_features 3": "--model.in_features comes from the data",
    f"{CIRCLES} --recipe.name ../evil": "recipe.name must be a directory name",
    f"{CIRCLES} --model.optimizer SparseAdam": "SparseAdam",
    f"{CIRCLES} --model.optimizer Adam --model.optimizer_args.betas [0.9]": "Adam could not be built",
    f"{CIRCLES} --data.batch_size 900 --data.drop_last true": "drop_last leaves no batch",
    f"{CIRCLES} --data.noise .inf": "noise must be at least 0, but is inf",
    f"{CIRCLES} --data.random_state 5000000000": "random_state must be below",
    f"{CIRCLES} --seed_everything -1": "ValueError",
    f"{CIRCLES} --trainer.default_root_dir wrong.yaml": "wrong.yaml",
    f"{CIRCLES} --trainer.check_val_every_n_epoch 2 --log_every_n_epochs 3": (
        "--log_every_n_epochs is 3, but --trainer.check_val_every_n_epoch is 2"
    ),
    f"{CIRCLES} --trainer.check_val_every_n_epoch 0": "check_val_every_n_epoch must be at least 1, but is 0",
    f"{CIRCLES} --model.loss MSE": "--model.loss is not an option of the chosen class",
    f"{CIRCLES} --model.network tests.custom_networks.Broken": "KeyError",
    "fit --data t.csv": "--data takes a name (BlobsDataModule, CirclesDataModule, ",
    "fit --config table --data=t.csv": "; to read a file, add --data.path t.csv --data.target COLUMN",
    "fit --data no/where.csv": "add --config table --data.path no/where.csv --data.target COLUMN",
    "fit --data t.parquet": "add --config table --data.path t.parquet --data.target COLUMN",
    "fit --model t.csv": "--model takes a name (AutoModule, BinaryClassifier, ",
    "fit --model x.ckpt": "to read a file, add --ckpt_path x.ckpt",
    "predict --data t.csv": "to read a file, add --data.path t.csv",
    "fit --data.path t.csv": "--data.path requires --data: add --config table",
    "fit --data.target y --model BinaryClassifier": "--data.target requires --data: add --config table",
    "fit --data.noise 0.1": "--data.noise requires --data: add --data NAME (BlobsDataModule, ",
    "test --data.path t.csv": "test requires a checkpoint: add --ckpt_path",
    "fit t.csv": "to read a file, add --config table --data.path t.csv --data.target COLUMN",
    "fit --config table t.csv": "unexpected argument 't.csv'; to read a file, add --data.path t.csv",
    "fit x.ckpt": "add --ckpt_path x.ckpt",
    "test x.ckpt": "unexpected argument 'x.ckpt'; to read a file, add --ckpt_path x.ckpt",
    "predict best": "to use a checkpoint, add --ckpt_path best",
    "validate runs/last": "to use a checkpoint, add --ckpt_path runs/last",
    "predict --ckpt x": "unknown option --ckpt: did you mean --ckpt_path?",
    "predict --output y": "unknown option --output: did you mean --out?",
    "predict --quantum y": "unknown option --quantum; see lit-classify predict --help",
    f"{CIRCLES} --model.hidden 10": "--model.hidden: expected a list such as [10, 10], but got '10'",
    f"{CIRCLES} --model.hidden wide": "--model.hidden: expected a list such as [10, 10], but got 'wide'",
    f"{CIRCLES} --model.optimizer_args 3": "--model.optimizer_args: expected a mapping such as",
    f"{CIRCLES} --log_every_n_epochs [3]": "--log_every_n_epochs: expected int, but got",
    f"{CIRCLES} --test_best perhaps": "--test_best: expected true or false, but got 'perhaps'",
    "verify circles_v9": "did you mean 'circles_v",
    "verify --foo": "unrecognized arguments: --foo",
    "plot circles_v2 --out wrong.yaml": "cannot write plots into wrong.yaml",
}


@pytest.mark.reliability(16)
@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_gets_one_short_message_and_writes_nothing(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"data": {"class_path": "CirclesDataModule"}}
    wrong["model"] = {"class_path": "BinaryClassifier", "init_args": {"hiden": [5]}}  # type: ignore[dict-item]
    Path("wrong.yaml").write_text(yaml.safe_dump(wrong))
    Path("broken.yaml").write_text("data: {class_path: CirclesDataModule\nmodel\n")
    Path("latin.yaml").write_bytes("why: für".encode("latin-1"))
    Path("empty.yaml").touch()
    Path("folder").mkdir()
    Path("t.csv").write_text("x,y\n" + "1,a\n2,b\n" * 20)
    pl.read_csv("t.csv").write_parquet("t.parquet")
    files = sorted(path.name for path in Path().iterdir())
    assert main(command.split()) == 2
    said = capsys.readouterr()
    assert "Epoch" not in said.out
    assert MISTAKES[command] in said.err
    assert said.err.startswith("lit-classify: ")
    assert len(said.err.splitlines()) <= 10
    assert "Traceback" not in said.err
    assert sorted(path.name for path in Path().iterdir()) == files


@pytest.mark.reliability(16)
@pytest.mark.parametrize(
    ("option", "meant"),
    {
        "--epochs": "did you mean --trainer.max_epochs?",
        "--max_epochs": "did you mean --trainer.max_epochs?",
        "--lr": "did you mean --model.lr?",
        "--learning_rate": "did you mean --model.lr?",
        "--model.learning_rate": "did you mean --model.lr?",
        "--model.weight_decay": "did you mean --model.optimizer_args.weight_decay?",
        "--optimizer": "did you mean --model.optimizer?",
        "--batch_size": "did you mean --data.batch_size?",
        "--hidden": "did you mean --model.hidden?",
        "--noise": "did you mean --data.noise?",
        "--gpus": "did you mean --trainer.devices?",
        "--device": "did you mean --trainer.accelerator?",
        "--model.loss_fn": "--model.loss is an option of Regressor only",
        "--threshold": "--model.thresholds is an option of MultilabelClassifier only",
        "--quantum": "; see lit-classify fit --help",
    }.items(),
)
def test_a_word_that_others_use_leads_to_the_option(
    option: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SHORT, option, "3"]) == 2
    assert meant in capsys.readouterr().err


def test_what_to_type_next_works_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--model.network", "tests.custom_networks.Narrow", "--model.activation", "null"]
    assert main([*SHORT, *own, "--trainer.default_root_dir", "a folder's"]) == 0
    (line,) = (line for line in lines(capsys) if line.startswith("Test:"))
    program, *arguments = shlex.split(line.removeprefix("Test:"))
    assert program == "lit-classify"
    assert main(arguments) == 0


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {command} " in printed for command in COMMANDS)
    assert "Course mode" in printed


def test_fit_help_explains_the_data_and_course_mode(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["fit", "--data.help", "CirclesDataModule"])
    assert left.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "0 validates on the test points (course mode)" in printed
    assert "--data.num_samples" in printed


@pytest.mark.parametrize(
    ("options", "described"),
    [
        ([], ["--data.noise 0.03", "--model.lr 0.1", "--model.hidden [10, 10]"]),
        (["--config", "table"], ["--data.path null", "--data.target null", "--model.dropout 0.0"]),
        (["--data", "BlobsDataModule", "--model", "Regressor"], ["--data.num_classes 4", "--model.loss L1"]),
    ],
)
def test_fit_help_begins_with_the_options_of_the_chosen_classes(
    options: list[str], described: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["fit", *options, "--help"])
    first, _, rest = capsys.readouterr().out.partition("all options:")
    assert all(f"\n  {option} " in first for option in described)
    assert "--trainer.gradient_clip_val" in rest


@pytest.mark.parametrize("kind", DATA_MODULES.values(), ids=lambda kind: kind.__name__)
def test_evaluation_accepts_the_options_of_every_data_module(kind: type) -> None:
    def options(built: type) -> set[str]:
        return set(re.findall(r"--data\.\w+", class_help(built, "data")))

    assert options(kind) <= options(class_from_function(recorded_data))


def test_evaluation_refuses_options_of_another_class(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    test = ["test", "--ckpt_path", "last"]
    assert main([*test, "--data.path", "t.csv"]) == 2
    assert "--data.path is not an option of the checkpoint's CirclesDataModule" in capsys.readouterr().err
    assert main([*test, "--model.loss", "MSE"]) == 2
    assert "--model.loss is not an option of the checkpoint's BinaryClassifier" in capsys.readouterr().err


def test_a_closure_called_many_times_counts_a_batch_once(capsys: pytest.CaptureFixture[str]) -> None:
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


def test_max_steps_end_with_a_validation() -> None:
    assert main([*SHORT[:-1], "1000", "--trainer.max_steps", "7"]) == 0
    events = EventAccumulator("lightning_logs/circles_v2/version_0", size_guidance={"scalars": 0})
    events.Reload()
    assert [event.step for event in events.Scalars("val/loss")] == [0, 6]


def test_a_single_callback_needs_no_list() -> None:
    assert main([*SHORT, "--trainer.callbacks", "LearningRateMonitor"]) == 0


@pytest.mark.reliability(14)
def test_a_checkpoint_that_does_not_fit_gets_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    checkpoint = "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"
    assert main(["test", "--ckpt_path", checkpoint, "--model.hidden", "[3]"]) == 2
    assert "model.hidden is [10, 10] in" in capsys.readouterr().err
    before = set(Path().rglob("*"))
    assert main([*SHORT, "--ckpt_path", checkpoint, "--model.hidden", "[3]"]) == 2
    assert set(Path().rglob("*")) == before


def test_predictions_go_to_regular_files_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    Path("link.csv").symlink_to("elsewhere.csv")
    Path("elsewhere.csv").write_text("mine")
    checkpoint = "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"
    for out in ("link.csv", "lightning_logs"):
        assert main(["predict", "--ckpt_path", checkpoint, "--out", out, "--overwrite"]) == 2
        assert "not a regular file" in capsys.readouterr().err
    assert Path("elsewhere.csv").read_text() == "mine"


@pytest.mark.slow
def test_a_scheduler_that_fails_gets_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = ["--model.lr_scheduler", "StepLR", "--model.lr_scheduler_args.step_size", "0"]
    assert main([*SHORT, *scheduler]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ("--model.optimizer Adam", None),
        ("--model.optimizer Adam --model.optimizer_args.betas [0.8,0.9]", {"betas": [0.8, 0.9]}),
        ("--model.optimizer RMSprop", None),
        ("--model.optimizer RMSprop --model.optimizer_args.momentum 0.9", {"momentum": 0.9}),
        ("--model.optimizer=RMSprop --model.init_args.optimizer_args='{momentum: 0.9}'", {"momentum": 0.9}),
        ("--model.optimizer SGD", {"momentum": 0.9}),
    ],
)
def test_recipe_arguments_of_a_replaced_optimizer_are_ignored(
    options: str, kept: dict[str, object] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = ["fit", "--config", "moons", "--trainer.max_epochs", "1", "--plots", "none"]
    assert main([*fit, *shlex.split(options)]) == 0
    saved = yaml.safe_load(Path("lightning_logs/moons/version_0/config.yaml").read_text())
    assert saved["model"]["init_args"]["optimizer_args"] == kept
    assert ("ignored optimizer_args.momentum" in capsys.readouterr().err) == ("momentum" not in (kept or {}))


def test_the_scheduler_of_a_recipe_can_be_replaced_or_removed() -> None:
    rows = [f"{n % 7},{'yes' if n % 3 else 'no'}" for n in range(60)]
    Path("t.csv").write_text("\n".join(["x,y", *rows]))
    fit = [
        "fit",
        "--data",
        "TableDataModule",
        "--data.path",
        "t.csv",
        "--data.target",
        "y",
        "--plots",
        "none",
    ]
    fit += ["--trainer.max_epochs", "1"]
    assert main([*fit, "--model.lr_scheduler", "none"]) == 0
    assert main([*fit, "--model.lr_scheduler", "StepLR", "--model.lr_scheduler_args.step_size", "3"]) == 0


def test_arguments_of_the_default_optimizer_stay() -> None:
    model = {"class_path": "BinaryClassifier", "init_args": {"optimizer_args": {"momentum": 0.5}}}
    Path("own.yaml").write_text(yaml.safe_dump({"data": {"class_path": "MoonsDataModule"}, "model": model}))
    assert main(["fit", "--config", "own.yaml", "--trainer.max_epochs", "1", "--plots", "none"]) == 0
    saved = yaml.safe_load(Path("lightning_logs/own/version_0/config.yaml").read_text())
    assert saved["model"]["init_args"]["optimizer_args"] == {"momentum": 0.5}
