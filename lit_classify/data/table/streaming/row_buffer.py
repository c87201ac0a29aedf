"""Rows that are taken from blocks, in numbers of one's own."""

from collections.abc import Iterator

import polars as pl


class RowBuffer:
    """Take any number of rows from blocks.

    Args:
        blocks: the rows.

    Examples:
        >>> rows = RowBuffer(iter([pl.DataFrame({"x": [1, 2]}), pl.DataFrame({"x": [3, 4]})]))
        >>> [rows.take(number)["x"].to_list() for number in (1, 3)]
        [[1], [2, 3, 4]]
    """

    def __init__(self, blocks: Iterator[pl.DataFrame]) -> None:
        self._blocks, self._rest = blocks, pl.DataFrame()

    def take(self, number: int) -> pl.DataFrame:
        """Return the next rows."""
        parts, missing = [self._rest], number - len(self._rest)
        while missing > 0:
            parts.append(next(self._blocks))
            missing -= len(parts[-1])
        rows = pl.concat([part for part in parts if part.width])
        self._rest = rows[number:]
        return rows[:number]
