"""What a table's columns are: numbers, yes or no, or names; and which of them can tell anything.

Legend: N rows.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.dialect import EXACT, as_text, has_long_integers
from lit_classify.data.table.source import Table
from lit_classify.errors import DataError, escape_control, unknown_name, warn

Kind = Literal["number", "boolean", "category"]
WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
_NEARLY_ALL = 0.95  # of the cells are numbers: then the others are mistakes
_MANY = 1000  # cells are numbers before the first that is none: then it is a mistake
LARGEST = 3.4e38  # of single precision, in which networks calculate
_FEW = 20
_MOST_SAID = 6
_COUNTED_ROWS = 100_000  # numbers beyond these are not counted when different values are


@dataclass(frozen=True)
class Column:
    """What was found in a column: its kind, its gaps, its different values, and how it is used.

    ``is_sampled`` says that there may be more different values than counted.
    """

    name: str
    kind: Kind | str
    missing: int
    distinct: int
    use: str = "used"
    is_sampled: bool = False

    @property
    def is_used(self) -> bool:
        """Whether the network sees the column."""
        return self.use.startswith("used")


def typed(
    series: pl.Series, kind: Kind | None = None, where: Callable[[int], str] = "row {}".format
) -> tuple[pl.Series, Kind]:
    """Turn a column into numbers (gaps null) or text, and say which; ``kind`` asks for one of them.

    Args:
        series: the column, ``(N,)``.
        kind: what it must be; found when not given.
        where: says which file and row a row number is, for messages.

    Raises:
        DataError: nearly all cells are numbers but some are not, or a cell is not of the kind asked for.
    """
    dtype = series.dtype
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        raise DataError(f"column {series.name!r} holds {dtype}, which is neither numbers nor text; ignore it")
    if kind == "category":
        return as_text(series), "category"
    if dtype == pl.Boolean:
        return series.cast(pl.Float64), "boolean"
    if dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Null:
        if kind is None and _are_long(series):
            return as_text(series), "category"
        numbers, text = _finite(_seconds(series) if dtype.is_temporal() else series), None
    else:
        text = as_text(series)
        numbers = text.cast(pl.Float64, strict=False)
        if kind is None and has_long_integers(text):
            return text, "category"
    if text is None or (
        numbers.null_count() == text.null_count() and (len(text) > text.null_count() or kind)
    ):
        if kind == "boolean" and not bool(numbers.is_in([0.0, 1.0]).all()):
            row = int((~numbers.is_in([0.0, 1.0])).fill_null(False).arg_true()[0])
            raise DataError(f"{where(row)}, column {series.name!r}: {series[row]!r} is neither yes nor no")
        return _finite(numbers), "boolean" if kind == "boolean" else "number"
    words = text.str.to_lowercase()
    if kind != "number" and text.null_count() < len(text) and words.drop_nulls().is_in(list(WORDS)).all():
        return words.replace_strict(WORDS, default=None, return_dtype=pl.Float64), "boolean"
    return _mostly_text(text, numbers, kind, where), "category"


def _are_long(series: pl.Series) -> bool:
    """Whether whole numbers are among the cells that floats do not tell from others."""
    if not (series.dtype.is_integer() or (isinstance(series.dtype, pl.Decimal) and not series.dtype.scale)):
        return False
    ends: list[Any] = [series.min(), series.max()]
    return any(abs(end) >= EXACT for end in ends if end is not None)


def _mostly_text(
    text: pl.Series, numbers: pl.Series, kind: Kind | None, where: Callable[[int], str]
) -> pl.Series:
    """Return text, unless it should be numbers or words for yes and no."""
    wrong = text.is_not_null() & numbers.is_null()
    if kind == "boolean":
        wrong &= ~text.str.to_lowercase().is_in(list(WORDS))
    row = int(wrong.arg_true()[0]) if wrong.any() else 0
    cell = f"{where(row)}, column {text.name!r}: {text[row]!r}"
    if kind is not None:
        raise DataError(f"{cell} is {'no number' if kind == 'number' else 'neither yes nor no'}")
    there, good = len(text) - text.null_count(), len(numbers) - numbers.null_count()
    before = row - text.head(row).null_count()
    if good >= _NEARLY_ALL * there > 0 or before >= _MANY:
        raise DataError(
            f"{cell} is no number, but {good:,} of {there:,} cells are; mend it, or declare the column "
            "categorical"
        )
    return text


def _seconds(series: pl.Series) -> pl.Series:
    """Return dates and times as seconds, since 1970 where they have a date, whatever their unit."""
    if series.dtype == pl.Time:
        return series.to_physical() / 1e9
    unit = pl.Duration("us") if isinstance(series.dtype, pl.Duration) else pl.Datetime("us")
    return series.cast(unit).to_physical() / 1e6


def _finite(numbers: pl.Series) -> pl.Series:
    """Return numbers as floats, those that are not finite as gaps."""
    if not numbers.dtype.is_float():
        numbers = numbers.cast(pl.Float64)
    if bool(numbers.is_finite().all()):
        return numbers
    return numbers.set(~numbers.is_finite().fill_null(False), None)


def drop_huge(numbers: pl.Series, where: Callable[[int], str]) -> tuple[pl.Series, str | None]:
    """Return numbers with gaps for those beyond single precision, and what to say of these."""
    huge = numbers.abs() > LARGEST
    if not huge.any():
        return numbers, None
    row = int(huge.arg_true()[0])
    said = f"{numbers.name!r} has {huge.sum():,} such values, first {numbers[row]:g} in {where(row)}"
    return numbers.set(huge, None), said


def note_huge(said: Sequence[str]) -> None:
    """Note the numbers beyond single precision, column by column."""
    if said:
        warn(
            "numbers beyond single precision, in which networks calculate, are taken as missing: "
            + "; ".join(said[:_MOST_SAID])
        )


def check_names(what: str, names: Collection[str], table: Table) -> None:
    """Raise DataError for a name that is no column, with the nearest that is."""
    for name in names:
        if name not in table.frame.columns:
            raise DataError(unknown_name(what, name, table.frame.columns))


def understand(
    table: Table,
    features: Collection[str],
    ignore: Collection[str],
    categorical: Collection[str],
    numeric: Collection[str],
) -> tuple[pl.DataFrame, list[Column]]:
    """Find out what each column is, from the whole table, and which cannot tell anything.

    Args:
        table: the rows; its target and other columns with a duty of their own taken out.
        features: the only columns to use, in the table's order; all when empty.
        ignore: columns to leave out.
        categorical: columns whose values are names, whatever they look like.
        numeric: columns that must hold numbers.

    Returns:
        The used columns as numbers or text, and what was found out about every column.

    Raises:
        DataError: cells do not fit their column's kind.
    """
    ignored, wanted, names, numbers = map(set, (ignore, features, categorical, numeric))
    made, columns, huge = [], [], []
    for series in table.frame:
        name = series.name
        if name in ignored or (wanted and name not in wanted):
            use = "dropped: listed in ignore" if name in ignored else "dropped: not listed in features"
            columns.append(Column(name, str(series.dtype).lower(), series.null_count(), 0, use))
            continue
        asked: Kind | None = "category" if name in names else None
        asked = "number" if name in numbers else asked
        values, kind = typed(series, asked, table.where)
        if kind == "number":
            values, said = drop_huge(values, table.where)
            huge += [said] if said else []
        missing, distinct = values.null_count(), _count_distinct(values)
        use = "used"
        if distinct == 0:
            use = "dropped: all missing"
        elif distinct == 1 and not missing:
            use = "dropped: constant"
        elif kind == "category" and distinct == len(values) - missing and distinct > _FEW and asked is None:
            use = "dropped: unique values (looks like an ID)"
        else:
            made.append(values)
        sampled = len(values) > _COUNTED_ROWS and distinct > 1 and values.dtype.is_float()
        columns.append(Column(name, kind, missing, distinct, use, sampled))
    note_huge(huge)
    return pl.DataFrame(made), columns


def _count_distinct(values: pl.Series) -> int:
    """Count different values, gaps aside; of very many numbers only the first, unless these are all alike."""
    if len(values) > _COUNTED_ROWS and values.dtype.is_float():
        counted = values.head(_COUNTED_ROWS).drop_nulls().n_unique()
        if counted > 1:
            return counted
    return values.drop_nulls().n_unique()


def find_leaks(frame: pl.DataFrame, columns: Sequence[Column], targets: NDArray[Any]) -> set[str]:
    """Return the used columns that alone tell the target.

    These are columns whose few values each go with one class alone, or numbers that are the target's on
    another scale. Labels are not looked at.

    Args:
        frame: the used columns, ``(N,)`` each.
        columns: what was found out about them.
        targets: class numbers ``(N,)`` or numbers ``(N,)``.
    """
    if targets.ndim > 1:
        return set()
    target = pl.Series(targets)
    leaks = set()
    for column in columns:
        if not column.is_used:
            continue
        values = frame[column.name]
        if target.dtype.is_float():
            if values.dtype.is_float() and column.distinct > _FEW:
                pairs = pl.DataFrame({"value": values, "target": target}).drop_nulls()
                same = pairs.select(pl.corr("value", "target")).item()
                if same is not None and abs(same) > 1 - 1e-9:
                    leaks.add(column.name)
        elif column.distinct <= _FEW < len(target):
            pairs = pl.DataFrame({"value": values, "target": target}).drop_nulls().unique()
            if len(pairs) == pairs["value"].n_unique() >= target.n_unique():
                leaks.add(column.name)
    return leaks


def describe(columns: Sequence[Column], leaks: Collection[str]) -> str:
    """Return the columns as one table: kind, gaps, different values, use."""
    names = [escape_control(column.name, is_name=True) for column in columns]
    width = max([6, *map(len, names)])
    lines = [f"{'column':<{width}}  {'kind':<9}{'missing':>8}{'distinct':>10}  use"]
    for name, column in zip(names, columns, strict=True):
        use = column.use + ("; possible target leakage" if column.name in leaks else "")
        distinct = f"{column.distinct:,}{'+' * column.is_sampled}"
        lines.append(f"{name:<{width}}  {column.kind:<9}{column.missing:>8,}{distinct:>10}  {use}")
    return "\n".join(lines)
