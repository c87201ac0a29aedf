"""Exported models give the same predictions without Lightning and without lit_classify."""

import csv
import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from lit_classify import BinaryClassifier, TableDataModule, load
from lit_classify.cli.main import main
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.export.examples.read_rows import read_rows
from lit_classify.export.exported_model import ExportedModel, describe_inputs
from lit_classify.networks.derived_inputs import FUNCTIONS

BEST = "lightning_logs/table/version_0/checkpoints/best.ckpt"


TARGETS = ["two", "three", "[two, odd]", "price"]


EMBEDDINGS = ["both", "periodic", "piecewise", "null"]


def table(num_rows: int, seed: int, name: str) -> None:
    """Write rows with missing and infinite values, booleans, many categories and unseen ones."""
    random = np.random.default_rng(seed)
    header = ["age", "far", "colour", "town", "member", "cost", "paid", "day", "seen"]
    header += ["two", "three", "odd", "price"]
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in range(num_rows):
            age, town = random.normal(40, 10), random.integers(0, 45 + seed)
            cells = [
                f"{age:.3f}",
                f"{1.6e9 + random.normal() * 1e4:.1f}",
                random.choice(["red", "grün", "?"]),
            ]
            cells += [f"town {town}", random.choice(["yes", "no"])]
            time = datetime(2024, 1, 1) + timedelta(seconds=int(random.integers(0, 10**8)))
            cells += [f"{age * 100:,.2f} €".replace(",", " ").replace(".", ","), f"(${town})"]
            cells += [f"{time:%d/%m/%Y}", f"{time:%Y-%m-%dT%H:%M:%S}+02:00"]
            cells += [int(age > 40), "abc"[town % 3]]
            cells += [row % 2, f"{age * 1000 + town:.2f}"]
            if random.random() < 0.1:
                cells[random.integers(0, 9)] = random.choice(["", "NA", " NA ", "-999"])
            if random.random() < 0.02:
                cells[0] = "inf"
            writer.writerow(cells)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        table(600, 0, "train.csv")
        table(1000, 1, "new.csv")
        for target in TARGETS:
            others = {"two", "three", "odd", "price"} - set(target.strip("[]").split(", "))
            options = ["--data.ignore", str(sorted(others)), "--trainer.max_epochs", "3"]
            options += ["--data.missing_values=-999", "--data.ignore_case", "true"]
            options += ["--model.numeric_embedding", EMBEDDINGS[TARGETS.index(target)]]
            if target != "price":  # a single network
                options += ["--model.members", "3"]
            fit = [
                "fit",
                "--config",
                "table",
                "--plots",
                "none",
                "--data.path",
                "train.csv",
                "--data.target",
                target,
            ]
            assert main([*fit, *options]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.reliability(37)
@pytest.mark.parametrize("format_", ["onnx", "safetensors"])
@pytest.mark.parametrize("index", range(len(TARGETS)), ids=TARGETS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_example_program_predicts_what_the_checkpoint_predicts(
    trained: Path, index: int, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    checkpoint = BEST.replace("_0/", f"_{index}/")
    out = f"{format_}_{index}"
    assert main(["predict", "--ckpt_path", checkpoint, "--data.path", "new.csv", "--out", f"{out}.csv"]) == 0
    assert main(["export", checkpoint, "--format", format_, "--out", out]) == 0
    command = [sys.executable, "-E", "-s", "example.py", str(trained / "new.csv")]
    stdout = subprocess.run(command, cwd=out, check=True, capture_output=True, text=True, timeout=120).stdout
    predicted = list(csv.DictReader(stdout.splitlines()))
    expected = list(csv.DictReader(Path(f"{out}.csv").read_text(encoding="utf-8").splitlines()))
    outputs = json.loads(Path(out, "schema.json").read_text(encoding="utf-8"))["outputs"]
    assert len(predicted) == len(expected) == 1000
    expected_values, values = (
        np.array([[float(row[name]) for name in outputs] for row in rows]) for rows in (expected, predicted)
    )
    assert np.abs(values - expected_values).max() <= 1e-5 * max(1.0, np.abs(expected_values).max())


@pytest.mark.filterwarnings("ignore:.*also occur in", "ignore:possible target leakage")
@pytest.mark.parametrize(
    "cells",
    [
        ["1:30", "17:05", ""],
        ["1:30:10", "17:05:09"],
        ["10:30:00.25", "17:05:09"],
        ["5:05 PM", "11:00AM", "12:30 am"],
        ["1/31/2024 5:05pm", "12/1/2024 11:00 AM"],
        ["2024-1-31", "2024-12-05"],
        ["2024/01/31 17:05:09.5", "2024/02/01 17:05:09"],
        ["2024-01-31T17:05:09.123456789Z", "2024-02-28T17:05:09Z"],
        ["2024-01-31 17:05:09 +0200", "2024-02-28 17:05:09-05:00"],
        ["31/12/69", "31/12/68", "30/11/70"],
        ["31 Jan 2024", "1 Dec 2024"],
        ["31-JAN-2024", "1-May-2024"],
        ["January 31, 2024", "May 1, 2024"],
        ["₹1,23,456.50", "-₹7,890", "5"],
        ["1,5 %", "-0,25 %"],
    ],
)
def test_the_example_program_reads_values_as_the_checkpoint_does(cells: list[str]) -> None:
    cells = cells * 20
    targets = ["no", "yes"] * (len(cells) // 2)
    with Path("t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["x", "y"], *zip(cells, targets, strict=True)])
    data = TableDataModule("t.csv", "y", day_first=False)
    state = FittedState.from_dict(data.hparams["fitted_state"])
    exported = ExportedModel(state.preprocessor, BinaryClassifier(data.in_features))
    rows = read_rows("t.csv", describe_inputs(exported, "1.0", state))
    features = state.preprocessor(torch.tensor(rows, dtype=torch.float64))
    assert torch.allclose(features, data.transform(pl.DataFrame({"x": cells})), atol=1e-5)


def test_a_model_of_synthetic_data_is_exported() -> None:
    assert main(["fit", "--config", "blobs", "--plots", "none", "--trainer.max_epochs", "1"]) == 0
    checkpoint = "lightning_logs/blobs/version_0/checkpoints/last.ckpt"
    assert main(["export", checkpoint, "--format", "safetensors"]) == 0
    assert sorted(path.name for path in Path("exported").iterdir()) == [
        "example.py", "model.safetensors", "read_rows.py", "schema.json"
    ]  # fmt: skip
    schema = json.loads(Path("exported/schema.json").read_text(encoding="utf-8"))
    assert [column["name"] for column in schema["columns"]] == ["x1", "x2"]  # as in plots


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["onnx", "safetensors"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_exported_model_derives_its_inputs_from_two_columns(format_: str) -> None:
    inputs = f"[{', '.join(FUNCTIONS)}]"
    assert main(["fit", "--config", "spirals", "--trainer.max_epochs", "3", "--data.inputs", inputs]) == 0
    checkpoint = "lightning_logs/spirals/version_0/checkpoints/last.ckpt"
    assert main(["export", checkpoint, "--format", format_]) == 0
    points = np.random.default_rng(0).normal(size=(50, 2))
    np.savetxt("exported/rows.csv", points, delimiter=",", header="x1,x2", comments="")
    command = [sys.executable, "-E", "-s", "example.py", "rows.csv"]
    stdout = subprocess.run(command, cwd="exported", check=True, capture_output=True, text=True).stdout
    predicted = np.loadtxt(stdout.splitlines(), delimiter=",", skiprows=1)
    expected = load(checkpoint).predict(torch.from_numpy(points).float()).detach().numpy()
    np.testing.assert_allclose(predicted, expected, atol=1e-5)
