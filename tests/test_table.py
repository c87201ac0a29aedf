"""One's own table: files with faults, columns understood, statistics from train rows alone, predictions."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression

from lit_classify import DataError, TableDataModule
from lit_classify.cli import main
from lit_classify.data.columns import encode, learn, typed, understand
from lit_classify.data.reading import read_table


def write(content: bytes | str, name: str = "t.csv") -> Path:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(name)


def bundled(load: Any, name: str) -> Path:
    whole = load(as_frame=False)
    table = pl.DataFrame(whole.data, schema=[f"x{number}" for number in range(whole.data.shape[1])])
    table.with_columns(pl.Series("target", whole.target)).write_csv(name)
    return Path(name)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("a,b\n1,x\n2,y\n", "utf-8"),
        ("\ufeffa,b\n1,x\n2,y\n", "utf-8"),
        ("a,b\r\n1,x\r\n2,y\r\n", "utf-8"),
        ("a,b\r1,x\r2,y", "utf-8"),
        ("a,b\r\n1,x\n2,y\r", "utf-8"),
        ("a;b\n1;x\n2;y\n", "utf-8"),
        ("a\tb\n1\tx\n2\ty\n", "utf-8"),
        ('"a","b"\n"1","x"\n2,y', "utf-8"),
        ("a,b\n1,x\n2,y\n", "utf-16"),
        ("a,b\n1,x\n2,y\n", "latin-1"),
    ],
)
def test_the_same_table_however_it_is_written(content: str, encoding: str) -> None:
    table = read_table(write(content.encode(encoding)), encoding=encoding)
    assert table.to_dict(as_series=False) == {"a": ["1", "2"], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv is empty"),
        (b" \n\n", "t.csv is empty"),
        (b"a,b\n", "has a header but no rows"),
        (b"a,b,a\n1,2,3\n", "line 1: the column 'a' comes 2 times"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 fields, but the first row has 2"),
        (b"a,b\n1,2\n1\n", "line 3: 1 fields, but the first row has 2"),
        (b"a,b\n1,2\n1", "line 3: 1 fields, but the first row has 2"),
        (b'a,b\n"x\ny",2\n"p,q",3\n5\n', "line 5: 1 fields"),
        ("a,b\n1,ü\n".encode("latin-1"), "line 2: byte 0xfc is not utf-8; give the file's encoding"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16; give encoding utf-16"),
        (b"a,b\n1,\0\n", "NUL bytes"),
    ],
)
def test_a_faulty_file_is_named_with_its_line(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        read_table(write(content))


@given(
    st.lists(st.lists(st.text("ab,;\n\"' 1", max_size=5), min_size=2, max_size=2), min_size=1, max_size=20)
)
def test_what_the_csv_module_writes_is_read_back(rows: list[list[str]]) -> None:
    with Path("t.csv").open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows([["first", "second"], *rows])
    table = read_table("t.csv", delimiter=",", header=True)
    assert [[cell or "" for cell in row] for row in table.rows()] == rows


def test_numbers_without_names_get_names() -> None:
    assert read_table(write("1,2\n3,4\n")).columns == ["column_1", "column_2"]


def test_kinds_are_found_and_gaps_counted() -> None:
    table = pl.DataFrame(
        {
            "number": [" 1", "2.5", "nan", "", "1e3"] * 10,
            "word": ["a", "b", "?", "a", None] * 10,
            "yes": ["yes", "No", "", "yes", "no"] * 10,
            "same": ["x"] * 50,
            "gone": [None] * 50,
            "name": [f"name {number}" for number in range(50)],
        }
    )
    _, columns = understand(table, [], [], [])
    found = {column.name: (column.kind, column.missing, column.use) for column in columns}
    assert found["number"] == ("number", 20, "used")
    assert found["word"] == ("category", 20, "used")
    assert found["yes"] == ("boolean", 10, "used")
    assert found["same"][2] == "left out: constant"
    assert found["gone"][2] == "left out: all missing"
    assert found["name"][2] == "left out: all different, like a name"


def test_a_word_among_numbers_is_an_error_with_its_row() -> None:
    cells = [str(number) for number in range(1000)]
    cells[900] = "oops"
    with pytest.raises(DataError, match=r"column 'x', row 901: 'oops' is no number, but 999 of 1,000"):
        typed(pl.Series("x", cells))
    assert typed(pl.Series("x", cells), "category")[1] == "category"


def test_features_are_standardised_filled_and_told_apart() -> None:
    train = pl.DataFrame({"n": ["1", "3", "", "5"], "c": ["b", "a", "b", ""]})
    values, columns = understand(train, [], [], [])
    encoders = learn(values, columns)
    x = encode(pl.DataFrame({"extra": ["z"] * 3, "c": ["a", "new", ""], "n": ["3", "", "7"]}), encoders)
    scale = np.std([1, 3, 5])
    # n, n is missing, c is missing, c is a, c is b
    expected = [[0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [4 / scale, 0, 1, 0, 0]]
    assert x.tolist() == [pytest.approx(row, rel=1e-6) for row in expected]


def test_statistics_come_from_train_rows_alone() -> None:
    path = bundled(load_wine, "wine.csv")
    data = TableDataModule(str(path), "target")
    x = data.split("train").x
    torch.testing.assert_close(x.mean(dim=0), torch.zeros(13), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std(dim=0, correction=0), torch.ones(13), atol=1e-5, rtol=0)
    assert float(data.split("test").x.mean(dim=0).abs().max()) > 1e-3


def test_splits_are_stratified_and_share_no_row() -> None:
    rows = [f"{number},{'rare' if number % 10 == 0 else 'often'}" for number in range(500)]
    data = TableDataModule(str(write("\n".join(["x,target", *rows]))), "target")
    splits = [data.split(name) for name in ("train", "val", "test")]
    assert [len(split.y) for split in splits] == [300, 100, 100]
    assert [int((split.y == 1).sum()) for split in splits] == [30, 10, 10]
    assert len({float(x) for split in splits for x in split.x}) == 500


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["1", "2"], ["1", "2"]),
        (["-1", "1"], ["-1", "1"]),
        (["1.0", "0.0"], ["0", "1"]),
        (["yes", "no"], ["no", "yes"]),
        (["True", "False"], ["False", "True"]),
        (["10", "9", "8"], ["8", "9", "10"]),
        (["b", "a", "c"], ["a", "b", "c"]),
    ],
)
def test_classes_of_any_kind_are_named_in_order(values: list[str], classes: list[str]) -> None:
    rows = [f"{number},{values[number % len(values)]}" for number in range(60)]
    data = TableDataModule(str(write("\n".join(["x,target", *rows]))), "target")
    assert data.class_names == classes
    assert data.out_features == (1 if len(classes) == 2 else len(classes))
    assert data.split("train").y.dtype == torch.int64


def test_a_target_of_numbers_is_a_regression() -> None:
    data = TableDataModule(str(bundled(load_diabetes, "d.csv")), "target")
    assert data.class_names is None
    assert data.split("train").y.dtype == torch.float32


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (["1,a", "2,b"], {"target": "targt"}, "did you mean 'target'"),
        (["1,a", "2,"] * 20, {}, "missing in 20 rows, first in row 2"),
        (["1,a", "2,a"] * 20, {}, "a single class, 'a'"),
        (["1,a"] * 30 + ["2,b"], {}, "cannot be split by class"),
        (["1,a", "2,b"] * 20, {"ignore": ["y"]}, "unknown column 'y'"),
        (["1,a", "1,b"] * 20, {}, "no column is left"),
    ],
)
def test_what_cannot_be_learned_is_said(rows: list[str], options: dict[str, Any], message: str) -> None:
    path = write("\n".join(["x,target", *rows]))
    with pytest.raises(DataError, match=message):
        TableDataModule(**{"path": str(path), "target": "target", **options})


def test_a_column_that_tells_the_target_is_suspected() -> None:
    rows = [f"{number},{'no' if number % 3 else 'yes'},{int(number % 3 == 0)}" for number in range(90)]
    data = TableDataModule(str(write("\n".join(["x,alive,survived", *rows]))), "survived")
    assert data.leaks == {"alive"}
    assert "a leak?" in data.describe()


def test_a_table_trains_from_the_command_line_as_well_as_a_linear_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = bundled(load_breast_cancer, "cancer.csv")
    assert main(["fit", "--config", "table", "--data.path", str(path), "--data.target", "target"]) == 0
    printed = capsys.readouterr().out
    assert "BinaryClassifier" in printed
    assert "x0" in printed
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    assert main(["test", "--ckpt_path", checkpoint]) == 0
    printed = capsys.readouterr().out
    accuracy = float(printed.split("accuracy")[1].split()[0])
    data = TableDataModule(str(path), "target")
    train, test = data.split("train"), data.split("test")
    linear = LogisticRegression(max_iter=5000).fit(train.x, train.y).score(test.x, test.y)
    assert accuracy >= linear - 0.03


def test_predictions_need_neither_target_nor_order_nor_the_old_file() -> None:
    path = bundled(load_wine, "wine.csv")
    fit = ["fit", "--config", "table", "--data.path", str(path), "--data.target", "target"]
    assert main([*fit, "--trainer.max_epochs", "3"]) == 0
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    assert main(["predict", "--ckpt_path", checkpoint, "--out", "before.csv"]) == 0
    table = pl.read_csv(path)
    table.drop("target").select(reversed(table.columns[:-1])).with_columns(extra=pl.lit("z")).write_csv(
        "new.csv"
    )
    path.unlink()
    predict = ["predict", "--ckpt_path", checkpoint, "--data.path", "new.csv"]
    assert main([*predict, "--out", "after.csv"]) == 0
    assert Path("after.csv").read_text() == Path("before.csv").read_text()
    assert len(Path("after.csv").read_text().splitlines()) == 179


def test_a_table_without_a_column_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    path = bundled(load_wine, "wine.csv")
    fit = ["fit", "--config", "table", "--data.path", str(path), "--data.target", "target"]
    assert main([*fit, "--trainer.max_epochs", "1"]) == 0
    pl.read_csv(path).drop("x3").rename({"x5": "y5"}).write_csv("new.csv")
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    assert main(["predict", "--ckpt_path", checkpoint, "--data.path", "new.csv"]) == 2
    said = capsys.readouterr().err
    assert "lacks x3, x5" in said
    assert "y5" in said
