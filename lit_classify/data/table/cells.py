"""Cells of a table as text: missing values, numbers that floats cannot represent."""

import polars as pl

MAX_EXACT_INTEGER = 2**53  # float64 cannot represent every larger integer
MISSING_VALUES = ("", "NA", "N/A", "na", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "?")
_LONG_INTEGER = r"^[+-]?\d{16,}$"


def as_text(series: pl.Series) -> pl.Series:
    """Return cells as text without surrounding spaces, missing values as null, whole floats without decimals.

    Examples:
        >>> as_text(pl.Series([1.0, 2.5, None])).to_list()
        ['1', '2.5', None]
    """
    text = series.cast(pl.String).str.strip_chars()
    if series.dtype.is_float():
        text = text.str.replace(r"\.0$", "")
    return text.set(text.is_in(list(MISSING_VALUES)), None)


def has_long_integers(text: pl.Series) -> bool:
    """Return whether some cells are integers that float64 may not represent exactly.

    Examples:
        >>> has_long_integers(pl.Series(["1", "9007199254740993"]))
        True
    """
    long = text.filter(text.str.contains(_LONG_INTEGER))
    return bool((long.cast(pl.Float64, strict=False).abs() >= MAX_EXACT_INTEGER).any())
