"""Equal rows in several splits."""

from typing import Any

import pytest

from lit_classify import TableDataModule
from lit_classify.errors import DataWarning
from tests.example_tables import table, three_files, write


@pytest.mark.reliability(33, 50)
@pytest.mark.parametrize("target", ["target", ["target", "other"], "x"])
def test_repeated_rows_cause_a_warning_for_any_kind_of_target(target: Any) -> None:
    rows = [f"{number}.5,{number % 2},{number % 2}" for number in range(100)]
    table(rows, "x,target,other", target, ignore=[] if isinstance(target, list) else "other")
    with pytest.warns(DataWarning, match="of 40 test rows also occur in train"):
        table(rows * 2, "x,target,other", target, ignore=[] if isinstance(target, list) else "other")


@pytest.mark.reliability(33)
def test_rows_with_equal_features_and_different_targets_are_not_repeated() -> None:
    files = three_files()
    write("x,target\n0,b\n", "test.csv")
    TableDataModule(**files)  # no warning
