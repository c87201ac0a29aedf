"""A CSV file in blocks of whole rows: decoded, counted and parsed, so that a fault is said with its line."""

import codecs
import csv
import io
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from lit_classify.data.dialect import MISSING, Dialect
from lit_classify.errors import DataError

_HEAD = 1 << 16
_BLOCK = 1 << 22
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_AT_REST = (b"", 0)  # the state of a decoder that waits for nothing


Schema = Mapping[str, type[pl.DataType]]


class Reread(Exception):
    """Columns that turn out otherwise than they began, so that the file must be read anew.

    Args:
        text: columns that hold words, though they began with numbers.
        wide: columns with numbers too far from each other for single precision.
    """

    def __init__(self, text: set[str], wide: set[str]) -> None:
        super().__init__(text, wide)
        self.text = text
        self.wide = wide


def read_head(path: Path, encoding: str) -> str:
    """Return the first rows as text.

    Raises:
        DataError: an empty file, or another encoding than said.
    """
    with path.open("rb") as file:
        start = file.read(_HEAD)
    for mark, name in _MARKS.items():
        if start.startswith(mark) and encoding == "utf-8":
            raise DataError(f"{path} is {name}; give encoding {name.lower()}")
    try:
        head = _decoder(encoding).decode(start)
    except LookupError as error:
        raise DataError(f"unknown encoding {encoding!r}") from error
    except UnicodeError as error:
        raise _not_encoded(path, encoding, error, 1) from error
    if not head.strip():
        raise DataError(f"{path} is empty")
    return head.lstrip("\n")


def read_blocks(
    path: Path, encoding: str, dialect: Dialect, numeric: Collection[str], single: Mapping[str, float]
) -> tuple[pl.DataFrame, int]:
    """Read all rows and their checksum.

    Args:
        path: the file.
        encoding: how its text is encoded.
        dialect: how its fields are parted and named.
        numeric: the columns to read as numbers; the others stay text.
        single: those of them that single precision is enough for, as long as they are no larger than this.

    Raises:
        DataError: bytes of another encoding, rows of other lengths, or no rows.
        Reread: a column of ``numeric`` holds a word, or one of ``single`` larger numbers.
    """
    schema = {
        name: pl.Float32 if name in single else pl.Float64 if name in numeric else pl.String
        for name in dialect.names
    }
    parts, checksum, line, skip = [], 0, 1, dialect.header
    for lines, block in _blocks(path, encoding):
        line += lines
        checksum = zlib.crc32(block, checksum)
        if skip:
            first = next(csv.reader(io.StringIO(block.decode()), delimiter=dialect.delimiter))
            lines = 1 + sum(name.count("\n") for name in first)
            for _ in range(lines):
                line, block = line + 1, block.partition(b"\n")[2]
            skip = False
        if block and not block.isspace():
            part = _parse(path, line, block, dialect, schema)
            line += _count(block, "\n") if b'"' in block else len(part)
            _check_sizes(part, single)
            parts.append(part)
    if not parts:
        raise DataError(f"{path} has a header but no rows")
    return pl.concat(parts), checksum


def _check_sizes(part: pl.DataFrame, single: Mapping[str, float]) -> None:
    numbers = part.select(pl.max_horizontal(pl.col(name).max(), -pl.col(name).min()) for name in single)
    largest = dict(zip(single, numbers.row(0), strict=True)) if single else {}
    if wide := {name for name, size in largest.items() if size is not None and size > single[name]}:
        raise Reread(set(), wide)


def _blocks(path: Path, encoding: str) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole rows as UTF-8 with plain line ends, each with the blank lines before it."""
    decoder, rest, begun = _decoder(encoding), b"", False
    before = 0
    with path.open("rb") as file:
        while True:
            raw = file.read(_BLOCK)
            plain = begun and _is_utf8(encoding) and decoder.getstate() == _AT_REST
            if plain and raw and raw.isascii() and b"\r" not in raw:
                data = rest + raw
            else:
                try:
                    text = decoder.decode(raw, final=not raw)
                except UnicodeError as error:
                    line = _lines_before(path, file.tell(), raw)
                    raise _not_encoded(path, encoding, error, line) from error
                blank = 0 if begun else len(text) - len(text.lstrip("\n"))
                before, begun = before + blank, begun or blank < len(text)
                data = rest + text[blank:].encode()
            if b"\0" in data:
                raise DataError(f"{path} holds NUL bytes; give its encoding, such as utf-16")
            cut = _end_of_rows(data) if raw else len(data)
            if cut:
                yield before, data[:cut]
                before = 0
            rest = data[cut:]
            if not raw:
                return


def _lines_before(path: Path, position: int, raw: bytes) -> int:
    """Return the number of the line in which a block of bytes begins."""
    with path.open("rb") as file:
        return 1 + file.read(position - len(raw)).count(b"\n")


def _end_of_rows(data: bytes) -> int:
    """Return where the last whole row ends: at a line end that is not inside quotes."""
    end = data.rfind(b"\n") + 1
    quotes = _count(data[:end], '"') if b'"' in data else 0
    while end and quotes % 2:
        before = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    return end


def _count(data: bytes, sign: str) -> int:
    """Count a sign of one byte, faster than bytes.count where there are many."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord(sign)))


def _count_outside_quotes(block: bytes, sign: str) -> int:
    if b'"' not in block:
        return _count(block, sign)
    signs = np.frombuffer(block, np.uint8)
    inside = np.cumsum(signs == ord('"'), dtype=np.int32) % 2 == 1
    return int(np.count_nonzero((signs == ord(sign)) & ~inside))


def _parse(path: Path, line: int, block: bytes, dialect: Dialect, schema: Schema) -> pl.DataFrame:
    """Turn a block into columns; ``line`` is the number of its first line."""
    wanted = len(dialect.names) - 1
    part = None if dialect.spaced else _polars(block, dialect, schema)
    if part is not None and _count_outside_quotes(block, dialect.delimiter) == wanted * len(part):
        return part
    return _parse_rows(path, line, block, dialect, schema, part)


def _polars(block: bytes, dialect: Dialect, schema: Schema) -> pl.DataFrame | None:
    """Return what polars reads, first without words for gaps, which is faster; None if it cannot."""
    for gaps in (None, list(MISSING)):
        try:
            return pl.read_csv(
                block, has_header=False, schema=dict(schema), separator=dialect.delimiter, null_values=gaps
            )
        except pl.exceptions.PolarsError:
            continue
    return None


def _parse_rows(
    path: Path,
    line: int,
    block: bytes,
    dialect: Dialect,
    schema: Schema,
    part: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Look at every row, slowly: are they as long as they should be, and do words stand among numbers?

    ``part`` is what polars made of the block, taken where it has found the same rows.
    """
    reader = csv.reader(
        io.StringIO(block.decode(), newline=""), delimiter=dialect.delimiter, skipinitialspace=dialect.spaced
    )
    rows, wanted = [], len(dialect.names)
    try:
        for row in reader:
            if len(row) == wanted:
                rows.append(row)
            elif row or wanted == 1:
                rows.append(row or [""])
                if row:
                    raise DataError(
                        f"{path}, line {line + reader.line_num - 1}: {len(row)} fields, "
                        f"but the first row has {wanted}; fields are parted by {dialect.delimiter!r}"
                    )
    except csv.Error as error:
        raise DataError(f"{path}, line {line + reader.line_num - 1}: {error}") from error
    if part is not None and len(part) == len(rows):
        return part
    text = pl.DataFrame(rows, schema=dict.fromkeys(dialect.names, pl.String), orient="row")
    return _numbers(text, schema)


def _numbers(text: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Turn text into numbers where the schema says so, gaps into nulls."""
    columns, words = [], set()
    for cells in text:
        if schema[cells.name] == pl.String:
            columns.append(cells.set(cells == "", None))
            continue
        stripped = cells.str.strip_chars()
        stripped = stripped.set(stripped.is_in(list(MISSING)), None)
        numbers = stripped.cast(schema[cells.name], strict=False)
        if numbers.null_count() > stripped.null_count():
            words.add(cells.name)
        columns.append(numbers)
    if words:
        raise Reread(words, set())
    return pl.DataFrame(columns)


def _decoder(encoding: str) -> io.IncrementalNewlineDecoder:
    """Return what turns bytes into text with plain line ends and no byte-order mark."""
    found = codecs.getincrementaldecoder("utf-8-sig" if _is_utf8(encoding) else encoding)
    return io.IncrementalNewlineDecoder(found(), translate=True)


def _is_utf8(encoding: str) -> bool:
    return encoding.lower() in {"utf-8", "utf8"}


def _not_encoded(path: Path, encoding: str, error: UnicodeError, line: int) -> DataError:
    if not isinstance(error, UnicodeDecodeError):
        return DataError(f"{path} is not {encoding}: {error}")
    line += error.object.count(b"\n", 0, error.start)
    return DataError(
        f"{path}, line {line}: byte {error.object[error.start]:#x} is not {encoding}; "
        "give the file's encoding, such as latin-1"
    )
