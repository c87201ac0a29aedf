"""Which cells of CSV text are quoted, and which quotes are there by mistake; in time linear in the text.

A quote opens a cell only where the cell begins, as in the csv module; elsewhere it is a sign, as in 5".

Legend: K quoted cells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lit_classify.data.table.dialect import Dialect

_LONGEST_CELL = 1 << 22  # bytes; a quote that is not closed within them was not meant to open a cell
_QUOTE, _NEWLINE, _SPACE = (ord(sign) for sign in '"\n ')

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Quoted:
    """The quoted cells of some bytes, which begin with a row.

    Args:
        opens: where they begin, ``(K,)``; two quotes that stand for one within a cell may cut it in two.
        closes: the quotes that end them, ``(K,)``; the bytes' length where the last is not closed.
        are_all: whether all quotes open or close a cell, so that others may read the bytes too.
    """

    opens: Places
    closes: Places
    are_all: bool

    def end_of_rows(self, data: bytes) -> int:
        """Return where the last whole row ends: behind a line end that is not within quotes."""
        end = data.rfind(b"\n")
        while end >= 0:
            cell = int(np.searchsorted(self.opens, end)) - 1
            if cell < 0 or self.closes[cell] < end:
                break
            end = data.rfind(b"\n", 0, int(self.opens[cell]))
        return end + 1

    def outside(self, places: Places) -> NDArray[np.bool_]:
        """Whether each place is outside the quoted cells."""
        if not len(self.opens):
            return np.ones(len(places), np.bool_)
        cells = np.searchsorted(self.opens, places) - 1
        is_outside: NDArray[np.bool_] = (cells < 0) | (self.closes[cells] < places)
        return is_outside


def find_quoted(data: bytes, dialect: Dialect) -> Quoted:
    """Find the quoted cells of whole rows, of which the last may be cut."""
    signs = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(signs == _QUOTE) if b'"' in data else np.empty(0, np.intp)
    opens, closes = places[::2], places[1::2]
    borders = np.array([ord(dialect.delimiter), _NEWLINE, _QUOTE], np.uint8)
    before, after = signs[opens[opens > 0] - 1], signs[closes[closes + 1 < len(data)] + 1]
    if dialect.spaced or not (np.isin(before, borders).all() and np.isin(after, borders).all()):
        return Quoted(*_walk(data, places.tolist(), dialect), are_all=False)
    if len(closes) < len(opens):
        closes = np.append(closes, len(data))
    return Quoted(opens, closes, are_all=True)


def _walk(data: bytes, places: list[int], dialect: Dialect) -> tuple[Places, Places]:
    """Go from quote to quote, where some are signs."""
    opens, closes, at = [], [], 0
    while at < len(places):
        start = places[at]
        at += 1
        if not _begins_cell(data, start, dialect):
            continue
        while at + 1 < len(places) and places[at + 1] == places[at] + 1:  # two that stand for one
            at += 2
        opens.append(start)
        closes.append(places[at] if at < len(places) else len(data))
        at += 1
    return np.array(opens, np.intp), np.array(closes, np.intp)


def _begins_cell(data: bytes, place: int, dialect: Dialect) -> bool:
    while dialect.spaced and place and data[place - 1] == _SPACE:
        place -= 1
    return not place or data[place - 1] in (ord(dialect.delimiter), _NEWLINE)


def _ends_cell(data: bytes, place: int, dialect: Dialect) -> bool:
    place += 1
    while place < len(data) and data[place] == _SPACE:
        place += 1
    return place >= len(data) or data[place] in (ord(dialect.delimiter), _NEWLINE)


def find_stray(data: bytes, quoted: Quoted, dialect: Dialect, is_final: bool) -> tuple[int, str] | None:
    """Return a quote that cannot have been meant to open a cell, and why; None if there is none.

    It is never closed, or closed on another line in the midst of a word.
    """
    if not len(quoted.opens):
        return None
    if not quoted.are_all:
        for start, end in zip(quoted.opens.tolist(), quoted.closes.tolist(), strict=True):
            if data.find(b"\n", start, end) >= 0 and not _ends_cell(data, end, dialect):
                return start, "is closed on another line in the midst of a cell"
    if quoted.closes[-1] < len(data):
        return None
    cell = len(quoted.opens) - 1
    while cell and quoted.closes[cell - 1] == quoted.opens[cell] - 1:  # two that stand for one
        cell -= 1
    start = int(quoted.opens[cell])
    return (start, "is not closed") if is_final or len(data) - start > _LONGEST_CELL else None


def find_swallowed(data: bytes, quoted: Quoted, dialect: Dialect) -> Places:
    """Return where rows begin that may be several, had their only two quotes been signs.

    Each of their lines has as many fields as a row.
    """
    signs = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(signs == _NEWLINE) if len(quoted.opens) else np.empty(0, np.intp)
    is_end = quoted.outside(newlines)
    if is_end.all() or len(dialect.names) < 2:
        return np.empty(0, np.intp)
    starts = np.concatenate([[0], newlines + 1])  # of lines
    starts = starts[starts < len(data)]
    delimiters = np.flatnonzero(signs == ord(dialect.delimiter))
    fields = 1 + np.diff(np.searchsorted(delimiters, np.append(starts, len(data))))
    first = np.flatnonzero(np.concatenate([[True], is_end])[: len(starts)])  # lines that begin a row
    num_lines = np.diff(np.append(first, len(starts)))
    num_cells = np.diff(np.searchsorted(quoted.opens, np.append(starts[first], len(data))))
    alike = np.logical_and.reduceat(fields == len(dialect.names), first)
    swallowed: Places = starts[first[alike & (num_lines > 1) & (num_cells == 1)]]
    return swallowed
