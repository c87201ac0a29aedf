"""Targets: classes, values and labels, and errors that name the row."""

from typing import Any

import polars as pl
import pytest
import torch
from sklearn.datasets import load_diabetes

from lit_classify import DataError, TableDataModule
from lit_classify.errors import DataWarning
from tests.example_tables import bundled, table, write


@pytest.mark.reliability(18)
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
def test_classes_of_any_type_are_sorted(values: list[str], classes: list[str]) -> None:
    rows = [f"{number},{values[number % len(values)]}" for number in range(60)]
    data = TableDataModule(str(write("\n".join(["x,target", *rows]))), "target")
    assert data.class_names == classes
    assert data.out_features == (1 if len(classes) == 2 else len(classes))
    assert data.split("train").y.dtype == torch.int64


def test_a_numeric_target_has_float_values_and_no_classes() -> None:
    data = TableDataModule(str(bundled(load_diabetes, "d.csv")), "target")
    assert data.class_names is None
    assert data.split("train").y.dtype == torch.float32


def test_several_target_columns_of_zeros_and_ones_are_labels() -> None:
    rows = [f"{number},{number % 2},{'yes' if number % 3 else 'no'}" for number in range(60)]
    data = table(rows, "x,odd,indivisible", ["odd", "indivisible"])
    assert (data.label_names, data.class_names, data.out_features) == (["odd", "indivisible"], None, 2)
    y = data.split("train").y
    assert y.dtype == torch.float32
    assert y.shape == (36, 2)
    assert set(y.flatten().tolist()) == {0.0, 1.0}
    with pytest.raises(DataError, match=r"row 2, column 'odd': 2.0 is neither yes nor no; .* 0 or 1"):
        table(["1,1,0", "2,2,1", "3,0,0"] * 9, "x,odd,indivisible", ["odd", "indivisible"])


def test_the_kind_of_a_target_can_be_declared() -> None:
    rows = [f"{number},{number % 3}" for number in range(60)]
    assert table(rows).class_names == ["0", "1", "2"]
    assert table(rows, numeric="target").class_names is None
    rows = [f"{number},{number % 2 - 100 * (number % 5 == 0)}" for number in range(60)]
    assert table(rows, categorical="target").class_names == ["-100", "-99", "0", "1"]


@pytest.mark.reliability(19)
@pytest.mark.parametrize("row", [1, 7, 19])
@pytest.mark.parametrize(
    ("values", "wrong", "options", "message"),
    [
        (["a", "b"], "c", {}, "'c' is not one of the classes a, b"),
        (["8", "9", "10"], "x", {}, "'x' is not one of the classes 8, 9, 10"),
        (["1.0", "2.0", "3.0"], "four", {}, "'four' is not one of the classes 1, 2, 3"),
        (["1", "2"], "3", {}, "'3' is not one of the classes 1, 2"),
        (["yes", "no"], "maybe", {}, "'maybe' is not one of the classes no, yes"),
        (["01", "1"], "001", {"categorical": "target"}, "'001' is not one of the classes 01, 1"),
        (["0.5", "1.5", "7"], "many", {"numeric": "target"}, "'many' is not a number"),
    ],
)
def test_an_invalid_target_is_refused_with_its_row(
    values: list[str], wrong: str, options: dict[str, Any], message: str, row: int
) -> None:
    rows = [f"{number},{values[number % len(values)]}" for number in range(60)]
    state = table(rows, **options).hparams["fitted_state"]
    new = rows[:20]
    new[row] = f"{row},{wrong}"
    data = table(new, fitted_state=state, **options)
    with (
        pytest.warns(DataWarning, match="all 20 rows"),
        pytest.raises(DataError, match=rf"t\.csv, row {row + 1}, (target|column) 'target': {message}"),
    ):
        data.setup()


@pytest.mark.reliability(19)
def test_a_word_in_a_numeric_target_is_refused_with_its_row() -> None:
    rows = [f"{number},{number}.5" for number in range(40)]
    rows[30] = "30,many"
    with pytest.raises(DataError, match=r"t\.csv, row 31, column 'target': 'many' is not a number"):
        table(rows, numeric="target")


@pytest.mark.reliability(19)
@pytest.mark.parametrize("wrong", ["perhaps", "2", ""])
def test_an_invalid_label_is_refused_with_its_row(wrong: str) -> None:
    rows = [f"{number},{number % 2},{'yes' if number % 3 else 'no'}" for number in range(60)]
    for position, name in ((1, "odd"), (2, "indivisible")):
        cells = rows[40].split(",")
        cells[position] = wrong
        with pytest.raises(DataError, match=rf"t\.csv, row 41, .* '{name}': .*; several target .* 0 or 1"):
            table([*rows[:40], ",".join(cells), *rows[41:]], "x,odd,indivisible", ["odd", "indivisible"])


def test_classes_that_differ_only_as_text_remain_distinct_when_they_are_read_again() -> None:
    rows = [f"{number},{'01' if number % 2 else '1'}" for number in range(60)]
    data = table(rows, categorical="target")
    again = table(rows, categorical="target", fitted_state=data.hparams["fitted_state"])
    assert data.class_names == ["01", "1"]
    for name in ("train", "val", "test"):
        assert torch.equal(again.split(name).y, data.split(name).y)


def test_a_few_times_of_day_must_be_declared_classes_or_numbers() -> None:
    rows = [f"{n},{n % 2 + 10}:30" for n in range(60)]
    with pytest.raises(DataError, match="'target' contains 2 different times; declare it numeric or categ"):
        table(rows)
    assert table(rows, categorical="target").class_names == ["10:30", "11:30"]
    assert table(rows, numeric="target").class_names is None


@pytest.mark.filterwarnings("ignore:.*not the table used in training")
@pytest.mark.parametrize("classes", [["$5", "$10"], ["10%", "50%"], ["1,000,000", "2"], ["5", "€10"]])
def test_classes_that_are_formatted_numbers_are_those_of_a_checkpoint(classes: list[str]) -> None:
    rows = [f'{n},"{classes[n % 2]}"' for n in range(60)]
    data = table(rows)
    again = table(rows, fitted_state=data.hparams["fitted_state"])
    assert again.split("train").y.equal(data.split("train").y)
    new = pl.DataFrame({"x": [1, 2], "target": classes})
    evaluated = TableDataModule(new, "target", fitted_state=data.hparams["fitted_state"])
    assert set(evaluated.split("test").y.tolist()) == {0, 1}
