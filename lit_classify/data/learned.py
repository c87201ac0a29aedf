"""What a run has learned from its train rows, and whether another table can be encoded by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from lit_classify.data.columns import Column, typed
from lit_classify.data.encoding import Encoder
from lit_classify.data.reading import Table
from lit_classify.data.targets import Target
from lit_classify.errors import DataError, note

_MOST_LINES = 6


@dataclass(frozen=True)
class Learned:
    """All that makes features and targets of rows; plain data travels in checkpoints.

    Args:
        fingerprint: of the table that was learned from.
        encoders: how each used column becomes features.
        target: what is to be told.
        settings: how the rows were split and the columns taken, which cannot be changed afterwards.
        columns: all columns that the table had.
    """

    fingerprint: str
    encoders: tuple[Encoder, ...]
    target: Target
    settings: Mapping[str, Any]
    columns: tuple[str, ...]

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Learned":
        """Build what ``as_dict`` described."""
        encoders = tuple(Encoder.from_dict(encoder) for encoder in record["encoders"])
        target = Target.from_dict(record["target"])
        columns = tuple(record["columns"])
        return cls(record["fingerprint"], encoders, target, record["settings"], columns)

    def as_dict(self) -> dict[str, Any]:
        """Return all as plain data."""
        encoders = [encoder.as_dict() for encoder in self.encoders]
        return {
            "fingerprint": self.fingerprint,
            "encoders": encoders,
            "target": self.target.as_dict(),
            "settings": dict(self.settings),
            "columns": list(self.columns),
        }

    def note_others(self, table: Table) -> None:
        """Note the columns that training did not have."""
        if others := [name for name in table.frame.columns if name not in self.columns]:
            note(f"passed over, as training had no such columns: {', '.join(others[:20])}")

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise DataError for a setting that is not what it was in training."""
        for name, value in settings.items():
            if value != self.settings[name]:
                raise DataError(
                    f"data.{name} was {self.settings[name]!r} in training, but is {value!r} now: "
                    "that would mix training rows into the others, or not be heeded at all"
                )

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Return the columns that hold names, whatever they look like."""
        return tuple(encoder.name for encoder in self.encoders if encoder.kind == "category")

    @property
    def num_categories(self) -> list[int]:
        """Return how many numbers each embedded column may have, those for unseen values and gaps too."""
        return [len(encoder.categories) + 2 for encoder in self.encoders if encoder.embedded]


def say_use(column: Column, encoders: Sequence[Encoder]) -> Column:
    """Say of a used column how it is used."""
    encoder = next((encoder for encoder in encoders if encoder.name == column.name), None)
    if encoder is None or not column.is_used:
        return column
    if not encoder.num_features:
        return replace(column, use="left out: every value is rare")
    if encoder.embedded:
        return replace(column, use=f"used, {len(encoder.categories)} values embedded")
    if encoder.kind == "category":
        return replace(column, use=f"used, {encoder.num_features} features")
    return replace(column, use="used, gaps told" if encoder.indicator else "used")


def conform(table: Table, encoders: Sequence[Encoder], strict: bool = False) -> pl.DataFrame:
    """Return the columns that the encoders know, as numbers or text; in any order, others passed over.

    Args:
        table: new rows.
        encoders: what was learned from train rows.
        strict: refuse categories that train rows did not have, which otherwise are noted.

    Raises:
        DataError: columns are missing or hold something else than before; lists all of them.
    """
    names = [encoder.name for encoder in encoders]
    lacking = [name for name in names if name not in table.frame.columns]
    faults = [f"{table.files[0][0]} lacks {', '.join(lacking)}"] if lacking else []
    made, unseen = [], []
    for encoder in encoders:
        if encoder.name in lacking:
            continue
        series = table.frame[encoder.name]
        try:
            values, _ = typed(series, encoder.kind, table.where)
        except DataError as error:
            faults.append(f"{error}, as it was in training")
            continue
        if encoder.kind == "category":
            seen = values.is_in([*encoder.categories, *encoder.rare])
            new = (values.is_not_null() & ~seen).arg_true()
            if len(new) and not seen.any() and typed(values)[1] == "number":
                faults.append(
                    f"{table.where(int(new[0]))}, column {encoder.name!r}: {values[int(new[0])]!r} "
                    "is a number, but training had names, and no row has one of them"
                )
            elif len(new):
                row = int(new[0])
                unseen.append(
                    f"{encoder.name!r} has {len(new):,} values not seen in training, "
                    f"first {values[row]!r} in {table.where(row)}"
                )
        made.append(values)
    if faults:
        extra = sorted(set(table.frame.columns) - set(names))
        if lacking:
            faults[0] += f"; it has, not expected, {', '.join(extra[:20]) or 'nothing'}"
        raise DataError("\n".join(faults[:_MOST_LINES]))
    if unseen and strict:
        raise DataError("\n".join(unseen[:_MOST_LINES]))
    if unseen:
        note("taken as unknown: " + "; ".join(unseen))
    return pl.DataFrame(made)


def check_gaps(frame: pl.DataFrame, table: Table) -> None:
    """Raise DataError at the first gap or infinite number, for those who want none filled."""
    for series in frame:
        if series.null_count():
            row = int(series.is_null().arg_true()[0])
            raise DataError(
                f"{table.where(row)}, column {series.name!r}: {table.frame[series.name][row]!r} is missing "
                f"or not finite, as in {series.null_count():,} rows; gaps impute would fill it"
            )
