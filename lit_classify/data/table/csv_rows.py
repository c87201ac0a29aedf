"""Complete rows of a CSV file, in blocks: quoted cells may contain line ends."""

import csv
import io
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lit_classify.data.table.csv_dialect import Dialect
from lit_classify.data.table.csv_text import open_text, read_block
from lit_classify.errors import DataError

_MAX_OPEN_BYTES = 1 << 22  # a quote open for more bytes is an error

csv.field_size_limit(2**31 - 1)  # polars has no limit either; unclosed quotes are detected before


class RowBlock(NamedTuple):
    """Complete rows of a file.

    Attributes:
        start: number of lines before them.
        end: number of lines up to their end.
        data: their lines, in UTF-8.
        is_regular: whether quotes alternately open and close cells.
    """

    start: int
    end: int
    data: bytes
    is_regular: bool


def read_rows(path: Path, encoding: str, dialect: Dialect, start: int = 0) -> Generator[RowBlock]:
    r"""Yield the complete rows of a file in blocks.

    Args:
        path: the file.
        encoding: its encoding.
        dialect: its dialect.
        start: number of lines before the first block, if it does not follow the header.

    Raises:
        DataError: a quote is not closed.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "t.csv")
        ...     _ = path.write_text('a,b\n1,"two\nlines"\n')
        ...     (block,) = read_rows(path, "utf-8", Dialect(",", ("a", "b"), header=["a,b\n"]))
        >>> block.start, block.end, block.data
        (1, 3, b'1,"two\nlines"\n')
    """
    start, incomplete = start or len(dialect.header), b""
    with open_text(path, encoding) as file:
        for _ in range(start):
            file.readline()
        while text := read_block(path, file, len(incomplete.decode())):
            data = incomplete + text.encode()
            lines = data if data.endswith(b"\n") else data + b"\n"
            end, is_regular = _find_end(lines, dialect)
            if end:
                block = RowBlock(start, start + lines.count(b"\n", 0, end), data[:end], is_regular)
                yield block
                start = block.end
            incomplete = data[end:]
            if len(incomplete) > _MAX_OPEN_BYTES:
                break
    if incomplete:
        *_, last_row = csv.reader(io.StringIO(incomplete.decode()), **dialect.csv_options)
        line = start + 1 + incomplete.count(b"\n") - last_row[-1].count("\n")
        raise misplaced_quote(path, line, "is not closed")


def _find_end(data: bytes, dialect: Dialect) -> tuple[int, bool]:
    """Return where the last complete row ends, and whether quotes alternately open and close cells."""
    if b'"' not in data:
        return len(data), True
    if _is_regular(data, dialect):
        return int(outside_quotes(data, "\n").max(initial=-1)) + 1, True
    return _find_end_by_csv_module(data, dialect), False


def _is_regular(data: bytes, dialect: Dialect) -> bool:
    """Return whether each odd quote follows the start of a cell, and each even one precedes its end."""
    chars = np.frombuffer(b"\n" + data, np.uint8)
    quotes = np.flatnonzero(chars == ord('"'))
    outer = np.concatenate([chars[quotes[::2] - 1], chars[quotes[1::2] + 1]])
    boundaries = np.frombuffer(f'\n"{dialect.delimiter}'.encode(), np.uint8)
    return not dialect.skip_spaces and bool(np.isin(outer, boundaries).all())


def _find_end_by_csv_module(data: bytes, dialect: Dialect) -> int:
    """Return where the last complete row ends, as Python's csv module reads rows."""
    lines = io.StringIO(data.decode()).readlines()
    # the added line belongs to the last row if a quote is still open
    reader = csv.reader([*lines, "\n"], **dialect.csv_options)
    num_lines = max((reader.line_num for _ in reader if reader.line_num <= len(lines)), default=0)
    return len("".join(lines[:num_lines]).encode())


def outside_quotes(data: bytes, char: str) -> NDArray[np.intp]:
    """Return the positions of a character outside quoted cells, where every quote opens or closes one."""
    chars = np.frombuffer(data, np.uint8)
    positions, quotes = np.flatnonzero(chars == ord(char)), np.flatnonzero(chars == ord('"'))
    outside: NDArray[np.intp] = positions[np.searchsorted(quotes, positions) % 2 == 0]
    return outside


def numbered_rows(block: RowBlock, dialect: Dialect) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield the number of the first line, the lines and the cells of each row, as read by the csv module."""
    lines, start = io.StringIO(block.data.decode()).readlines(), 0
    reader = csv.reader(lines, **dialect.csv_options)
    for row in reader:
        yield block.start + start + 1, lines[start : reader.line_num], row
        start = reader.line_num


def misplaced_quote(path: Path, line: int, fault: str) -> DataError:
    """Return the error for a quote that opens a cell by mistake."""
    return DataError(
        f"{path}, line {line}: a quote opens a cell here and {fault}; if it is an inch mark or the "
        'like, remove it, or double it in a quoted cell: "5"" wide"'
    )
