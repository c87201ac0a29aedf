"""Read a CSV file into columns of values or text.

polars parses the file in blocks of complete rows. Python's csv module reads blocks that polars would read
differently, and names the line of a faulty row.
"""

import csv
import hashlib
import io
import re
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.memory import check_memory, own_memory
from lit_classify.data.read_ahead import read_ahead
from lit_classify.data.table.cells import MAX_EXACT_INTEGER, has_long_integers, missing_to_null
from lit_classify.data.table.compression import find_compression, sizes_so_far
from lit_classify.data.table.csv_dialect import CsvOptions, Dialect, detect_dialect, is_blank
from lit_classify.data.table.csv_text import read_head, read_text
from lit_classify.data.table.text_conversion import FormatDetector, convert_text
from lit_classify.data.table.value_formats import ValueFormat
from lit_classify.errors import DataError
from lit_classify.messages import warn

_MAX_OPEN_BYTES = 1 << 22  # a quote open for more bytes is an error
_FLOAT32_CELLS = 1 << 22  # larger tables use float32 where that is precise enough
_FLOAT32_SPREADS = 1000.0  # standard deviations from zero up to which it is
_FLOAT32_MAX = 1e33

csv.field_size_limit(2**31 - 1)  # polars has no limit either; unclosed quotes are detected before

Formats = dict[str, ValueFormat | None]  # of each column; None for text
Row = Sequence[str | None]


class Place(NamedTuple):
    """Where a block of rows begins in a file of text.

    Attributes:
        read: number of texts after the header that are read; of JSON lines the number of bytes.
        rest: their end, with which the block begins.
        lines: number of lines after the header.
        joined: lines of rows that may be joined.
    """

    read: int = 0
    rest: str = ""
    lines: int = 0
    joined: Sequence[int] = ()


FIRST_ROW = Place()


def read_csv(path: Path, options: CsvOptions) -> tuple[pl.DataFrame, str, dict[str, ValueFormat]]:
    """Read a CSV file.

    Columns whose first cells have the same format are converted block by block: numbers become float64, or
    float32 in large tables where that is precise enough. A column that later contains other text, or integers
    that floats cannot represent, is read as text, and converted if all of its cells have another format.

    Returns:
        The rows, the SHA-256 of the text, and the formats of values that are not plain numbers.

    Raises:
        DataError: the file is empty, not in this encoding, too large for the memory, or malformed.
    """
    head = read_head(path, options.encoding)
    dialect, rows = detect_dialect(path, head, options)
    for size in sizes_so_far(path):
        num_rows = round(size * max(head.count("\n"), 1) / len(head.encode()))
        check_memory(path, num_rows, len(dialect.names))
    is_large = num_rows * len(dialect.names) > _FLOAT32_CELLS
    detector = FormatDetector(options.values, decimal="," if dialect.delimiter == ";" else ".")
    formats, found = Formats(), _guess_formats(rows, dialect, options, detector)
    while formats != found:  # at first, and whenever a block does not have the format of its column
        formats, digest, spreads, parts = found, hashlib.sha256(), dict[str, float](), list[pl.DataFrame]()
        with (
            read_ahead(read_text(path, options, dialect, digest.update)) as texts,
            read_ahead(_parse_blocks(path, texts, options, dialect, formats)) as frames,
        ):
            for frame, _ in frames:
                found = {part.name: None if part.dtype == pl.String else formats[part.name] for part in frame}
                if found != formats:
                    break
                parts.append(_to_float32(frame, spreads) if is_large else frame)
    if not parts:
        raise DataError(f"{path} has a header but no rows")
    frame, others = convert_text(
        pl.concat(parts, how="vertical_relaxed"), options.values, str(path), detector
    )
    converted = {name: part for name, part in formats.items() if part is not None and not part.is_plain}
    return frame, digest.hexdigest(), {**converted, **others}


def detect_formats(path: Path, options: CsvOptions) -> Formats:
    """Return the formats of all columns by the first block of a file; None for text."""
    dialect, formats, detector = _detect(path, options)
    with closing(read_text(path, options, dialect)) as texts:
        frame, _ = next(_parse_blocks(path, texts, options, dialect, formats), (None, None))
    if frame is None:
        raise DataError(f"{path} has a header but no rows")
    known = {part.name: formats[part.name] for part in frame if part.dtype != pl.String}
    converted, others = convert_text(frame, options.values, str(path), detector)
    return {
        part.name: None
        if part.dtype == pl.String
        else known.get(part.name) or others.get(part.name, ValueFormat())
        for part in converted
    }


def iterate_blocks(
    path: Path, options: CsvOptions, formats: Mapping[str, ValueFormat | None], start: Place
) -> Iterator[tuple[pl.DataFrame, Place]]:
    """Yield the rows of a file in blocks; a column with a cell that has another format is text in that block.

    Args:
        path: the file.
        options: how to read it.
        formats: the formats of columns; others are text.
        start: where the first block begins.

    Yields:
        The rows, and where the next block begins.
    """
    dialect, _, _ = _detect(path, options)
    known = {name: formats.get(name) for name in dialect.names}
    with closing(read_text(path, options, dialect)) as texts:
        yield from _parse_blocks(path, texts, options, dialect, known, start)


def estimate_rows(path: Path, options: CsvOptions) -> int | None:
    """Return about how many rows a file has, by its size; None if it is compressed."""
    if find_compression(path):
        return None
    head = read_head(path, options.encoding)
    return round(path.stat().st_size * max(head.count("\n"), 1) / len(head.encode()))


def digest_text(path: Path, options: CsvOptions) -> str:
    """Return the SHA-256 of the text, as ``read_csv`` returns it."""
    digest, dialect = hashlib.sha256(), detect_dialect(path, read_head(path, options.encoding), options)[0]
    for _ in read_text(path, options, dialect, digest.update):
        pass
    return digest.hexdigest()


def _detect(path: Path, options: CsvOptions) -> tuple[Dialect, Formats, FormatDetector]:
    """Return the dialect, and the formats of the columns by their first cells."""
    dialect, rows = detect_dialect(path, read_head(path, options.encoding), options)
    detector = FormatDetector(options.values, decimal="," if dialect.delimiter == ";" else ".")
    return dialect, _guess_formats(rows, dialect, options, detector), detector


def _guess_formats(
    rows: Sequence[Sequence[str]], dialect: Dialect, options: CsvOptions, detector: FormatDetector
) -> Formats:
    """Return the formats of the columns by their first cells; ambiguous columns are text for now."""
    complete = [row for row in rows if len(row) == len(dialect.names)]
    text = pl.DataFrame(complete, dict.fromkeys(dialect.names, pl.String()), orient="row")
    cells = text.select(missing_to_null(pl.all(), options.values.missing_values))
    cells = cells.drop(options.values.text, strict=False)
    plain = detector.detect_plain(cells)
    others = detector.detect(cells.drop(plain))
    found = {**dict.fromkeys(plain, ValueFormat()), **{name: part for name, (part, _) in others.items()}}
    return {name: found.get(name) for name in dialect.names}


def _parse_blocks(
    path: Path,
    texts: Iterator[bytes],
    options: CsvOptions,
    dialect: Dialect,
    formats: Formats,
    start: Place = FIRST_ROW,
) -> Generator[tuple[pl.DataFrame, Place]]:
    """Yield the rows in blocks, and where each ends; columns of values that contain other text are text.

    Args:
        path: the file.
        texts: its text below the header.
        options: which cells are missing values.
        dialect: its format.
        formats: the format of each column.
        start: where the first block begins.

    Raises:
        DataError: a row has another number of fields than the first, or a quote opens a cell by mistake.
    """
    missing = options.values.missing_values
    rest, line, joined = start.rest.encode(), dialect.skip_lines + 1 + start.lines, [*start.joined]
    for number, text in enumerate(islice(texts, start.read, None), start.read + 1):
        rest += text or (b"\n" if rest else b"")  # the last line may lack its end
        lines = rest[: rest.rfind(b"\n") + 1]
        end = _find_end(lines, dialect)
        frame = _parse(lines[:end], dialect, formats, missing) if end else None
        if frame is None or _may_have_joined_rows(lines[:end], frame, dialect):
            rows, end, found = _read_rows(path, line, lines, dialect)
            frame, joined = apply_formats(_to_text(rows, formats), formats, missing), joined + found
        next_line = line + _count(lines[:end], "\n")
        if len(frame):
            yield frame, Place(number, rest[end:].decode(), next_line - dialect.skip_lines - 1, joined)
        line = next_line
        is_open = lines[end:]
        if not text or len(is_open) - is_open.find(b"\n") > _MAX_OPEN_BYTES:
            _check_quotes(path, line, is_open.decode(), dialect)
        rest = rest[end:]
    if joined:
        warn(
            f"{path}, line {joined[0]}: each line of a quoted cell looks like a row, as in {len(joined):,} "
            "places; if the quotes are inch marks or the like, remove them"
        )


def _count(data: bytes, char: str) -> int:
    """Return how often a character occurs, five times as fast as ``bytes.count``."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord(char)))


def _outside_quotes(data: bytes, char: str) -> NDArray[np.intp]:
    """Return the positions of a character outside quoted cells, where every quote opens or closes one."""
    chars = np.frombuffer(data, np.uint8)
    positions, quotes = np.flatnonzero(chars == ord(char)), np.flatnonzero(chars == ord('"'))
    outside: NDArray[np.intp] = positions[np.searchsorted(quotes, positions) % 2 == 0]
    return outside


def _find_end(lines: bytes, dialect: Dialect) -> int | None:
    """Return where the last complete row ends, or None unless quotes alternately open and close cells."""
    if b'"' not in lines:
        return len(lines)
    chars = np.frombuffer(b"\n" + lines, np.uint8)
    quotes = np.flatnonzero(chars == ord('"'))
    outer = np.concatenate([chars[quotes[::2] - 1], chars[quotes[1::2] + 1]])
    is_regular = np.isin(outer, np.frombuffer(f'\n"{dialect.delimiter}'.encode(), np.uint8)).all()
    if dialect.skip_spaces or not is_regular:
        return None
    return int(_outside_quotes(lines, "\n").max(initial=-1)) + 1


def _read_rows(path: Path, line: int, data: bytes, dialect: Dialect) -> tuple[list[Row], int, list[int]]:
    """Return rows as the csv module reads them.

    Returns:
        The rows, where the last complete one ends in ``data``, and lines of rows that may be joined.

    Raises:
        DataError: a row has another number of fields than the first, or a quote opens a cell by mistake.
    """
    lines = io.StringIO(data.decode(), newline="\n").readlines()
    # the line added shows whether a quote is still open: then it belongs to the last row
    delimiter = dialect.delimiter
    reader = csv.reader([*lines, "\n"], delimiter=delimiter, skipinitialspace=dialect.skip_spaces)
    rows, joined, start, width = list[Row](), list[int](), 0, len(dialect.names)
    for row in reader:
        if reader.line_num > len(lines):
            break
        parts = lines[start : reader.line_num]
        text = "".join(parts)
        _check_quotes(path, line + start, text, dialect)
        if len(row) == width:
            rows.append(tuple([cell or None for cell in row]))  # lists would slow down garbage collection
        elif not is_blank(row):
            title = "; remove a title or comments above the names of the columns" * (width == 1)
            raise DataError(
                f"{path}, line {line + start}: {len(row)} fields, but the first row has {width}; "
                f"the delimiter is {delimiter!r}{title}"
            )
        elif width == 1:
            rows.append((None,))
        if len(parts) > 1 and text.count('"') == 2:  # two inch marks, if each line looks like a row
            joined += [line + start] * all(part.count(delimiter) == width - 1 > 0 for part in parts)
        start = reader.line_num
    return rows, len("".join(lines[:start]).encode()), joined


def _check_quotes(path: Path, line: int, text: str, dialect: Dialect) -> None:
    """Raise DataError for a quote that opens a cell and is not closed, or on another line amid text."""
    if '"' not in text:
        return
    boundary, spaces = rf"[\n{re.escape(dialect.delimiter)}]", " *" * dialect.skip_spaces
    pattern = rf"""(?:\A|{boundary}){spaces}("[^"]*+(?:""[^"]*+)*+)("(?= *(?:{boundary}|\Z)))?"""
    for cell in re.finditer(pattern, text):
        is_open = cell.end() == len(text) and not cell[2]
        if is_open or ("\n" in cell[1] and not cell[2]):
            fault = "is not closed" if is_open else "is closed on another line, in the middle of a cell"
            line += text.count("\n", 0, cell.start(1))
            raise DataError(
                f"{path}, line {line}: a quote opens a cell here and {fault}; if it is an inch mark or the "
                'like, remove it, or double it in a quoted cell: "5"" wide"'
            )


def _may_have_joined_rows(data: bytes, frame: pl.DataFrame, dialect: Dialect) -> bool:
    """Return whether two inch marks may have joined rows: a cell with delimiters and line ends of several."""
    if b'"' not in data or len(frame) == _count(data, "\n"):
        return False
    cells = pl.col(pl.String).str
    ends, delimiters = (cells.count_matches(char, literal=True) for char in ("\n", dialect.delimiter))
    is_joined = (delimiters > 0) & (delimiters == ends * (len(dialect.names) - 1))
    return any(part.item() for part in frame.select(is_joined.any()))


def _parse(data: bytes, dialect: Dialect, formats: Formats, missing: Collection[str]) -> pl.DataFrame | None:
    """Convert rows to columns: directly, or by way of text where floats may not represent the cells.

    Returns:
        The columns, or None if polars reads other rows than the csv module.
    """
    delimiter = dialect.delimiter
    plain = {name for name, part in formats.items() if part is not None and part.is_plain}
    for numeric in (plain, set[str]()):
        types = {name: pl.Float64() if name in numeric else pl.String() for name in formats}
        with suppress(pl.exceptions.PolarsError):
            frame = pl.read_csv(data, has_header=False, schema=types, separator=delimiter)
            if not len(frame) or frame.to_series(-1).null_count():  # rows may be too short
                count = len(_outside_quotes(data, delimiter)) if b'"' in data else _count(data, delimiter)
                if count != (len(formats) - 1) * len(frame):
                    return None
            sizes = frame.select(pl.col(pl.Float64).abs().max())
            if not any((part.item() or 0) >= MAX_EXACT_INTEGER for part in sizes):
                return apply_formats(frame, formats, missing)
    return None


def _to_text(rows: Sequence[Row], names: Collection[str]) -> pl.DataFrame:
    """Return rows as columns of text."""
    return pl.DataFrame(rows, dict.fromkeys(names, pl.String()), orient="row")


def apply_formats(
    frame: pl.DataFrame, formats: Mapping[str, ValueFormat | None], missing: Collection[str]
) -> pl.DataFrame:
    """Convert text to values, missing values to null; columns with other text or long integers stay text."""
    for clean in (
        False,
        True,
    ):  # cells of values seldom need it, and numbers are compared with ``missing`` later
        known = {
            part.name: found
            for part in frame
            if part.dtype == pl.String
            and (found := formats.get(part.name))
            and (clean or not missing or found.is_plain)
        }
        cells = frame.select(missing_to_null(pl.col(list(known)), missing) if clean else pl.col(list(known)))
        converted = cells.select(part.expression(pl.col(name)) for name, part in known.items())
        frame = frame.with_columns(
            values
            for values, text in zip(converted, cells, strict=True)
            if values.null_count() == text.null_count()
            and not (known[text.name].is_plain and has_long_integers(text, values))
        )
    return frame


def _to_float32(frame: pl.DataFrame, spreads: dict[str, float]) -> pl.DataFrame:
    """Convert columns to float32 where that is precise enough, compared with the spread of the numbers.

    Args:
        frame: a block of rows.
        spreads: the largest standard deviation of each column in a block so far; updated.
    """
    numbers = frame.select(pl.col(pl.Float64))
    sizes = numbers.select(pl.all().abs().max().fill_null(0.0))
    finite = numbers.select(pl.all().filter(pl.all().is_finite()).std(ddof=0).fill_null(0.0))
    for part in finite:
        spreads[part.name] = max(spreads.get(part.name, 0.0), part.item())
    limits = {name: min(_FLOAT32_SPREADS * spread, _FLOAT32_MAX) for name, spread in spreads.items()}
    precise = [part.name for part in sizes if part.item() <= limits[part.name]]
    return own_memory(frame.cast(dict.fromkeys(precise, pl.Float32)))
