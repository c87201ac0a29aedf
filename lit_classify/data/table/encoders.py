"""Encoders, which convert a column of a table to features.

Legend: N rows, M training rows.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from lit_classify.data.table.casting import Kind
from lit_classify.data.table.column_totals import ColumnTotals, Moments
from lit_classify.data.table.date_features import Part, date_part
from lit_classify.data.table.schema import Column, to_unique_strings

Scaling = Literal["standard", "robust"]
_MAX_ONE_HOT = 32  # categories up to which a column is one-hot encoded; above, it is embedded
_MIN_FREQUENCY = 5  # training rows that a category of an embedded column needs


@dataclass(frozen=True)
class Encoder:
    """Parameters of the encoding of one column, or of one part of a column of dates.

    A number, boolean or part of a date becomes ``(value - center) / scale``, clipped to ``[-1e15, 1e15]``; a
    missing value is replaced by ``median``. If the training rows have missing values, a missing-value
    indicator follows.

    A category has a code: 0 if unseen, 1 if missing, and from 2 on in the order of ``categories``. The code
    is one-hot encoded without the column of code 0, or, for an embedding, it is the feature itself.

    Args:
        name: name of the column.
        kind: kind of the column.
        part: for dates, the year, month, weekday (1 for Monday), hour, or the days elapsed since 1970.
        center: mean or median of the training rows.
        scale: standard deviation or interquartile range of the training rows.
        median: median of the training rows, which replaces missing values.
        indicator: whether there is a missing-value indicator.
        categories: categories of the training rows, sorted.
        infrequent: categories of too few training rows, which are encoded as unseen.
        embedded: whether the feature is the code of an embedding.

    Examples:
        >>> encoder = Encoder("color", "category", categories=("blue", "red"))
        >>> encoder.to_codes(pl.Series(["red", None, "green"])).to_list()
        [3.0, 1.0, 0.0]
        >>> encoder.num_features  # one for missing values, and one for each category
        3
    """

    name: str
    kind: Kind
    part: Part = ""
    center: float = 0.0
    scale: float = 1.0
    median: float = 0.0
    indicator: bool = False
    categories: tuple[str, ...] = ()
    infrequent: tuple[str, ...] = ()
    embedded: bool = False

    @property
    def num_features(self) -> int:
        """Number of features of the column."""
        if self.kind != "category":
            return 1 + self.indicator
        if not self.categories:  # all are infrequent
            return 0
        return 1 if self.embedded else len(self.categories) + 1

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Encoder":
        """Return the encoder of ``to_dict``.

        Raises:
            KeyError: a list is missing.
            TypeError: another entry is missing, unknown or of the wrong type.
            ValueError: a number is out of range.
        """
        lists = {key: to_unique_strings(data[key], key) for key in ("categories", "infrequent")}
        encoder = cls(**{**data, **lists})
        numbers = (encoder.center, encoder.scale, encoder.median)
        if not (
            isinstance(encoder.name, str)
            and encoder.kind in get_args(Kind)
            and encoder.part in get_args(Part)
            and bool(encoder.part) == (encoder.kind == "date")
            and all(isinstance(number, float) for number in numbers)
            and all(isinstance(flag, bool) for flag in (encoder.indicator, encoder.embedded))
        ):
            raise TypeError(f"the encoder of {encoder.name!r} has an entry of the wrong type")
        if not (all(math.isfinite(number) for number in numbers) and encoder.scale > 0):
            raise ValueError(
                f"{encoder.name!r} has the center {encoder.center}, scale {encoder.scale} and median "
                f"{encoder.median}"
            )
        return encoder

    def to_dict(self) -> dict[str, Any]:
        """Return the encoder as plain data."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }

    @property
    def label(self) -> str:
        """The name, with the part of a date."""
        return f"{self.name} ({self.part})" if self.part else self.name

    def to_numbers(self, values: pl.Series) -> pl.Series:
        """Return numbers as they are, the part of each date, or the code of each category."""
        if self.part:
            return date_part(values, self.part)
        return self.to_codes(values) if self.kind == "category" else values

    def to_codes(self, values: pl.Series) -> pl.Series:
        """Return the code of each category, Float32."""
        names = pl.Series(self.categories, dtype=pl.String)
        numbers = pl.Series(range(2, len(names) + 2), dtype=pl.Float32)
        codes = values.replace_strict(names, numbers, default=0, return_dtype=pl.Float32)
        return codes.set(values.is_null(), 1)


def fit_encoders(
    column: Column, values: pl.Series, scaling: Scaling, totals: ColumnTotals | None = None
) -> list[Encoder]:
    """Return the encoder of a column, or of each part of dates that varies.

    Args:
        column: its schema.
        values: numbers, dates or text of the training rows, ``(M,)``.
        scaling: ``standard`` (mean and standard deviation) or ``robust`` (median and interquartile range).
        totals: the totals of all training rows, if ``values`` are those of a sample of them.

    Examples:
        >>> values = pl.Series([20.0, 40.0, None])
        >>> (encoder,) = fit_encoders(Column("age", "number", 1, 2), values, "standard")
        >>> encoder.center, encoder.scale, encoder.indicator
        (30.0, 10.0, True)
    """
    totals = ColumnTotals.of(values) if totals is None else totals
    if column.kind == "category":
        return [_fit_categories(column.name, totals.train_counts)]
    if column.kind != "date":
        kind: Kind = "boolean" if column.kind == "boolean" else "number"
        return [_fit_numbers(Encoder(column.name, kind), values, scaling, totals)]
    encoders = []
    for part in get_args(Part)[1:]:
        if part == "elapsed" or totals.numbers(part).varies:
            encoder = Encoder(column.name, "date", part)
            encoders.append(_fit_numbers(encoder, date_part(values, part), scaling, totals))
    return encoders


def _fit_numbers(encoder: Encoder, values: pl.Series, scaling: Scaling, totals: ColumnTotals) -> Encoder:
    present = values.drop_nulls()
    median = float(present.median() or 0.0)  # type: ignore[arg-type]  # the column is numeric
    center, scale = _center_and_scale(present, scaling, totals.numbers(encoder.part))
    indicator = totals.train_missing > 0 and encoder.part in {"", "elapsed"}  # one for all parts
    return replace(encoder, center=center, scale=scale, median=median, indicator=indicator)


def _fit_categories(name: str, counts: Mapping[str, int]) -> Encoder:
    threshold = _MIN_FREQUENCY if len(counts) > _MAX_ONE_HOT else 1
    categories = tuple(sorted(value for value, count in counts.items() if count >= threshold))
    infrequent = tuple(sorted(value for value, count in counts.items() if count < threshold))
    embedded = len(categories) > _MAX_ONE_HOT
    return Encoder(name, "category", categories=categories, infrequent=infrequent, embedded=embedded)


def _center_and_scale(values: pl.Series, scaling: Scaling, moments: Moments) -> tuple[float, float]:
    """Return mean and standard deviation, or median and interquartile range; the scale of a constant is 1."""
    if not moments.count:
        return 0.0, 1.0
    center, scale = moments.mean, moments.std
    if scaling == "robust" and len(values):
        numbers = values.cast(pl.Float64).to_numpy()
        low, center, high = np.quantile(numbers, [0.25, 0.5, 0.75]).tolist()
        scale = high - low or scale
    return center, scale if scale > 1e-12 * max(abs(center), 1e-300) else 1.0
