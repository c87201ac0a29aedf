"""The schema of a table: the kind of each column, and whether it can be a feature.

Legend: N rows.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.cells import BOOLEANS, MAX_EXACT_INTEGER, as_text, to_numbers
from lit_classify.data.table.column_totals import MAX_CATEGORIES, ColumnTotals
from lit_classify.data.table.files import RawTable
from lit_classify.data.table.value_formats import ValueFormat, closest_format
from lit_classify.errors import DataError
from lit_classify.messages import escape_control, unknown_name, warn

Kind = Literal["number", "boolean", "category", "date"]
LARGEST_FLOAT32 = 3.4e38  # largest number in single precision; larger ones are treated as missing
_DTYPES = {
    "number": pl.Float64(),
    "boolean": pl.Float64(),
    "date": pl.Datetime("us"),
    "category": pl.String(),
}
_MIN_NUMERIC = 0.95  # fraction of numeric cells above which the others are errors
_MIN_LEADING = 1000  # numeric cells before the first text above which the text is an error
_MAX_FEW = 20  # distinct values up to which a column has few
_MAX_MESSAGES = 6
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
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"{name} must be a list of strings")
    if len(set(value)) < len(value):
        raise ValueError(f"{name} contains a string twice")
    return tuple(value)


def cast_column(
    series: pl.Series,
    kind: Kind | None = None,
    locate: Callable[[int], str] = "row {}".format,
    known: ValueFormat | None = None,
) -> tuple[pl.Series, Kind]:
    """Return a column as numbers, dates or text, with null for missing values; and its kind.

    All code infers kinds, and treats infinity and NaN as missing, through this function. Text of
    numbers or dates has been converted by ``convert_text`` before.

    Args:
        series: the column, ``(N,)``.
        kind: the expected kind; inferred if None.
        locate: returns the file and row of a row index, for messages.
        known: the format of values that text should have.

    Raises:
        DataError: nearly all cells are values but some are not, or a cell is not of the expected kind.

    Examples:
        >>> values, kind = cast_column(pl.Series("age", [20.0, float("inf"), None]))
        >>> values.to_list(), kind
        ([20.0, None, None], 'number')
    """
    dtype = series.dtype
    if dtype == pl.Object:  # as to_polars returns cells of many types
        types = sorted({type(cell).__name__ for cell in series if cell is not None})
        advice = "convert it to one type, for example with astype(str), or ignore it"
        raise DataError(f"column {series.name!r} has cells of the type {' and '.join(types)}; {advice}")
    if dtype.is_nested() or dtype.is_extension() or dtype == pl.Binary:
        raise DataError(f"column {series.name!r} has the dtype {dtype}, neither numeric nor text; ignore it")
    if kind == "category":
        return as_text(series), "category"
    is_date = dtype in (pl.Date, pl.Datetime)
    if series.null_count() == len(series):
        kind = kind or ("category" if dtype == pl.String else "number")
        return pl.Series(series.name, [None] * len(series), _DTYPES[kind]), kind
    if is_date and kind in {None, "date"}:
        return _to_utc(series), "date"
    if kind is None and _exceeds_float(series):
        return as_text(series), "category"
    if (dtype.is_numeric() or dtype.is_temporal()) and not is_date and kind != "date":
        return _to_numbers(series, kind, locate)
    if dtype == pl.Boolean and kind != "date":
        return series.cast(pl.Float64), "boolean"
    text = as_text(series)
    if kind is None and text.null_count() == len(text):
        return text, "category"
    words = text.str.to_lowercase()
    values = (known or closest_format(text)).parse(text)
    if kind == "boolean" or (kind is None and _are_booleans(words)):
        values = words.replace_strict(BOOLEANS, default=to_numbers(text), return_dtype=pl.Float64)
        kind = "boolean"
    if (
        kind in {"number", "boolean"}
        and values.dtype.is_numeric()
        and values.null_count() == text.null_count()
    ):
        return _to_numbers(values, kind, locate)
    _check_text(text, values, kind, locate)
    return text, "category"


def _are_booleans(text: pl.Series) -> bool:
    """Return whether all cells of text are words for yes and no."""
    return bool(text.str.to_lowercase().drop_nulls().is_in(list(BOOLEANS)).all())


def _exceeds_float(series: pl.Series) -> bool:
    """Return whether there are integers that float64 cannot represent exactly."""
    if not (series.dtype.is_integer() or (isinstance(series.dtype, pl.Decimal) and not series.dtype.scale)):
        return False
    ends: list[Any] = [series.min(), series.max()]
    return any(abs(end) >= MAX_EXACT_INTEGER for end in ends if end is not None)


def _to_numbers(series: pl.Series, kind: Kind | None, locate: Callable[[int], str]) -> tuple[pl.Series, Kind]:
    """Return numbers, times of day or durations as floats, with null for infinity and NaN."""
    numbers = _finite(_to_seconds(series) if series.dtype.is_temporal() else series)
    if kind != "boolean":
        return numbers, "number"
    wrong = (~numbers.is_in([0.0, 1.0])).fill_null(False).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"{locate(row)}, column {series.name!r}: {series[row]!r} is neither yes nor no")
    return numbers, "boolean"


def _check_text(text: pl.Series, values: pl.Series, kind: Kind | None, locate: Callable[[int], str]) -> None:
    """Raise DataError if text should be numbers, dates, or words for yes and no.

    Args:
        text: the column, ``(N,)``.
        values: the values of its cells, null where the text has another format, ``(N,)``.
        kind: the expected kind.
        locate: returns the file and row of a row index.
    """
    wrong = text.is_not_null() & values.is_null()
    if kind is None and not wrong.any():  # integers that floats cannot represent
        return
    row = int(wrong.arg_true()[0]) if wrong.any() else 0
    cell = f"{locate(row)}, column {text.name!r}: {text[row]!r}"
    expected = "a number" if values.dtype.is_numeric() else "a date or time"
    if kind is not None:
        named = {"number": "not a number", "boolean": "neither yes nor no", "date": "not a date or time"}
        raise DataError(f"{cell} is {named[kind]}")
    num_cells, num_values = len(text) - text.null_count(), len(values) - values.null_count()
    num_leading = row - text.head(row).null_count()
    if num_values >= _MIN_NUMERIC * num_cells > 0 or num_leading >= _MIN_LEADING:
        raise DataError(
            f"{cell} is not {expected}, but {num_values:,} of {num_cells:,} cells are; fix it, name it in "
            "--data.missing_values, or declare the column categorical"
        )


def _to_utc(series: pl.Series) -> pl.Series:
    """Return dates and times in UTC, in microseconds."""
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return series.cast(pl.Datetime("us"), strict=False)


def _to_seconds(series: pl.Series) -> pl.Series:
    """Return times of day and durations in seconds."""
    if series.dtype == pl.Time:
        return series.to_physical() / 1e9
    return series.cast(pl.Duration("us"), strict=False).to_physical() / 1e6


def _finite(numbers: pl.Series) -> pl.Series:
    """Return numbers as floats, with null for infinity and NaN."""
    if numbers.dtype not in (pl.Float32, pl.Float64):  # half precision is too small for the arithmetic
        numbers = numbers.cast(pl.Float64)
    if bool(numbers.is_finite().all()):
        return numbers
    return numbers.set(~numbers.is_finite().fill_null(False), None)


@dataclass(frozen=True)
class Found:
    """Cells of a column to warn about: their number, and the first one and where it is.

    Examples:
        >>> Found(2, "'red' in t.csv, row 1") + Found(3, "'red' in t.csv, row 9")
        Found(count=5, first="'red' in t.csv, row 1")
    """

    count: int
    first: str

    def __add__(self, other: "Found") -> "Found":
        return Found(self.count + other.count, self.first)


def mask_out_of_range(numbers: pl.Series, locate: Callable[[int], str]) -> tuple[pl.Series, Found | None]:
    """Replace numbers beyond single precision by null; return also what was found.

    Examples:
        >>> numbers, found = mask_out_of_range(pl.Series("x", [1.0, 1e300]), "row {}".format)
        >>> numbers.to_list()
        [1.0, None]
        >>> found
        Found(count=1, first='1e+300 in row 1')
    """
    beyond = numbers.abs() > LARGEST_FLOAT32
    if not beyond.any():
        return numbers, None
    row = int(beyond.arg_true()[0])
    found = Found(int(beyond.sum()), f"{numbers[row]:g} in {locate(row)}")
    return numbers.set(beyond, None), found


def warn_out_of_range(found: Mapping[str, Found]) -> None:
    """Warn about numbers beyond single precision of columns, by their names."""
    if found:
        columns = [
            f"{name!r} has {part.count:,} such values, first {part.first}" for name, part in found.items()
        ]
        shown = "; ".join(columns[:_MAX_MESSAGES])
        warn(f"numbers beyond single precision, which networks use, are treated as missing: {shown}")


def check_columns(what: str, names: Collection[str], table: RawTable) -> None:
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
            message, columns = unknown_name(what, name, table.frame.columns), table.frame.columns
            if len(columns) == 1 and name in columns[0]:
                message += "; if another character than a comma separates columns, set --data.delimiter"
            raise DataError(message)


def infer_schema(
    table: RawTable,
    features: Collection[str],
    ignore: Collection[str],
    categorical: Collection[str],
    numeric: Collection[str],
    totals: Mapping[str, ColumnTotals] | None = None,
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
    used, columns, out_of_range = [], [], dict[str, Found]()
    for series in table.frame:
        name = series.name
        if name in ignored or (selected and name not in selected):
            use = "dropped: listed in ignore" if name in ignored else "dropped: not listed in features"
            columns.append(Column(name, str(series.dtype).lower(), series.null_count(), 0, use))
            continue
        declared: Kind | None = "category" if name in categories else "number" if name in numbers else None
        values, kind = cast_column(series, declared, table.locate, table.formats.get(name))
        if kind == "boolean" and totals is not None and not _are_booleans(totals[name].counts["value"]):
            values, kind = cast_column(series, "category")
        if kind == "number":
            values, found = mask_out_of_range(values, table.locate)
            out_of_range |= {} if found is None or totals is not None else {name: found}
        total = None if totals is None else totals[name]
        num_rows = len(values) if total is None else total.num_rows
        missing = values.null_count() if total is None else total.missing
        distinct, is_sampled = _count_distinct(values, total)
        is_unique, use = distinct == num_rows - missing and distinct > _MAX_FEW, "used"
        if total is not None and total.has_too_many:
            use = f"dropped: more than {MAX_CATEGORIES:,} values"
        elif distinct == 0:
            use = "dropped: all missing"
        elif distinct == 1 and not missing:
            use = "dropped: constant"
        elif kind == "category" and is_unique and declared is None:
            use = "dropped: unique values (looks like an ID)"
        else:
            used.append(values)
        columns.append(Column(name, kind, missing, distinct, use, is_sampled))
    warn_out_of_range(out_of_range)
    return pl.DataFrame(used), columns


def _count_distinct(values: pl.Series, total: ColumnTotals | None) -> tuple[int, bool]:
    """Count distinct values; of many numbers, those of the first rows unless these are constant.

    Returns:
        The number, and whether it is a lower bound.
    """
    if total is not None and values.dtype == pl.String:
        return MAX_CATEGORIES if total.has_too_many else len(total.counts), total.has_too_many
    if len(values) > _MAX_COUNTED and values.dtype.is_float():
        distinct = values.head(_MAX_COUNTED).drop_nulls().n_unique()
        if distinct > 1:
            return distinct, True
    distinct = values.drop_nulls().n_unique()
    if total is None or total.num_rows == len(values):
        return distinct, False
    return max(distinct, min(total.everywhere.count, 1 + total.everywhere.varies)), True


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
    names = [escape_control(column.name, is_name=True) for column in columns]
    width = max([6, *map(len, names)])
    lines = [f"{'column':<{width}}  {'kind':<9}{'missing':>8}{'distinct':>10}  use"]
    for name, column in zip(names, columns, strict=True):
        use = column.use + ("; possible target leakage" if column.name in leaking else "")
        distinct = f"{column.distinct:,}{'+' * column.is_sampled}"
        lines.append(f"{name:<{width}}  {column.kind:<9}{column.missing:>8,}{distinct:>10}  {use}")
    return "\n".join(lines)
