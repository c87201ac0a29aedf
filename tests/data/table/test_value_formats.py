"""Formats of values: which is closest to a column, and formats of checkpoints."""

from datetime import timedelta

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_classify.data.table.value_formats import ValueFormat, closest_format


def test_the_closest_format_is_that_of_most_cells() -> None:
    for cells, expected in (
        (["1", "2", "x"], ValueFormat()),
        (["$1,250", "free", "$3"], ValueFormat(".", ",", "$")),
        (["2024-01-31", "soon"], ValueFormat(pattern="%Y-%m-%d")),
        (["a", "b"], ValueFormat()),
    ):
        assert closest_format(pl.Series(cells)) == expected


def test_formats_of_a_checkpoint_are_checked() -> None:
    value_format = ValueFormat(",", ".", "€")
    assert ValueFormat.from_dict(value_format.to_dict()) == value_format
    for wrong, error in (({"decimal": 5}, TypeError), ({"decimal": ""}, ValueError), ({"x": ""}, TypeError)):
        with pytest.raises(error):
            ValueFormat.from_dict(wrong)


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=9999)), min_size=1, max_size=5))
def test_durations_are_read_as_python_and_iso_8601_write_them(durations: list[timedelta]) -> None:
    for cells in (map(str, durations), (pd.Timedelta(duration).isoformat() for duration in durations)):
        text = pl.Series(["1 day, 0:00:00", *cells])  # shows that they are not times of a day
        assert closest_format(text).parse(text)[1:].to_list() == durations


@pytest.mark.parametrize(
    ("cell", "hours"), [("PT1H", 1), ("P2D", 48), ("PT30M", 0.5), ("-1 days +23:00:00", -1), ("3 days", 72)]
)
def test_parts_of_a_duration_may_be_missing(cell: str, hours: float) -> None:
    text = pl.Series([cell])
    assert closest_format(text).parse(text).to_list() == [timedelta(hours=hours)]
