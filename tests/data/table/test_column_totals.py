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
def test_moments_of_blocks_are_those_of_all_numbers(parts: list[list[float | None]]) -> None:
    found = sum((Moments.of(pl.Series(part, dtype=pl.Float64)) for part in parts), Moments())
    numbers = np.array([number for part in parts for number in part if number is not None])
    assert found.count == len(numbers)
    if len(numbers):
        assert found.mean == pytest.approx(numbers.mean(), rel=1e-9, abs=1e-6)
        assert found.std == pytest.approx(numbers.std(), rel=1e-6, abs=1e-6)
        assert (found.low, found.high) == (numbers.min(), numbers.max())


def test_moments_of_large_numbers_that_vary_little_are_exact() -> None:
    numbers = 1e9 + np.arange(10_000) / 1e4
    found = sum((Moments.of(pl.Series(part)) for part in np.split(numbers, 100)), Moments())
    assert found.std == pytest.approx(numbers.std(), rel=1e-5)


def test_only_training_rows_are_fitted() -> None:
    found = ColumnTotals()
    found.add(pl.Series([1.0, None, 5.0]), pl.Series([True, False, True]))
    found.add(pl.Series([100.0, 3.0]), pl.Series([False, True]))
    assert (found.num_rows, found.missing, found.train_missing) == (5, 1, 0)
    assert found.numbers().mean == 3
    assert found.everywhere.high == 100


def test_text_is_counted_exactly() -> None:
    found = ColumnTotals()
    for _ in range(100):
        found.add(pl.Series(["a", "b", None]), pl.Series([True, False, True]))
    assert found.counts.rows() == [("a", 100, 100), ("b", 100, 0)]
    assert found.train_counts == {"a": 100}


def test_text_with_too_many_values_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_totals, "MAX_CATEGORIES", 50)
    found = ColumnTotals()
    for start in range(0, 1000, 10):
        found.add(pl.Series([str(start + n) for n in range(10)]), pl.repeat(True, 10, eager=True))
    assert found.has_too_many
    assert found.counts.is_empty()


def test_words_for_yes_and_no_have_the_moments_of_ones_and_zeros() -> None:
    found = ColumnTotals.of(pl.Series(["Yes", "no", "yes", None, "YES"]))
    assert found.numbers() == Moments(3 + 1, 0.75, math.sqrt(0.1875), 0.0, 1.0)


def test_parts_of_dates_are_those_of_the_training_rows() -> None:
    days = pl.Series(["2024-01-01", "2025-01-01", "2024-06-03"]).str.to_datetime("%Y-%m-%d", time_unit="us")
    found = ColumnTotals()
    found.add(days, pl.Series([True, False, True]))
    assert not found.numbers("year").varies
    assert found.numbers("month") == Moments(2, 3.5, 2.5, 1.0, 6.0)
    assert found.everywhere.count == 3
