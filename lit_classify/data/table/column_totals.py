"""Counts and moments of the values of a column, computed block by block.

Legend: N rows, M training rows.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

import polars as pl

from lit_classify.data.table.cells import BOOLEANS
from lit_classify.data.table.date_features import Part, date_part

MAX_COUNTED_VALUES = 100_000  # distinct values of a column of text that are counted block by block
_MAX_PENDING = 32  # blocks whose counts are added up at once


@dataclass(frozen=True)
class Moments:
    """Number, mean, standard deviation and range of numbers.

    Examples:
        >>> numbers = [1.0, 2.0, 4.0, 9.0]
        >>> left, right = Moments.of(pl.Series(numbers[:1])), Moments.of(pl.Series(numbers[1:]))
        >>> left + right == Moments.of(pl.Series(numbers))
        True
    """

    count: int = 0
    mean: float = 0.0
    std: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    @classmethod
    def of(cls, values: pl.Series) -> "Moments":
        """Return the moments of the numbers that are not null."""
        numbers = values.drop_nulls().cast(pl.Float64)
        if not len(numbers):
            return cls()
        mean, std, low, high = numbers.mean(), numbers.std(ddof=0), numbers.min(), numbers.max()
        return cls(len(numbers), float(mean), float(std), float(low), float(high))  # type: ignore[arg-type]  # all numbers

    def __add__(self, other: "Moments") -> "Moments":
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        share, distance = other.count / count, other.mean - self.mean
        variance = (1 - share) * self.std**2 + share * other.std**2 + share * (1 - share) * distance**2
        return Moments(
            count,
            self.mean + share * distance,
            math.sqrt(variance),
            min(self.low, other.low),
            max(self.high, other.high),
        )

    @property
    def varies(self) -> bool:
        """Whether there are two different numbers."""
        return self.low < self.high


@dataclass
class ColumnTotals:
    """Totals of a column: over all rows for its schema, over the training rows for its encoder.

    Args:
        num_rows: number of rows, N.
        missing: number of missing values.
        train_missing: the same of the training rows.
        all_moments: moments of the values, or of the days of dates, of all rows.
        train_moments: moments of the numbers of the training rows, or of each part of dates.

    Examples:
        >>> totals = ColumnTotals.of(pl.Series(["red", "blue", "red", None]))
        >>> totals.train_counts, totals.missing
        ({'blue': 1, 'red': 2}, 1)
    """

    num_rows: int = 0
    missing: int = 0
    train_missing: int = 0
    all_moments: Moments = field(default_factory=Moments)
    train_moments: dict[Part, Moments] = field(
        default_factory=lambda: dict.fromkeys(get_args(Part), Moments())
    )
    has_too_many: bool = False  # distinct values of text to count
    _counts: list[pl.DataFrame] = field(default_factory=list)
    _num_pending: int = 0  # blocks since the number of values was checked

    @classmethod
    def of(cls, values: pl.Series) -> "ColumnTotals":
        """Return the totals of a column whose rows are all for training; ``all_moments`` is left out."""
        totals = cls(num_rows=len(values), missing=values.null_count())
        totals._add_train(values)
        if values.dtype == pl.String:
            totals._count(values, pl.repeat(True, len(values), eager=True))
        return totals

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], counts: pl.DataFrame | None) -> "ColumnTotals":
        """Return the totals of ``to_dict`` and of ``counts``, which are None if there are none."""
        train_moments = {part: Moments(**moments) for part, moments in data["train_moments"].items()}
        fields = {
            **data,
            "all_moments": Moments(**data["all_moments"]),
            "train_moments": train_moments,
        }
        return cls(**fields, _counts=[] if counts is None else [counts])

    def to_dict(self) -> dict[str, Any]:
        """Return them as plain data, without ``counts``."""
        fields = asdict(replace(self, _counts=[]))
        return {name: value for name, value in fields.items() if name != "_counts"}

    @property
    def is_counted(self) -> bool:
        """Whether there are ``counts``, perhaps of no value."""
        return bool(self._counts)

    def add(self, values: pl.Series, is_train: pl.Series) -> None:
        """Add the rows of a block.

        Args:
            values: numbers, dates or text, ``(N,)``.
            is_train: whether each row is for training, ``(N,)``.
        """
        self.num_rows += len(values)
        self.missing += values.null_count()
        if values.dtype == pl.String:
            self._count(values, is_train)
        else:
            self.all_moments += Moments.of(
                date_part(values, "elapsed") if values.dtype == pl.Datetime else values
            )
        self._add_train(values.filter(is_train))

    def _add_train(self, values: pl.Series) -> None:
        self.train_missing += values.null_count()
        if values.dtype == pl.Datetime:
            for part in get_args(Part)[1:]:
                self.train_moments[part] += Moments.of(date_part(values, part))
        elif values.dtype != pl.String:
            self.train_moments[""] += Moments.of(values)

    def _count(self, values: pl.Series, is_train: pl.Series) -> None:
        """Count the values of text, unless there are too many."""
        if self.has_too_many:
            return
        rows = pl.DataFrame({"value": values, "train": is_train}).drop_nulls("value")
        counts = rows.group_by("value").agg(pl.len().cast(pl.Int64), pl.col("train").sum().cast(pl.Int64))
        self._counts.append(counts)
        self._num_pending += 1
        if self._num_pending > _MAX_PENDING:
            self._num_pending = 1  # ``counts`` merges them
            if len(self.counts) > MAX_COUNTED_VALUES:
                self.has_too_many, self._counts = True, []

    def numbers(self, part: Part = "") -> Moments:
        """Return the moments of numbers, of a part of dates, or of words for yes and no as 1 and 0."""
        return self._boolean_moments() if self._counts else self.train_moments[part]

    def _boolean_moments(self) -> Moments:
        """Return the moments of words for yes and no as 1 and 0."""
        num_rows = sum(self.train_counts.values())
        num_yes = sum(count for word, count in self.train_counts.items() if BOOLEANS[word.lower()])
        mean = num_yes / num_rows if num_rows else 0.0
        std = math.sqrt(mean * (1 - mean))
        return Moments(num_rows, mean, std, low=float(num_yes == num_rows), high=float(num_yes > 0))

    @property
    def counts(self) -> pl.DataFrame:
        """For each value of text, sorted, the number of rows ``len`` and of training rows ``train``."""
        if not self._counts:
            return pl.DataFrame(schema={"value": pl.String, "len": pl.Int64, "train": pl.Int64})
        if len(self._counts) > 1:
            self._counts = [pl.concat(self._counts).group_by("value").sum()]
        return self._counts[0].sort("value")

    @property
    def train_counts(self) -> dict[str, int]:
        """The number of training rows of each value of text that has any."""
        return dict(self.counts.filter(pl.col("train") > 0).select("value", "train").iter_rows())
