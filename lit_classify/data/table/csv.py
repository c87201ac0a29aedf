"""Read a CSV file into columns of numbers or text.

polars parses the file in blocks of complete rows. The code here checks quotes and row lengths, and reports
errors with their line. Python's csv module reads only files that polars cannot.
"""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.memory import check_memory
from lit_classify.data.table.cells import MAX_EXACT_INTEGER, MISSING_VALUES, as_text, has_long_integers
from lit_classify.data.table.dialect import CsvOptions, Dialect, detect_dialect, is_blank
from lit_classify.errors import DataError, warn

_HEAD_BYTES, _HEAD_LINES = 1 << 16, 10  # minimum that is read to detect the dialect
_BLOCK_BYTES = 1 << 22
_MAX_OPEN_BYTES = 1 << 22  # a quote open for more bytes is an error
_FLOAT32_CELLS = 1 << 22  # larger tables use float32 where that is precise enough
_FLOAT32_SPREADS = 1000.0  # standard deviations from zero up to which float32 is precise enough
_FLOAT32_MAX_SPREAD = 1e30
_BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}

csv.field_size_limit(2**31 - 1)  # polars has no limit either; unclosed quotes are detected before

Schema = dict[str, type[pl.DataType]]
Update = Callable[[bytes], None]


class _WrongTypesError(Exception):
    """Columns contain cells that their assumed type cannot represent; the file must be read again."""

    def __init__(self, types: Schema) -> None:
        super().__init__(types)
        self.types = types


class _IrregularError(Exception):
    """polars would not read the rows as the csv module does."""


def read_csv(path: Path, options: CsvOptions) -> tuple[pl.DataFrame, str]:
    """Read a CSV file.

    Columns whose first cells are numbers become float64, or float32 in large tables where that is precise
    enough. A column that later contains text, or integers that floats cannot represent, is text.

    Returns:
        The rows, and the SHA-256 of the text.

    Raises:
        DataError: the file is empty, not in this encoding, too large for the memory, malformed, or not
            readable by polars.
    """
    head = _read_head(path, options.encoding)
    dialect, rows = detect_dialect(path, head, options)
    num_rows = round(path.stat().st_size * max(head.count("\n"), 1) / len(head.encode()))
    check_memory(path, num_rows, len(dialect.names))
    is_large = num_rows * len(dialect.names) > _FLOAT32_CELLS
    schema, limits = _guess_types(rows, dialect, options.text, is_large)
    split = _split_rows
    while True:
        try:
            digest = hashlib.sha256()
            blocks = split(path, options.encoding, dialect, digest.update)
            parts = list(_parse_blocks(path, blocks, dialect, schema, limits))
            break
        except _WrongTypesError as error:
            schema |= error.types
        except _IrregularError:
            if split is _rewrite_rows:
                raise DataError(
                    f"{path}: polars does not split its rows into {len(dialect.names)} fields as Python's "
                    f"csv module does; the delimiter is {dialect.delimiter!r}. Check the quotes and set "
                    "delimiter, or save the table as Parquet"
                ) from None
            split = _rewrite_rows
    if not parts:
        raise DataError(f"{path} has a header but no rows")
    free = set(dialect.names) - set(options.text)
    frame = _parse_commas(pl.concat(parts), free, is_decimal=dialect.delimiter != ",")
    return frame, digest.hexdigest()


def _guess_types(
    rows: Sequence[Sequence[str]], dialect: Dialect, text: Collection[str], is_large: bool
) -> tuple[Schema, dict[str, float]]:
    """Return the types of the columns by their first cells, and the largest numbers of float32 ones."""
    schema: Schema = dict.fromkeys(dialect.names, pl.String)
    rows = [row for row in rows if len(row) == len(dialect.names)]
    if not rows:
        return schema, {}
    cells = pl.DataFrame(dict(zip(dialect.names, zip(*rows, strict=True), strict=True)), schema)
    numbers, has_text = _cast(cells, dict.fromkeys(dialect.names, pl.Float64))
    limits = {}
    for name in set(dialect.names) - set(has_text) - set(text):
        if numbers[name].null_count() < len(numbers):
            schema[name] = pl.Float64
            spread: Any = numbers[name].filter(numbers[name].is_finite()).std(ddof=0) if is_large else None
            if spread and spread < _FLOAT32_MAX_SPREAD:
                schema[name], limits[name] = pl.Float32, _FLOAT32_SPREADS * spread
    return schema, limits


def _read_head(path: Path, encoding: str) -> str:
    """Return the first lines of a file, without leading blank ones if these are very many."""
    with path.open("rb") as file:
        start = file.read(4)
    for mark, name in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark) and _is_utf8(encoding):
            raise DataError(f"{path} is {name}; set encoding to {name.lower()}")
    chunks, num_lines, is_final = [], 0, True
    for chunk in _decode(path, encoding, _HEAD_BYTES):
        num_lines += chunk.count("\n") if num_lines else chunk.lstrip("\n").count("\n")
        chunks.append(chunk)
        if num_lines >= _HEAD_LINES:
            is_final = False
            break
    head = "".join(chunks)
    if not head.strip():
        raise DataError(f"{path} is empty")
    return head if is_final else head[: head.rindex("\n") + 1]


def _decode(path: Path, encoding: str, size: int | None = None) -> Iterator[str]:
    """Yield a file as text with LF line ends and without a byte-order mark; an empty text comes last.

    Raises:
        DataError: a byte is not in this encoding; names its line.
    """
    try:
        decoder = codecs.getincrementaldecoder("utf-8-sig" if _is_utf8(encoding) else encoding)()
    except LookupError as error:
        raise DataError(f"unknown encoding {encoding!r}") from error
    newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
    with path.open("rb") as file:
        raw = b"-"
        while raw:
            raw = file.read(size or _BLOCK_BYTES)
            try:
                text = newlines.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                position = file.tell() - len(error.object) + error.start
                file.seek(0)
                before = file.read(position).decode(encoding, errors="replace")
                line = 1 + len(re.findall("\r\n?|\n", before))
                raise DataError(
                    f"{path}, line {line}: byte "
                    f"{error.object[error.start]:#x} is not {encoding}; set encoding, for example to latin-1"
                ) from error
            except UnicodeError as error:
                raise DataError(f"{path} is not {encoding}: {error}") from error
            if "\0" in text:
                raise DataError(f"{path} contains NUL bytes; set encoding, for example to utf-16")
            yield text


def _is_utf8(encoding: str) -> bool:
    return encoding.lower() in {"utf-8", "utf8"}


def _decode_rows(path: Path, encoding: str, dialect: Dialect, update: Update) -> Iterator[bytes]:
    """Yield the text after the header as UTF-8, and pass all text to ``update``, that of a digest."""
    head, texts = "", _decode(path, encoding)
    for text in texts:
        head += text
        if head.count("\n") >= dialect.skip_lines:
            update(head.lstrip("\n").encode())
            yield head.split("\n", dialect.skip_lines)[-1].encode()
            break
    for text in texts:
        data = text.encode()
        update(data)
        yield data


def _split_rows(path: Path, encoding: str, dialect: Dialect, update: Update) -> Iterator[bytes]:
    """Yield blocks of complete rows.

    Raises:
        _IrregularError: a quote neither opens nor closes a cell, as in 5", or is not closed.
    """
    rest, line, joined = b"", dialect.skip_lines + 1, list[int]()
    for data in _decode_rows(path, encoding, dialect, update):
        rest += data
        ends = _outside_quotes(rest, "\n") if b'"' in rest else np.array([rest.rfind(b"\n")])
        end = int(ends.max(initial=-1)) + 1
        block, rest = _check_regular(rest[:end], dialect), rest[end:]
        num_lines = _count(block, "\n")
        if b'"' in block and len(ends) < num_lines:
            joined += _find_joined_rows(block, line, dialect)
        line += num_lines
        yield block
        if len(rest) > _MAX_OPEN_BYTES and rest.count(b'"') % 2:
            raise _IrregularError
    joined += _find_joined_rows(rest, line, dialect)
    yield _check_regular(rest, dialect)
    _warn_of_joined_rows(path, joined)


def _count(data: bytes, char: str) -> int:
    """Return how often a character occurs, five times as fast as ``bytes.count``."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord(char)))


def _outside_quotes(data: bytes, char: str) -> NDArray[np.intp]:
    """Return the positions of a character outside quoted cells, where every quote opens or closes one."""
    chars = np.frombuffer(data, np.uint8)
    positions, quotes = np.flatnonzero(chars == ord(char)), np.flatnonzero(chars == ord('"'))
    outside: NDArray[np.intp] = positions[np.searchsorted(quotes, positions) % 2 == 0]
    return outside


def _check_regular(data: bytes, dialect: Dialect) -> bytes:
    """Return a block in which quotes alternately open and close cells, or raise _IrregularError."""
    if b'"' in data:
        chars = np.frombuffer(b"\n" + data + b"\n", np.uint8)
        quotes = np.flatnonzero(chars == ord('"'))
        outer = np.concatenate([chars[quotes[::2] - 1], chars[quotes[1::2] + 1]])
        is_regular = np.isin(outer, np.frombuffer(f'\n"{dialect.delimiter}'.encode(), np.uint8)).all()
        if dialect.skip_spaces or len(quotes) % 2 or not is_regular:
            raise _IrregularError
    return data


def _rewrite_rows(path: Path, encoding: str, dialect: Dialect, update: Update) -> Iterator[bytes]:
    """Yield blocks of rows as the csv module reads them, with regular quotes and without blank lines.

    Raises:
        DataError: a row has another number of fields than the first, or a quote opens a cell by mistake.
    """
    line, joined = dialect.skip_lines + 1, list[int]()
    row_lines, out = list[str](), io.StringIO()
    writer = csv.writer(out, delimiter=dialect.delimiter, lineterminator="\n")

    def record_lines() -> Iterator[str]:
        rest, size = "", 0
        for data in _decode_rows(path, encoding, dialect, update):
            *lines, rest = (rest + data.decode()).split("\n")
            for part in lines:
                size = size + len(part) if row_lines else 0
                if size > _MAX_OPEN_BYTES:
                    _check_quotes(path, line, "".join(row_lines), dialect)
                    size = 0
                row_lines.append(f"{part}\n")
                yield row_lines[-1]
        row_lines.append(rest)
        yield rest

    for row in csv.reader(record_lines(), delimiter=dialect.delimiter, skipinitialspace=dialect.skip_spaces):
        _check_quotes(path, line, "".join(row_lines), dialect)
        if len(row_lines) > 1:
            joined += _find_joined_rows("".join(row_lines).rstrip().encode(), line, dialect)
        if len(row) == len(dialect.names):
            writer.writerow(row)
        elif not is_blank(row):
            raise DataError(
                f"{path}, line {line}: {len(row)} fields, but the first row has {len(dialect.names)}; "
                f"the delimiter is {dialect.delimiter!r}"
            )
        elif len(dialect.names) == 1:
            out.write('""\n')
        line += len(row_lines)
        row_lines.clear()
        if out.tell() > _BLOCK_BYTES:
            yield out.getvalue().encode()
            out.seek(out.truncate(0))
    yield out.getvalue().encode()
    _warn_of_joined_rows(path, joined)


def _check_quotes(path: Path, line: int, row: str, dialect: Dialect) -> None:
    """Raise DataError for a quote that opens a cell and is not closed, or on another line amid text."""
    boundary, spaces = rf"[\n{re.escape(dialect.delimiter)}]", " *" * dialect.skip_spaces
    pattern = rf"""(?:\A|{boundary}){spaces}("[^"]*+(?:""[^"]*+)*+)("(?= *(?:{boundary}|\Z)))?"""
    for cell in re.finditer(pattern, row) if '"' in row else ():
        is_open = cell.end() == len(row) and not cell[2]
        if is_open or ("\n" in cell[1] and not cell[2]):
            fault = "is not closed" if is_open else "is closed on another line, in the middle of a cell"
            line += row.count("\n", 0, cell.start(1))
            raise DataError(
                f"{path}, line {line}: a quote opens a cell here and {fault}; if it is an inch mark or the "
                'like, remove it, or double it in a quoted cell: "5"" wide"'
            )


def _parse_blocks(
    path: Path, blocks: Iterator[bytes], dialect: Dialect, schema: Schema, limits: Mapping[str, float]
) -> Iterator[pl.DataFrame]:
    """Yield the rows of each block.

    Args:
        path: the file.
        blocks: its complete rows.
        dialect: its format.
        schema: the type of each column.
        limits: the largest number allowed in each float32 column.

    Raises:
        _IrregularError: polars cannot read them.
        _WrongTypesError: a column needs another type.
    """
    for data in blocks:
        if data and not data.isspace():
            frame = _parse(data, dialect, schema)
            _check_precision(data, frame, dialect, limits)
            yield frame


def _find_joined_rows(data: bytes, line: int, dialect: Dialect) -> list[int]:
    """Return the lines of rows that two inch marks may have joined: each of their lines looks like a row."""
    num_delimiters = len(dialect.names) - 1
    return [
        line + data.count(b"\n", 0, rows.start())
        for rows in re.finditer(rb'^[^"\n]*+"[^"\n]*+\n[^"]*+"[^"\n]*+$', data, re.MULTILINE)
        if all(line.count(dialect.delimiter.encode()) == num_delimiters > 0 for line in rows[0].split(b"\n"))
        and data.count(b'"', 0, rows.start()) % 2 == 0
    ]


def _warn_of_joined_rows(path: Path, lines: Sequence[int]) -> None:
    if lines:
        warn(
            f"{path}, line {lines[0]}: each line of a quoted cell looks like a row, as in {len(lines):,} "
            "places; if the quotes are inch marks or the like, remove them"
        )


def _parse(data: bytes, dialect: Dialect, schema: Schema) -> pl.DataFrame:
    """Convert a block to columns: directly, or by way of text where numbers have spaces or missing values."""
    if len(schema) > 1:
        data = data.lstrip(b"\n")
    for types in (schema, dict.fromkeys(schema, pl.String)):
        try:
            frame = pl.read_csv(data, has_header=False, schema=types, separator=dialect.delimiter)
        except pl.exceptions.PolarsError:
            continue
        delimiter = dialect.delimiter
        count = len(_outside_quotes(data, delimiter)) if b'"' in data else _count(data, delimiter)
        if count != (len(schema) - 1) * len(frame):
            break
        if types is schema:
            return frame
        frame, has_text = _cast(frame, schema)
        if has_text:
            raise _WrongTypesError(dict.fromkeys(has_text, pl.String))
        return frame
    raise _IrregularError


def _cast(text: pl.DataFrame, schema: Schema) -> tuple[pl.DataFrame, list[str]]:
    """Convert text to numbers, missing values to null; return also the columns with other cells."""
    numeric: Any = {name: dtype for name, dtype in schema.items() if dtype != pl.String}
    stripped = text.select(pl.col(list(numeric)).str.strip_chars().replace(list(MISSING_VALUES), None))
    numbers = stripped.cast(numeric, strict=False)
    missing = zip(numeric, stripped.null_count().row(0), numbers.null_count().row(0), strict=True)
    return text.with_columns(numbers), [name for name, before, after in missing if after > before]


def _check_precision(data: bytes, frame: pl.DataFrame, dialect: Dialect, limits: Mapping[str, float]) -> None:
    """Raise _WrongTypesError for columns with numbers that their type cannot represent precisely."""
    largest = frame.select(pl.col(pl.Float32, pl.Float64).abs().max())
    sizes = next(largest.iter_rows(named=True), {})
    is_float32 = [name for name in limits if frame[name].dtype == pl.Float32]
    types: Schema = {name: pl.Float64 for name in is_float32 if (sizes[name] or 0) > limits[name]}
    large = [name for name, size in sizes.items() if (size or 0) >= MAX_EXACT_INTEGER]
    if large:
        text = _parse(data, dialect, dict.fromkeys(dialect.names, pl.String))
        types |= {name: pl.String for name in large if has_long_integers(text[name].str.strip_chars())}
    if types:
        raise _WrongTypesError(types)


def _parse_commas(frame: pl.DataFrame, names: Collection[str], is_decimal: bool) -> pl.DataFrame:
    """Convert text such as 1,5 (decimal comma) or "1,234.5" (thousands) to numbers in columns of such cells.

    A comma is a decimal comma only where it is not the delimiter.
    """
    pattern = r"^[+-]?\d+(,\d+)?$" if is_decimal else r"^[+-]?\d{1,3}(,\d{3})*(\.\d+)?$|^[+-]?\d+(\.\d+)?$"
    columns = []
    for series in frame:
        if series.name in names and series.dtype == pl.String:
            cells = as_text(series)
            if cells.str.contains(",", literal=True).any() and cells.str.contains(pattern).all():
                plain = cells.str.replace_all(",", "." if is_decimal else "", literal=True)
                series = plain.cast(pl.Float64, strict=False)
        columns.append(series)
    return pl.DataFrame(columns)
