"""DataFrames as tables, with and without pyarrow, and tables as DataFrames of the same kind."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from polars.testing import assert_frame_equal

from lit_classify import BinaryClassifier, DataError, TableDataModule, UserError, predict
from lit_classify.checkpoints import Checkpoint
from lit_classify.checkpoints.resume_checks import check_data
from lit_classify.cli.main import main
from lit_classify.data.table.frames import as_same_kind, to_polars
from lit_classify.errors import DataWarning
from tests.training import same_weights, trainer

ROWS = pl.DataFrame(
    {
        "size": [float(n % 13) if n % 7 else None for n in range(60)],
        "count": range(60),
        "color": [["red", "blue", None][n % 3] for n in range(60)],
        "is_new": [n % 4 == 0 for n in range(60)],
        "day": [date(2023, 1, 1) + timedelta(days=11 * n) for n in range(60)],
        "target": [["no", "yes"][n % 5 > 2] for n in range(60)],
    }
)


class ArrowStream:
    """An object that has nothing but Arrow's interface."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(frame.to_dict(as_series=False))


KINDS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "polars": lambda frame: frame,
    "lazy": lambda frame: frame.lazy(),
    "pandas": to_pandas,
    "pandas_times": lambda frame: to_pandas(frame).astype({"day": "datetime64[ns]"}),
    "pandas_nullable": lambda frame: to_pandas(frame).convert_dtypes(),
    "pandas_categorical": lambda frame: to_pandas(frame).astype({"color": "category"}),
    "pandas_arrow": lambda frame: to_pandas(frame).convert_dtypes(dtype_backend="pyarrow"),
    "arrow": lambda frame: frame.to_arrow(),
    "record_batch": lambda frame: frame.to_arrow().to_batches()[0],
    "reader": lambda frame: frame.to_arrow().to_reader(),
    "stream": ArrowStream,
}


def fit(data: TableDataModule) -> BinaryClassifier:
    torch.manual_seed(0)
    model = BinaryClassifier(data.in_features, class_names=data.class_names, hidden=[4])
    lightning_trainer = trainer(max_epochs=2)
    lightning_trainer.fit(model, data)
    lightning_trainer.save_checkpoint("frame.ckpt")
    return model


@pytest.mark.parametrize("kind", [*KINDS, "parquet"])
def test_a_table_of_any_kind_gives_the_features_splits_and_weights_of_the_same_csv_file(kind: str) -> None:
    ROWS.write_csv("t.csv")
    ROWS.write_parquet("t.parquet")
    expected = TableDataModule("t.csv", "target")
    data = TableDataModule("t.parquet" if kind == "parquet" else KINDS[kind](ROWS), "target")
    assert data.describe() == expected.describe()
    for split in ("train", "val", "test"):
        assert all(torch.equal(*pair) for pair in zip(data.split(split), expected.split(split), strict=True))
    assert same_weights(fit(data), fit(expected))


def test_text_is_converted_as_in_a_csv_file_and_categories_stay_text_in_new_rows() -> None:
    rows = {
        "price": [f"${n},250.50" for n in range(1, 61)],
        "day": [f"{n % 28 + 1}.01.2024" for n in range(60)],
    }
    rows |= {"zip": [["01234", "1234", "house"][n % 3] for n in range(60)], "target": ["a", "b"] * 30}
    pl.DataFrame(rows).write_csv("t.csv", quote_style="always")
    expected = TableDataModule("t.csv", "target")
    data = TableDataModule(pd.DataFrame(rows), "target")
    assert data.describe() == expected.describe()
    assert torch.equal(data.split("train").x, expected.split("train").x)
    x = data.transform(pd.DataFrame(rows))
    assert torch.equal(x[:2], data.transform(pd.DataFrame(rows).head(2)))
    assert not torch.equal(x[0, -3:], x[1, -3:])


TIMES = pd.Series(pd.to_datetime(["2020-07-01 10:00", None]))
COLUMNS: list[tuple[Any, pl.DataType, list[Any]]] = [
    (pd.Categorical(["x", None]), pl.String(), ["x", None]),
    (pd.cut([1.0, float("nan")], [0, 2]), pl.String(), ["(0, 2]", None]),
    (pd.array([2**60 + 1, None], dtype="Int64"), pl.Int64(), [2**60 + 1, None]),
    (pd.array([1.5, None], dtype="Float32"), pl.Float32(), [1.5, None]),
    (pd.array([True, None], dtype="boolean"), pl.Boolean(), [True, None]),
    (pd.Series([True, None], dtype=object), pl.Boolean(), [True, None]),
    (pd.Series([1, 2.5], dtype=object), pl.Float64(), [1.0, 2.5]),
    (pd.Series([Decimal("1.5"), None], dtype=object), pl.Float64(), [1.5, None]),
    (pd.Series([date(2020, 7, 1), None], dtype=object), pl.Date(), [date(2020, 7, 1), None]),
    (pd.arrays.SparseArray([0, 1]), pl.Int64(), [0, 1]),
    (pd.array(["x", None], dtype=pd.StringDtype("python")), pl.String(), ["x", None]),
    (pd.PeriodIndex(["2020-07", None], freq="M"), pl.String(), ["2020-07", None]),
    (pd.Series(pd.to_timedelta(["1h", None])), pl.Duration("us"), [timedelta(hours=1), None]),
    (TIMES.dt.as_unit("s"), pl.Datetime("us"), [datetime(2020, 7, 1, 10), None]),
    (
        TIMES.dt.tz_localize("Europe/Berlin"),
        pl.Datetime("us", "Europe/Berlin"),
        [datetime(2020, 7, 1, 10, tzinfo=ZoneInfo("Europe/Berlin")), None],
    ),
    (
        TIMES.dt.tz_localize("UTC").dt.tz_convert("UTC+01:00"),
        pl.Datetime("us", "UTC"),
        [datetime(2020, 7, 1, 10, tzinfo=UTC), None],
    ),
]


@pytest.mark.parametrize(("column", "dtype", "cells"), COLUMNS, ids=lambda value: str(value)[:20])
def test_columns_of_pandas_keep_their_types_and_missing_values(
    column: Any, dtype: pl.DataType, cells: list[Any]
) -> None:
    converted = to_polars(pd.DataFrame({"x": column}))["x"]
    assert converted.dtype == dtype
    assert converted.to_list() == cells


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({("a", "b"): [1], ("a", "c"): [2]}), "have several levels; join them"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns named 'a'; rename one"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "two columns named '1'; rename one"),
        (pa.table([[1], [2]], names=["a", "a"]), "the DataFrame cannot be read: .*more than once"),
        (pd.DataFrame({"a": [], "target": []}), "the DataFrame has no rows"),
        ({"a": [1]}, "a table must be a file, several files or a DataFrame, but is a dict; polars.DataFrame"),
        (torch.zeros(3, 2).numpy(), "but is a ndarray"),
        ([[1, 2], [3, 4]], "but is a list"),
        ([{"a": 1}], "but is a list"),
        ([ROWS, ROWS], "but is a list"),
        (ROWS["size"], "but is a Series"),
        (pd.Series([1, 2]), "but is a Series"),
        (
            pd.DataFrame({"a": pd.Series([1, "x"] * 20, dtype=object), "target": [0, 1] * 20}),
            "column 'a' has cells of the type int and str; convert it",
        ),
        (
            pd.DataFrame({"a": range(40), "target": [None, *["x", "y", "z"] * 13]}),
            "DataFrame, row 1: the target 'target' is missing",
        ),
        (
            pd.DataFrame({"a": [*map(str, range(1200)), "x"], "target": [0] + [1, 2] * 600}),
            "DataFrame, row 1201, column 'a': 'x' is not a number",
        ),
    ],
)
def test_unusable_dataframes_are_refused(frame: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        TableDataModule(frame, "target")


def test_column_names_are_text_and_a_column_of_mixed_types_can_be_ignored() -> None:
    frame = to_pandas(ROWS).assign(mixed=[1, "a"] * 30).rename(columns={"size": 7})
    data = TableDataModule(frame, "target", ignore="mixed")
    assert [column.name for column in data.columns] == ["7", "count", "color", "is_new", "day", "mixed"]
    by_number: Any = {"ignore": "mixed", "features": [7, "count"], "missing_values": 12, "numeric": 7}
    chosen = TableDataModule(frame, "target", **by_number)
    columns = {column.name: column for column in chosen.columns}
    assert [name for name in columns if columns[name].use.startswith("used")] == ["7", "count"]
    assert columns["7"].missing == frame[7].isna().sum() + (frame[7] == 12).sum()


@pytest.mark.slow
def test_pyarrow_is_not_needed() -> None:
    ROWS.write_csv("t.csv")
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import pandas as pd, polars as pl, torch\n"
        "from lit_classify import TableDataModule\n"
        "expected = TableDataModule('t.csv', 'target')\n"
        "frame = pd.read_csv('t.csv')\n"
        "colors = frame.astype({'color': 'category'})\n"
        "for rows in (frame, frame.convert_dtypes(), colors, pl.read_csv('t.csv')):\n"
        "    data = TableDataModule(rows, 'target')\n"
        "    assert torch.equal(data.split('train').x, expected.split('train').x)\n"
    )
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", program], check=True)


@pytest.mark.parametrize("kind", ["polars", "lazy", "pandas", "arrow", "record_batch", "stream"])
def test_predictions_are_a_dataframe_of_the_kind_of_the_rows(kind: str) -> None:
    fit(TableDataModule(ROWS, "target"))
    new = ROWS.drop("target").head(5)
    expected = predict("frame.ckpt", new)
    assert expected.columns == ["prediction", "p_no", "p_yes"]
    rows = KINDS[kind](new)
    predicted = predict("frame.ckpt", rows)
    assert type(predicted) is (pl.DataFrame if kind == "stream" else type(rows))
    assert to_polars(predicted).equals(expected)


def test_predictions_for_pandas_have_the_index_of_the_rows() -> None:
    fit(TableDataModule(ROWS, "target"))
    rows = to_pandas(ROWS).set_index(pd.Index(range(100, 160), name="patient")).sample(10, random_state=0)
    assert predict("frame.ckpt", rows).index.equals(rows.index)
    assert as_same_kind(rows, ROWS.head(10)).index.name == "patient"


@pytest.mark.filterwarnings("ignore:.*rows also occur in train")
def test_validation_and_test_rows_may_be_dataframes_too() -> None:
    rows = ROWS.drop("is_new")
    rows.write_csv("t.csv")
    data = TableDataModule("t.csv", "target", val_path=rows.head(20), test_path=to_pandas(rows.tail(10)))
    assert [len(data.split(name).y) for name in ("train", "val", "test")] == [60, 20, 10]
    fit(data)
    again = Checkpoint.read("frame.ckpt").build_data()
    with pytest.raises(UserError, match=r"trained on a test DataFrame, .* --data.test_path FILE"):
        again.split("test")


@pytest.mark.parametrize("command", ["validate", "test", "predict", "importance", "plot"])
def test_a_checkpoint_of_a_dataframe_is_refused_without_another_table(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(TableDataModule(ROWS, "target"))
    option = [] if command in ("importance", "plot") else ["--ckpt_path"]
    assert main([command, *option, "frame.ckpt"]) == 2
    message = "the model was trained on a DataFrame, which its checkpoint does not contain; give a table with"
    assert f"{message} --data.path FILE" in capsys.readouterr().err
    ROWS.write_csv("t.csv")
    assert main([command, *option, "frame.ckpt", "--data.path", "t.csv"]) == 0


def test_a_file_with_the_cells_of_the_dataframe_is_the_same_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit(TableDataModule(ROWS, "target"))
    ROWS.write_csv("same.csv")
    ROWS.reverse().write_csv("other.csv")
    for file, rows in (("same", 12), ("other", 60)):
        assert main(["test", "--ckpt_path", "frame.ckpt", "--data.path", f"{file}.csv"]) == 0
        assert f"on {rows} test rows" in capsys.readouterr().out


@pytest.mark.parametrize(("word", "number"), [(str, "1.0"), (str.lower, "1"), (str.upper, "1.0")])
def test_categories_and_classes_are_those_of_a_file_that_spells_them_differently(
    word: Callable[[str], str], number: str
) -> None:
    columns = {"c": [True, False, True] * 20, "n": [1.0, 2.0, 2.0] * 20, "x": [n / 7 for n in range(60)]}
    frame = pd.DataFrame({**columns, "target": [True, False] * 30})
    spelled = frame.assign(n=[number.replace("1", f"{cell:.0f}") for cell in frame["n"]])
    for name in ("c", "target"):
        spelled[name] = [word(str(cell)) for cell in frame[name]]
    spelled.to_csv("t.csv", index=False)
    for trained, other in ((frame, "t.csv"), ("t.csv", frame)):
        data = TableDataModule(trained, "target", categorical=["c", "n"])
        state = data.hparams["fitted_state"]
        new = TableDataModule(other, "target", categorical=["c", "n"], fitted_state=state)
        with pytest.warns(DataWarning) as warned:
            x, y = new.split("test")
        assert not any("unseen" in str(warning.message) for warning in warned)
        assert torch.equal(x, data.transform(frame))
        assert y.tolist() == [1, 0] * 30


def test_rows_of_a_file_are_predicted_as_on_the_command_line() -> None:
    fit(TableDataModule(ROWS, "target"))
    ROWS.write_csv("t.csv")
    assert main(["predict", "--ckpt_path", "frame.ckpt", "--data.path", "t.csv"]) == 0
    assert predict("frame.ckpt", Path("t.csv")).equals(predict("frame.ckpt", ROWS))
    assert_frame_equal(pl.read_csv("predictions.csv"), predict("frame.ckpt", ROWS), check_dtypes=False)


def test_a_spread_needs_several_members() -> None:
    fit(TableDataModule(ROWS, "target"))
    with pytest.raises(UserError, match="needs several members"):
        predict("frame.ckpt", ROWS, spread=True)


def test_a_run_is_resumed_with_the_same_dataframe_alone() -> None:
    fit(TableDataModule(ROWS, "target"))
    checkpoint = Checkpoint.read("frame.ckpt")
    check_data(checkpoint, TableDataModule(ROWS.lazy(), "target"))
    changed = ROWS.with_columns(size=pl.col("size").fill_null(0))
    with pytest.raises(UserError, match="was trained on another table than DataFrame"):
        check_data(checkpoint, TableDataModule(changed, "target"))
