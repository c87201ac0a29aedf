"""Equal rows of a table: find them, and warn about those in two splits.

Legend: N rows.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.splits import RowIndices
from lit_classify.data.table.targets import Targets
from lit_classify.messages import warn

_BLOCK = 1 << 16


def warn_duplicates(frame: pl.DataFrame, targets: Targets, rows: Mapping[str, RowIndices]) -> int:
    """Warn about rows of one split that occur in another one, with the same features and target.

    Returns:
        The number of training rows that equal an earlier one.

    Args:
        frame: the used columns, ``(N,)`` each.
        targets: the targets, ``(N,)`` or ``(N, L)``.
        rows: the row indices of each split.

    Examples:
        >>> frame, targets = pl.DataFrame({"x": [1, 2, 1]}), np.array([0, 1, 0], dtype=np.int32)
        >>> rows = {"train": np.array([0, 1], dtype=np.int32), "test": np.array([2], dtype=np.int32)}
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as issued:
        ...     warnings.simplefilter("always")
        ...     num_repeated = warn_duplicates(frame, targets, rows)
        ...
        >>> str(issued[0].message).partition(",")[0]
        '1 of 1 test rows also occur in train'
    """
    target_columns = [pl.Series(column) for column in targets.reshape(len(targets), -1).T]
    columns = [series.alias(str(index)) for index, series in enumerate([*frame, *target_columns])]
    hashes = _hash_rows(pl.DataFrame(columns)).to_numpy()
    messages = []
    for name, other in (("test", "train"), ("val", "train"), ("test", "val")):
        if name in rows and other in rows:
            count = _count_members(hashes[rows[name]], hashes[rows[other]])
            if count:
                messages.append(f"{count:,} of {len(rows[name]):,} {name} rows also occur in {other}")
    if messages:
        warn(
            f"{'; '.join(messages)}, with equal features and target; the metrics overestimate the "
            "performance on new rows; remove them with --data.duplicates drop, or keep them in one split "
            "with --data.groups COLUMN"
        )
    if "train" not in rows:
        return 0
    return len(rows["train"]) - pl.Series(hashes[rows["train"]]).n_unique()


def is_first_of_duplicates(frame: pl.DataFrame) -> pl.Series:
    """Return whether each row is the first of its duplicates, ignoring columns of unique text.

    Examples:
        >>> frame = pl.DataFrame({"name": ["a", "b", "c"], "x": [1, 2, 1]})
        >>> is_first_of_duplicates(frame).to_list()
        [True, True, False]
    """
    texts = [series for series in frame if series.dtype == pl.String]
    ids = [series.name for series in texts if series.n_unique() == len(series)]
    return _hash_rows(frame.drop(ids)).is_first_distinct()


def _hash_rows(frame: pl.DataFrame) -> pl.Series:
    """Return a hash of each row."""
    return pl.concat([block.hash_rows() for block in frame.iter_slices(_BLOCK)])  # all at once needs a copy


def _count_members(values: NDArray[np.uint64], others: NDArray[np.uint64]) -> int:
    """Count the values that are in ``others``; faster than numpy.isin."""
    others, values = np.sort(others), np.sort(values)
    positions = np.searchsorted(others, values)
    return int((others[np.minimum(positions, len(others) - 1)] == values).sum())
