"""Totals of columns that are added up block by block."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_classify.data.table import column_totals
from lit_classify.data.table.column_totals import ColumnTotals, Moments

NUMBERS = st.lists(st.none() | st.floats(-1e6, 1e6), max_size=30)


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_moments_of_blocks_are_those_of_all_numbers(blocks: list[list[float | None]]) -> None:
    moments = sum((Moments.of(pl.Series(block, dtype=pl.Float64)) for block in blocks), Moments())
    numbers = np.array([number for block in blocks for number in block if number is not None])
    assert moments.count == len(numbers)
    if len(numbers):
        assert moments.mean == pytest.approx(numbers.mean(), rel=1e-9, abs=1e-6)
        assert moments.std == pytest.approx(numbers.std(), rel=1e-6, abs=1e-6)
        assert (moments.low, moments.high) == (numbers.min(), numbers.max())


def test_moments_of_large_numbers_that_vary_little_are_exact() -> None:
    numbers = 1e9 + np.arange(10_000) / 1e4
    moments = sum((Moments.of(pl.Series(block)) for block in np.split(numbers, 100)), Moments())
    assert moments.std == pytest.approx(numbers.std(), rel=1e-5)


def test_only_training_rows_are_fitted() -> None:
    totals = ColumnTotals()
    totals.add(pl.Series([1.0, None, 5.0]), pl.Series([True, False, True]))
    totals.add(pl.Series([100.0, 3.0]), pl.Series([False, True]))
    assert (totals.num_rows, totals.missing, totals.train_missing) == (5, 1, 0)
    assert totals.numbers().mean == 3
    assert totals.all_moments.high == 100


def test_text_is_counted_exactly() -> None:
    totals = ColumnTotals()
    for _ in range(100):
        totals.add(pl.Series(["a", "b", None]), pl.Series([True, False, True]))
    assert totals.counts.rows() == [("a", 100, 100), ("b", 100, 0)]
    assert totals.train_counts == {"a": 100}


def test_text_with_too_many_values_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_totals, "MAX_COUNTED_VALUES", 50)
    totals = ColumnTotals()
    for start in range(0, 1000, 10):
        totals.add(pl.Series([str(start + n) for n in range(10)]), pl.repeat(True, 10, eager=True))
    assert totals.has_too_many
    assert totals.counts.is_empty()


def test_words_for_yes_and_no_have_the_moments_of_ones_and_zeros() -> None:
    totals = ColumnTotals.of(pl.Series(["Yes", "no", "yes", None, "YES"]))
    assert totals.numbers() == Moments(3 + 1, 0.75, math.sqrt(0.1875), 0.0, 1.0)


def test_parts_of_dates_are_those_of_the_training_rows() -> None:
    days = pl.Series(["2024-01-01", "2025-01-01", "2024-06-03"]).str.to_datetime("%Y-%m-%d", time_unit="us")
    totals = ColumnTotals()
    totals.add(days, pl.Series([True, False, True]))
    assert not totals.numbers("year").varies
    assert totals.numbers("month") == Moments(2, 3.5, 2.5, 1.0, 6.0)
    assert totals.all_moments.count == 3
