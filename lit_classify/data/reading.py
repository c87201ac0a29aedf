"""Reading a table's files, CSV or Parquet, into columns of numbers or text."""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lit_classify.data.blocks import Reread, read_blocks, read_head
from lit_classify.data.dialect import MISSING, find_dialect, numeric_columns
from lit_classify.data.memory import check_memory
from lit_classify.errors import DataError

_LARGE = 1 << 22  # cells from which numbers are kept in single precision where little is lost by it
_FAR = 1000.0  # spreads from zero, from where on single precision is too little
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Table:
    """Rows of one or several files.

    Args:
        frame: the columns, numbers or text.
        files: each file with its number of rows.
        fingerprint: tells whether a table is the same as another.
    """

    frame: pl.DataFrame
    files: tuple[tuple[str, int], ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.frame)

    def where(self, row: int) -> str:
        """Say which file a row, counted from 0, is in, and which of its rows it is, counted from 1."""
        for path, rows in self.files:
            if row < rows:
                return f"{path}, row {row + 1}"
            row -= rows
        raise IndexError(row)


def read_table(
    paths: str | Path | Sequence[str | Path],
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str = "utf-8",
    text: Collection[str] = (),
    named: Collection[str] = (),
) -> Table:
    """Read CSV files as columns of numbers or text, Parquet files with their own types.

    Args:
        paths: the file or files, or patterns such as ``data/*.csv``; ``.parquet`` and ``.pq`` are Parquet,
            anything else is CSV.
        delimiter: what parts the fields; found when not given.
        header: whether the first row names the columns; found when not given.
        encoding: how the text is encoded.
        text: columns that stay text, whatever they look like.
        named: columns that should be there: a first row with one of them is a header.

    Raises:
        DataError: no file, an empty one, another encoding, rows of other lengths, names that come twice,
            files with other columns, or more than fits into memory.
    """
    files = [file for path in ([paths] if isinstance(paths, str | Path) else paths) for file in _find(path)]
    if not files:
        raise DataError("no table is named")
    tables = []
    for file in files:
        is_parquet = file.suffix in {".parquet", ".pq"}
        read = (
            _read_parquet(file) if is_parquet else _read_csv(file, delimiter, header, encoding, text, named)
        )
        tables.append(Table(read[0], ((str(file), len(read[0])),), f"{read[1]:08x}"))
    return join(tables)


def _find(path: str | Path) -> list[Path]:
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file, or a pattern such as {path}/*.csv")
    if path.is_file():
        return [path]
    found = sorted(path.parent.glob(path.name)) if set("*?[") & set(path.name) else []
    if not found:
        raise DataError(f"no table at {path}")
    return found


def _alike(name: str, table: Table, tables: Sequence[Table]) -> pl.Series:
    """Return a table's column in the type that it has in the others too.

    Raises:
        DataError: it holds text, but numbers in another file.
    """
    series = table.frame[name]
    other = next((part for part in tables if part.frame[name].dtype != pl.String), None)
    if other is None or series.dtype != pl.String:
        return series
    cells = series.str.strip_chars()
    words = cells.set(cells.is_in(list(MISSING)), None).drop_nulls()
    if len(words):
        row = int((cells == words[0]).arg_true()[0])
        raise DataError(
            f"{table.where(row)}, column {name!r}: {words[0]!r} is text, but {other.files[0][0]} has numbers "
            "there; mend it, or declare the column categorical"
        )
    return pl.Series(name, [None] * len(series), dtype=pl.Float64)


def join(tables: Sequence[Table]) -> Table:
    """Put tables below each other.

    Raises:
        DataError: their columns differ, in name or in type.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    names = first.frame.columns
    for table in tables:
        if other := sorted(set(table.frame.columns) ^ set(names)):
            raise DataError(
                f"{table.files[0][0]} has other columns than {first.files[0][0]}: {', '.join(other)}"
            )
    same = [pl.DataFrame([_alike(name, table, tables) for name in names]) for table in tables]
    try:
        whole = pl.concat(same, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the files' columns differ in type: {str(error).splitlines()[0]}") from error
    files = tuple(file for table in tables for file in table.files)
    return Table(whole, files, "-".join(table.fingerprint for table in tables))


@dataclass(frozen=True)
class Files:
    """The files of a table, and how they are written.

    Args:
        paths: the table itself.
        val_paths: rows for validation, if they have files of their own.
        test_paths: rows for testing, if they have files of their own.
        delimiter: what parts the fields of CSV files; found when not given.
        header: whether their first row names the columns; found when not given.
        encoding: how their text is encoded.
        text: columns that stay text, whatever they look like.
        named: columns that should be there.
    """

    paths: Sequence[str]
    val_paths: Sequence[str]
    test_paths: Sequence[str]
    delimiter: str | None
    header: bool | None
    encoding: str
    text: Sequence[str]
    named: Sequence[str]

    def read(self) -> Table:
        """Read the table itself."""
        return self._read(self.paths)

    def read_others(self, table: Table) -> tuple[Table, list[int]]:
        """Put the other files' rows below the table's; return all, and the rows for each purpose."""
        files = [
            Path(path).resolve() for paths in (self.paths, self.val_paths, self.test_paths) for path in paths
        ]
        if twice := [path for path in files if files.count(path) > 1]:
            raise DataError(f"{twice[0].name} is named twice, so the same rows would be in two splits")
        tables = [table, *(self._read(paths) for paths in (self.val_paths, self.test_paths) if paths)]
        counts = [len(part) for part in tables]
        if self.test_paths and not self.val_paths:
            counts.insert(1, 0)
        return join(tables), counts

    def _read(self, paths: Sequence[str]) -> Table:
        return read_table(paths, self.delimiter, self.header, self.encoding, self.text, self.named)


def _read_parquet(path: Path) -> tuple[pl.DataFrame, int]:
    """Return the rows and the checksum of a Parquet file."""
    try:
        rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        check_memory(path, rows, len(pl.read_parquet_schema(path)))
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is not Parquet: {str(error).splitlines()[0]}") from error
    if frame.is_empty():
        raise DataError(f"{path} has no rows")
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return frame, checksum


def _read_csv(
    path: Path,
    delimiter: str | None,
    header: bool | None,
    encoding: str,
    text: Collection[str],
    named: Collection[str],
) -> tuple[pl.DataFrame, int]:
    """Return the rows and the checksum of a CSV file."""
    head = read_head(path, encoding)
    dialect = find_dialect(path, head, delimiter, header, named)
    num_rows = round(path.stat().st_size * max(head.count("\n"), 1) / max(len(head.encode()), 1))
    check_memory(path, num_rows, len(dialect.names))
    spreads = {name: spread for name, spread in numeric_columns(head, dialect).items() if name not in text}
    large = num_rows * len(dialect.names) > _LARGE
    limits = {name: _FAR * spread for name, spread in spreads.items() if large and spread}
    while True:  # anew, should a column turn out otherwise than it began
        try:
            frame, checksum = read_blocks(path, encoding, dialect, spreads, limits)
            free = [name for name in frame.columns if name not in text]
            return _without_commas(frame, free, decimal=dialect.delimiter != ","), checksum
        except Reread as found:
            spreads = {name: spread for name, spread in spreads.items() if name not in found.text}
            limits = {name: limit for name, limit in limits.items() if name not in found.text | found.wide}


def _without_commas(frame: pl.DataFrame, names: Sequence[str], decimal: bool) -> pl.DataFrame:
    """Turn text such as 1,5 (decimal) or "1,234.5" (thousands) into numbers, where a whole column is such.

    A comma is a decimal one only where it does not part fields too.
    """
    pattern = r"^[+-]?\d+(,\d+)?$" if decimal else r"^[+-]?\d{1,3}(,\d{3})*(\.\d+)?$|^[+-]?\d+(\.\d+)?$"
    columns = []
    for series in frame:
        if series.name in names and series.dtype == pl.String:
            cells = series.str.strip_chars()
            cells = cells.set(cells.is_in(list(MISSING)), None)
            commas = bool(cells.str.contains(",", literal=True).any())
            if commas and bool(cells.str.contains(pattern).all()):
                plain = cells.str.replace_all(",", "." if decimal else "", literal=True)
                series = plain.cast(pl.Float64, strict=False)
        columns.append(series)
    return pl.DataFrame(columns)
