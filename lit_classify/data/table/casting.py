"""Cast the columns of a table to numbers, dates or text.

Legend: N rows.
"""

from collections.abc import Callable
from typing import Any, Literal

import polars as pl

from lit_classify.data.table.cell_warnings import WarnedCells
from lit_classify.data.table.cells import BOOLEANS, MAX_EXACT_INTEGER, as_text, to_numbers
from lit_classify.data.table.value_formats import ValueFormat, closest_format
from lit_classify.errors import DataError

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


def cast_column(
    series: pl.Series,
    kind: Kind | None = None,
    locate: Callable[[int], str] = "row {}".format,
    value_format: ValueFormat | None = None,
) -> tuple[pl.Series, Kind]:
    """Return a column as numbers, dates or text, with null for missing values; and its kind.

    All code infers kinds, and treats infinity and NaN as missing, through this function. Text of
    numbers or dates has been converted by ``convert_text`` before.

    Args:
        series: the column, ``(N,)``.
        kind: the expected kind; inferred if None.
        locate: returns the file and row of a row index, for messages.
        value_format: the format that text should have; detected if None.

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
    cells = as_text(series)
    if kind is None and cells.null_count() == len(cells):
        return cells, "category"
    closest = value_format or closest_format(cells)
    values = closest.parse(cells)
    if kind is not None and value_format is None and closest.unit == "%":  # 5% could mean 5 or 0.05
        values = to_numbers(cells)
    if kind == "boolean" or (kind is None and are_booleans(cells)):
        lowercase = cells.str.to_lowercase()
        values = lowercase.replace_strict(BOOLEANS, default=to_numbers(cells), return_dtype=pl.Float64)
        kind = "boolean"
    if (
        kind in {"number", "boolean"}
        and values.dtype.is_numeric()
        and values.null_count() == cells.null_count()
    ):
        return _to_numbers(values, kind, locate)
    _check_text(cells, values, kind, locate)
    return cells, "category"


def are_booleans(cells: pl.Series) -> bool:
    """Return whether all cells of text are words for yes and no."""
    return bool(cells.str.to_lowercase().drop_nulls().is_in(list(BOOLEANS)).all())


def _exceeds_float(series: pl.Series) -> bool:
    """Return whether there are integers that float64 cannot represent exactly."""
    if not (series.dtype.is_integer() or (isinstance(series.dtype, pl.Decimal) and not series.dtype.scale)):
        return False
    extremes: list[Any] = [series.min(), series.max()]
    return any(abs(extreme) >= MAX_EXACT_INTEGER for extreme in extremes if extreme is not None)


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


def _check_text(cells: pl.Series, values: pl.Series, kind: Kind | None, locate: Callable[[int], str]) -> None:
    """Raise DataError if text should be numbers, dates, or words for yes and no.

    Args:
        cells: the column as text, ``(N,)``.
        values: its values, null where the text has another format, ``(N,)``.
        kind: the expected kind.
        locate: returns the file and row of a row index.
    """
    wrong = cells.is_not_null() & values.is_null()
    if kind is None and not wrong.any():  # integers that floats cannot represent
        return
    row = int(wrong.arg_true()[0]) if wrong.any() else 0
    cell = f"{locate(row)}, column {cells.name!r}: {cells[row]!r}"
    expected = "a number" if values.dtype.is_numeric() else "a date or time"
    if kind is not None:
        fault = {"number": "not a number", "boolean": "neither yes nor no", "date": "not a date or time"}
        raise DataError(f"{cell} is {fault[kind]}")
    num_cells, num_values = len(cells) - cells.null_count(), len(values) - values.null_count()
    num_leading = row - cells.head(row).null_count()
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


def mask_out_of_range(
    numbers: pl.Series, locate: Callable[[int], str]
) -> tuple[pl.Series, WarnedCells | None]:
    """Replace numbers beyond single precision by null; return also the cells to warn about.

    Examples:
        >>> numbers, replaced = mask_out_of_range(pl.Series("x", [1.0, 1e300]), "row {}".format)
        >>> numbers.to_list()
        [1.0, None]
        >>> replaced
        WarnedCells(count=1, first_cell='1e+300 in row 1')
    """
    is_out_of_range = numbers.abs() > LARGEST_FLOAT32
    if not is_out_of_range.any():
        return numbers, None
    row = int(is_out_of_range.arg_true()[0])
    replaced = WarnedCells(int(is_out_of_range.sum()), f"{numbers[row]:g} in {locate(row)}")
    return numbers.set(is_out_of_range, None), replaced
