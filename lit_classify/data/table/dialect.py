"""How a CSV file is written: its delimiter, its header and its names, found in its first rows."""

import csv
import io
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lit_classify.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
EXACT = 2**53  # whole numbers from here on are not told apart by floats
MISSING = ("", "NA", "N/A", "na", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "?")
_LONG = r"^[+-]?\d{16,}$"


@dataclass(frozen=True)
class Dialect:
    """How the fields are parted and what the columns are called.

    Args:
        delimiter: what parts the fields.
        header: whether the first row names the columns.
        names: the columns' names, in order.
        spaced: whether a quote may follow the delimiter and spaces, as in ``1, "a, b"``.
    """

    delimiter: str
    header: bool
    names: tuple[str, ...]
    spaced: bool


def find_dialect(
    path: Path, head: str, delimiter: str | None, header: bool | None, named: Collection[str] = ()
) -> Dialect:
    """Find what is not given from the first rows of a file; a first row with a name of ``named`` is a header.

    Raises:
        DataError: the header names a column twice, or the delimiter is no single character.
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\n' or not delimiter.isascii()):
        raise DataError(f"a delimiter is one character such as , or ; but {delimiter!r} was given")
    delimiter = delimiter or find_delimiter(head)
    spaced = f'{delimiter} "' in head
    rows = _rows(head, delimiter, spaced)
    names = [" ".join(name.split()) for name in rows[0]]
    if header is None:
        header = bool(set(named) & set(names)) or _is_header(names, rows[1:])
    if not header:
        return Dialect(delimiter, False, tuple(f"column_{n}" for n in range(1, len(names) + 1)), spaced)
    names = [name or f"column_{number}" for number, name in enumerate(names, 1)]
    if odd := [name for name in names if name == "*" or (name[0] == "^" and name[-1] == "$")]:
        raise DataError(f"{path}, line 1: a column cannot be called {odd[0]!r}; rename it")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(
            f"{path}, line 1: the column {twice[0]!r} comes {names.count(twice[0])} times; "
            "rename one, or say header false if the first row holds values"
        )
    return Dialect(delimiter, True, tuple(names), spaced)


def find_delimiter(head: str) -> str:
    """Return the delimiter that parts most of the first lines into the same number of fields.

    Where several do, a comma gives way, for it may stand in numbers; else the one with more fields is taken.
    """
    lines = [line for line in head.split("\n") if line.strip()][:50]
    best, reached = ",", (0.5, False, 0)
    for delimiter in DELIMITERS:
        lengths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        length, times = lengths.most_common(1)[0]
        score = (times / len(lines), delimiter != ",", length)
        if length > 1 and score > reached:
            best, reached = delimiter, score
    return best


def numeric_columns(head: str, dialect: Dialect) -> dict[str, float]:
    """Return the columns whose first cells, gaps aside, are numbers, and the spread of these."""
    rows = _rows(head, dialect.delimiter, dialect.spaced)[dialect.header :]
    found = {}
    for position, name in enumerate(dialect.names):
        cells = [row[position].strip() for row in rows if len(row) > position]
        there = [cell for cell in cells if cell not in MISSING]
        if there and all(map(is_number, there)):
            numbers = [number for number in map(float, there) if math.isfinite(number)]
            mean = sum(numbers) / max(len(numbers), 1)
            found[name] = math.dist(numbers, [mean] * len(numbers)) / math.sqrt(max(len(numbers), 1))
    return found


def is_number(text: str) -> bool:
    """Whether a cell is a number as Python writes them."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def is_blank(row: Sequence[str]) -> bool:
    """Whether a line holds nothing, or spaces alone."""
    return len(row) < 2 and not "".join(row).strip(" \t")


def as_text(series: pl.Series) -> pl.Series:
    """Return cells as text without spaces around them, gaps null, whole numbers without decimals."""
    text = series.cast(pl.String).str.strip_chars()
    if series.dtype.is_float():
        text = text.str.replace(r"\.0$", "")
    return text.set(text.is_in(list(MISSING)), None)


def has_long_integers(text: pl.Series) -> bool:
    """Whether whole numbers are among the cells, without spaces, that floats do not tell from others."""
    long = text.filter(text.str.contains(_LONG))
    return bool((long.cast(pl.Float64, strict=False).abs() >= EXACT).any())


def _rows(head: str, delimiter: str, spaced: bool) -> list[list[str]]:
    lines = io.StringIO(head, newline="\n")  # no other sign ends a line
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=spaced)
    return [row for row in reader if not is_blank(row)] or [[""]]


def _is_header(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: words, and not the values of the rows below."""
    if any(is_number(name.replace(",", ".")) for name in names if name) or not any(names):
        return False
    again = [
        name in {row[position].strip() for row in rows if len(row) > position}
        for position, name in enumerate(names)
    ]
    return not all(again) and not (len(set(names)) < len(names) and sum(again) > len(names) / 2)
