"""Read the files of a table block by block, each column with the same type in all blocks.

Legend: N rows of a block.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lit_classify.data.table.cells import as_text
from lit_classify.data.table.concatenation import (
    common_type,
    concat_formats,
    read_alike,
    unify_column,
)
from lit_classify.data.table.files import PATH_OPTIONS, TableFiles, find_files
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.streaming.file_blocks import digest, estimate_rows, read_blocks, read_head
from lit_classify.data.table.text_conversion import FormatDetector, ValueOptions, replace_values
from lit_classify.data.table.value_formats import Formats, ValueFormat, special_formats
from lit_classify.errors import DataError

_NO_END = 1 << 62  # rows of a file whose number is not known yet


class OtherFormatError(Exception):
    """A block has text in a column of values."""

    def __init__(self, block: "Block", column: str) -> None:
        super().__init__(column)
        self.block, self.column = block, column

    def explain(self) -> DataError:
        """Return the error that names the first such cell."""
        table = self.block.table
        cells = as_text(table.frame[self.column])
        value_format = table.formats.get(self.column, ValueFormat())
        row = int((cells.is_not_null() & value_format.parse(cells).is_null()).arg_max() or 0)
        return DataError(
            f"{table.locate(row)}, column {self.column!r}: {cells[row]!r} is written in another way than the "
            "cells of earlier blocks; write them alike"
        )


@dataclass(frozen=True)
class Position:
    """Where a block begins; an interrupted pass continues from there.

    Args:
        file: index of its file.
        row: index of its first row in the file.
        table_row: index of its first row over all files.
        offset: offset in a file of text: in lines in CSV, in bytes in JSON lines.
    """

    file: int = 0
    row: int = 0
    table_row: int = 0
    offset: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Position":
        """Return the position of ``to_dict``."""
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


FIRST_BLOCK = Position()


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a file.

    Args:
        key: the option of the file: ``path``, ``val_path`` or ``test_path``.
        first_row: index of the first row over all files.
        table: the rows.
        end: where the next block begins.
    """

    key: str
    first_row: int
    table: RawTable
    end: Position


@dataclass(frozen=True)
class BlockReader:
    r"""The rows of the files of a table in blocks.

    Args:
        files: the files and how to read them.
        types: the type of each column of values.
        formats: the formats of the columns of values that are text in a file.
        texts: the columns that are text.
        other_formats: the formats of columns in a file that differ from these, by its path.
        ambiguities: what to warn about, by the column: text that can be read in two ways in the first rows of
            all files.
        detector: the detector of the formats of the first file.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from lit_classify.data.table.csv_dialect import CsvOptions
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "table.csv")
        ...     _ = path.write_text("size,color\n1,red\n2,blue\n")
        ...     reader = BlockReader.detect(TableFiles({"path": [str(path)]}, CsvOptions()))
        ...     [block.table.frame.rows() for block in reader]
        ...
        [[(1.0, 'red'), (2.0, 'blue')]]
    """

    files: TableFiles
    types: Mapping[str, pl.DataType]
    formats: Formats = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    other_formats: Mapping[str, Formats] = field(default_factory=dict)
    ambiguities: Mapping[str, str] = field(default_factory=dict)
    detector: FormatDetector = field(default_factory=lambda: FormatDetector(ValueOptions()))

    @classmethod
    def detect(cls, files: TableFiles) -> "BlockReader":
        """Return the reader of files, which gives a column the type that the first rows of all files have.

        Raises:
            DataError: a file does not exist, its format cannot be read in blocks, or the files differ.
        """
        options, from_text, detectors = files.options, set[str](), list[FormatDetector]()

        def read(path: Path, known_formats: Formats) -> RawTable:
            table, text_columns, detector = read_head(path, options.with_formats(known_formats))
            from_text.update(text_columns)
            detectors.append(detector)
            return table

        paths = find_files(files.paths["path"])
        for key in PATH_OPTIONS[1:]:
            with suppress(DataError):  # commands that need these files refuse their absence by ``paths``
                paths += find_files(files.paths.get(key, ()))
        tables = read_alike(paths, read, options.values)
        names = tables[0].frame.columns
        for table in tables:
            _check_names(table.files[0][0], table.frame, names)
        declared = set(options.values.text_columns) & set(names)
        types = {
            name: pl.String() if name in declared else common_type(unify_column(name, tables, options.values))
            for name in names
        }
        texts = frozenset(name for name, dtype in types.items() if dtype == pl.String)
        known = concat_formats(tables)
        formats = {name: known.get(name, ValueFormat()) for name in from_text - texts}
        other_formats = {
            table.files[0][0]: {
                name: value_format
                for name, value_format in table.formats.items()
                if name in formats and formats[name] != value_format
            }
            for table in tables
        }
        ambiguities = {name: ambiguity for table in tables for name, ambiguity in table.ambiguities.items()}
        return cls(files, types, formats, texts, other_formats, ambiguities, detectors[0])

    @property
    def other_columns(self) -> set[str]:
        """The columns whose formats differ between files."""
        return {name for formats in self.other_formats.values() for name in formats}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(self.types)

    def with_text(self, names: Collection[str]) -> "BlockReader":
        """Return the reader that reads further columns as text."""
        formats = {name: self.formats[name] for name in self.formats if name not in names}
        return replace(self, formats=formats, texts=self.texts | frozenset(names))

    def formats_in(self, path: Path) -> dict[str, ValueFormat]:
        """Return the formats of the columns of values that are text in a file."""
        other_formats = self.other_formats.get(str(path), {})
        return {name: other_formats.get(name, self.formats[name]) for name in self.formats}

    def with_formats(self, formats: Formats) -> "BlockReader":
        """Return the reader that converts further columns of text to values."""
        return replace(self, formats={**self.formats, **formats}, texts=self.texts - formats.keys())

    def for_state(self, state: FittedState) -> "BlockReader":
        """Return the reader that reads columns as in training, and as text those that are not used."""
        values = {
            encoder.name for encoder in state.preprocessor.encoders if encoder.kind in {"number", "date"}
        }
        values |= set(state.target.columns) if state.target.class_names is None else set()
        from_text = {*self.texts, *self.formats}
        known_formats = state.known_formats
        formats = {
            name: self.formats.get(name) or known_formats.get(name) or ValueFormat()
            for name in values & from_text
        }
        texts = (from_text - values) | (set(state.text_columns) & set(self.names))
        return replace(self, formats=formats, texts=frozenset(texts))

    def only(self, key: str) -> "BlockReader":
        """Return the reader of the files of one option."""
        return replace(self, files=replace(self.files, paths={key: self.files.paths[key]}))

    def as_text(self) -> "BlockReader":
        """Return the reader that reads cells as they are."""
        return replace(self, files=self.files.as_text(self.names), formats={}, texts=frozenset(self.names))

    def read_rows(self, indices: Sequence[int]) -> list[tuple[Any, ...]]:
        """Return the rows with some indices, which count over all files."""
        rows: dict[int, tuple[Any, ...]] = {}
        wanted = set(indices)
        for block in self:
            in_block = range(block.first_row, block.first_row + len(block.table))
            for index in wanted.intersection(in_block):
                rows[index] = block.table.frame.row(index - block.first_row)
        return [rows[index] for index in indices]

    @property
    def empty_table(self) -> RawTable:
        """A table with the columns, but no rows."""
        return RawTable(pl.DataFrame(schema=dict.fromkeys(self.names, pl.String())), (), ())

    @property
    def special_formats(self) -> dict[str, ValueFormat]:
        """The formats except those of plain numbers."""
        return special_formats(self.formats)

    @property
    def paths(self) -> dict[str, list[Path]]:
        """The files of each option.

        Raises:
            DataError: a file does not exist, or belongs to two splits.
        """
        find_files([path for paths in self.files.paths.values() for path in paths])
        return {key: paths for key in PATH_OPTIONS if (paths := self._find(key))}

    def _find(self, key: str) -> list[Path]:
        """Return the files of an option; none if it is not given."""
        paths = self.files.paths.get(key)
        return find_files(paths) if paths else []

    def estimate_rows(self) -> int | None:
        """Return about how many rows all files have; None if that is not known."""
        options = self.files.options
        counts = [estimate_rows(path, options) for paths in self.paths.values() for path in paths]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def digests(self, key: str) -> dict[str, str]:
        """Return the SHA-256 of each file of an option, as it is when the rows are held in memory."""
        return {str(path): digest(path, self.files.options) for path in self._find(key)}

    def stamps(self, key: str) -> list[list[int]]:
        """Return size and time of the last change of each file of an option."""
        stats = [path.stat() for path in self._find(key)]
        return [[stat.st_size, stat.st_mtime_ns] for stat in stats]

    def __iter__(self) -> Iterator[Block]:
        return self.blocks_from(FIRST_BLOCK)

    def blocks_from(self, position: Position) -> Iterator[Block]:
        """Yield the rows of ``path``, ``val_path`` and ``test_path`` in order, from the start of a block on.

        Raises:
            DataError: a file has no rows or other columns than the first.
            OtherFormatError: a column of values has text.
        """
        values = self.files.options.values
        files = [(key, path) for key, paths in self.paths.items() for path in paths]
        for index, (key, path) in enumerate(files[position.file :], position.file):
            formats = self.formats_in(path)
            special = special_formats(formats)
            for frame, offset in read_blocks(
                path, self.files.options, formats, position.row, position.offset
            ):
                _check_names(path, frame, self.names)
                frame = pl.DataFrame([self._unify(path, frame[name]) for name in self.names])
                frame = replace_values(frame, values)
                rows = np.arange(position.row, position.row + len(frame))
                table = RawTable(frame, ((str(path), _NO_END),), ("",), special, rows)
                row, table_row = position.row, position.table_row
                position = Position(index, row + len(frame), table_row + len(frame), offset)
                block = Block(key, table_row, table, position)
                self._check(block)
                yield block
            if not position.row:
                raise DataError(f"{path} has no rows")
            position = Position(index + 1, 0, position.table_row)

    def _unify(self, path: Path, series: pl.Series) -> pl.Series:
        """Return a column of a block with its type; text in a column of values is left as it is.

        Raises:
            DataError: it has dates or times, but other values in other files, or the reverse.
        """
        name, dtype = series.name, self.types[series.name]
        if name in self.texts:
            return series if series.dtype == pl.String else as_text(series)
        if series.dtype == dtype or dtype == pl.String:  # text that was found to be values has no type yet
            return series
        if series.null_count() == len(series):
            return pl.Series(name, [None] * len(series), dtype)
        if series.dtype == pl.String:
            return series
        if series.dtype.is_temporal() != dtype.is_temporal():
            raise DataError(f"{path}, column {name!r}: {series.dtype} differs from {dtype} in other files")
        return series.cast(dtype, strict=False)

    def _check(self, block: Block) -> None:
        """Raise OtherFormatError if a column of values has text, or integers that floats cannot represent."""
        for series in block.table.frame:
            if series.dtype == pl.String and series.name not in self.texts and series.count():
                raise OtherFormatError(block, series.name)


def _check_names(path: Path | str, frame: pl.DataFrame, names: Collection[str]) -> None:
    """Raise DataError if a file has other columns than the first."""
    if others := ", ".join(sorted(set(frame.columns) ^ set(names))):
        raise DataError(f"{path} and the first file differ in their columns: {others}")
