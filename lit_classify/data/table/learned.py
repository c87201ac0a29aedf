"""What a run has learned from its train rows, and whether another table can be encoded by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl

from lit_classify.data.table.encoding import Encoder, texts
from lit_classify.data.table.schema import Column, drop_huge, note_huge, typed
from lit_classify.data.table.source import Table
from lit_classify.data.table.targets import Target
from lit_classify.errors import DataError, warn

HandleUnknown = Literal["error", "ignore"]
ROLES = ("path", "val_path", "test_path")
_MOST_LINES = 6


@dataclass(frozen=True)
class Learned:
    """All that makes features and targets of rows; plain data travels in checkpoints.

    Args:
        files: of ``path``, ``val_path`` and ``test_path``, each file with the SHA-256 of its rows.
        encoders: how each used column becomes features.
        target: what is to be told.
        settings: how the rows were split and the columns taken, which cannot be changed afterwards.
        columns: all columns that the table had.
    """

    files: Mapping[str, Mapping[str, str]]
    encoders: tuple[Encoder, ...]
    target: Target
    settings: Mapping[str, Any]
    columns: tuple[str, ...]

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Learned":
        """Build what ``as_dict`` described.

        Raises:
            KeyError: a part is missing.
            TypeError: a part is of another type.
            ValueError: a part could not have been learned.
        """
        encoders = tuple(Encoder.from_dict(encoder) for encoder in record["encoders"])
        target = Target.from_dict(record["target"])
        columns = texts(record["columns"], "columns")
        texts([encoder.name for encoder in encoders], "encoders")
        files = {role: dict(record["files"][role]) for role in ROLES}
        if not all(
            isinstance(text, str) for part in files.values() for pair in part.items() for text in pair
        ):
            raise TypeError("files must be paths with the digests of their rows")
        settings = record["settings"]
        if not files["path"] or any(bool(files[role]) != bool(settings[role]) for role in ROLES):
            raise ValueError("files must be those that the settings name")
        return cls(files, encoders, target, settings, columns)

    def as_dict(self) -> dict[str, Any]:
        """Return all as plain data."""
        encoders = [encoder.as_dict() for encoder in self.encoders]
        return {
            "files": {role: dict(files) for role, files in self.files.items()},
            "encoders": encoders,
            "target": self.target.as_dict(),
            "settings": dict(self.settings),
            "columns": list(self.columns),
        }

    def note_others(self, table: Table) -> None:
        """Note the columns that training did not have."""
        known = set(self.columns)
        if others := [name for name in table.frame.columns if name not in known]:
            warn(f"ignored columns that the training data did not have: {', '.join(others[:20])}")

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise DataError for a setting that is not what it was in training; files may be others."""
        for name in ("val_path", "test_path"):
            if bool(settings[name]) != bool(self.settings[name]):
                raise DataError(
                    f"data.{name} was {self.settings[name] or None} in training, but is "
                    f"{settings[name] or None} now; to score the rows of another file, give it as --data.path"
                )
        for name, value in settings.items():
            if value != self.settings[name] and name not in ROLES:
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


def other_files(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Say which files hold other rows than those that were learned from; none if none do.

    Args:
        before: ``Learned.files`` of a run.
        now: the same of its data now.
    """
    for role in ROLES:
        old, new = before[role], now[role]
        if list(old.values()) != list(new.values()):
            changed = [file for file, digest in new.items() if digest not in old.values()] or list(new)
            return f"{', '.join(changed) or 'no file'} (data.{role}, which was {', '.join(old) or 'no file'})"
    return None


def say_use(column: Column, encoders: Mapping[str, Encoder]) -> Column:
    """Say of a used column how it is used."""
    encoder = encoders.get(column.name)
    if encoder is None or not column.is_used:
        return column
    if not encoder.num_features:
        return replace(column, use="dropped: all values are rare")
    if encoder.embedded:
        return replace(column, use=f"used, {len(encoder.categories)} values embedded")
    if encoder.kind == "category":
        return replace(column, use=f"used, {encoder.num_features} features")
    return replace(column, use="used, with missing-value indicator" if encoder.indicator else "used")


def conform(
    table: Table, encoders: Sequence[Encoder], handle_unknown: HandleUnknown = "ignore"
) -> pl.DataFrame:
    """Return the columns that the encoders know, as numbers or text; in any order, others passed over.

    Args:
        table: new rows.
        encoders: what was learned from train rows.
        handle_unknown: error refuses categories that the training rows lack; ignore notes them.

    Raises:
        DataError: columns are missing or hold something else than before; lists all of them.
    """
    names, there = [encoder.name for encoder in encoders], set(table.frame.columns)
    lacking = [name for name in names if name not in there]
    faults = [f"{table.files[0][0]} lacks {', '.join(lacking)}"] if lacking else []
    made, unseen, huge = [], [], []
    for encoder in encoders:
        if encoder.name not in there:
            continue
        series = table.frame[encoder.name]
        try:
            values, _ = typed(series, encoder.kind, table.where)
        except DataError as error:
            faults.append(f"{error}, as it was in training")
            continue
        if encoder.kind == "number":
            values, said = drop_huge(values, table.where)
            huge += [said] if said else []
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
    if unseen and handle_unknown == "error":
        raise DataError("\n".join(unseen[:_MOST_LINES]))
    note_huge(huge)
    if unseen:
        warn("unseen categories: " + "; ".join(unseen))
    return pl.DataFrame(made)


def check_missing(frame: pl.DataFrame, table: Table) -> None:
    """Raise DataError at the first gap or infinite number, for those who want none filled."""
    for series in frame:
        if series.null_count():
            row = int(series.is_null().arg_true()[0])
            raise DataError(
                f"{table.where(row)}, column {series.name!r}: {table.frame[series.name][row]!r} is missing "
                f"or not finite in single precision, as in {series.null_count():,} rows; set "
                "--data.missing impute to fill it"
            )
