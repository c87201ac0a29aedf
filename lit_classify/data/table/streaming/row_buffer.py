"""Rows of blocks that are taken in any number at a time."""

from collections.abc import Iterator

import polars as pl


class RowBuffer:
    """Take any number of rows from blocks.

    Args:
        blocks: the rows.

    Examples:
        >>> rows = RowBuffer(iter([pl.DataFrame({"x": [1, 2]}), pl.DataFrame({"x": [3, 4]})]))
        >>> [rows.take(num_rows)["x"].to_list() for num_rows in (1, 3)]
        [[1], [2, 3, 4]]
    """

    def __init__(self, blocks: Iterator[pl.DataFrame]) -> None:
        self._blocks, self._buffered = blocks, pl.DataFrame()

    def take(self, num_rows: int) -> pl.DataFrame:
        """Return the next rows."""
        frames, num_missing = [self._buffered], num_rows - len(self._buffered)
        while num_missing > 0:
            frames.append(next(self._blocks))
            num_missing -= len(frames[-1])
        rows = pl.concat([frame for frame in frames if frame.width])
        self._buffered = rows[num_rows:]
        return rows[:num_rows]
