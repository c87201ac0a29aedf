"""The column or columns that a network learns to tell: classes, labels that may hold together, or numbers.

Legend: N rows, L labels.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.dialect import EXACT, as_text
from lit_classify.data.table.encoding import texts
from lit_classify.data.table.schema import WORDS, Kind, check_names, typed
from lit_classify.data.table.source import Table
from lit_classify.errors import DataError

Targets = NDArray[np.int32] | NDArray[np.float32]
_WORDS = (pl.String, pl.Boolean, pl.Categorical, pl.Enum)
_MOST_CLASSES = 20  # of whole numbers; more are numbers, not classes
_FINE = 1e5  # spreads from zero; single precision tells a 17,000,000th part
_LARGEST = 1e15  # its square is within single precision too
_NO_LABEL = -100.0  # what CrossEntropy passes over in silence


@dataclass(frozen=True)
class Target:
    """What is to be told; plain data, so that it travels in a checkpoint.

    Args:
        columns: the target's column, or one for each label.
        class_names: the classes in order; none for labels and numbers.
        label_names: the labels, which may hold together; none for classes and numbers.
    """

    columns: tuple[str, ...]
    class_names: tuple[str, ...] | None = None
    label_names: tuple[str, ...] | None = None

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Target":
        """Build the target that ``as_dict`` described.

        Raises:
            TypeError: a part is no list of texts.
            ValueError: a text occurs twice.
        """
        classes, labels = record["class_names"], record["label_names"]
        return cls(
            texts(record["columns"], "columns"),
            None if classes is None else texts(classes, "class_names"),
            None if labels is None else texts(labels, "label_names"),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the target as plain data."""
        return {key: list(part) if isinstance(part, tuple) else part for key, part in asdict(self).items()}

    @property
    def out_features(self) -> int:
        """Return the numbers that a model gives per row: one for two classes or a value."""
        if self.label_names is not None:
            return len(self.label_names)
        return 1 if self.class_names is None or len(self.class_names) == 2 else len(self.class_names)

    def values(self, table: Table) -> Targets:
        """Return the target of every row: class numbers ``(N,)`` int32, numbers ``(N,)`` or 0/1 ``(N, L)``.

        Raises:
            DataError: a column is missing, or a cell is none of the classes, labels or numbers.
        """
        check_names("target column", self.columns, table)
        if self.label_names is not None:
            labels = [_label(table, name).to_numpy() for name in self.columns]
            return np.stack(labels, axis=1).astype(np.float32)
        (name,) = self.columns
        if self.class_names is None:
            return _single(table, _numbers(table, name))
        cells = _whole(table, name, "category" if table.frame[name].dtype in _WORDS else None)
        names = pl.Series(self.class_names, dtype=pl.String)
        sizes = names.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        if (np.abs(sizes) < EXACT).all() and (np.diff(sizes) > 0).all():  # in order of their size
            values = cells.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
            codes = np.searchsorted(sizes[:-1], values).astype(np.int32)
            codes[sizes[codes] != values] = -1
        else:
            ranks = pl.Series(range(len(names)), dtype=pl.Int32)
            text = as_text(cells)
            codes = text.replace_strict(names, ranks, default=-1, return_dtype=pl.Int32).to_numpy()
        strange = np.flatnonzero(codes < 0)
        if len(strange):
            row = int(strange[0])
            raise DataError(
                f"{table.where(row)}, target {name!r}: {as_text(cells)[row]!r} is none of the classes "
                f"{', '.join(self.class_names)}"
            )
        return codes


def understand_target(
    table: Table, columns: Sequence[str], categorical: Collection[str], numeric: Collection[str]
) -> Target:
    """Find out what a target is: several columns are labels, text and few whole numbers are classes.

    Args:
        table: the rows.
        columns: the target's column, or one for each label.
        categorical: a target named here has classes, whatever it looks like.
        numeric: a target named here is a number, however few values it has.

    Raises:
        DataError: no such column, gaps, a single class, or values that look like mistakes.
    """
    check_names("target column", columns, table)
    if len(set(columns)) < len(columns) or not columns:
        raise DataError(
            f"target names a column, or several different ones for labels, but is {list(columns)}"
        )
    if len(columns) > 1:
        for name in columns:
            _label(table, name)
        return Target(tuple(columns), label_names=tuple(columns))
    (name,) = columns
    if name in numeric:
        _numbers(table, name)
        return Target((name,))
    cells = _whole(table, name, "category" if name in categorical else None)
    if cells.dtype != pl.String and not _are_classes(table, cells):
        return Target((name,))
    different = cells.unique()
    names = (different if cells.dtype == pl.String else different.cast(pl.Int64).cast(pl.String)).to_list()
    if len(names) < 2:
        raise DataError(
            f"{table.files[0][0]}: the target {name!r} has a single class, {names[0]!r}, "
            f"in all {len(cells):,} rows"
        )
    if len(names) > max(_MOST_CLASSES, len(cells) // 2):
        raise DataError(
            f"{table.files[0][0]}: the target {name!r} has {len(names):,} different values in "
            f"{len(cells):,} rows, such as {names[0]!r}: names rather than classes"
        )
    return Target((name,), class_names=tuple(sorted(names, key=_in_order)))


def _in_order(name: str) -> tuple[int, int, str]:
    """Sort numbers by size, before words."""
    return (0, int(name), name) if name.removeprefix("-").isdecimal() else (1, 0, name)


def _whole(table: Table, name: str, kind: Kind | None) -> pl.Series:
    """Return the target without gaps: numbers, or text where it is or should be text."""
    series = table.frame[name]
    values, found = typed(series, kind, table.where)
    if found == "boolean":
        values, _ = typed(series, "category", table.where)
    gaps = values.is_null().arg_true()
    if len(gaps):
        row = int(gaps[0])
        raise DataError(
            f"{table.where(row)}: the target {name!r} is missing or not finite ({series[row]!r}), "
            f"as in {len(gaps):,} of {len(values):,} rows; leave these rows out"
        )
    return values


def _numbers(table: Table, name: str) -> pl.Series:
    """Return a target that must hold numbers, without gaps."""
    if table.frame[name].dtype in _WORDS:
        text = as_text(table.frame[name])
        words = text.is_not_null() & text.cast(pl.Float64, strict=False).is_null()
        if words.any():
            row = int(words.arg_true()[0])
            raise DataError(f"{table.where(row)}, target {name!r}: {text[row]!r} is no number")
    return _whole(table, name, "number")


def _are_classes(table: Table, cells: pl.Series) -> bool:
    """Whether numbers name classes: few different whole ones.

    Raises:
        DataError: they nearly do, but one is a fraction, or -100, which stands for no label at all.
    """
    different = cells.unique()
    if len(different) > _MOST_CLASSES or different.abs().max() >= EXACT:  # type: ignore[operator]
        return False
    whole = different == different.round()
    advice = f"mend it, or declare {cells.name!r} numeric or categorical"
    if not whole.all():
        fractions = (cells != cells.round()).arg_true()
        if len(fractions) * 20 > len(cells):
            return False
        row = int(fractions[0])
        raise DataError(
            f"{table.where(row)}, target {cells.name!r}: {cells[row]} is a fraction among whole "
            f"numbers; {advice}"
        )
    if different.min() == _NO_LABEL and len(different) > 2 and bool((different.sort()[1:] >= 0).all()):
        row = int((cells == _NO_LABEL).arg_true()[0])
        raise DataError(
            f"{table.where(row)}, target {cells.name!r}: -100 often stands for no label; "
            f"leave these rows out, or declare {cells.name!r} categorical"
        )
    return True


def _label(table: Table, name: str) -> pl.Series:
    """Return a label's column as 0 and 1."""
    text = as_text(table.frame[name])
    words = text.str.to_lowercase().replace_strict(WORDS, default=None, return_dtype=pl.Float64)
    values = words.fill_null(text.cast(pl.Float64, strict=False))
    wrong = (~values.is_in([0.0, 1.0])).fill_null(True).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{table.where(row)}, label {name!r}: {table.frame[name][row]!r} is neither 0 nor 1; several "
            "target columns are labels, each of which holds or not"
        )
    return values


def _single(table: Table, cells: pl.Series) -> NDArray[np.float32]:
    """Return numbers in single precision.

    Raises:
        DataError: they are larger, or differ by less, than that tells.
    """
    numbers = cells.to_numpy()
    if len(large := np.flatnonzero(np.abs(numbers) > _LARGEST)):
        row = int(large[0])
        raise DataError(
            f"{table.where(row)}, target {cells.name!r}: {numbers[row]:g} is more than single precision "
            "holds well; divide the target by a constant"
        )
    spread = float(numbers.astype(np.float64).std())
    if spread and float(np.abs(numbers).max()) > _FINE * spread:
        raise DataError(
            f"{table.files[0][0]}: the target {cells.name!r} varies by {spread:g} around {numbers.mean():g}, "
            "which single precision cannot tell; subtract a constant from it"
        )
    return numbers.astype(np.float32)
