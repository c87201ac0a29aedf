"""The fit of a table: warnings about columns."""

import pytest

from lit_classify.errors import DataWarning
from tests.example_tables import table


@pytest.mark.reliability(33)
def test_possible_target_leakage_is_reported() -> None:
    rows = [f"{number},{'no' if number % 3 else 'yes'},{int(number % 3 == 0)}" for number in range(90)]
    with pytest.warns(DataWarning, match="possible target leakage: alive"):
        data = table(rows, "x,alive,survived", "survived")
    assert data.leaking == {"alive"}
    assert "possible target leakage" in data.describe()
    rows = [f"{number % 7},{100 * number + 3},{number / 7}" for number in range(90)]
    with pytest.warns(DataWarning, match="possible target leakage: same"):
        assert table(rows, "x,same,y", "y").leaking == {"same"}


@pytest.mark.reliability(22)
def test_columns_without_variation_are_dropped_with_a_warning() -> None:
    rows = [f"{number},7,,{'ab'[number % 2]}" for number in range(40)]
    with pytest.warns(DataWarning, match="dropped columns without variation: same, gone"):
        data = table(rows, "x,same,gone,target")
    assert data.in_features == 1
