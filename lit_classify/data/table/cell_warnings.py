"""Cells to warn about: unseen categories, and numbers beyond single precision."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lit_classify.errors import DataError
from lit_classify.messages import plural, warn

HandleUnknown = Literal["error", "ignore"]
_MAX_MESSAGES = 6


@dataclass(frozen=True)
class WarnedCells:
    """Cells of a column to warn about: their number, and the first one with its position.

    Examples:
        >>> WarnedCells(2, "'red' in t.csv, row 1") + WarnedCells(3, "'red' in t.csv, row 9")
        WarnedCells(count=5, first_cell="'red' in t.csv, row 1")
    """

    count: int
    first_cell: str

    def __add__(self, other: "WarnedCells") -> "WarnedCells":
        return WarnedCells(self.count + other.count, self.first_cell)


@dataclass
class CellWarnings:
    """Cells to warn about in new rows, by the name of the column.

    Args:
        unseen: categories that the training rows lack.
        out_of_range: numbers beyond single precision.

    Examples:
        >>> CellWarnings(unseen={"color": WarnedCells(2, "'red' in t.csv, row 1")}).unseen_messages
        ["'color' has 2 values not seen in training, first 'red' in t.csv, row 1"]
    """

    unseen: dict[str, WarnedCells] = field(default_factory=dict)
    out_of_range: dict[str, WarnedCells] = field(default_factory=dict)

    def add(self, other: "CellWarnings") -> None:
        """Add the cells of further rows."""
        for mine, theirs in ((self.unseen, other.unseen), (self.out_of_range, other.out_of_range)):
            for name, cells in theirs.items():
                mine[name] = mine[name] + cells if name in mine else cells

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> "CellWarnings":
        """Return the warnings of ``to_dict``."""
        kinds = {
            kind: {name: WarnedCells(**cells) for name, cells in columns.items()}
            for kind, columns in data.items()
        }
        return cls(**kinds)

    def to_dict(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the warnings as plain data."""
        return asdict(self)

    @property
    def unseen_messages(self) -> list[str]:
        """A message for each column with unseen categories."""
        return [
            f"{name!r} has {plural(cells.count, 'value')} not seen in training, first {cells.first_cell}"
            for name, cells in self.unseen.items()
        ]

    def warn_out_of_range(self) -> None:
        """Warn about numbers beyond single precision."""
        if self.out_of_range:
            columns = [
                f"{name!r} has {plural(cells.count, 'such value')}, first {cells.first_cell}"
                for name, cells in self.out_of_range.items()
            ]
            shown = "; ".join(columns[:_MAX_MESSAGES])
            warn(f"numbers beyond single precision, which networks use, are treated as missing: {shown}")

    def refuse_unseen(self) -> None:
        """Raise DataError if there are unseen categories."""
        if self.unseen:
            raise DataError("\n".join(self.unseen_messages[:_MAX_MESSAGES]))

    def report(self, handle_unknown: HandleUnknown) -> None:
        """Warn about all columns.

        Raises:
            DataError: there are unseen categories, which ``handle_unknown`` refuses.
        """
        if handle_unknown == "error":
            self.refuse_unseen()
        self.warn_out_of_range()
        if self.unseen:
            warn("unseen categories: " + "; ".join(self.unseen_messages))
