"""The target of a table: classes, labels or values.

Legend: N rows, L labels.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.base import num_outputs
from lit_classify.data.table.casting import Kind, cast_column
from lit_classify.data.table.cells import MAX_EXACT_INTEGER, as_text, respell, to_numbers
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.schema import check_columns, to_unique_strings
from lit_classify.errors import DataError

Targets = NDArray[np.int32] | NDArray[np.float32]
_TEXT_TYPES = (pl.String, pl.Boolean, pl.Categorical, pl.Enum)
_MAX_CLASSES = 20  # distinct integers of a classification; more are a regression
_MAX_OFFSET = 1e5  # largest value in standard deviations; single precision has 7 digits
_MAX_VALUE = 1e15  # its square is still finite in single precision
_DROP = "leave these rows out with --data.missing_target drop"
_IGNORE_INDEX = -100.0  # torch.nn.CrossEntropyLoss skips it silently


@dataclass(frozen=True)
class Target:
    """What a model predicts.

    Args:
        columns: the target's column, or one for each label.
        class_names: the classes in order; None for labels and values.
        label_names: the labels; None for classes and values.

    Examples:
        >>> Target(("color",), class_names=("blue", "green", "red")).out_features
        3
    """

    columns: tuple[str, ...]
    class_names: tuple[str, ...] | None = None
    label_names: tuple[str, ...] | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Target":
        """Return the target of ``to_dict``.

        Raises:
            TypeError: an entry is not a list of strings.
            ValueError: a string occurs twice.
        """
        classes, labels = data["class_names"], data["label_names"]
        return cls(
            to_unique_strings(data["columns"], "columns"),
            None if classes is None else to_unique_strings(classes, "class_names"),
            None if labels is None else to_unique_strings(labels, "label_names"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the target as plain data."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }

    @property
    def out_features(self) -> int:
        """Number of outputs of a model."""
        if self.label_names is not None:
            return len(self.label_names)
        return 1 if self.class_names is None else num_outputs(len(self.class_names))

    def values(self, table: RawTable, spread: float | None = None) -> Targets:
        """Return classes ``(N,)`` int32, values ``(N,)`` float32 or labels ``(N, L)`` float32.

        Args:
            table: the rows.
            spread: the standard deviation of all values, if the rows are some of them.

        Raises:
            DataError: a column is missing, or a cell is not a class, a label or a number.
        """
        check_columns("target column", self.columns, table)
        if self.label_names is not None:
            labels = [_label(table, name).to_numpy() for name in self.columns]
            return np.stack(labels, axis=1).astype(np.float32)
        (name,) = self.columns
        if self.class_names is None:
            return _to_single(table, _complete(table, name, "number"), spread)
        cells = _complete(table, name, "category" if table.frame[name].dtype in _TEXT_TYPES else None)
        codes = _to_codes(cells, self.class_names)
        unknown = np.flatnonzero(codes < 0)
        if len(unknown):
            row = int(unknown[0])
            cell = f"{table.locate(row)}, target {name!r}: {as_text(cells)[row]!r}"
            raise DataError(f"{cell} is not one of the classes {', '.join(self.class_names)}")
        return codes


def _to_codes(cells: pl.Series, class_names: Sequence[str]) -> NDArray[np.int32]:
    """Return the index of each cell's class, ``(N,)``; -1 for cells that are not a class."""
    names = pl.Series(class_names, dtype=pl.String)
    numbers = to_numbers(names).fill_null(float("nan")).to_numpy()
    if (np.abs(numbers) < MAX_EXACT_INTEGER).all() and (np.diff(numbers) > 0).all():
        values = to_numbers(cells).fill_null(float("nan")).to_numpy()  # which are faster to look up than text
        codes: NDArray[np.int32] = np.searchsorted(numbers[:-1], values).astype(np.int32)
        codes[numbers[codes] != values] = -1
        return codes
    ranks = pl.Series(range(len(names)), dtype=pl.Int32)
    text = as_text(cells)
    text = text if text.is_in(names.implode()).all() else respell(text, names)
    return text.replace_strict(names, ranks, default=-1, return_dtype=pl.Int32).to_numpy()


def infer_target(
    table: RawTable, columns: Sequence[str], categorical: Collection[str], numeric: Collection[str]
) -> Target:
    """Infer the kind of the target: several columns are labels; text and few distinct integers are classes.

    Args:
        table: the rows.
        columns: the target's column, or one for each label.
        categorical: columns that are classes even if they look like values.
        numeric: columns that are values even if there are few distinct ones.

    Raises:
        DataError: a column is missing or has missing values, there is a single class, or values look like
            errors.

    Examples:
        >>> frame = pl.DataFrame({"size": [1.5, 2.5, 3.0], "color": ["red", "blue", "red"]})
        >>> table = RawTable(frame, (("t.csv", 3),), ("1f",))
        >>> infer_target(table, ["color"], categorical=[], numeric=[]).class_names
        ('blue', 'red')
        >>> infer_target(table, ["size"], categorical=[], numeric=[]).out_features
        1
    """
    check_columns("target column", columns, table)
    if len(set(columns)) < len(columns) or not columns:
        raise DataError(
            f"target must be a column, or several distinct columns of labels, but is {list(columns)}"
        )
    if len(columns) > 1:
        for name in columns:
            _label(table, name)
        return Target(tuple(columns), label_names=tuple(columns))
    (name,) = columns
    if name in numeric:
        _complete(table, name, "number")
        return Target((name,))
    cells = _complete(table, name, "category" if name in categorical else None)
    if cells.dtype != pl.String and not _are_classes(table, cells):
        return Target((name,))
    distinct = cells.unique()
    names = (distinct if cells.dtype == pl.String else distinct.cast(pl.Int64).cast(pl.String)).to_list()
    if len(names) < 2:
        raise DataError(
            f"{table.files[0][0]}: the target {name!r} has a single class, {names[0]!r}, in all "
            f"{len(cells):,} rows"
        )
    if len(names) > max(_MAX_CLASSES, len(cells) // 2):
        raise DataError(
            f"{table.files[0][0]}: the target {name!r} has {len(names):,} distinct values in "
            f"{len(cells):,} rows, such as {names[0]!r}: IDs rather than classes"
        )
    return Target((name,), class_names=tuple(sorted(names, key=_sort_key)))


def _sort_key(name: str) -> tuple[int, int, str]:
    """Return the sort key of a class: numbers in order, then text."""
    return (0, int(name), name) if name.removeprefix("-").isdecimal() else (1, 0, name)


def has_targets(table: RawTable, columns: Sequence[str]) -> pl.Series:
    """Return whether each row has all targets, ``(N,)``.

    Examples:
        >>> table = RawTable(pl.DataFrame({"y": ["a", None]}), (("t.csv", 2),), ("1f",))
        >>> has_targets(table, ["y"]).to_list()
        [True, False]
    """
    targets = [cast_column(table.frame[name], None, table.locate)[0] for name in columns]
    return pl.DataFrame(targets).select(pl.all_horizontal(pl.all().is_not_null())).to_series()


def check_complete(table: RawTable, name: str) -> None:
    """Raise DataError if a cell of the target is missing; names the first.

    Examples:
        >>> table = RawTable(pl.DataFrame({"y": ["a", None]}), (("t.csv", 2),), ("1f",))
        >>> check_complete(table, "y")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: t.csv, row 2: the target 'y' is missing or not finite (None); ...
    """
    series = table.frame[name]
    kind: Kind | None = "category" if series.dtype in _TEXT_TYPES else None
    missing = cast_column(series, kind, table.locate, table.formats.get(name))[0].is_null().arg_true()
    if len(missing):
        raise DataError(f"{_missing_cell(table, name, int(missing[0]))}; {_DROP}")


def _complete(table: RawTable, name: str, kind: Kind | None) -> pl.Series:
    """Return the target as numbers or text; raise DataError if a value is missing."""
    series = table.frame[name]
    values, inferred = cast_column(series, kind, table.locate, table.formats.get(name))
    if inferred == "date":
        raise DataError(
            f"{table.files[0][0]}: the target {name!r} contains dates, which cannot be predicted; to predict "
            "them as classes, declare it categorical"
        )
    if inferred == "boolean":
        values, _ = cast_column(series, "category", table.locate)
    missing = values.is_null().arg_true()
    if len(missing):
        cell = _missing_cell(table, name, int(missing[0]))
        raise DataError(f"{cell}, as in {len(missing):,} of {len(values):,} rows; {_DROP}")
    return values


def _missing_cell(table: RawTable, name: str, row: int) -> str:
    """Return where a target is missing, and the cell."""
    return f"{table.locate(row)}: the target {name!r} is missing or not finite ({table.frame[name][row]!r})"


def _are_classes(table: RawTable, cells: pl.Series) -> bool:
    """Return whether numbers are classes: few distinct integers.

    Raises:
        DataError: a few are fractions, one is -100, which often means "no label", or they are times.
    """
    distinct = cells.unique()
    if len(distinct) > _MAX_CLASSES or distinct.abs().max() >= MAX_EXACT_INTEGER:  # type: ignore[operator]
        return False
    are_integers = distinct == distinct.round()
    if table.frame[cells.name].dtype == pl.Time:
        raise DataError(
            f"{table.files[0][0]}: the target {cells.name!r} contains {len(distinct)} different times; "
            "declare it numeric or categorical"
        )
    advice = f"fix it, or declare {cells.name!r} numeric or categorical"
    if not are_integers.all():
        fractions = (cells != cells.round()).arg_true()
        if len(fractions) * 20 > len(cells):
            return False
        row = int(fractions[0])
        raise DataError(
            f"{table.locate(row)}, target {cells.name!r}: {cells[row]} is a fraction among integers; {advice}"
        )
    if distinct.min() == _IGNORE_INDEX and len(distinct) > 2 and bool((distinct.sort()[1:] >= 0).all()):
        row = int((cells == _IGNORE_INDEX).arg_true()[0])
        raise DataError(
            f"{table.locate(row)}, target {cells.name!r}: -100 often means no label; "
            f"remove these rows, or declare {cells.name!r} categorical"
        )
    return True


def _label(table: RawTable, name: str) -> pl.Series:
    """Return the column of a label as 0 and 1."""
    advice = "several target columns are labels, which are 0 or 1"
    try:
        values, _ = cast_column(table.frame[name], "boolean", table.locate)
    except DataError as error:
        raise DataError(f"{error}; {advice}") from error
    if values.null_count():
        row = int(values.is_null().arg_true()[0])
        raise DataError(
            f"{table.locate(row)}, label {name!r}: {table.frame[name][row]!r} is missing; {advice}"
        )
    return values


def _to_single(table: RawTable, cells: pl.Series, spread: float | None) -> NDArray[np.float32]:
    """Return a numeric target in single precision.

    Raises:
        DataError: single precision cannot represent the values or their differences.
    """
    numbers = cells.to_numpy()
    if len(large := np.flatnonzero(np.abs(numbers) > _MAX_VALUE)):
        row = int(large[0])
        raise DataError(
            f"{table.locate(row)}, target {cells.name!r}: {numbers[row]:g} is too large for single "
            "precision; divide the target by a constant"
        )
    spread = float(numbers.astype(np.float64).std()) if spread is None else spread
    if spread and float(np.abs(numbers).max()) > _MAX_OFFSET * spread:
        raise DataError(
            f"{table.files[0][0]}: the target {cells.name!r} varies by {spread:g} around {numbers.mean():g}, "
            "which single precision cannot resolve; subtract a constant from it"
        )
    return numbers.astype(np.float32)
