"""The column or columns that a network learns to tell: classes, labels that may hold together, or numbers.

Legend: N rows, L labels.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.columns import check_names, typed
from lit_classify.data.reading import Table
from lit_classify.errors import DataError

Targets = NDArray[np.int32] | NDArray[np.float32]
_MOST_CLASSES = 20  # of whole numbers; more are numbers, not classes
_FINE = 1e5  # spreads from zero; single precision tells a 17,000,000th part
_LARGEST = 1e15  # its square is within single precision too
_LARGEST_NAME = 2**53  # from there on, whole numbers are not told apart
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
        """Build the target that ``as_dict`` described."""
        classes, labels = record["class_names"], record["label_names"]
        return cls(
            tuple(record["columns"]),
            None if classes is None else tuple(classes),
            None if labels is None else tuple(labels),
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
        cells = _whole(table, self.columns[0], as_text=False)
        if self.class_names is None:
            if cells.dtype == pl.String:
                raise DataError(f"{table.where(0)}, target {self.columns[0]!r}: {cells[0]!r} is no number")
            return _single(table, cells)
        names = pl.Series(self.class_names, dtype=pl.String)
        numbers = names.cast(cells.dtype, strict=False)
        if numbers.null_count():  # some classes are no numbers, so that all are text
            cells = _whole(table, self.columns[0], as_text=True)
            ranks = pl.Series(range(len(names)), dtype=pl.Int32)
            codes = cells.replace_strict(names, ranks, default=-1, return_dtype=pl.Int32).to_numpy()
        else:  # in the order of their size
            sizes, values = numbers.to_numpy(), cells.to_numpy()
            codes = np.searchsorted(sizes[:-1], values).astype(np.int32)
            codes[sizes[codes] != values] = -1
        strange = np.flatnonzero(codes < 0)
        if len(strange):
            row = int(strange[0])
            raise DataError(
                f"{table.where(row)}, target {self.columns[0]!r}: {cells[row]!r} is none of the classes "
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
    cells = _whole(table, name, as_text=name in categorical)
    if cells.dtype != pl.String:
        if name in numeric or not _are_classes(table, cells):
            return Target((name,))
        numbers = cells.unique().cast(pl.Int64).cast(pl.String).to_list()
    elif name in numeric:
        row = next(row for row, cell in enumerate(cells) if typed(pl.Series([cell]))[1] != "number")
        raise DataError(f"{table.where(row)}, target {name!r}: {cells[row]!r} is no number")
    names = cells.unique().to_list() if cells.dtype == pl.String else numbers
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


def _whole(table: Table, name: str, as_text: bool) -> pl.Series:
    """Return the target without gaps: numbers, or text where it is or should be text."""
    series = table.frame[name]
    values, kind = typed(series, None, table.where) if not as_text else (series, "category")
    if as_text or kind != "number":
        values, _ = typed(series, "category", table.where)
    gaps = values.is_null().arg_true()
    if len(gaps):
        row = int(gaps[0])
        raise DataError(
            f"{table.where(row)}: the target {name!r} is missing or not finite ({series[row]!r}), "
            f"as in {len(gaps):,} of {len(values):,} rows; leave these rows out"
        )
    return values


def _are_classes(table: Table, cells: pl.Series) -> bool:
    """Whether numbers name classes: few different whole ones.

    Raises:
        DataError: they nearly do, but one is a fraction, or -100, which stands for no label at all.
    """
    different = cells.unique()
    if len(different) > _MOST_CLASSES or different.abs().max() >= _LARGEST_NAME:  # type: ignore[operator]
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
    values, kind = typed(table.frame[name], None, table.where)
    if kind == "category":
        raise DataError(f"{table.where(0)}, label {name!r}: {values[0]!r} is neither 0 nor 1")
    wrong = (values.is_null() | ~values.is_in([0.0, 1.0])).arg_true()
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
