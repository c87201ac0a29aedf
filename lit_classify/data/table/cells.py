"""Cells of text: missing values, numbers, and integers that floats cannot represent."""

from collections.abc import Collection
from typing import TypeVar, cast

import polars as pl

MAX_EXACT_INTEGER = 2**53  # float64 cannot represent every larger integer
MISSING_VALUES = ("", "NA", "N/A", "na", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "?")
BOOLEANS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
Cells = TypeVar("Cells", pl.Series, pl.Expr)


def missing_to_null(cells: Cells, missing_values: Collection[str] = ()) -> Cells:
    """Return text without surrounding spaces; the usual and the given missing values become null."""
    return cells.str.strip_chars().replace([*MISSING_VALUES, *missing_values], None)


def to_numbers(cells: Cells) -> Cells:
    """Return text without surrounding spaces as numbers, anything else as null.

    Examples:
        >>> to_numbers(pl.Series(["1", "-2e3", "word"])).to_list()
        [1.0, -2000.0, None]
    """
    return cells.cast(pl.Float64, strict=False)


def as_text(series: pl.Series) -> pl.Series:
    """Return cells as text without surrounding spaces, missing values as null, whole floats without decimals.

    Examples:
        >>> as_text(pl.Series([1.0, 2.5, None])).to_list()
        ['1', '2.5', None]
    """
    is_duration = series.dtype == pl.Duration
    cells = missing_to_null(series.dt.to_string("iso") if is_duration else series.cast(pl.String))
    return cells.str.replace(r"\.0$", "") if series.dtype.is_float() else cells


def respell(cells: pl.Series, names: pl.Series) -> pl.Series:
    """Return text in the spelling of names, which may be that of another package: True for true, 1.0 for 1.

    Args:
        cells: text without surrounding spaces, ``(N,)``.
        names: distinct categories or classes.

    Examples:
        >>> respell(pl.Series(["True", "False", None]), pl.Series(["false", "true"])).to_list()
        ['true', 'false', None]
        >>> respell(pl.Series(["1", "2.5"]), pl.Series(["1.0", "2.5"])).to_list()
        ['1.0', '2.5']
    """
    plain, plain_names = _plain(cells), _plain(names)
    if plain_names.n_unique() < len(names):
        return cells
    spelled = plain.replace_strict(plain_names, names, default=None, return_dtype=pl.String)
    return cells.zip_with(spelled.is_null(), spelled)


def _plain(cells: pl.Series) -> pl.Series:
    """Return booleans in lower case, and floats with the decimals of whole numbers removed."""
    present = cells.drop_nulls()
    if present.str.contains("^(?i:true|false)$").all():
        return cells.str.to_lowercase()
    if present.str.contains(r"^[+-]?\d+\.\d+$").all():
        return cells.str.replace(r"\.0$", "")
    return cells


def has_long_integers(cells: pl.Series, numbers: pl.Series) -> bool:
    """Return whether some cells are integers that float64 may not represent exactly.

    Args:
        cells: text without surrounding spaces.
        numbers: the same cells as numbers.

    Examples:
        >>> cells = pl.Series(["1", "9007199254740993"])
        >>> has_long_integers(cells, to_numbers(cells))
        True
    """
    low, high = cast(float | None, numbers.min()), cast(float | None, numbers.max())
    if low is None or high is None or max(-low, high) < MAX_EXACT_INTEGER:  # fast for thousands of columns
        return False
    return bool(cells.filter(numbers.abs() >= MAX_EXACT_INTEGER).str.contains(r"^[+-]?\d+$").any())
