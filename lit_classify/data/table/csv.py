"""Read a CSV file into columns of values or text.

polars parses the file in blocks of complete rows. Python's csv module reads blocks that polars would read
differently, and names the line of a faulty row.
"""

import csv
import hashlib
import io
import re
from collections.abc import Collection, Generator, Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from lit_classify.data.memory import check_memory, to_releasable_memory
from lit_classify.data.read_ahead import read_ahead
from lit_classify.data.table.cells import MAX_EXACT_INTEGER, has_long_integers, missing_to_null
from lit_classify.data.table.compression import sizes_so_far
from lit_classify.data.table.csv_dialect import CsvOptions, Dialect, detect_dialect, is_blank
from lit_classify.data.table.csv_rows import (
    RowBlock,
    misplaced_quote,
    numbered_rows,
    outside_quotes,
    read_rows,
)
from lit_classify.data.table.csv_text import read_head
from lit_classify.data.table.text_conversion import Converted, FormatDetector, convert_text
from lit_classify.data.table.value_formats import Formats, ValueFormat
from lit_classify.errors import DataError
from lit_classify.messages import warn

_FLOAT32_CELLS = 1 << 22  # larger tables use float32 where that is precise enough
_FLOAT32_SPREADS = 1000.0  # up to so many standard deviations from zero, float32 is precise enough
_FLOAT32_MAX = 1e33


class CsvFile:
    r"""A CSV file.

    Args:
        path: the file.
        options: how to read it.

    Attributes:
        dialect: its delimiter, header and column names.

    Raises:
        DataError: the file is empty, not in this encoding, or its header is unusable.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "t.csv")
        ...     _ = path.write_text("size;color\n1,5;red\n2,5;blue\n")
        ...     converted, _ = CsvFile(path, CsvOptions()).read()
        >>> converted.frame.rows(), converted.formats["size"].decimal
        ([(1.5, 'red'), (2.5, 'blue')], ',')
    """

    def __init__(self, path: Path, options: CsvOptions) -> None:
        self.path, self.options, self.dialect = path, options, detect_dialect(path, options)

    def read(self) -> tuple[Converted, str]:
        """Read all rows.

        Columns whose first cells have the same format are converted block by block: numbers become float64,
        or float32 in large tables where that is precise enough. A column that later contains other text, or
        integers that floats cannot represent, is read as text, and converted if all of its cells have another
        format.

        Returns:
            The rows, and the SHA-256 of the text.

        Raises:
            DataError: the file is not in this encoding, too large for the memory, or malformed.
        """
        width = len(self.dialect.names)
        for size in sizes_so_far(self.path):
            num_rows = round(size / self.dialect.bytes_per_line)
            check_memory(self.path, num_rows, width)
        is_large = num_rows * width > _FLOAT32_CELLS
        formats, detector = self.guess_formats()
        blocks, digest, mismatched = self._read_as(formats, is_large)
        while mismatched:
            formats = {name: formats[name] for name in formats if name not in mismatched}
            blocks, digest, mismatched = self._read_as(formats, is_large)
        if not blocks:
            raise DataError(f"{self.path} has a header but no rows")
        table = pl.concat(blocks, how="vertical_relaxed")
        converted = convert_text(table, self.options.values, str(self.path), detector)
        return converted._replace(formats=formats | converted.formats), digest

    def _read_as(self, formats: Formats, is_large: bool) -> tuple[list[pl.DataFrame], str, Collection[str]]:
        """Read all rows, or stop at a block with a cell that does not have the format of its column.

        Returns:
            The blocks, the SHA-256 of the text, and the columns with such cells in the last block.
        """
        spreads, frames = dict[str, float](), list[pl.DataFrame]()
        digest = hashlib.sha256(self.dialect.normalized_header)
        with read_ahead(self.blocks(formats)) as blocks:
            for frame, block in blocks:
                dtypes = frame.schema
                if mismatched := {name for name in formats if dtypes[name] == pl.String}:
                    return frames, "", mismatched
                digest.update(block.data)
                if len(frame):
                    frames.append(_to_float32(frame, spreads) if is_large else frame)
        return frames, digest.hexdigest(), ()

    def guess_formats(self) -> tuple[dict[str, ValueFormat], FormatDetector]:
        """Return the formats of columns in the first rows, except ambiguous ones, and their detector."""
        dialect, values = self.dialect, self.options.values
        head = read_head(self.path, self.options.encoding)
        lines = io.StringIO(head).readlines()[len(dialect.header) :]
        rows = [row for row in csv.reader(lines, **dialect.csv_options) if len(row) == len(dialect.names)]
        cells = _to_text(rows, dialect).select(missing_to_null(pl.all(), values.missing_values))
        detector = FormatDetector(values, decimal="," if dialect.delimiter == ";" else ".")
        return detector.detect_formats(cells.drop(values.text_columns, strict=False)), detector

    def digest(self) -> str:
        """Return the SHA-256 of the text, as ``read`` returns it."""
        digest = hashlib.sha256(self.dialect.normalized_header)
        for block in read_rows(self.path, self.options.encoding, self.dialect):
            digest.update(block.data)
        return digest.hexdigest()

    def blocks(self, formats: Formats, start: int = 0) -> Generator[tuple[pl.DataFrame, RowBlock]]:
        """Yield the rows in blocks; a column with a cell that has another format is text in that block.

        Args:
            formats: the formats of columns; others are text.
            start: number of lines before the first block, if it does not follow the header.

        Yields:
            The rows, of which there may be none, and their text.

        Raises:
            DataError: a row has another number of fields than the first, or a quote opens a cell by mistake.
        """
        path, dialect, missing = self.path, self.dialect, self.options.values.missing_values
        joined_lines = list[int]()
        with read_ahead(read_rows(path, self.options.encoding, dialect, start)) as blocks:
            for block in blocks:
                frame = _parse(block.data, dialect, formats, missing) if block.is_regular else None
                if frame is None:
                    frame = apply_formats(_parse_by_csv_module(path, block, dialect), formats, missing)
                if len(frame) < block.end - block.start:
                    joined_lines += _joined_rows(frame, block, dialect)
                yield frame, block
        if joined_lines:
            warn(
                f"{path}, line {joined_lines[0]}: each line of a quoted cell looks like a row, as in "
                f"{len(joined_lines):,} places; if the quotes are inch marks or the like, remove them"
            )


def _parse(data: bytes, dialect: Dialect, formats: Formats, missing: Collection[str]) -> pl.DataFrame | None:
    """Convert rows to columns: numbers directly, or as text first where floats may not represent the cells.

    Returns:
        The columns, or None if polars reads other rows than the csv module.
    """
    plain = [name for name in dialect.names if name in formats and formats[name].is_plain]
    frame = _read_by_polars(data, dialect, plain)
    if frame is None or _has_large_numbers(frame):
        frame = _read_by_polars(data, dialect, numeric=())
    if frame is None:
        return None
    if not len(frame) or frame.to_series(-1).null_count():  # rows may be too short
        num_delimiters = len(outside_quotes(data, dialect.delimiter))
        if num_delimiters != (len(dialect.names) - 1) * len(frame):
            return None
    return apply_formats(frame, formats, missing)


def _read_by_polars(data: bytes, dialect: Dialect, numeric: Collection[str]) -> pl.DataFrame | None:
    """Return rows as numbers in some columns and text in others; None if polars cannot read them."""
    schema = {**dict.fromkeys(dialect.names, pl.String()), **dict.fromkeys(numeric, pl.Float64())}
    with suppress(pl.exceptions.PolarsError):
        return pl.read_csv(data, has_header=False, schema=schema, separator=dialect.delimiter)
    return None


def _has_large_numbers(frame: pl.DataFrame) -> bool:
    """Return whether some numbers are so large that floats may not represent them."""
    maxima = frame.select(pl.col(pl.Float64).abs().max())
    return any((maximum.item() or 0) >= MAX_EXACT_INTEGER for maximum in maxima)


def _parse_by_csv_module(path: Path, block: RowBlock, dialect: Dialect) -> pl.DataFrame:
    """Return rows as columns of text.

    Raises:
        DataError: a row has another number of fields than the first, or a quote opens a cell by mistake.
    """
    rows, width = list[tuple[str | None, ...]](), len(dialect.names)
    for number, lines, row in numbered_rows(block, dialect):
        if len(lines) > 1:
            quoted = [re.sub(rf'" +({re.escape(dialect.delimiter)}|$)', r'"\1', line) for line in lines]
            try:
                list(csv.reader(quoted, strict=True, **dialect.csv_options))
            except csv.Error as error:
                fault = "is closed on another line, in the middle of a cell"
                raise misplaced_quote(path, number, fault) from error
        if len(row) == width:
            rows.append(tuple([cell or None for cell in row]))  # lists would slow down garbage collection
        elif not is_blank(row):
            advice = "; remove a title or comments above the names of the columns" if width == 1 else ""
            raise DataError(
                f"{path}, line {number}: {len(row)} fields, but the first row has {width}; "
                f"the delimiter is {dialect.delimiter!r}{advice}"
            )
        elif width == 1:
            rows.append((None,))
    return _to_text(rows, dialect)


def _to_text(rows: Sequence[Sequence[str | None]], dialect: Dialect) -> pl.DataFrame:
    """Return rows as columns of text."""
    return pl.DataFrame(rows, dict.fromkeys(dialect.names, pl.String()), orient="row")


def _joined_rows(frame: pl.DataFrame, block: RowBlock, dialect: Dialect) -> list[int]:
    """Return the lines of rows that two inch marks may have joined: each of their lines looks like a row."""
    delimiter, num_delimiters, cells = dialect.delimiter, len(dialect.names) - 1, pl.col(pl.String).str
    newlines, inner_delimiters = (cells.count_matches(char, literal=True) for char in ("\n", delimiter))
    is_joined = (inner_delimiters > 0) & (inner_delimiters == newlines * num_delimiters)
    if not any(column.item() for column in frame.select(is_joined.any())):
        return []
    return [
        number
        for number, lines, _ in numbered_rows(block, dialect)
        if len(lines) > 1
        and "".join(lines).count('"') == 2
        and all(line.count(delimiter) == num_delimiters for line in lines)
    ]


def apply_formats(frame: pl.DataFrame, formats: Formats, missing: Collection[str]) -> pl.DataFrame:
    """Convert text to values, missing values to null; columns with other text or long integers stay text."""
    texts = [series.name for series in frame if series.dtype == pl.String and series.name in formats]
    text = frame.select(missing_to_null(pl.col(texts), missing))
    converted = text.select(formats[name].expression(pl.col(name)) for name in texts)
    return frame.with_columns(
        values
        for values, cells in zip(converted, text, strict=True)
        if values.null_count() == cells.null_count()
        and not (formats[cells.name].is_plain and has_long_integers(cells, values))
    )


def _to_float32(frame: pl.DataFrame, spreads: dict[str, float]) -> pl.DataFrame:
    """Convert columns to float32 where that is precise enough, compared with the spread of the numbers.

    Args:
        frame: a block of rows.
        spreads: the largest standard deviation of each column in a block so far; updated.
    """
    numbers = frame.select(pl.col(pl.Float64))
    maxima = numbers.select(pl.all().abs().max().fill_null(0.0))
    stds = numbers.select(pl.all().filter(pl.all().is_finite()).std(ddof=0).fill_null(0.0))
    for std in stds:
        spreads[std.name] = max(spreads.get(std.name, 0.0), std.item())
    limits = {name: min(_FLOAT32_SPREADS * spread, _FLOAT32_MAX) for name, spread in spreads.items()}
    precise = [maximum.name for maximum in maxima if maximum.item() <= limits[maximum.name]]
    return to_releasable_memory(frame.cast(dict.fromkeys(precise, pl.Float32)))
