"""Equal rows of a table.

Legend: N rows.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.splits import RowIndices
from lit_classify.data.table.targets import Targets

_BLOCK = 1 << 16


def find_duplicates(
    frame: pl.DataFrame, targets: Targets, rows: Mapping[str, RowIndices]
) -> tuple[list[str], int]:
    """Find rows that occur again, with the same features and target.

    Returns:
        What to warn about if rows of one split occur in another one, and the number of training rows that
        equal an earlier one.

    Args:
        frame: the used columns, ``(N,)`` each.
        targets: the targets, ``(N,)`` or ``(N, L)``.
        rows: the row indices of each split.

    Examples:
        >>> frame, targets = pl.DataFrame({"x": [1, 2, 1]}), np.array([0, 1, 0], dtype=np.int32)
        >>> rows = {"train": np.array([0, 1], dtype=np.int32), "test": np.array([2], dtype=np.int32)}
        >>> (message,), num_repeated = find_duplicates(frame, targets, rows)
        >>> message.partition(",")[0], num_repeated
        ('1 of 1 test rows also occur in train', 0)
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
        messages = [
            f"{'; '.join(messages)}, with equal features and target; the metrics overestimate the "
            "performance on new rows; remove them, with --data.duplicates drop if they are in the same "
            "files, or keep them in one split with --data.groups COLUMN"
        ]
    train = hashes[rows["train"]] if "train" in rows else hashes[:0]
    return messages, len(train) - pl.Series(train).n_unique()


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
