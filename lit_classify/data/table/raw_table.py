"""The rows of a table, and their positions in its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.value_formats import Formats, ValueFormat


@dataclass(frozen=True)
class RawTable:
    """The concatenated rows of one or several files.

    Args:
        frame: the columns, values or text.
        files: path and number of rows of each file.
        digests: SHA-256 of each file; tables with equal digests have equal rows.
        formats: the formats of the columns that were text.
        positions: positions of the rows in the files, from 0; None if the table has all of their rows.
        ambiguities: warnings about text that can be read in two ways, by the name of the column.
    """

    frame: pl.DataFrame
    files: tuple[tuple[str, int], ...]
    digests: tuple[str, ...]
    formats: Formats = field(default_factory=dict)
    positions: NDArray[np.intp] | None = None
    ambiguities: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def known_formats(self) -> dict[str, ValueFormat]:
        """The formats that further files should have, also those of plain numbers."""
        plain = [name for name, dtype in self.frame.schema.items() if dtype.is_float()]
        return {**dict.fromkeys(plain, ValueFormat()), **self.formats}

    def find_format(self, name: str) -> ValueFormat | None:
        """Return the format of a column of numbers, dates or times; None if it has none that were text."""
        cells = self.frame.get_column(name, default=None)  # not `in`, which lists all columns
        if cells is None or not cells.count():
            return None
        return self.formats.get(name) if cells.dtype.is_numeric() or cells.dtype.is_temporal() else None

    def has_typed_numbers(self, name: str) -> bool:
        """Return whether a column has numbers that were not text."""
        cells = self.frame.get_column(name, default=None)
        return (
            cells is not None and cells.dtype.is_numeric() and name not in self.formats and cells.count() > 0
        )

    def as_files(self) -> dict[str, str]:
        """Return the digest of each file by its path."""
        return {path: digest for (path, _), digest in zip(self.files, self.digests, strict=True)}

    @property
    def row_positions(self) -> NDArray[np.intp]:
        """The positions of the rows in the files, counted from 0 over all files."""
        if self.positions is not None:
            return self.positions
        return np.arange(sum(count for _, count in self.files))

    def filter(self, keep: pl.Series) -> "RawTable":
        """Return the table with some of its rows, given whether to keep each one."""
        return replace(self, frame=self.frame.filter(keep), positions=self.row_positions[keep.to_numpy()])

    def keys(self, rows: NDArray[np.int32]) -> NDArray[np.uint64]:
        """Return a key for each of some rows, which is the same for the same row of equal files.

        Examples:
            >>> both = RawTable(pl.DataFrame({"x": range(4)}), (("a.csv", 2), ("b.csv", 2)), ("1f", "2e"))
            >>> moved = RawTable(pl.DataFrame({"x": range(2)}), (("moved.csv", 2),), ("2e",))
            >>> both.keys(np.array([2, 3])) == moved.keys(np.array([0, 1]))
            array([ True,  True])
        """
        files, rows_of_files = self._find_rows(rows)
        digests = np.array([int(digest[:16], 16) for digest in self.digests], np.uint64)
        keys: NDArray[np.uint64] = digests[files] + rows_of_files.astype(np.uint64)
        return keys

    def locate(self, row: int) -> str:
        """Return the file of a row (from 0) and its number in that file (from 1), for messages."""
        file, row_of_file = self._find_rows(row)
        return f"{self.files[file][0]}, row {row_of_file + 1}"

    def _find_rows(self, rows: Any) -> tuple[Any, Any]:  # noqa: ANN401 - one row or an array
        """Return the index of the file of a row, and the index of the row in that file."""
        counts = np.array([count for _, count in self.files])
        ends, positions = np.cumsum(counts), self.row_positions[rows]
        files = np.searchsorted(ends, positions, side="right")
        return files, positions - (ends - counts)[files]
