"""Names, classes and paths are unchanged after a round trip through a checkpoint."""

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lit_classify import load
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.main import main
from lit_classify.data.table.cells import MISSING_VALUES

WORDS = [
    *("1e3", "2e3", "08", "04808024", "247499e3", "0x1F", "1_000", "1:30", "2020-01-01", "12:30:00", ".inf"),
    *(
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "true",
        "false",
        "True",
        "Null",
        "~",
        "none",
        "last",
        "best",
        "=",
        "<<",
    ),
    *(
        "[a]",
        "{a}",
        "&a",
        "*a",
        "!a",
        "!!int",
        "|a",
        ">a",
        "%a",
        "@a",
        "`a",
        "#a",
        "-",
        ":",
        "'",
        "a:b",
        "--x",
    ),
]
RUN = "lightning_logs/table/version_{}/checkpoints/best.ckpt"


def is_unchanged(text: str) -> bool:
    """Whether a table preserves the text of a cell; outer spaces and words for missing values are not."""
    return text == " ".join(text.split()) and text not in MISSING_VALUES and text.isprintable()


texts = st.one_of(
    st.sampled_from(WORDS),
    st.from_regex(r"\A[0-9]{1,9}(e[0-9])?\Z"),
    st.text("abé☃_.,;-'\"#:{}[]&*!|>@`%~0159e", min_size=1, max_size=6),
).filter(is_unchanged)
columns = st.lists(texts, min_size=4, max_size=4, unique=True)
pairs = st.lists(texts.map("c{}".format) | st.sampled_from(WORDS), min_size=2, max_size=2, unique=True)


def write(path: str, header: list[str], categories: list[str], classes: list[str]) -> None:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(header)
        for n in range(60):
            writer.writerow([f"{n % 7}.5", categories[n % 3 % 2], classes[(n + n // 20) % 2], n])


@pytest.mark.slow
@pytest.mark.reliability(41)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(header=columns, categories=pairs, classes=pairs, path=texts)
@example(["1e3", "08", "no", "~"], ["1e3", "A1"], ["1e3", "08"], "247499e3")
@example(["null ", "y", "true", "2020-01-01"], ["none", "yes"], ["off", "on"], "04808024")
def test_any_text_is_preserved_by_fit_test_predict_and_export(
    header: list[str], categories: list[str], classes: list[str], path: str
) -> None:
    path = path.replace("/", "_").replace("*", "_").replace("?", "_").replace("[", "_")
    path = path if path not in {".", ".."} else "_"
    header = [name if name.strip("^$* ") else f"{name}x" for name in map(str.strip, header)]
    number, category, target, unused = (f"{name}." if header.count(name) > 1 else name for name in header)
    write(path, [number, category, target, unused], categories, classes)
    version = len(list(Path().glob("lightning_logs/table/*")))
    fit = ["fit", "--data=TableDataModule", f"--data.path={json.dumps([path])}", "--data.header=true"]
    fit += [f"--data.{option}={json.dumps([name])}" for option, name in (("ignore", unused),)]
    fit += [
        f"--data.target={json.dumps([target])}",
        f"--data.categorical={json.dumps([category, target])}",
        "--data.delimiter=,",
        "--plots=none",
        "--trainer.max_epochs=2",
    ]
    assert main(fit) == 0
    checkpoint = RUN.format(version)
    recorded = Checkpoint.read(checkpoint)
    model, data = recorded.build_model(), recorded.build_data()
    assert model.class_names is not None
    assert sorted(model.class_names) == sorted(classes)
    assert not data.is_new_table  # type: ignore[attr-defined]  # of tables
    assert (len(data.split("train").y), len(data.split("test").y)) == (48, 12)
    assert main(["test", f"--ckpt_path={checkpoint}"]) == 0
    keep = f"--keep={json.dumps([category, target])}"
    predict = [
        "predict",
        f"--ckpt_path={checkpoint}",
        f"--data.path={json.dumps([path])}",
        keep,
        "--overwrite",
    ]
    assert main([*predict, "--out=p.parquet"]) == 0
    predicted = pl.read_parquet("p.parquet")
    assert set(predicted["prediction"]) <= set(classes)
    assert set(predicted[category]) == set(categories)
    assert set(predicted[target]) == set(classes)
    assert main(["export", checkpoint, "--format", "safetensors", "--out", "e", "--overwrite"]) == 0
    schema = json.loads(Path("e/schema.json").read_text(encoding="utf-8"))
    assert schema["classes"] == model.class_names
    assert {column["name"] for column in schema["columns"]} == {number, category}
    (codes,) = (column["codes"] for column in schema["columns"] if column["name"] == category)
    assert set(codes) == set(categories)
    assert main(["fit", f"--config=lightning_logs/table/version_{version}/config.yaml"]) == 0
    again = load(RUN.format(version + 1))
    for name, weight in model.state_dict().items():
        np.testing.assert_array_equal(weight, again.state_dict()[name])


@pytest.mark.parametrize("name", ["null", "~", "#c", "&a", "a: b", "{y}"])
def test_a_column_whose_name_is_yaml_can_be_given_in_a_list(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("t.csv", ["a", "b", name, "n"], ["x", "y"], ["u", "v"])
    fit = ["fit", "--data=TableDataModule", "--data.path=t.csv", "--plots=none", "--trainer.max_epochs=1"]
    assert main([*fit, f"--data.target={name}"]) == 2
    assert """YAML does not parse the value as a string: quote it as '["text"]'""" in capsys.readouterr().err
    assert main([*fit, f"--data.target={json.dumps([name])}"]) == 0
    assert main([*fit]) == 2
    assert "YAML" not in capsys.readouterr().err
