from pathlib import Path

import polars as pl

from lit_classify import Regressor, TableDataModule
from lit_classify.report.what_if_data import what_if_data


def test_the_range_of_a_numeric_column_is_that_of_the_table() -> None:
    fares = [0.0, 512.3292, *(7.25 + n / 3 for n in range(60))]
    Path("t.csv").write_text("\n".join(["fare,y", *(f"{fare},{n}" for n, fare in enumerate(fares))]))
    data = TableDataModule("t.csv", "y", test_fraction=0)
    what_if = what_if_data(Regressor(data.in_features), data, rare=True)
    assert what_if is not None
    (column,) = what_if["columns"]
    assert (column["min"], column["max"]) == (0.0, 512.3292)


def test_a_range_that_starts_at_zero_has_no_sign() -> None:
    frame = pl.DataFrame({"size": [n % 3 / 7 for n in range(60)], "y": range(60)})
    data = TableDataModule(frame, "y", test_fraction=0)
    what_if = what_if_data(Regressor(data.in_features), data, rare=True)
    assert what_if is not None
    (column,) = what_if["columns"]
    assert str(column["min"]) == "0.0"  # not -0.0, which is equal
