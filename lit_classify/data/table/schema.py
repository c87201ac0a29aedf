"""The schema of a table: the kind of each column, and whether it can be a feature.

Legend: N rows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.casting import Kind, are_booleans, cast_column, mask_out_of_range
from lit_classify.data.table.cell_warnings import CellWarnings
from lit_classify.data.table.column_totals import MAX_COUNTED_VALUES, ColumnTotals
from lit_classify.data.table.raw_table import RawTable
from lit_classify.errors import DataError
from lit_classify.messages import escape_control, pad, shorten, unknown_name, width_of

_MAX_NAME = 32  # characters of a name in the table of columns
_MAX_FEW = 20  # distinct values up to which a column has few
_MAX_COUNTED = 100_000  # rows in which distinct numbers are counted


@dataclass(frozen=True)
class Column:
    """A column of the schema.

    Args:
        name: name of the column.
        kind: its kind; its dtype if it is excluded by an option.
        missing: number of missing values.
        distinct: number of distinct values.
        use: how the column is used, or why it is dropped.
        is_sampled: whether ``distinct`` is a lower bound, counted in the first rows.

    Examples:
        >>> Column("age", "number", missing=1, distinct=2).is_used
        True
        >>> Column("id", "category", missing=0, distinct=50, use="dropped: listed in ignore").is_used
        False
    """

    name: str
    kind: Kind | str
    missing: int
    distinct: int
    use: str = "used"
    is_sampled: bool = False

    @property
    def is_used(self) -> bool:
        """Whether the column is a feature."""
        return self.use.startswith("used")


def to_unique_strings(value: Any, name: str) -> tuple[str, ...]:  # noqa: ANN401 - content of a file
    """Return a list of distinct strings as a tuple.

    Raises:
        TypeError: the value is anything else.
        ValueError: a string occurs twice.

    Examples:
        >>> to_unique_strings(["a", "b"], "columns")
        ('a', 'b')
    """
    if not isinstance(value, list) or not all(isinstance(string, str) for string in value):
        raise TypeError(f"{name} must be a list of strings")
    if len(set(value)) < len(value):
        raise ValueError(f"{name} contains a string twice")
    return tuple(value)


def check_columns(role: str, names: Collection[str], table: RawTable) -> None:
    """Raise DataError if a table lacks a column, with the closest name.

    Examples:
        >>> table = RawTable(pl.DataFrame({"target": [0, 1]}), (("t.csv", 2),), ("1f",))
        >>> check_columns("target column", ["target"], table)
        >>> check_columns("target column", ["targt"], table)
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: unknown target column 'targt': did you mean 'target'?
    """
    for name in names:
        if name not in table.frame.columns:
            columns = table.frame.columns
            if len(columns) == 1 and name in columns[0]:
                raise DataError(
                    f"unknown {role} {name!r}: the only column is {columns[0]!r}; if another character "
                    "than a comma separates columns, set --data.delimiter"
                )
            raise DataError(unknown_name(role, name, columns))


def infer_schema(
    table: RawTable,
    features: Collection[str],
    ignore: Collection[str],
    categorical: Collection[str],
    numeric: Collection[str],
    totals: Mapping[str, ColumnTotals] | None = None,
    cell_warnings: CellWarnings | None = None,
) -> tuple[pl.DataFrame, list[Column]]:
    """Infer the kind of each column from all rows, and drop uninformative columns.

    Args:
        table: the rows, without the target and other columns that cannot be features.
        features: the only columns to use; all if empty.
        ignore: columns not to use.
        categorical: columns whose values are categories, even if they look like numbers.
        numeric: columns that must hold numbers.
        totals: the totals of all rows by column, if the table is a sample; then there is no warning about
            numbers beyond single precision.
        cell_warnings: where to collect these numbers, instead of warning about them.

    Returns:
        The used columns as numbers, dates or text, and the schema of all columns.

    Raises:
        DataError: a cell is not of the kind of its column.

    Examples:
        >>> frame = pl.DataFrame({"age": [20.0, None, 40.0], "unit": ["m"] * 3})
        >>> table = RawTable(frame, (("t.csv", 3),), ("1f",))
        >>> used, columns = infer_schema(table, features=[], ignore=[], categorical=[], numeric=[])
        >>> used["age"].to_list()
        [20.0, None, 40.0]
        >>> [(column.name, column.kind, column.use) for column in columns]
        [('age', 'number', 'used'), ('unit', 'category', 'dropped: constant')]
    """
    ignored, selected, categories, numbers = map(set, (ignore, features, categorical, numeric))
    used, columns, new_warnings = [], [], CellWarnings()
    for series in table.frame:
        name = series.name
        if name in ignored or (selected and name not in selected):
            use = "dropped: listed in ignore" if name in ignored else "dropped: not listed in features"
            columns.append(Column(name, str(series.dtype).lower(), series.null_count(), 0, use))
            continue
        declared: Kind | None = "category" if name in categories else "number" if name in numbers else None
        values, kind = cast_column(series, declared, table.locate, table.formats.get(name))
        if kind == "boolean" and totals is not None and not are_booleans(totals[name].counts["value"]):
            values, kind = cast_column(series, "category")
        if kind == "number":
            values, out_of_range = mask_out_of_range(values, table.locate)
            if out_of_range is not None and totals is None:
                new_warnings.out_of_range[name] = out_of_range
        total = None if totals is None else totals[name]
        num_rows = len(values) if total is None else total.num_rows
        missing = values.null_count() if total is None else total.missing
        distinct, is_sampled = _count_distinct(values, total)
        if total is not None and total.has_too_many:
            use = f"dropped: more than {MAX_COUNTED_VALUES:,} values"
        else:
            is_inferred = kind == "category" and declared is None
            use = _use(num_rows, missing, distinct, is_inferred)
        if use == "used":
            used.append(values)
        columns.append(Column(name, kind, missing, distinct, use, is_sampled))
    if cell_warnings is None:
        new_warnings.warn_out_of_range()
    else:
        cell_warnings.add(new_warnings)
    return pl.DataFrame(used), columns


def _use(num_rows: int, missing: int, distinct: int, is_inferred_category: bool) -> str:
    """Return ``used``, or why a column with so many missing and distinct values is dropped."""
    if distinct == 0:
        return "dropped: all missing"
    if distinct == 1 and not missing:
        return "dropped: constant"
    if is_inferred_category and distinct == num_rows - missing and distinct > _MAX_FEW:
        return "dropped: unique values (looks like an ID)"
    return "used"


def _count_distinct(values: pl.Series, total: ColumnTotals | None) -> tuple[int, bool]:
    """Count distinct values; of many numbers, those of the first rows unless these are constant.

    Returns:
        The number, and whether it is a lower bound.
    """
    if total is not None and values.dtype == pl.String:
        return MAX_COUNTED_VALUES if total.has_too_many else len(total.counts), total.has_too_many
    if len(values) > _MAX_COUNTED and values.dtype.is_float():
        distinct = values.head(_MAX_COUNTED).drop_nulls().n_unique()
        if distinct > 1:
            return distinct, True
    distinct = values.drop_nulls().n_unique()
    if total is None or total.num_rows == len(values):
        return distinct, False
    return max(distinct, min(total.all_moments.count, 1 + total.all_moments.varies)), True


def find_leakage(frame: pl.DataFrame, columns: Sequence[Column], targets: NDArray[Any]) -> set[str]:
    """Return the used columns that determine the target on their own.

    These are columns of few values, each of which occurs with one class only, and numbers that correlate
    perfectly with a numeric target. Labels are not checked.

    Args:
        frame: the used columns, ``(N,)`` each.
        columns: the schema.
        targets: classes ``(N,)``, values ``(N,)`` or labels ``(N, L)``.

    Examples:
        >>> frame = pl.DataFrame({"age": [float(n) for n in range(30)], "alive": ["no", "yes"] * 15})
        >>> columns = [Column("age", "number", 0, 30), Column("alive", "category", 0, 2)]
        >>> find_leakage(frame, columns, (frame["alive"] == "yes").cast(pl.Int32).to_numpy())
        {'alive'}
    """
    if targets.ndim > 1:
        return set()
    target = pl.Series(targets)
    leaking = set()
    for column in columns:
        if not column.is_used:
            continue
        values = frame[column.name]
        if target.dtype.is_float():
            if values.dtype.is_float() and column.distinct > _MAX_FEW:
                pairs = pl.DataFrame({"value": values, "target": target}).drop_nulls()
                correlation = pairs.select(pl.corr("value", "target")).item()
                if correlation is not None and abs(correlation) > 1 - 1e-9:
                    leaking.add(column.name)
        elif column.distinct <= _MAX_FEW < len(target):
            pairs = pl.DataFrame({"value": values, "target": target}).drop_nulls().unique()
            if len(pairs) == pairs["value"].n_unique() >= target.n_unique():
                leaking.add(column.name)
    return leaking


def format_schema(columns: Sequence[Column], leaking: Collection[str]) -> str:
    """Return the schema as a printable table.

    Examples:
        >>> print(format_schema([Column("age", "number", 1, 2)], []))
        column  kind      missing  distinct  use
        age     number          1         2  used
    """
    names = [shorten(escape_control(column.name, is_name=True), _MAX_NAME) for column in columns]
    width = max([6, *map(width_of, names)])
    lines = [f"{'column':<{width}}  {'kind':<9}{'missing':>8}{'distinct':>10}  use"]
    for name, column in zip(names, columns, strict=True):
        use = column.use + ("; possible target leakage" if column.name in leaking else "")
        distinct = f"{column.distinct:,}{'+' * column.is_sampled}"
        lines.append(f"{pad(name, width)}  {column.kind:<9}{column.missing:>8,}{distinct:>10}  {use}")
    return "\n".join(lines)
