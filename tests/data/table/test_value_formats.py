"""Formats of values: which is closest to a column, and formats of checkpoints."""

import polars as pl
import pytest

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
    form = ValueFormat(",", ".", "€")
    assert ValueFormat.from_dict(form.to_dict()) == form
    for wrong, error in (({"decimal": 5}, TypeError), ({"decimal": ""}, ValueError), ({"x": ""}, TypeError)):
        with pytest.raises(error):
            ValueFormat.from_dict(wrong)
