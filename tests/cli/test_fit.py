"""fit: its output, and the files of a run."""

import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from torch.nn import functional as F

from lit_classify import BinaryClassifier, TableDataModule, load
from lit_classify.cli.main import main
from tests.event_files import events
from tests.example_tables import write

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
        written = [Path(name).parent for name in names if "events.out.tfevents" in name]
        assert sorted(written) == [Path(), Path("train"), Path("val")]  # one color each in TensorBoard
        assert {"config.yaml", "checkpoints/last.ckpt", "checkpoints/best.ckpt"} <= names


def test_a_fit_without_epochs_prints_that_it_trained_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "moons", "--trainer.max_epochs", "0", "--plots", "none"]) == 0
    assert "Trained 0 epochs in" in capsys.readouterr().out


def test_the_event_file_has_the_metrics_of_every_epoch() -> None:
    assert main([*SHORT[:-1], "12", "--log_every_n_epochs", "5"]) == 0
    train, val = (events(f"circles_v2/version_0/{stage}") for stage in ("train", "val"))
    assert set(train.Tags()["scalars"]) == set(val.Tags()["scalars"]) == {"loss", "accuracy"}
    for tag in ("loss", "accuracy"):
        assert [event.step for event in train.Scalars(tag)] == list(range(12))
        assert [event.step for event in val.Scalars(tag)] == [0, 5, 10, 11]
    assert train.Scalars("loss")[0].value == pytest.approx(0.69295, abs=1e-5)


def test_a_saved_configuration_runs_again_under_its_name() -> None:
    assert main(SHORT) == 0
    config = "lightning_logs/circles_v2/version_0/config.yaml"
    assert main(["fit", "--config", config, "--trainer.max_epochs", "1"]) == 0
    assert Path("lightning_logs/circles_v2/version_1/config.yaml").is_file()


@pytest.mark.parametrize(
    "options",
    [
        "--config circles_v2",
        "--config own.yaml --model.lr 0.2",  # without a name
        "--data MoonsDataModule --model.hidden [4]",
        "--config moons --model.optimizer Adam",  # which has not the arguments of the recipe's
        "--data TableDataModule --data.path t.csv --data.target y --data.folds 2 --model.hidden [4]",
    ],
)
@pytest.mark.filterwarnings("ignore:ignored optimizer_args.momentum:lit_classify.errors.DataWarning")
def test_a_printed_configuration_gives_the_same_run(options: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("x,y\n" + "\n".join(f"{row % 7},{'ab'[row % 2]}" for row in range(60)))
    write("data: {class_path: CirclesDataModule, init_args: {noise: 0.1}}", "own.yaml")
    typed = ["fit", *shlex.split(options)]
    with pytest.raises(SystemExit) as exit_:
        main([*typed, "--print_config"])
    assert exit_.value.code == 0
    write(capsys.readouterr().out, "printed.yaml")
    for command in (typed, ["fit", "--config", "printed.yaml"]):
        assert main([*command, "--trainer.max_epochs", "1", "--plots", "none"]) == 0
    (runs,) = Path("lightning_logs").iterdir()
    first, second = ((runs / f"version_{n}/config.yaml").read_text() for n in (0, 1))
    assert first == second


def test_a_configuration_is_printed_before_it_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["fit", "--data", "TableDataModule", "--print_config"])
    assert exit_.value.code == 0
    assert "TableDataModule" in capsys.readouterr().out


def test_a_run_without_recipe_is_named_after_its_data() -> None:
    command = ["fit", "--model", "BinaryClassifier", "--data", "MoonsDataModule", "--trainer.max_epochs", "1"]
    assert main(command) == 0
    assert Path("lightning_logs/moons/version_0").is_dir()


def test_a_directory_with_the_name_of_a_recipe_is_not_taken_for_it() -> None:
    Path("circles_v2").mkdir()
    assert main(SHORT) == 0


def test_the_printed_next_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    custom = ["--model.network", "tests.custom_networks.Narrow", "--model.activation", "null"]
    assert main([*SHORT, *custom, "--trainer.default_root_dir", "a folder's"]) == 0
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
    strict = ["--trainer.callbacks.patience", "1", "--trainer.callbacks.min_delta", "1"]
    assert main([*command, *strict]) == 0
    assert "Trained 6 epochs, stopped early, in" in capsys.readouterr().out


def test_a_run_of_max_steps_ends_with_a_validation() -> None:
    assert main([*SHORT[:-1], "1000", "--trainer.max_steps", "7"]) == 0
    assert [event.step for event in events("circles_v2/version_0/val").Scalars("loss")] == [0, 6]


@pytest.mark.slow
def test_an_error_of_a_scheduler_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = ["--model.lr_scheduler", "StepLR", "--model.lr_scheduler_args.step_size", "0"]
    assert main([*SHORT, *scheduler]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


TABLE = ["fit", "--config", "table", "--data.path", "t.csv", "--data.target", "y", "--plots", "none"]


def write_table(num_rows: int = 120) -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, num_rows))
    labels = np.where(a + random.normal(size=num_rows) > 1, "yes", "no")
    rows = zip(a, b, labels, strict=True)
    write("\n".join(["a,b,y", *(f"{x:.4f},{z:.4f},{label}" for x, z, label in rows)]))


def test_a_cross_validated_fit_ends_with_out_of_fold_and_test_metrics(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_table()
    assert main([*TABLE, "--trainer.max_epochs", "4", "--data.folds", "3"]) == 0
    printed = lines(capsys)
    best = printed.index(next(line for line in printed if line.startswith("Best:")))
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    model = load(checkpoint)
    data = TableDataModule("t.csv", "y", folds=3, scaling="robust")
    x, y, fold = data.batch_tensors("train")
    with torch.no_grad():
        outputs = model.network(x)
        held_out = torch.stack([outputs[member, row] for row, member in enumerate(fold.tolist())])
        loss = F.binary_cross_entropy_with_logits(held_out.squeeze(1), y.float())
        test = data.split("test")
        p = torch.sigmoid(model.network(test.x)).mean(dim=0).squeeze(1).double()
    assert printed[best] == "Best:  out-of-fold (used for selection):"
    assert printed[best + 1].startswith(f"       loss {loss:.5f} ± ")
    assert printed[best + 1].endswith(", 3 folds")
    expected = F.binary_cross_entropy(p, test.y.double())
    assert printed[best + 2] == (
        f"       on the test rows: loss {expected:.5f}, accuracy {((p > 0.5) == test.y).double().mean():.5f}"
    )
    assert main(["validate", "--ckpt_path", checkpoint]) == 0
    assert f"  loss               {loss:.5f}  (± " in capsys.readouterr().out


def test_training_on_all_rows_is_one_option_away(capsys: pytest.CaptureFixture[str]) -> None:
    write_table()
    short = [*TABLE, "--trainer.max_epochs", "2"]
    assert main(short) == 0
    (command,) = (line for line in lines(capsys) if line.startswith("Final:"))
    assert shlex.split(command.removeprefix("Final:"), comments=True) == [
        "lit-classify",
        *short,
        "--data.test_fraction",
        "0",
    ]
    assert main([*short, "--data.test_fraction", "0"]) == 0
    printed = lines(capsys)
    assert "120 training rows" in printed[0]
    assert not [line for line in printed if "test rows" in line or line.startswith("Final:")]
    newest = ["--ckpt_path", "lightning_logs/table/version_1/checkpoints/best.ckpt"]
    assert main(["test", *newest]) == 2
    assert "there are no test rows: data.test_fraction is 0" in capsys.readouterr().err
    (test,) = (line for line in printed if line.startswith("Test:"))
    Path("more.csv").write_text(Path("t.csv").read_text(encoding="utf-8").replace("1", "2"), encoding="utf-8")
    again = shlex.split(test.removeprefix("Test:").replace("FILE", "more.csv"), comments=True)
    assert main(again[1:]) == 0
    assert main(["predict", *newest]) == 0


def test_resuming_without_the_folds_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    write_table()
    assert main([*TABLE, "--trainer.max_epochs", "1"]) == 0
    assert main([*TABLE, "--trainer.max_epochs", "2", "--ckpt_path", "last", "--data.folds", "0"]) == 2
    assert "data.folds is 8 in" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--data.test_path", "test.csv"], ["--data.split", "subset"]])
def test_the_command_for_all_rows_is_not_shown_if_it_would_train_on_the_same_rows(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{row},{'no' if row % 3 else 'yes'},{'train' if row % 4 else 'test'}" for row in range(40)]
    for name in ("t.csv", "test.csv"):
        write("\n".join(["a,y,subset", *rows]), name)
    ignored = [] if "subset" in options else ["--data.ignore", "subset"]
    assert main([*TABLE, *options, *ignored, "--trainer.max_epochs", "1"]) == 0
    assert not [line for line in lines(capsys) if line.startswith("Final:")]


def test_the_seed_moves_the_split_of_a_table_unless_random_state_is_given() -> None:
    write_table()
    for options in (
        [],
        ["--seed_everything", "7"],
        ["--seed_everything", "7", "--data.random_state", "42"],
        ["--seed_everything", "0"],
    ):
        assert main([*TABLE, "--trainer.max_epochs", "1", *options]) == 0
    states = [
        yaml.safe_load(Path(f"lightning_logs/table/version_{version}/config.yaml").read_text())["data"]
        for version in range(4)
    ]
    assert [state["init_args"]["random_state"] for state in states] == [42, 7, 42, 0]


def test_a_tuned_threshold_travels_in_the_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(300)
    assert main([*TABLE, "--trainer.max_epochs", "5", "--tune_threshold", "balanced_accuracy"]) == 0
    (line,) = (line for line in lines(capsys) if line.startswith("Tuned:"))
    model = load("lightning_logs/table/version_0/checkpoints/best.ckpt")
    assert isinstance(model, BinaryClassifier)
    assert model.threshold != 0.5
    assert line == (
        f"Tuned: yes above probability {model.threshold:.4g}, by balanced_accuracy on out-of-fold rows"
    )
    assert main(["predict", "--ckpt_path", "best"]) == 0
    predicted = pl.read_csv("predictions.csv")
    assert ((predicted["prediction"] == "yes") == (predicted["p_yes"] > model.threshold)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tune_threshold", "f2"], "unknown metric in --tune_threshold 'f2': did you mean 'f1'"),
        (["--tune_threshold", "f1", "--data.categorical", "[y]", "--data.target", "a"], "needs two classes"),
        (["--tune_threshold", "f1", "--data.folds", "0", "--data.val_fraction", "0"], "--data.folds 8"),
        (["--data.folds", "1"], "folds must be at least 2, but is 1"),
        (["--model.threshold", "1"], "threshold must be between 0 and 1, but is 1"),
        (["--data.folds", "0", "--data.val_fraction", "0", "--data.test_fraction", "0"], "--data.folds 5"),
        (["--model.members", "0", "--data.folds", "0"], "members must be at least 1, but is 0"),
        (["--model.folds", "3"], "--model.folds comes from the data"),
        (["--model.activation", "PReLU"], "PReLU has parameters"),
        (
            ["--model.network", "tests.custom_networks.Draws", "--model.network_args", "{how: RReLU}"],
            "a single network with --model.members 1, and --data.folds 0 for a table",
        ),
    ],
)
def test_unsuitable_settings_of_a_table_are_refused_before_training(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table()
    assert main([*TABLE, *options]) == 2
    assert message in capsys.readouterr().err
    assert not Path("lightning_logs").exists()


def test_a_run_without_any_limit_has_the_default_number_of_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT[:3], "--plots", "none", "--trainer.max_epochs", "null"]) == 0
    printed = capsys.readouterr()
    assert "Trained 1,000 epochs" in printed.out
    assert printed.err == ""
    config = yaml.safe_load(Path("lightning_logs/circles_v2/version_0/config.yaml").read_text())
    assert config["trainer"]["max_epochs"] == 1000
    assert main([*SHORT[:3], "--plots", "none", "--trainer.max_epochs=null", "--trainer.max_steps=3"]) == 0
    assert "Trained 3 epochs" in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["64", "bf16-true"])
def test_a_run_in_another_precision_is_plotted_and_checked(
    precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SHORT, "--trainer.precision", precision]) == 0
    assert "note" not in capsys.readouterr().err
    assert Path("lightning_logs/circles_v2/version_0/boundary.gif").is_file()
