"""Reading a table's files, CSV or Parquet, into columns of numbers or text."""

import glob
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from lit_classify.data.memory import check_memory
from lit_classify.data.table.csv import CsvOptions, as_text, has_long_integers, read_csv
from lit_classify.data.table.formats import is_parquet
from lit_classify.errors import DataError, check_local_path, closest


@dataclass(frozen=True)
class Table:
    """Rows of one or several files.

    Args:
        frame: the columns, numbers or text.
        files: each file with its number of rows.
        digests: the SHA-256 of each file's rows: two tables of the same digests are the same.
    """

    frame: pl.DataFrame
    files: tuple[tuple[str, int], ...]
    digests: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frame)

    def as_files(self) -> dict[str, str]:
        """Return each file with its digest."""
        return {path: digest for (path, _), digest in zip(self.files, self.digests, strict=True)}

    def where(self, row: int) -> str:
        """Say which file a row, counted from 0, is in, and which of its rows it is, counted from 1."""
        for path, rows in self.files:
            if row < rows:
                return f"{path}, row {row + 1}"
            row -= rows
        raise IndexError(row)


def read_table(paths: str | Path | Sequence[str | Path], options: CsvOptions | None = None) -> Table:
    """Read CSV files as columns of numbers or text, Parquet files with their own types.

    The content says which a file is, not its name.

    Args:
        paths: the file or files, or patterns such as ``data/*.csv``, ``data/*/x.csv`` and ``data/**/*.csv``.
        options: how CSV files are to be read.

    Raises:
        DataError: no file, an empty one, another format or encoding, rows of other lengths, names that come
            twice, files with other columns, or more than fits into memory.
    """
    tables = []
    for file in find_files([paths] if isinstance(paths, str | Path) else paths):
        if is_parquet(file):
            frame, digest = _read_parquet(file)
        else:
            frame, digest = read_csv(file, options or CsvOptions())
        tables.append(Table(frame, ((str(file), len(frame)),), (digest,)))
    return join(tables)


def find_files(paths: Sequence[str | Path]) -> list[Path]:
    """Return the files that paths and patterns stand for, those of a pattern in the order of their names.

    In a pattern, as in a shell, ``*`` and ``?`` stand for signs of a name and ``**`` for any folders. A path
    that is there is no pattern, whatever is in its name.

    Raises:
        DataError: none is named, one is not there or no file, or one is named twice.
    """
    files = [file for path in paths for file in _find(str(path))]
    if not files:
        raise DataError("no table is named")
    check_different(files)
    return files


def check_different(files: Sequence[Path]) -> None:
    """Raise DataError if a file is named twice: its rows would be there twice."""
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise DataError(f"{file} is named twice, so the same rows would be in two splits")
        seen.add(file.resolve())


def _find(given: str) -> list[Path]:
    path = Path(given)
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file, or a pattern such as {path}/*.csv")
    if path.is_file():
        return [path]
    if path.exists():
        raise DataError(f"{path} is no file on a disk, which is read more than once; write its rows to one")
    check_local_path(given)
    there = next(parent for parent in (*path.parents, Path()) if parent.exists())  # its name is no pattern
    pattern = Path(glob.escape(str(there)), path.relative_to(there))
    found = sorted(file for name in glob.glob(str(pattern), recursive=True) if (file := Path(name)).is_file())
    if found:
        return found
    if glob.has_magic(str(path.relative_to(there))):
        raise DataError(f"no table at {path}: no file matches that pattern")
    if there != path.parent:
        raise DataError(f"no table at {path}: there is no folder {path.parent}")
    guess = closest(path.name, [file.name for file in there.iterdir() if file.is_file()])
    raise DataError(f"no table at {path}" + (f"; did you mean {there / guess}?" if guess else ""))


def _alike(name: str, table: Table, tables: Sequence[Table]) -> pl.Series:
    """Return a table's column in the type that it has in the others too.

    Numbers become text where another file has whole numbers that are too long for floats.

    Raises:
        DataError: it holds text, but numbers in another file.
    """
    series = table.frame[name]
    other = next((part for part in tables if part.frame[name].dtype != pl.String), None)
    texts = [as_text(part.frame[name]) for part in tables if part.frame[name].dtype == pl.String]
    if other is None or not texts:
        return series
    are_long = any(map(has_long_integers, texts))
    if series.dtype != pl.String:
        return as_text(series) if are_long else series
    cells = as_text(series)
    numbers = cells.cast(pl.Float64, strict=False)
    if numbers.null_count() > cells.null_count():
        row = int((cells.is_not_null() & numbers.is_null()).arg_true()[0])
        raise DataError(
            f"{table.where(row)}, column {name!r}: {cells[row]!r} is text, but {other.files[0][0]} has "
            "numbers there; mend it, or declare the column categorical"
        )
    return cells if are_long else numbers


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
    return Table(
        whole,
        tuple(file for table in tables for file in table.files),
        tuple(digest for table in tables for digest in table.digests),
    )


def stack(tables: Mapping[str, Table]) -> tuple[Table, list[int]]:
    """Put tables for ``path``, ``val_path`` and ``test_path`` below each other.

    Returns:
        All rows, and how many come from each of the three; the first number alone if there are no others.
    """
    roles = ("path", "val_path", "test_path")
    counts = [len(tables[role]) if role in tables else 0 for role in roles]
    return join([tables[role] for role in roles if role in tables]), counts if any(counts[1:]) else counts[:1]


@dataclass(frozen=True)
class Files:
    """The files of a table, and how they are written.

    Args:
        paths: the table itself.
        val_paths: rows for validation, if they have files of their own.
        test_paths: rows for testing, if they have files of their own.
        options: how CSV files are to be read.
    """

    paths: Sequence[str]
    val_paths: Sequence[str]
    test_paths: Sequence[str]
    options: CsvOptions

    def read(self) -> Table:
        """Read the table itself."""
        return self._read(self.paths)

    def read_others(self) -> dict[str, Table]:
        """Read the rows for ``val_path`` and ``test_path``, where they have files of their own.

        Raises:
            DataError: as ``read_table`` does, or a file has rows for two purposes.
        """
        others = {"val_path": self.val_paths, "test_path": self.test_paths}
        check_different(
            [file for paths in (self.paths, *others.values()) if paths for file in find_files(paths)]
        )
        return {role: self._read(paths) for role, paths in others.items() if paths}

    def missing(self, settings: Mapping[str, Any]) -> dict[str, Sequence[str]]:
        """Return the files for ``val`` and ``test`` that ``settings`` name too and that are not there."""
        found = {}
        for split, paths in (("val", self.val_paths), ("test", self.test_paths)):
            if paths and list(paths) == settings[f"{split}_path"]:
                try:
                    find_files(paths)
                except DataError:
                    found[split] = paths
        return found

    def without_others(self, settings: Mapping[str, Any]) -> "Files":
        """Return the files without those for validation and testing that ``settings`` name too."""
        val = () if list(self.val_paths) == settings["val_path"] else self.val_paths
        test = () if list(self.test_paths) == settings["test_path"] else self.test_paths
        return replace(self, val_paths=val, test_paths=test)

    def _read(self, paths: Sequence[str]) -> Table:
        return read_table(paths, self.options)


def _read_parquet(path: Path) -> tuple[pl.DataFrame, str]:
    """Return the rows and the digest of a Parquet file."""
    try:
        rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
        check_memory(path, rows, len(pl.read_parquet_schema(path)))
        frame = pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is Parquet, but corrupt: {str(error).splitlines()[0]}") from error
    if frame.is_empty():
        raise DataError(f"{path} has no rows")
    with path.open("rb") as file:
        return frame, hashlib.file_digest(file, "sha256").hexdigest()
