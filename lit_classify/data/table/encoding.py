"""How rows become features; everything is learned from train rows alone and travels in checkpoints.

Legend: N rows, F features.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.schema import Column, Kind

Scaling = Literal["standard", "robust"]
_ONE_HOT = 32  # categories get a feature each up to here, beyond it an embedding
_RARE = 5  # train rows that a category needs to be told from others, where there are many
_BLOCK = 1 << 14
_TINY = 1e-30  # scales that single precision can divide by
FARTHEST = 1e15  # scales from the center: what is farther is set there, whose square is still a number


@dataclass(frozen=True)
class Encoder:
    """How one column becomes features; plain data, so that it travels in a checkpoint.

    A number becomes ``(value - center) / scale``, at most ``FARTHEST``, a gap ``median``, and where train
    rows had gaps one more feature says so. A category becomes a feature for a gap and one for each train
    value, and a value not seen there has zeros; or, embedded, its number: 0 for one not seen, 1 for a gap,
    from 2 on as listed. ``rare`` are train values with too few rows to be told from others, treated like
    those not seen.
    """

    name: str
    kind: Kind
    center: float = 0.0
    scale: float = 1.0
    median: float = 0.0
    indicator: bool = False
    categories: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    embedded: bool = False

    @property
    def num_features(self) -> int:
        """Return how many features the column becomes."""
        if self.kind != "category":
            return 1 + self.indicator
        if not self.categories:  # every value is rare
            return 0
        return 1 if self.embedded else len(self.categories) + 1

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Encoder":
        """Build the encoder that ``as_dict`` described.

        Raises:
            KeyError: a list is missing.
            TypeError: another part is missing, unknown or of another type.
            ValueError: a number could not have been learned.
        """
        lists = {key: texts(record[key], key) for key in ("categories", "rare")}
        encoder = cls(**{**record, **lists})
        numbers = (encoder.center, encoder.scale, encoder.median)
        if not (
            isinstance(encoder.name, str)
            and encoder.kind in get_args(Kind)
            and all(isinstance(number, float) for number in numbers)
            and all(isinstance(told, bool) for told in (encoder.indicator, encoder.embedded))
        ):
            raise TypeError(f"{encoder.name!r} is encoded by parts of wrong types")
        if not (all(math.isfinite(number) for number in numbers) and encoder.scale > 0):
            raise ValueError(
                f"{encoder.name!r} has the center {encoder.center}, scale {encoder.scale} and median "
                f"{encoder.median}"
            )
        return encoder

    def as_dict(self) -> dict[str, Any]:
        """Return the encoder as plain data."""
        return {key: list(part) if isinstance(part, tuple) else part for key, part in asdict(self).items()}

    def codes(self, text: pl.Series) -> NDArray[np.int64]:
        """Return the number of each category: 0 for one not seen in train rows, 1 for a gap, then 2 on."""
        names = pl.Series(self.categories, dtype=pl.String)
        numbers = pl.Series(range(2, len(names) + 2), dtype=pl.Int64)
        codes = text.replace_strict(names, numbers, default=0, return_dtype=pl.Int64)
        codes = codes.set(text.is_null(), 1)
        return codes.to_numpy()


def texts(record: Any, name: str) -> tuple[str, ...]:  # noqa: ANN401 - whatever a file holds
    """Return a list of texts that differ, as a record has for columns, categories and classes.

    Raises:
        TypeError: it is something else.
        ValueError: a text occurs twice.
    """
    if not isinstance(record, list) or not all(isinstance(text, str) for text in record):
        raise TypeError(f"{name} must be a list of texts")
    if len(set(record)) < len(record):
        raise ValueError(f"{name} has a text twice")
    return tuple(record)


def learn(
    frame: pl.DataFrame, rows: NDArray[np.int32], columns: Sequence[Column], scaling: Scaling = "standard"
) -> list[Encoder]:
    """Learn how the used columns become features, from the train rows alone; embedded ones come last.

    Args:
        frame: the used columns as numbers or text, ``(N,)`` each.
        rows: the train rows' numbers, ``(M,)``.
        columns: what was found out about each column.
        scaling: what numbers are scaled by.
    """
    encoders = [
        _learn_column(column, frame[column.name].gather(rows), scaling)
        for column in columns
        if column.is_used
    ]
    return sorted(encoders, key=lambda encoder: encoder.embedded)


def _learn_column(column: Column, values: pl.Series, scaling: Scaling) -> Encoder:
    if column.kind == "category":
        return _learn_categories(column.name, values)
    there = values.drop_nulls()
    median = float(there.median() or 0.0)  # type: ignore[arg-type]  # a number: the column is one
    center, scale = _center_and_scale(there, scaling)
    kind: Kind = "boolean" if column.kind == "boolean" else "number"
    return Encoder(column.name, kind, center, scale, median, indicator=values.null_count() > 0)


def _learn_categories(name: str, values: pl.Series) -> Encoder:
    rows = dict(values.drop_nulls().value_counts().iter_rows())
    least = _RARE if len(rows) > _ONE_HOT else 1
    categories = tuple(sorted(value for value, times in rows.items() if times >= least))
    rare = tuple(sorted(value for value, times in rows.items() if times < least))
    embedded = len(categories) > _ONE_HOT
    return Encoder(name, "category", categories=categories, rare=rare, embedded=embedded)


def _center_and_scale(there: pl.Series, scaling: Scaling) -> tuple[float, float]:
    """Return mean and standard deviation, or median and interquartile range; a constant has the scale 1."""
    if not len(there):
        return 0.0, 1.0
    numbers = there.cast(pl.Float64)
    center, scale = float(numbers.mean()), float(numbers.std(ddof=0))  # type: ignore[arg-type]  # numbers both
    if scaling == "robust":
        low, center, high = (float(part) for part in np.quantile(numbers.to_numpy(), [0.25, 0.5, 0.75]))
        scale = high - low or scale
    return center, scale if scale > 1e-12 * max(abs(center), 1e-300) else 1.0


def num_features(encoders: Sequence[Encoder]) -> int:
    """Return F, the features of all columns."""
    return sum(encoder.num_features for encoder in encoders)


def encode(
    frame: pl.DataFrame, encoders: Sequence[Encoder], splits: Sequence[NDArray[np.int32]] | None = None
) -> NDArray[np.float32]:
    """Turn columns that conform into features ``(N, F)``.

    Args:
        frame: the columns as ``conform`` or ``understand`` gives them.
        encoders: what was learned from train rows.
        splits: the rows of each split, which then come one split after the other; all as they are if none.
    """
    rows = np.empty(len(frame), np.int32)  # where each row comes
    at = 0
    for split in splits or [np.arange(len(frame), dtype=np.int32)]:
        rows[split] = np.arange(at, at + len(split), dtype=np.int32)
        at += len(split)
    x = np.zeros((at, num_features(encoders)), np.float32)
    write = _Writer(encoders)
    for start in range(0, len(frame), _BLOCK):
        x[rows[start : start + _BLOCK]] = write(frame.slice(start, _BLOCK))
    return x


class _Writer:
    """Writes a block of rows, all columns of numbers at once."""

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        ends = np.cumsum([encoder.num_features for encoder in encoders])
        placed = list(zip(encoders, ends - [encoder.num_features for encoder in encoders], strict=True))
        self.width = int(ends[-1])
        self.categories = [(encoder, int(at)) for encoder, at in placed if encoder.kind == "category"]
        numbers = [(encoder, int(at)) for encoder, at in placed if encoder.kind != "category"]
        self.names = [encoder.name for encoder, _ in numbers]
        self.places = _slice([at for _, at in numbers])
        self.told = [(column, at + 1) for column, (encoder, at) in enumerate(numbers) if encoder.indicator]
        self.centers, self.scales, self.medians = (
            np.array([getattr(encoder, name) for encoder, _ in numbers])
            for name in ("center", "scale", "median")
        )

    def __call__(self, part: pl.DataFrame) -> NDArray[np.float32]:
        """Return the features of some rows, ``(M, F)``."""
        out = np.zeros((len(part), self.width), np.float32)
        if self.names:
            values = part.select(self.names).to_numpy()  # gaps are NaN here
            gaps = np.isnan(values)
            if gaps.any():
                values = np.where(gaps, self.medians.astype(values.dtype), values)
            # as exact as they were read: double precision, unless there are very many
            exact = values.dtype if self.scales.min() > _TINY else np.dtype(np.float64)
            with np.errstate(over="ignore"):  # such are brought to the farthest
                scaled = (values - self.centers.astype(exact)) / self.scales.astype(exact)
            out[:, self.places] = np.clip(scaled, -FARTHEST, FARTHEST, out=scaled)
            for column, place in self.told:
                out[:, place] = gaps[:, column]
        for encoder, at in self.categories:
            codes = encoder.codes(part[encoder.name])
            if encoder.embedded:
                out[:, at] = codes
            else:
                known = np.flatnonzero(codes)
                out[known, at - 1 + codes[known]] = 1
        return out


def _slice(places: list[int]) -> slice | list[int]:
    """Return places that follow each other as a slice, which numpy writes to faster."""
    if places and places == list(range(places[0], places[0] + len(places))):
        return slice(places[0], places[0] + len(places))
    return places
