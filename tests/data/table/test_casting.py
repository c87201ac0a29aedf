"""Casting of columns: kinds, missing values, and cells that do not fit their column."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from lit_classify import DataError
from lit_classify.data.table.casting import cast_column
from tests.example_tables import cast


@pytest.mark.reliability(21)
def test_a_word_among_numbers_is_refused_with_its_row() -> None:
    cells = [str(number) for number in range(1000)]
    cells[900] = "oops"
    with pytest.raises(DataError, match=r"row 901, column 'x': 'oops' is not a number, but 999 of 1,000"):
        cast_column(pl.Series("x", cells), None, lambda row: f"row {row + 1}")
    assert cast_column(pl.Series("x", cells), "category")[1] == "category"


def test_columns_of_parquet_are_cast_or_refused() -> None:
    days = pl.Series("d", ["2024-01-01", "2024-01-03"]).str.to_date()
    for series in (days, days.cast(pl.Datetime("ns")), days.cast(pl.Datetime("ms"))):
        times, kind = cast_column(series)
        assert (times.to_list(), kind) == ([datetime(2024, 1, 1), datetime(2024, 1, 3)], "date")
    assert cast_column(pl.Series("p", ["1.25", "2.5"]).cast(pl.Decimal(12, 2)))[0].to_list() == [1.25, 2.5]
    assert cast_column(pl.Series("long", [2**53, 2**53 + 1]))[0].to_list() == [str(2**53), str(2**53 + 1)]
    assert cast(pl.Series("long", [str(2**53), str(2**53 + 1)]))[1] == "category"
    assert cast_column(pl.Series("f", [1.0, 1.5, None]), "category")[0].to_list() == ["1", "1.5", None]
    assert cast_column(pl.Series("b", [True, None]))[0].to_list() == [1.0, None]
    assert cast_column(pl.Series("c", ["x", "y"], dtype=pl.Categorical))[1] == "category"
    assert cast_column(pl.Series("n", [float("inf"), 1.0]))[0].to_list() == [None, 1.0]
    with pytest.raises(DataError, match="has the dtype List"):
        cast_column(pl.Series("l", [[1], [2]]))
    period = pl.Extension("pandas.period", pl.Int64(), '{"freq": "M"}')
    with pytest.raises(DataError, match=r"has the dtype Extension\(.*ignore it"):
        cast_column(pl.Series("p", [600, 601]).ext.to(period))
    half = cast_column(pl.Series("h", [1.5, float("inf")], dtype=pl.Float16))[0]
    assert half.dtype == pl.Float64
    assert half.to_list() == [1.5, None]
    hours = cast_column(pl.Series("d", [timedelta(hours=1), None]), "category")
    assert (hours[0].to_list(), hours[1]) == (["PT1H", None], "category")


def test_integers_that_floats_cannot_represent_are_categories() -> None:
    for dtype in (pl.Decimal(38, 0), pl.Int128):
        numbers = pl.Series("n", [10**29, 10**29 + 1, None]).cast(dtype)
        assert cast_column(numbers)[0].to_list() == [str(10**29), str(10**29 + 1), None]
    assert cast_column(pl.Series("n", [2**64 - 1, 2**64 - 2], dtype=pl.UInt64))[1] == "category"
    assert cast_column(pl.Series("n", [-(2**63), 5]))[0].to_list() == [str(-(2**63)), "5"]
    assert cast_column(pl.Series("n", [2**53 - 1, 1 - 2**53]))[1] == "number"
    assert cast(pl.Series("n", [str(2**53 - 1), "0123", "00"]))[0].to_list() == [
        2.0**53 - 1,
        123.0,
        0.0,
    ]


@pytest.mark.reliability(28)
def test_a_boolean_column_refuses_other_numbers() -> None:
    assert cast(pl.Series("f", ["1", "0"]), "boolean")[0].to_list() == [1.0, 0.0]
    with pytest.raises(DataError, match="7 is neither yes nor no"):
        cast_column(pl.Series("f", [1, 7]), "boolean")


@pytest.mark.reliability(31)
def test_many_words_after_many_numbers_are_refused_with_the_first_row() -> None:
    cells = [str(number) for number in range(2000)] + ["word"] * 2000
    with pytest.raises(DataError, match="row 2001, column 'x': 'word' is not a number"):
        cast_column(pl.Series("x", cells), None, lambda row: f"row {row + 1}")


@pytest.mark.parametrize("dtype", [pl.Duration("ms"), pl.Datetime("ms")])
def test_a_time_beyond_the_range_of_microseconds_is_missing(dtype: pl.DataType) -> None:
    values, _ = cast_column(pl.Series("x", [1, 10**17], dtype=pl.Int64).cast(dtype))
    assert values.null_count() == 1
