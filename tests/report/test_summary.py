"""The summary of a run: its metrics are those of test, and it holds only plain data."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from lit_classify import UserError, load
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.main import main
from lit_classify.data.table.files import PATH_OPTIONS
from lit_classify.report.summary import summarize
from tests.example_tables import write

CIRCLES = "lightning_logs/circles_v2/version_0"
TABLE = "lightning_logs/table/version_0"


def circles(*options: str) -> None:
    fit = ["fit", "--config", "circles_v2", "--plots", "[snapshots]", "--trainer.max_epochs", "50"]
    assert main([*fit, *options]) == 0


def fit_table(*options: str) -> None:
    random = np.random.default_rng(0)
    rows = []
    for n in range(200):
        age, town = random.integers(20, 60), ["Rome", "Oslo", "Bonn"][n % 3] if n else "Ustka"
        day = f"2024-{1 + n % 12:02}-{1 + n % 28:02}"
        rows.append(
            f"{age if n % 9 else ''},{town},{day},{['yes', 'no'][n % 2]},{'old' if age > 40 else 'young'}"
        )
    write("\n".join(["age,town,day,member,target", *rows]))
    data = ["--data.path", "t.csv", "--data.target", "target", "--plots", "none", "--trainer.max_epochs", "3"]
    assert (
        main(["fit", "--config", "table", "--model.members", "2", "--data.folds", "2", *data, *options]) == 0
    )


def summary(folder: str = CIRCLES, **options: Any) -> dict[str, Any]:
    result = summarize([folder], **options)
    assert json.loads(json.dumps(result, allow_nan=False)) == result  # plain data
    runs: list[dict[str, Any]] = result["runs"]
    (run,) = runs
    return run


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_metrics_are_those_of_test(capsys: pytest.CaptureFixture[str]) -> None:
    circles()
    capsys.readouterr()
    assert main(["test", "--ckpt_path", f"{CIRCLES}/checkpoints/best.ckpt"]) == 0
    printed = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines() if line.startswith("  "))
    run = summary()
    evaluation = run["evaluation"]
    for name, metric in evaluation["metrics"].items():
        assert f"{metric['value']:.5f}" == printed[name]
        assert metric["low"] <= metric["value"] <= metric["high"]
    assert evaluation["split"] == "test"
    assert evaluation["num_rows"] == 200
    assert set(evaluation["baselines"]["scores"]) == {"majority class", "logistic regression"}
    assert run["name"] == "circles_v2/version_0"
    assert (run["epochs"], run["parameters"], run["task"]) == (50, 151, "BinaryClassifier")
    assert run["data"]["rows"] == {"train": 800, "test": 200}
    assert run["data"]["class_counts"] == {"0": 400, "1": 400}
    assert run["settings"]["model.lr"] == 0.1
    assert run["settings"]["model.hidden"] == "[10, 10]"
    assert run["what_if"] is None


@pytest.mark.slow
def test_a_file_of_validation_or_test_rows_that_is_gone_is_named_and_the_rest_reported() -> None:
    rows = "\n".join(["age,target", *(f"{n % 37},{['old', 'young'][n % 37 < 20]}" for n in range(99))])
    fit = ["fit", "--config", "table", "--data.target", "target", "--data.folds", "0"]
    for number, option in enumerate(PATH_OPTIONS):
        write(f"{rows}\n{number},old", f"{option}.csv")
        fit += [f"--data.{option}", f"{option}.csv"]
    assert main([*fit, "--plots", "none", "--trainer.max_epochs", "2"]) == 0
    before = summary(TABLE)
    gone = Path("val_path.csv").rename("gone.csv")
    run = summary(TABLE)
    reason = "the validation rows and the table of columns are left out: no table at val_path.csv"
    assert [note.split(";")[0] for note in run["data"]["notes"]] == [reason]
    assert run["data"]["rows"] == {"train": 100, "test": 100}
    assert run["data"]["columns"] == []
    for key in ("evaluation", "predictions", "curves", "worst_rows", "what_if"):
        assert run[key] == before[key]
    gone.rename("val_path.csv")
    Path("test_path.csv").unlink()
    run = summary(TABLE)
    assert run["evaluation"]["split"] == "validation"
    assert "no table at test_path.csv" in run["data"]["notes"][0]
    for name in ("val_path", "path"):
        Path(f"{name}.csv").unlink()
        with pytest.raises(UserError, match=rf"^{TABLE}/checkpoints/best.ckpt: no table at {name}.csv"):
            summary(TABLE)


@pytest.mark.slow
def test_a_run_that_kept_the_preprocessing_of_another_is_evaluated_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit = ["fit", "--config", "table", "--data.target", "target", "--data.folds", "0", "--plots", "none"]
    fit += ["--trainer.max_epochs", "2", "--data.path", "t.csv"]
    for scale in (1, 100):
        rows = "\n".join(f"{n % 37 * scale},{['old', 'young'][n % 37 < 20]}" for n in range(99))
        write(f"age,target\n{rows}")
        assert main([*fit, *(["--init_from", TABLE] if scale > 1 else [])]) == 0
    kept = TABLE.replace("version_0", "version_1")
    capsys.readouterr()
    assert main(["test", "--ckpt_path", f"{kept}/checkpoints/best.ckpt"]) == 0
    loss = summary(kept)["evaluation"]["metrics"]["loss"]["value"]
    assert f"  loss               {loss:.5f}\n" in capsys.readouterr().out


def test_problems_are_those_of_diagnose(capsys: pytest.CaptureFixture[str]) -> None:
    circles()
    (problem,) = summary()["problems"]
    capsys.readouterr()
    assert main(["diagnose", CIRCLES]) == 0
    check, advice = capsys.readouterr().out.splitlines()[1:]
    assert problem == f"{check.removeprefix('Check: ')}. Try: {advice.removeprefix('Try:   ')}"


def test_counts_at_the_threshold_are_those_of_the_metrics() -> None:
    circles("--model.threshold", "0.333")
    run = summary()
    (output,) = run["predictions"]["thresholds"]
    index = output["thresholds"].index(0.333)
    assert len(output["thresholds"]) == 102
    for name in ("accuracy", "precision", "recall"):
        assert output["metrics"][name][index] == pytest.approx(
            run["evaluation"]["metrics"][name]["value"], rel=1e-4
        )
    assert sum(counts[index] for counts in output["counts"].values()) == 200
    assert sum(run["predictions"]["calibration"][0]["rows"]) == 200


@pytest.mark.slow
def test_the_confusion_matrix_is_that_of_test(capsys: pytest.CaptureFixture[str]) -> None:
    fit = ["fit", "--config", "blobs", "--plots", "[snapshots]", "--trainer.max_epochs", "2"]
    assert main(fit) == 0
    folder = "lightning_logs/blobs/version_0"
    capsys.readouterr()
    assert main(["test", "--ckpt_path", f"{folder}/checkpoints/best.ckpt"]) == 0
    printed = re.findall(r"^\d(?: +\d+){4}$", capsys.readouterr().out, flags=re.MULTILINE)
    rows = [list(map(int, line.split()[1:])) for line in printed]
    predictions = summary(folder)["predictions"]
    counts = predictions["confusion"]["counts"]
    assert counts == rows
    for row, rates in zip(counts, predictions["confusion"]["rates"], strict=True):
        assert rates == pytest.approx([count / sum(row) for count in row], rel=1e-4)


def test_curves_are_those_of_the_epoch_log(capsys: pytest.CaptureFixture[str]) -> None:
    circles("--log_every_n_epochs", "10")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    curves = summary()["curves"]
    assert curves["train/loss"]["epoch"] == list(range(50))
    assert curves["val/loss"]["epoch"] == [0, 10, 20, 30, 40, 49]
    for line, loss, accuracy in zip(
        lines, curves["val/loss"]["value"], curves["val/accuracy"]["value"], strict=True
    ):
        assert f"Test loss: {loss:.5f}, Acc: {100 * accuracy:.2f}%" in line


def test_the_player_has_the_weights_of_each_snapshot_and_all_points() -> None:
    circles()
    player = summary()["player"]
    weights = numbers(player["weights"]).reshape(len(player["epochs"]), -1)
    model = load(f"{CIRCLES}/checkpoints/last.ckpt")
    expected = torch.cat([parameter.detach().flatten() for parameter in model.network.parameters()])
    assert np.array_equal(weights[-1], expected.numpy())
    assert player["epochs"] == list(range(51))
    assert len(player["points"]["x"]) == 1000
    assert player["points"]["split"].count("test") == 200
    for axis, (low, high) in enumerate(player["range"]):
        values = [point[axis] for point in player["points"]["x"]]
        assert low < min(values) < max(values) < high


@pytest.mark.slow
def test_the_player_has_the_weights_of_all_members() -> None:
    circles("--model.members", "2")
    player = summary()["player"]
    weights = numbers(player["weights"]).reshape(len(player["epochs"]), -1)
    model = load(f"{CIRCLES}/checkpoints/last.ckpt")
    assert player["network"]["layers"][0]["weight"] == {"shape": [2, 10, 2]}
    first = model.network.get_parameter("0.weight").flatten()  # (K, O, F)
    assert np.array_equal(weights[-1, :40], first.detach().numpy())


@pytest.mark.slow
def test_other_networks_of_two_features_are_shown_as_grids() -> None:
    circles("--model.members", "2", "--model.hidden", "[90, 90]")
    grids = summary()["player"]["grids"]
    assert grids["reason"].startswith("the weights of 3 snapshots take")
    surface = np.frombuffer(base64.b64decode(grids["probabilities"]), np.uint8)
    surface = surface.reshape(-1, grids["size"], grids["size"], 2)
    player = summary()["player"]
    model = load(f"{CIRCLES}/checkpoints/last.ckpt")
    lines = [torch.linspace(low, high, grids["size"]) for low, high in player["range"]]
    for row, column in ((0, 0), (3, 30), (40, 40), (25, 7)):
        p = model.predict(torch.tensor([[lines[0][column], lines[1][row]]]))[0].detach()
        assert abs(surface[-1, row, column] / 255 - p.numpy()).max() < 0.5 / 255 + 1e-4


def test_values_of_other_networks_are_not_shown_as_grids_of_probabilities() -> None:
    write("\n".join(["a,b,target", *(f"{n % 7}.5,{n % 5}.5,{n * 1.25}" for n in range(60))]))
    data = ["--data.path", "t.csv", "--data.target", "target", "--data.folds", "2"]
    assert (
        main(["fit", "--config", "table", *data, "--plots", "[snapshots]", "--trainer.max_epochs", "1"]) == 0
    )
    run = summary(TABLE)
    assert run["player"] is None
    assert run["not_replayed"] == "the page does not draw embeddings"


def test_the_what_if_form_has_ranges_categories_and_the_notes_of_the_table() -> None:
    fit_table()
    run = summary(TABLE)
    assert run["player"] is None
    what_if = run["what_if"]
    columns = {column["name"]: column for column in what_if["columns"]}
    ages = pl.read_csv("t.csv")["age"].drop_nulls()
    assert ages.min() <= columns["age"]["min"] <= columns["age"]["max"] <= ages.max()
    assert columns["age"]["missing"]
    assert set(columns["town"]["options"]) <= {"Bonn", "Oslo", "Rome", "Ustka", None}
    assert columns["member"]["kind"] == "boolean"
    assert columns["day"]["kind"] == "date"
    assert what_if["network"]["members"] == 2
    assert {column["column"] for column in run["importance"]} == {"age", "town", "day", "member"}
    assert len(run["worst_rows"]["rows"]) == 20
    assert run["worst_rows"]["errors"] == sorted(run["worst_rows"]["errors"], reverse=True)
    assert [column["name"] for column in run["data"]["columns"]] == ["age", "town", "day", "member"]


@pytest.mark.slow
def test_no_rows_leaves_out_rows_points_and_rare_categories() -> None:
    fit_table("--data.test_fraction", "0")
    assert "Ustka" in json.dumps(summarize([TABLE]))
    text = json.dumps(summarize([TABLE], rows=False))
    assert "Ustka" not in text
    assert summary(TABLE, rows=False)["worst_rows"] is None
    circles()
    assert summary(rows=False)["player"]["points"] is None
    assert summary(TABLE)["evaluation"]["split"] == "out-of-fold"


def test_a_directory_without_a_run_is_refused() -> None:
    Path("empty").mkdir()
    with pytest.raises(UserError, match="empty has no checkpoints"):
        summarize(["empty"])


def test_the_best_checkpoint_of_a_run_is_summarized() -> None:
    circles()
    checkpoint = Checkpoint.read(f"{CIRCLES}/checkpoints/best.ckpt")
    assert summary()["best_epoch"] == checkpoint.epochs - 1
    assert summary(f"{CIRCLES}/checkpoints/last.ckpt")["best_epoch"] is None


def test_checkpoints_of_one_run_have_different_names_and_none_is_taken_twice() -> None:
    circles()
    best, last = (f"{CIRCLES}/checkpoints/{name}.ckpt" for name in ("best", "last"))
    assert [run["name"] for run in summarize([best, last])["runs"]] == [best, last]
    with pytest.raises(UserError, match=r"best.ckpt is given twice"):
        summarize([CIRCLES, last, best])


def test_without_rows_to_permute_the_rest_of_a_run_is_summarized() -> None:
    splits = ["test", "val", "val", *["train"] * 37]
    rows = [f"{n},{['no', 'yes'][n % 2]},{split}" for n, split in enumerate(splits)]
    write("\n".join(["x,target,split", *rows]))
    table = ["--data.path", "t.csv", "--data.target", "target", "--data.split", "split", "--data.folds", "0"]
    assert main(["fit", "--config", "table", *table, "--plots", "none", "--trainer.max_epochs", "1"]) == 0
    run = summary(TABLE)
    assert run["importance"] is None
    assert run["no_importance"] == "permutation importance needs at least two rows"
    assert run["evaluation"]["num_rows"] == 1
