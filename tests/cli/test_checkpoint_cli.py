"""validate, test and predict: a checkpoint needs no configuration, and refuses options that contradict it."""

import csv
import re
from pathlib import Path

import pytest
from jsonargparse.typing import class_from_function

from lit_classify.checkpoints import DATA_MODULES
from lit_classify.cli.checkpoint_cli import recorded_data
from lit_classify.cli.lightning_parser import class_help
from lit_classify.cli.main import main
from lit_classify.data.table import datamodule

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_help_shows_no_option_of_fit(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for command in ("fit", "test"):
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])
        shown.append({*re.findall(r"^  (--[a-z_]+)", capsys.readouterr().out, re.MULTILINE)})
    of_fit, of_test = shown
    assert {"--plots", "--report", "--find_lr", "--print_every_n_epochs"} <= of_fit - of_test
    assert not of_test - of_fit


@pytest.mark.parametrize(
    ("recipe", "metrics"),
    [
        ("circles_v2", ["loss", "accuracy", "precision", "recall", "f1", "auroc"]),
        ("blobs", ["loss", "accuracy", "precision", "recall", "f1"]),
        ("line", ["loss", "mae", "rmse", "r2"]),
    ],
)
def test_a_checkpoint_is_evaluated_without_a_configuration(
    recipe: str, metrics: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    changed = "--data.random_state=7"  # travels in the checkpoint
    assert main(["fit", "--config", recipe, "--trainer.max_epochs", "2", changed]) == 0
    checkpoint = f"lightning_logs/{recipe}/version_0/checkpoints/best.ckpt"
    files = set(Path("lightning_logs").rglob("*"))
    capsys.readouterr()
    assert main(["test", "--ckpt_path", checkpoint]) == 0
    printed = lines(capsys)
    assert [line.split()[0] for line in printed[1 : len(metrics) + 1]] == metrics
    assert printed[-3].startswith("baselines")
    assert main(["validate", "--ckpt_path", checkpoint]) == 0
    assert lines(capsys)[1].split()[0] == "loss"
    assert main(["predict", f"--ckpt_path={checkpoint}", "--out", "p.csv"]) == 0
    assert set(Path("lightning_logs").rglob("*")) == files
    rows = list(csv.reader(Path("p.csv").read_text().splitlines()))
    assert rows[0][0] == "prediction"
    assert len(rows) - 1 == {"line": 20}.get(recipe, 200)
    if recipe != "line":
        assert all(abs(sum(map(float, row[1:])) - 1) < 1e-6 for row in rows[1:])


@pytest.mark.parametrize("class_", DATA_MODULES.values(), ids=lambda class_: class_.__name__)
def test_evaluation_accepts_the_options_of_every_data_module(class_: type) -> None:
    def options(built: type) -> set[str]:
        return set(re.findall(r"--data\.\w+", class_help(built, "data", {})))

    assert options(class_) <= options(class_from_function(recorded_data))


def test_evaluation_refuses_options_of_another_class(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    test = ["test", "--ckpt_path", "last"]
    assert main([*test, "--data.path", "t.csv"]) == 2
    assert "--data.path is not an option of the checkpoint's CirclesDataModule" in capsys.readouterr().err
    assert main([*test, "--model.thresholds", "0.5"]) == 2
    assert "--model.thresholds is not an option of the checkpoint" in capsys.readouterr().err


def test_evaluation_and_resuming_keep_the_derived_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    fit = ["fit", "--config", "circles_squares", "--plots", "none", "--trainer.max_epochs"]
    assert main([*fit, "2"]) == 0
    test = ["test", "--ckpt_path", "last", "--data.inputs"]
    assert main([*test, "[x1^2, x2^2]"]) == 0
    assert main([*test, "[x1, x2]"]) == 2
    assert "data.inputs is ['x1^2', 'x2^2'] in" in capsys.readouterr().err
    assert main([*fit, "4", "--ckpt_path", "last", "--data.inputs", "[x1, x2^2]"]) == 2
    assert "data.inputs is ['x1^2', 'x2^2'] in" in capsys.readouterr().err


@pytest.mark.reliability(14)
def test_a_model_option_that_differs_from_the_checkpoint_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(SHORT) == 0
    checkpoint = "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"
    assert main(["test", "--ckpt_path", checkpoint, "--model.hidden", "[3]"]) == 2
    assert "model.hidden is [10, 10] in" in capsys.readouterr().err
    files = set(Path().rglob("*"))
    assert main([*SHORT, "--ckpt_path", checkpoint, "--model.hidden", "[3]"]) == 2
    assert set(Path().rglob("*")) == files


def test_an_evaluation_of_a_table_in_blocks_keeps_the_outputs_of_some_rows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datamodule, "_EVALUATION_ROWS", 20)
    rows = [f"{n % 17},{n % 7},{'yes' if n % 17 > 8 else 'no'}" for n in range(600)]
    Path("t.csv").write_text("\n".join(["a,b,y", *rows]))
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
    assert main([*fit, "--trainer.max_epochs", "2", "--data.cache_dir", "cache"]) == 0
    test = ["test", "--ckpt_path", "lightning_logs/table/version_0/checkpoints/best.ckpt"]
    capsys.readouterr()
    assert main(test) == 0
    of_all_rows = lines(capsys)
    monkeypatch.setattr(datamodule, "_MAX_EVALUATED", 50)
    assert main(test) == 0
    of_some_rows = lines(capsys)
    assert of_some_rows[:3] == of_all_rows[:3]  # number of rows, loss and accuracy
    assert of_some_rows[10] == "loss and accuracy are those of all rows, everything else is of 40 of them"
    assert next(line for line in of_some_rows if line.startswith("macro average")).endswith(" 40")
