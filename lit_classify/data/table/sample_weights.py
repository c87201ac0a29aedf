"""Weights of the rows in the loss, from a column of the table.

Legend: N rows.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lit_classify.data.table.casting import cast_column
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.splits import RowIndices
from lit_classify.errors import DataError

_MAX_WEIGHT = 1e15  # sums of such weights are still finite in single precision


def read_weights(table: RawTable, name: str) -> NDArray[np.float32]:
    """Return the weights of all rows, ``(N,)``.

    Raises:
        DataError: a weight is missing, negative or not a number; names the first.

    Examples:
        >>> import polars as pl
        >>> table = RawTable(pl.DataFrame({"count": [2, -1]}), (("t.csv", 2),), ("1f",))
        >>> read_weights(table, "count")
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: t.csv, row 2, sample_weight 'count': -1 is not a number of at least 0
    """
    cells = table.frame[name]
    weights = cast_column(cells, "number", table.locate)[0].cast(float)
    wrong = (weights.is_null() | (weights < 0)).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{table.locate(row)}, sample_weight {name!r}: {cells[row]!r} is not a number of at least 0"
        )
    if len(large := (weights > _MAX_WEIGHT).arg_true()):
        row = int(large[0])
        raise DataError(
            f"{table.locate(row)}, sample_weight {name!r}: {cells[row]!r} is too large for single precision; "
            "divide the weights by a constant"
        )
    return weights.to_numpy().astype(np.float32)


def check_totals(weights: NDArray[np.float32], rows: Mapping[str, RowIndices], name: str) -> None:
    """Raise DataError if the weights of all training rows, or of all validation rows, are 0.

    Examples:
        >>> check_totals(np.array([0, 1], np.float32), {"train": np.array([0], np.int32)}, "count")
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: the sample_weight 'count' is 0 in all train rows
    """
    for split in ("train", "val"):
        if split in rows and not weights[rows[split]].any():
            raise DataError(f"the sample_weight {name!r} is 0 in all {split} rows")
