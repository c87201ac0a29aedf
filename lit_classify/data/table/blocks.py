"""A CSV file in blocks of whole rows: decoded, counted and parsed, so that a fault is said with its line."""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from lit_classify.data.table.dialect import EXACT, MISSING, Dialect, has_long_integers, is_blank
from lit_classify.data.table.quotes import Quoted, find_quoted, find_stray, find_swallowed
from lit_classify.errors import DataError, warn

_HEAD = 1 << 16
_HEAD_LINES = 10  # that a head has at least, however long they are
_BLOCK = 1 << 22
_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_AT_REST = (b"", 0)  # the state of a decoder that waits for nothing

csv.field_size_limit(2**31 - 1)  # polars has no limit either; quotes left open are found before

Schema = Mapping[str, type[pl.DataType]]


class Reread(Exception):
    """Columns that turn out otherwise than they began, so that the file must be read anew.

    Args:
        text: columns that hold words, or whole numbers too long for floats, though they began with numbers.
        wide: columns with numbers too far from each other for single precision.
    """

    def __init__(self, text: set[str], wide: set[str]) -> None:
        super().__init__(text, wide)
        self.text = text
        self.wide = wide


class _Block(NamedTuple):
    """Whole rows as UTF-8 with plain line ends: the number of the first line, the bytes, the quoted cells."""

    line: int
    data: bytes
    quoted: Quoted

    def line_of(self, place: int) -> int:
        """Return the number of the line in which a byte stands."""
        return self.line + self.data.count(b"\n", 0, place)


def read_head(path: Path, encoding: str) -> str:
    """Return the first rows as text, in whole lines.

    Raises:
        DataError: an empty file, or another encoding than said.
    """
    head = ""
    with path.open("rb") as file:
        raw = file.read(_HEAD)
        for mark, name in _MARKS.items():
            if raw.startswith(mark) and _is_utf8(encoding):
                raise DataError(f"{path} is {name}; give encoding {name.lower()}")
        try:
            decoder = _decoder(encoding)
        except LookupError as error:
            raise DataError(f"unknown encoding {encoding!r}") from error
        while raw:
            head = (head + _decode(path, encoding, decoder, raw, file.tell())).lstrip("\n")
            if head.count("\n") >= _HEAD_LINES:
                head = head[: head.rindex("\n") + 1]
                break
            raw = file.read(file.tell())  # twice as much, so that the time is linear
    if not head.strip():
        raise DataError(f"{path} is empty")
    return head


def read_blocks(
    path: Path, encoding: str, dialect: Dialect, numeric: Collection[str], single: Mapping[str, float]
) -> tuple[pl.DataFrame, str]:
    """Read all rows and their digest.

    Args:
        path: the file.
        encoding: how its text is encoded.
        dialect: how its fields are parted and named.
        numeric: the columns to read as numbers; the others stay text.
        single: those of them that single precision is enough for, as long as they are no larger than this.

    Raises:
        DataError: bytes of another encoding, rows of other lengths, a quote left open, or no rows.
        Reread: a column of ``numeric`` holds a word or whole numbers too long for floats, or one of
            ``single`` larger numbers.
    """
    schema = {
        name: pl.Float32 if name in single else pl.Float64 if name in numeric else pl.String
        for name in dialect.names
    }
    parts, digest, swallowed, header = [], hashlib.sha256(), [], dialect.header
    for block in _blocks(path, encoding, dialect):
        digest.update(block.data)
        if header and not block.data.isspace():
            block, header = _without_header(block, dialect), False
        if block.data and not block.data.isspace():
            part = _parse(path, block, dialect, schema)
            _check_sizes(path, block, part, dialect, single)
            parts.append(part)
            swallowed += [block.line_of(place) for place in find_swallowed(*block[1:], dialect).tolist()]
    if not parts:
        raise DataError(f"{path} has a header but no rows")
    if swallowed:
        warn(
            f"{path}, line {swallowed[0]}: a quoted cell of several lines, each of which looks like a row, "
            f"as in {len(swallowed):,} places; if the quotes are signs, as for inches, take them away"
        )
    return pl.concat(parts), digest.hexdigest()


def _check_sizes(
    path: Path, block: _Block, part: pl.DataFrame, dialect: Dialect, single: Mapping[str, float]
) -> None:
    """Raise Reread for numbers that were not read as exactly as they should be."""
    largest: dict[str, Any] = {
        series.name: max(series.max(), -series.min())  # type: ignore[operator, type-var]  # numbers both
        for series in part
        if series.dtype.is_float() and series.null_count() < len(series)
    }
    if wide := {name for name in single if largest.get(name, 0.0) > single[name]}:
        raise Reread(set(), wide)
    large = [name for name, size in largest.items() if size >= EXACT]
    if large:
        text = _parse(path, block, dialect, dict.fromkeys(dialect.names, pl.String))
        if long := {name for name in large if has_long_integers(text[name].str.strip_chars())}:
            raise Reread(long, set())


def _without_header(block: _Block, dialect: Dialect) -> _Block:
    """Return a block without its first row, whose names may hold line ends."""
    lines = io.BytesIO(block.data)
    reader = csv.reader(
        map(bytes.decode, lines), delimiter=dialect.delimiter, skipinitialspace=dialect.spaced
    )
    while is_blank(next(reader)):
        pass
    data = lines.read()
    return _Block(block.line + reader.line_num, data, find_quoted(data, dialect))


def _blocks(path: Path, encoding: str, dialect: Dialect) -> Iterator[_Block]:
    """Yield blocks of whole rows.

    Raises:
        DataError: bytes of another encoding, or a quote that opens a cell by mistake; names the line.
    """
    decoder, rest, line, begun = _decoder(encoding), b"", 1, False
    with path.open("rb") as file:
        while True:
            raw = file.read(max(_BLOCK, len(rest)))  # more for a long row: linear time
            plain = begun and _is_utf8(encoding) and decoder.getstate() == _AT_REST
            if plain and raw and raw.isascii() and b"\r" not in raw:
                data = raw
            else:
                text = _decode(path, encoding, decoder, raw, file.tell())
                blank = 0 if begun else len(text) - len(text.lstrip("\n"))
                line, begun = line + blank, begun or blank < len(text)
                data = text[blank:].encode()
            if b"\0" in data:
                raise DataError(f"{path} holds NUL bytes; give its encoding, such as utf-16")
            data = rest + data
            block = _Block(line, data, find_quoted(data, dialect))
            if stray := find_stray(data, block.quoted, dialect, is_final=not raw):
                raise DataError(
                    f"{path}, line {block.line_of(stray[0])}: a quote opens a cell here and {stray[1]}; "
                    'if it is a sign, as for inches, take it away, or double it in a quoted cell: "5"" wide"'
                )
            cut = block.quoted.end_of_rows(data) if raw else len(data)
            if cut:
                yield block._replace(data=data[:cut])
                line += data.count(b"\n", 0, cut)
            rest = data[cut:]
            if not raw:
                return


def _decode(
    path: Path, encoding: str, decoder: io.IncrementalNewlineDecoder, raw: bytes, position: int
) -> str:
    """Return bytes as text; ``position`` is where they end in the file, of which none are left if none came.

    Raises:
        DataError: they are of another encoding; names the line.
    """
    try:
        return decoder.decode(raw, final=not raw)
    except UnicodeError as error:
        if not isinstance(error, UnicodeDecodeError):
            raise DataError(f"{path} is not {encoding}: {error}") from error
        with path.open("rb") as file:
            before = file.read(position - len(raw))
        line = 1 + _count_lines(before) + _count_lines(error.object[: error.start])
        raise DataError(
            f"{path}, line {line}: byte {error.object[error.start]:#x} is not {encoding}; "
            "give the file's encoding, such as latin-1"
        ) from error


def _count_lines(raw: bytes) -> int:
    return len(re.findall(rb"\r\0?\n?|\n", raw))  # the NUL is of UTF-16


def _parse(path: Path, block: _Block, dialect: Dialect, schema: Schema) -> pl.DataFrame:
    """Turn a block into columns."""
    part = _polars(block.data, dialect, schema) if block.quoted.are_all else None
    if part is not None and _count_delimiters(block, dialect) == (len(dialect.names) - 1) * len(part):
        return part
    return _parse_rows(path, block, dialect, schema, part)


def _count_delimiters(block: _Block, dialect: Dialect) -> int:
    """Count the delimiters outside quotes."""
    is_one = np.frombuffer(block.data, np.uint8) == ord(dialect.delimiter)
    if not len(block.quoted.opens):
        return int(np.count_nonzero(is_one))
    return int(np.count_nonzero(block.quoted.outside(np.flatnonzero(is_one))))


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
    path: Path, block: _Block, dialect: Dialect, schema: Schema, part: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Look at every row, slowly: are they as long as they should be, and do words stand among numbers?

    ``part`` is what polars made of the block, taken where it has found the same rows.
    """
    text = io.StringIO(block.data.decode(), newline="")
    reader = csv.reader(text, delimiter=dialect.delimiter, skipinitialspace=dialect.spaced)
    rows, wanted, begun = [], len(dialect.names), 0
    for row in reader:
        if len(row) == wanted:
            rows.append(row)
        elif not is_blank(row):
            raise DataError(
                f"{path}, line {block.line + begun}: {len(row)} fields, but the first row has {wanted}; "
                f"fields are parted by {dialect.delimiter!r}"
            )
        elif wanted == 1:
            rows.append([""])
        begun = reader.line_num
    if part is not None and len(part) == len(rows):
        return part
    cells = pl.DataFrame(rows, schema=dict.fromkeys(dialect.names, pl.String), orient="row")
    return _numbers(cells, schema)


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
