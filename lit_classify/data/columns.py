"""What a table's columns are, and how a row becomes numbers; everything is learned from train rows alone.

Legend: N rows, F features.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.errors import DataError, unknown

Kind = Literal["number", "boolean", "category"]
MISSING = ("", "NA", "N/A", "na", "n/a", "NaN", "nan", "null", "NULL", "None", "?")
_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
_NEARLY_ALL = 0.95
_FEW = 20


@dataclass(frozen=True)
class Column:
    """What was found in a column: its kind, its gaps, its different values, and how it is used."""

    name: str
    kind: Kind
    missing: int
    distinct: int
    use: str = "used"

    @property
    def is_used(self) -> bool:
        """Whether the network sees the column."""
        return self.use == "used" or self.use.startswith("used, ")


@dataclass(frozen=True)
class Encoder:
    """How one column becomes features; plain data, so that it travels in a checkpoint.

    A number becomes ``(value - center) / scale``, a gap ``median``, and where train rows had gaps one more
    feature says so. A category becomes one feature per train value; a value not seen there has zeros.
    """

    name: str
    kind: Kind
    center: float = 0.0
    scale: float = 1.0
    median: float = 0.0
    indicator: bool = False
    categories: tuple[str, ...] = ()

    @property
    def num_features(self) -> int:
        """Return how many features the column becomes."""
        return len(self.categories) + 1 if self.kind == "category" else 1 + self.indicator

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Encoder":
        """Build the encoder that ``as_dict`` described."""
        return cls(**{**record, "categories": tuple(record["categories"])})

    def as_dict(self) -> dict[str, Any]:
        """Return the encoder as plain data."""
        return {**asdict(self), "categories": list(self.categories)}


def typed(series: pl.Series, kind: Kind | None = None) -> tuple[pl.Series, Kind]:
    """Turn a column into numbers (gaps null) or text, and say which; ``kind`` asks for one of them.

    Raises:
        DataError: nearly all cells are numbers but some are not, or a cell is not of the kind asked for.
    """
    if series.dtype == pl.Boolean and kind != "category":
        return series.cast(pl.Float64), "boolean"
    if series.dtype.is_numeric() and kind != "category":
        numbers = series.cast(pl.Float64)
        return numbers.set(~numbers.is_finite().fill_null(False), None), "number"
    text = series.cast(pl.String).str.strip_chars()
    text = text.set(text.is_in(MISSING), None)
    if kind == "category":
        return text, "category"
    numbers = text.cast(pl.Float64, strict=False)
    there, good = len(text) - text.null_count(), len(numbers) - numbers.null_count()
    if good == there and there:
        return numbers.set(~numbers.is_finite().fill_null(False), None), "number"
    words = text.str.to_lowercase()
    if there and words.drop_nulls().is_in(list(_WORDS)).all() and kind is None:
        return words.replace_strict(_WORDS, default=None, return_dtype=pl.Float64), "boolean"
    if kind is not None or good >= _NEARLY_ALL * there > 0:
        row = int((text.is_not_null() & numbers.is_null()).arg_true()[0])
        raise DataError(
            f"column {series.name!r}, row {row + 1}: {text[row]!r} is no number, but {good:,} of {there:,} "
            "cells are; mend it, or declare the column categorical"
        )
    return text, "category"


def understand(
    table: pl.DataFrame, ignore: Collection[str], categorical: Collection[str], numeric: Collection[str]
) -> tuple[pl.DataFrame, list[Column]]:
    """Find out what each column is, from the whole table, and which cannot tell anything.

    Raises:
        DataError: a declared column is not there, or cells do not fit their column's kind.
    """
    for name in (*ignore, *categorical, *numeric):
        if name not in table.columns:
            raise DataError(unknown("column", name, table.columns))
    made, columns = [], []
    for series in table:
        asked: Kind | None = "category" if series.name in categorical else None
        asked = "number" if series.name in numeric else asked
        values, kind = typed(series, asked)
        missing, distinct = values.null_count(), values.drop_nulls().n_unique()
        use = "used"
        if series.name in ignore:
            use = "left out: ignored"
        elif distinct == 0:
            use = "left out: all missing"
        elif distinct == 1 and not missing:
            use = "left out: constant"
        elif kind == "category" and distinct == len(values) - missing and distinct > _FEW and asked is None:
            use = "left out: all different, like a name"
        made.append(values)
        columns.append(Column(series.name, kind, missing, distinct, use))
    return pl.DataFrame(made), columns


def find_leaks(table: pl.DataFrame, columns: Sequence[Column], target: pl.Series) -> set[str]:
    """Return the used columns whose few values each go with one class of the target alone."""
    leaks = set()
    for column in columns:
        if column.is_used and column.distinct <= _FEW < len(target) and column.kind != "number":
            pairs = pl.DataFrame({"value": table[column.name], "target": target}).drop_nulls().unique()
            if len(pairs) == pairs["value"].n_unique() >= target.n_unique():
                leaks.add(column.name)
    return leaks


def learn(table: pl.DataFrame, columns: Sequence[Column]) -> list[Encoder]:
    """Learn from train rows how the used columns become features."""
    encoders = []
    for column in columns:
        if not column.is_used:
            continue
        values = table[column.name]
        if column.kind == "category":
            categories = tuple(sorted(values.drop_nulls().unique().to_list()))
            encoders.append(Encoder(column.name, "category", categories=categories))
            continue
        there = values.drop_nulls().to_numpy()
        center = float(there.mean()) if len(there) else 0.0
        spread = float(there.std()) if len(there) else 0.0
        encoders.append(
            Encoder(
                column.name,
                column.kind,
                center=center,
                scale=spread if spread > 1e-12 * max(abs(center), 1e-300) else 1.0,
                median=float(np.median(there)) if len(there) else 0.0,
                indicator=values.null_count() > 0,
            )
        )
    return encoders


def encode(table: pl.DataFrame, encoders: Sequence[Encoder]) -> NDArray[np.float32]:
    """Turn rows into features ``(N, F)``; the columns may stand in any order, others are passed over.

    Raises:
        DataError: a column is missing, or a cell is no number where train rows had numbers.
    """
    lacking = [encoder.name for encoder in encoders if encoder.name not in table.columns]
    if lacking:
        extra = sorted(set(table.columns) - {encoder.name for encoder in encoders})
        raise DataError(
            f"the table lacks {', '.join(lacking)}; it has, not expected, {', '.join(extra) or 'nothing'}"
        )
    x = np.zeros((len(table), sum(encoder.num_features for encoder in encoders)), np.float32)
    at = 0
    for encoder in encoders:
        series = table[encoder.name]
        if encoder.kind == "category":
            text, _ = typed(series, "category")
            codes = pl.Series(range(1, len(encoder.categories) + 1), dtype=pl.Int64)
            known = pl.Series(encoder.categories, dtype=pl.String)
            code = text.replace_strict(known, codes, default=None, return_dtype=pl.Int64)
            code = code.set(text.is_null(), 0)  # a gap is a category of its own
            rows = code.is_not_null().to_numpy()
            x[np.flatnonzero(rows), at + code.drop_nulls().to_numpy()] = 1
        else:
            numbers, _ = typed(series, None if encoder.kind == "boolean" else "number")
            gaps = numbers.is_null().to_numpy()
            values = numbers.fill_null(encoder.median).to_numpy()
            x[:, at] = (values - encoder.center) / encoder.scale
            if encoder.indicator:
                x[:, at + 1] = gaps
        at += encoder.num_features
    return x
