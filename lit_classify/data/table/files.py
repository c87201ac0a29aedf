"""Find and read the files of a table."""

import glob
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from lit_classify.data.table.cells import as_text
from lit_classify.data.table.concatenation import concat_tables, read_alike
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.frames import FRAMES, digest_frame, to_polars
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.readers import read_file
from lit_classify.data.table.text_conversion import ValueOptions, convert_text
from lit_classify.data.table.value_formats import Formats
from lit_classify.errors import DataError, check_local_path, check_path
from lit_classify.messages import closest

PATH_OPTIONS = ("path", "val_path", "test_path")
STANDARD_INPUT = "-"


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
    options = options or CsvOptions()

    def read(file: Path, known_formats: Formats) -> RawTable:
        (frame, formats, ambiguities), digest = read_file(file, options.with_formats(known_formats))
        columns = [series for series in frame if series.name in options.values.text_columns]
        # the same column may be text in another file
        frame = frame.with_columns(as_text(series) for series in columns if series.dtype != pl.String)
        return RawTable(frame, ((str(file), len(frame)),), (digest,), formats, ambiguities=ambiguities)

    files = find_files([paths] if isinstance(paths, str | Path) else paths)
    return concat_tables(read_alike(files, read, options.values), options.values)


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


def _find(argument: str) -> list[Path]:
    if argument == STANDARD_INPUT:
        raise DataError(
            "- is standard input, which only lit-classify predict reads, as --data.path -; save it to a file"
        )
    if not argument.strip():  # such as a variable of the shell that is not set
        raise DataError("the path of a table is empty: give a file, or leave the option out")
    check_path(argument)
    path = Path(argument)
    if path.is_dir():
        raise DataError(f"{path} is a directory; give a file, or a pattern such as {path}/*.csv")
    if path.is_file():
        return [path]
    for option, name in FRAMES.items():
        if argument == name:
            raise DataError(
                f"the model was trained on a {name}, which its checkpoint does not contain; give a table "
                f"with --data.{option} FILE"
            )
    if path.exists():
        raise DataError(
            f"{path} is not a regular file, which can be read repeatedly; save its rows to a file"
        )
    check_local_path(argument)
    existing = next(parent for parent in (*path.parents, Path()) if parent.exists())
    pattern = Path(glob.escape(str(existing)), path.relative_to(existing))
    matches = map(Path, glob.glob(str(pattern), recursive=True))
    if files := sorted(file for file in matches if file.is_file()):
        return files
    if glob.has_magic(str(path.relative_to(existing))):
        raise DataError(f"no table at {path}: no file matches that pattern")
    if existing != path.parent:
        raise DataError(f"no table at {path}: the directory {path.parent} does not exist")
    guess = closest(path.name, [file.name for file in existing.iterdir() if file.is_file()])
    raise DataError(f"no table at {path}" + (f"; did you mean {existing / guess}?" if guess else ""))


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
        frame, formats, ambiguities = convert_text(table.frame, self.options.values, table.files[0][0])
        return replace(table, frame=frame, formats=formats, ambiguities=ambiguities)

    def read_all(self, table: RawTable | None = None) -> dict[str, RawTable]:
        """Return the rows of each option that is given, whose formats agree.

        Args:
            table: the rows of ``path``, if they have been read.

        Raises:
            DataError: as for ``read_table``, or if a file belongs to two splits.
        """
        if files := [path for key, paths in self.paths.items() if key not in self.frames for path in paths]:
            find_files(files)

        def read(key: str, known_formats: Formats) -> RawTable:
            if key == "path" and table is not None and not known_formats:
                return table
            return self.with_formats(known_formats).read(key)

        keys = [key for key in PATH_OPTIONS if self.paths[key]]
        return dict(zip(keys, read_alike(keys, read, self.options.values), strict=True))

    def shared_paths(self, settings: Mapping[str, Any]) -> list[str]:
        """Return which of ``val_path`` and ``test_path`` are the same in ``settings``."""
        return [key for key in PATH_OPTIONS[1:] if self.paths[key] and self.paths[key] == settings[key]]

    def find_absent(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """Return why files for ``val`` and ``test`` that are the same in ``settings`` are not found."""
        absent = {}
        for key in self.shared_paths(settings):
            if key in self.frames:
                continue
            try:
                find_files(self.paths[key])
            except DataError as error:
                absent[key.removesuffix("_path")] = str(error)
        return absent

    def with_formats(self, formats: Formats) -> "TableFiles":
        """Return the files with known formats of columns."""
        return replace(self, options=self.options.with_formats(formats))

    def with_text(self, names: Collection[str]) -> "TableFiles":
        """Return the files with columns that remain text; the known formats of other columns are kept."""
        values = replace(self.options.values, text_columns=names)
        return replace(self, options=replace(self.options, values=values))

    def as_text(self, names: Collection[str]) -> "TableFiles":
        """Return the files with columns that are read as they are; others do not matter."""
        values = ValueOptions(text_columns=names, features=names)
        return replace(self, options=replace(self.options, values=values))

    def without(self, keys: Collection[str]) -> "TableFiles":
        """Return the files without those of some options."""
        return replace(self, paths={**self.paths, **dict.fromkeys(keys, ())})
