"""The dialect of a CSV file: delimiter, header and column names, detected from its first lines."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from lit_classify.data.table.cells import to_numbers
from lit_classify.data.table.csv_text import read_head
from lit_classify.data.table.text_conversion import ValueOptions
from lit_classify.data.table.value_formats import Formats
from lit_classify.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class CsvOptions:
    """How to read CSV files; ``None`` means detected.

    Args:
        delimiter: the character between fields.
        header: whether the first row contains column names.
        encoding: the text encoding.
        expected: columns that the table should have; a first row with one of them is a header.
        values: how to convert text to values.
    """

    delimiter: str | None = None
    header: bool | None = None
    encoding: str = "utf-8"
    expected: Collection[str] = ()
    values: ValueOptions = field(default_factory=ValueOptions)

    def __post_init__(self) -> None:
        delimiter = self.delimiter
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\n' or not delimiter.isascii()):
            raise DataError(f"delimiter must be a single character such as , or ; but is {delimiter!r}")
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise DataError(f"unknown encoding {self.encoding!r}") from error

    def with_formats(self, formats: Formats) -> "CsvOptions":
        """Return the options with further known formats of columns."""
        return replace(self, values=replace(self.values, formats={**self.values.formats, **formats}))


@dataclass(frozen=True)
class Dialect:
    """The format of one CSV file.

    Args:
        delimiter: the character between fields.
        names: the column names, in order.
        header: the lines before the first row of data.
        bytes_per_line: the mean number of bytes of the first lines.
        skip_spaces: whether spaces may precede an opening quote, as in ``1, "a, b"``.
    """

    delimiter: str
    names: tuple[str, ...]
    header: Sequence[str] = ()
    bytes_per_line: float = 1.0
    skip_spaces: bool = False

    @property
    def normalized_header(self) -> bytes:
        """The text before the first row of data, with which digests begin."""
        return "".join(self.header).lstrip("\n").encode()

    @property
    def csv_options(self) -> dict[str, Any]:
        """The options of ``csv.reader``."""
        return {"delimiter": self.delimiter, "skipinitialspace": self.skip_spaces}


def detect_dialect(path: Path, options: CsvOptions) -> Dialect:
    r"""Detect the dialect from the first lines of a file.

    Raises:
        DataError: the file is empty, or the header has a duplicate or an unusable name.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "t.csv")
        ...     _ = path.write_text("a;b\n1,5;x\n")
        ...     dialect = detect_dialect(path, CsvOptions())
        >>> dialect.delimiter, dialect.names, dialect.header
        (';', ('a', 'b'), ['a;b\n'])
    """
    head = read_head(path, options.encoding)
    lines = io.StringIO(head).readlines()  # no other character ends a line
    delimiter = options.delimiter or detect_delimiter(head)
    skip_spaces = f'{delimiter} "' in head
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=skip_spaces)
    rows = (row for row in reader if not is_blank(row))
    names = [" ".join(name.split()) for name in next(rows, [""])]
    num_lines, header = reader.line_num, options.header
    if header is None:
        header = bool(set(options.expected) & set(names)) or _is_header(names, list(rows))
    if not header:
        names, num_lines = [""] * len(names), len(head) - len(head.lstrip("\n"))
    names = [name or f"column_{number}" for number, name in enumerate(names, 1)]
    for name, count in Counter(names).items():
        if count > 1:
            raise DataError(
                f"{path}, line 1: the column name {name!r} occurs {count} times; rename one, or set "
                "--data.header false if the first row contains values"
            )
        if name == "*" or (name[0] == "^" and name[-1] == "$"):  # polars takes them for patterns
            raise DataError(f"{path}, line 1: {name!r} cannot be the name of a column; rename it")
    bytes_per_line = len(head.encode()) / max(head.count("\n"), 1)
    return Dialect(delimiter, tuple(names), lines[:num_lines], bytes_per_line, skip_spaces)


def detect_delimiter(head: str) -> str:
    r"""Return the delimiter that splits most of the first lines into the same number of fields.

    Of several such delimiters, one other than a comma is preferred, then the one with the most fields.

    Examples:
        >>> detect_delimiter("1,5;2,5\n0,1;7,25\n")
        ';'
    """
    lines = [line for line in head.split("\n") if line.strip()][:50]

    def score(delimiter: str) -> tuple[float, ...]:
        lengths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        length, count = lengths.most_common(1)[0]
        is_likely = length > 1 and count >= len(lines) / 2
        return (count, delimiter != ",", length) if is_likely else ()

    return max(_DELIMITERS, key=score)  # the first one, the comma, if none is likely


def is_blank(row: Sequence[str]) -> bool:
    """Return whether a line contains nothing but spaces."""
    return len(row) < 2 and not "".join(row).strip(" \t")


def _is_header(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a first row contains names: words other than the values of the rows below."""
    numbers = to_numbers(pl.Series([name.replace(",", ".") for name in names], dtype=pl.String))
    if numbers.count() or not any(names):
        return False
    is_value = [
        name in {row[position].strip() for row in rows if len(row) > position}
        for position, name in enumerate(names)
    ]
    return not all(is_value) and not (len(set(names)) < len(names) and sum(is_value) > len(names) / 2)
