"""Find the files of a table, and concatenate their rows."""

import glob
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.cells import BOOLEANS, as_text, has_long_integers
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.frames import FRAMES, digest_frame, to_polars
from lit_classify.data.table.readers import read_file
from lit_classify.data.table.text_conversion import ValueOptions, convert_text
from lit_classify.data.table.value_formats import ValueFormat
from lit_classify.errors import DataError, check_local_path
from lit_classify.messages import closest

PATH_OPTIONS = ("path", "val_path", "test_path")
STANDARD_INPUT = "-"
_TEXT = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class RawTable:
    """The concatenated rows of one or several files.

    Args:
        frame: the columns, values or text.
        files: path and number of rows of each file.
        digests: SHA-256 of each file; tables with equal digests have equal rows.
        formats: the formats of the columns that were text, except those of plain numbers.
        positions: where the rows are in the files, counted from 0; None if there are all rows.
    """

    frame: pl.DataFrame
    files: tuple[tuple[str, int], ...]
    digests: tuple[str, ...]
    formats: Mapping[str, ValueFormat] = field(default_factory=dict)
    positions: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def known_formats(self) -> dict[str, ValueFormat]:
        """The formats that further files should have, also those of plain numbers."""
        plain = [name for name, dtype in self.frame.schema.items() if dtype.is_float()]
        return {**dict.fromkeys(plain, ValueFormat()), **self.formats}

    def as_files(self) -> dict[str, str]:
        """Return the digest of each file by its path."""
        return {path: digest for (path, _), digest in zip(self.files, self.digests, strict=True)}

    @property
    def row_numbers(self) -> NDArray[np.intp]:
        """The numbers of the rows in the files, counted from 0 over all of them."""
        if self.positions is not None:
            return self.positions
        return np.arange(sum(count for _, count in self.files))

    def filter(self, keep: pl.Series) -> "RawTable":
        """Return the table with some of its rows, given whether to keep each one."""
        return replace(self, frame=self.frame.filter(keep), positions=self.row_numbers[keep.to_numpy()])

    def keys(self, rows: NDArray[np.int32]) -> NDArray[np.uint64]:
        """Return a number for each of some rows, which rows in the same place of equal files share.

        Examples:
            >>> both = RawTable(pl.DataFrame({"x": range(4)}), (("a.csv", 2), ("b.csv", 2)), ("1f", "2e"))
            >>> second = RawTable(pl.DataFrame({"x": range(2)}), (("moved.csv", 2),), ("2e",))
            >>> both.keys(np.array([2, 3])) == second.keys(np.array([0, 1]))
            array([ True,  True])
        """
        file, number = self._places(rows)
        contents = np.array([int(digest[:16], 16) for digest in self.digests], np.uint64)
        keys: NDArray[np.uint64] = contents[file] + number.astype(np.uint64)
        return keys

    def locate(self, row: int) -> str:
        """Return the file of a row (from 0) and its number in that file (from 1), for messages."""
        file, number = self._places(row)
        return f"{self.files[file][0]}, row {number + 1}"

    def _places(self, rows: Any) -> tuple[Any, Any]:  # noqa: ANN401 - one row or an array
        """Return the index of the file of a row, and its number in that file, both from 0."""
        counts = np.array([count for _, count in self.files])
        ends, numbers = np.cumsum(counts), self.row_numbers[rows]
        file = np.searchsorted(ends, numbers, side="right")
        return file, numbers - (ends - counts)[file]


def read_table(paths: str | Path | Sequence[str | Path], options: CsvOptions | None = None) -> RawTable:
    """Read files, and convert columns of text that contain only numbers, dates or times.

    The format is detected from the content, not from the file name.

    Args:
        paths: the file or files, or patterns such as ``data/*.csv``, ``data/*/x.csv`` and ``data/**/*.csv``.
        options: how to read CSV files and convert text.

    Raises:
        DataError: a file does not exist, is empty, malformed, too large for the memory or in another
            format or encoding, or if the files differ in their columns.
    """
    tables, options = [], options or CsvOptions()
    for file in find_files([paths] if isinstance(paths, str | Path) else paths):
        frame, digest, formats = read_file(file, options)
        declared = set(options.values.text).intersection(frame.columns)
        typed = [name for name in declared if frame[name].dtype != pl.String]  # perhaps text in another file
        frame = frame.with_columns(as_text(frame[name]) for name in typed)
        tables.append(RawTable(frame, ((str(file), len(frame)),), (digest,), formats))
        options = options.with_formats(tables[-1].known_formats)
    return concat_tables(tables)


def read_frame(frame: Any, name: str) -> RawTable:  # noqa: ANN401 - of any package
    """Return the rows of a DataFrame.

    Args:
        frame: a DataFrame of a kind that ``to_polars`` takes.
        name: its name in messages.

    Raises:
        DataError: the DataFrame cannot be read or has no rows.

    Examples:
        >>> table = read_frame(pl.DataFrame({"age": [20, 40]}), "DataFrame")
        >>> table.locate(1)
        'DataFrame, row 2'
    """
    rows = to_polars(frame)
    if rows.is_empty():
        raise DataError(f"the {name} has no rows")
    return RawTable(rows, ((name, len(rows)),), (digest_frame(rows),))


def find_files(paths: Sequence[str | Path]) -> list[Path]:
    """Return the files that match paths and glob patterns, sorted by name for each pattern.

    ``**`` matches any number of directories. A path that exists is not treated as a pattern, even if it
    contains wildcards.

    Raises:
        DataError: no path is given, nothing matches, a match is not a regular file, or a file is given
            twice.
    """
    files = [file for path in paths for file in _find(str(path))]
    if not files:
        raise DataError("no table is given")
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise DataError(f"{file} is given twice, so the same rows would be in two splits")
        seen.add(file.resolve())
    return files


def _find(given: str) -> list[Path]:
    if given == STANDARD_INPUT:
        raise DataError(
            "- is standard input, which only lit-classify predict reads, as --data.path -; save it to a file"
        )
    path = Path(given)
    if path.is_dir():
        raise DataError(f"{path} is a directory; give a file, or a pattern such as {path}/*.csv")
    if path.is_file():
        return [path]
    if given in FRAMES.values():
        option = next(option for option, name in FRAMES.items() if name == given)
        raise DataError(
            f"the model was trained on a {given}, which its checkpoint does not contain; give a table with "
            f"--data.{option} FILE"
        )
    if path.exists():
        raise DataError(
            f"{path} is not a regular file, which can be read repeatedly; save its rows to a file"
        )
    check_local_path(given)
    existing = next(parent for parent in (*path.parents, Path()) if parent.exists())
    pattern = Path(glob.escape(str(existing)), path.relative_to(existing))
    found = sorted(file for name in glob.glob(str(pattern), recursive=True) if (file := Path(name)).is_file())
    if found:
        return found
    if glob.has_magic(str(path.relative_to(existing))):
        raise DataError(f"no table at {path}: no file matches that pattern")
    if existing != path.parent:
        raise DataError(f"no table at {path}: the directory {path.parent} does not exist")
    guess = closest(path.name, [file.name for file in existing.iterdir() if file.is_file()])
    raise DataError(f"no table at {path}" + (f"; did you mean {existing / guess}?" if guess else ""))


def unify_column(name: str, tables: Sequence[RawTable]) -> list[pl.Series]:
    """Return a column of each table, as values or as text in all of them.

    It is text if a file has integers that floats cannot represent. Where it is empty, it has the type of the
    others.

    Raises:
        DataError: the column has text, dates or times in one file, but other values in another.
    """
    columns = [table.frame[name] for table in tables]
    if len({part.dtype for part in columns}) == 1:
        return columns
    columns = [as_text(part) if part.dtype in _TEXT else part for part in columns]
    kinds = [_kind(part) for part in columns]
    typed = [index for index, kind in enumerate(kinds) if kind not in {"nothing", "text"}]
    if not typed:
        return [part.cast(pl.String) for part in columns]
    dtype, has = columns[typed[0]].dtype, f"{tables[typed[0]].files[0][0]} has {kinds[typed[0]]}"
    formats = [table.formats[name] for table in tables if name in table.formats]
    for index, part in enumerate(columns):
        if kinds[index] == "nothing":
            columns[index] = pl.Series(name, [], dtype).clear(len(part))
        elif kinds[index] == "text":
            values = columns[index] = _parse(part, dtype, formats[0] if formats else ValueFormat())
            if dtype.is_numeric() and has_long_integers(part, values):
                return [as_text(table.frame[name]) for table in tables]
            for row in (part.is_not_null() & values.is_null()).arg_true().head(1):
                raise DataError(
                    f"{tables[index].locate(row)}, column {name!r}: {part[row]!r} is text, but {has} there; "
                    "fix it, or declare the column categorical"
                )
        elif part.dtype.is_temporal() != dtype.is_temporal():
            raise DataError(f"column {name!r}: {has}, but {tables[index].files[0][0]} has {kinds[index]}")
    common_type(columns)
    return columns


def common_type(columns: Sequence[pl.Series]) -> pl.DataType:
    """Return the type of the rows of several columns of one name.

    Raises:
        DataError: there is none.
    """
    try:
        return pl.concat([part.clear().to_frame() for part in columns], how="vertical_relaxed").dtypes[0]
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"column {columns[0].name!r} differs in type between files: {reason}") from error


def _kind(cells: pl.Series) -> str:
    """Return what the cells of a column are called."""
    if cells.null_count() == len(cells):
        return "nothing"
    if cells.dtype.is_temporal():
        return "dates or times"
    return {pl.String: "text", pl.Boolean: "booleans"}.get(cells.dtype.base_type(), "numbers")


def _parse(text: pl.Series, dtype: pl.DataType, value_format: ValueFormat) -> pl.Series:
    """Return text as booleans, or as values of a format; null where it is none."""
    if dtype != pl.Boolean:
        return value_format.parse(text)
    words = text.str.to_lowercase()
    return words.replace_strict(BOOLEANS, default=None, return_dtype=pl.Float64).cast(pl.Boolean)


def concat_tables(tables: Sequence[RawTable]) -> RawTable:
    """Concatenate the rows of tables.

    Raises:
        DataError: their columns differ in name or in type.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    names = first.frame.columns
    for table in tables:
        if other := ", ".join(sorted(set(table.frame.columns) ^ set(names))):
            raise DataError(f"{table.files[0][0]} and {first.files[0][0]} differ in their columns: {other}")
    columns = (unify_column(name, tables) for name in names)
    frame = pl.concat(map(pl.DataFrame, zip(*columns, strict=True)), how="vertical_relaxed")
    return RawTable(
        frame,
        tuple(file for table in tables for file in table.files),
        tuple(digest for table in tables for digest in table.digests),
        {name: part for table in reversed(tables) for name, part in table.formats.items()},
        _concat_positions(tables),
    )


def _concat_positions(tables: Sequence[RawTable]) -> NDArray[np.intp] | None:
    """Return where the rows of concatenated tables are in all of their files."""
    if all(table.positions is None for table in tables):
        return None
    starts = np.cumsum([0, *(sum(count for _, count in table.files) for table in tables[:-1])])
    return np.concatenate([start + part.row_numbers for start, part in zip(starts, tables, strict=True)])


def concat_splits(tables: Mapping[str, RawTable]) -> tuple[RawTable, list[int]]:
    """Concatenate the tables of ``path``, ``val_path`` and ``test_path``.

    Returns:
        All rows, and the number of rows from each option; only the first number if ``path`` is the only one.
    """
    counts = [len(tables[key]) if key in tables else 0 for key in PATH_OPTIONS]
    table = concat_tables([tables[key] for key in PATH_OPTIONS if key in tables])
    return table, counts if any(counts[1:]) else counts[:1]


@dataclass(frozen=True)
class TableFiles:
    """The files or DataFrames of a table.

    Args:
        paths: paths or patterns of each option, ``path``, ``val_path`` and ``test_path``; the last two may be
            empty.
        options: how to read CSV files and convert text.
        frames: the rows of each option that is a DataFrame, whose name is its path.
    """

    paths: Mapping[str, Sequence[str]]
    options: CsvOptions
    frames: Mapping[str, RawTable] = field(default_factory=dict)

    def read(self, key: str = "path") -> RawTable:
        """Return the rows of an option."""
        if key not in self.frames:
            return read_table(self.paths[key], self.options)
        table = self.frames[key]
        frame, formats = convert_text(table.frame, self.options.values, table.files[0][0])
        return replace(table, frame=frame, formats=formats)

    def read_other_splits(self) -> dict[str, RawTable]:
        """Read the files of ``val_path`` and ``test_path``, if given.

        Raises:
            DataError: as for ``read_table``, or if a file belongs to two splits.
        """
        if files := [path for key, paths in self.paths.items() if key not in self.frames for path in paths]:
            find_files(files)
        return {key: self.read(key) for key in PATH_OPTIONS[1:] if self.paths[key]}

    def shared_paths(self, settings: Mapping[str, Any]) -> list[str]:
        """Return which of ``val_path`` and ``test_path`` are the same in ``settings``."""
        return [key for key in PATH_OPTIONS[1:] if self.paths[key] and self.paths[key] == settings[key]]

    def find_absent(self, settings: Mapping[str, Any]) -> dict[str, Sequence[str]]:
        """Return the paths for ``val`` and ``test`` that are the same in ``settings`` and do not exist."""
        absent = {}
        for key in self.shared_paths(settings):
            if key in self.frames:
                continue
            try:
                find_files(self.paths[key])
            except DataError:
                absent[key.removesuffix("_path")] = self.paths[key]
        return absent

    def with_formats(self, formats: Mapping[str, ValueFormat]) -> "TableFiles":
        """Return the files with known formats of columns."""
        return replace(self, options=self.options.with_formats(formats))

    def with_text(self, names: Collection[str]) -> "TableFiles":
        """Return the files with columns that remain text, besides known formats of others."""
        return replace(self, options=replace(self.options, values=replace(self.options.values, text=names)))

    def as_text(self, names: Collection[str]) -> "TableFiles":
        """Return the files with columns that are read as they are; others do not matter."""
        return replace(self, options=replace(self.options, values=ValueOptions(text=names, features=names)))

    def without(self, keys: Collection[str]) -> "TableFiles":
        """Return the files without those of some options."""
        return replace(self, paths={**self.paths, **dict.fromkeys(keys, ())})
