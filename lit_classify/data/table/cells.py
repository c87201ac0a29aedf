"""Cells of text: which are missing values, which are numbers, and which of these floats cannot represent."""

from collections.abc import Collection
from typing import TypeVar, cast

import polars as pl

MAX_EXACT_INTEGER = 2**53  # float64 cannot represent every larger integer
MISSING_VALUES = ("", "NA", "N/A", "na", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "?")
BOOLEANS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
Cells = TypeVar("Cells", pl.Series, pl.Expr)


def missing_to_null(text: Cells, others: Collection[str] = ()) -> Cells:
    """Return text without surrounding spaces, missing values and ``others`` as null."""
    return text.str.strip_chars().replace([*MISSING_VALUES, *others], None)


def to_numbers(text: Cells) -> Cells:
    """Return text without surrounding spaces as numbers, anything else as null.

    Examples:
        >>> to_numbers(pl.Series(["1", "-2e3", "word"])).to_list()
        [1.0, -2000.0, None]
    """
    return text.cast(pl.Float64, strict=False)


def as_text(series: pl.Series) -> pl.Series:
    """Return cells as text without surrounding spaces, missing values as null, whole floats without decimals.

    Examples:
        >>> as_text(pl.Series([1.0, 2.5, None])).to_list()
        ['1', '2.5', None]
    """
    is_duration = series.dtype == pl.Duration
    text = missing_to_null(series.dt.to_string("iso") if is_duration else series.cast(pl.String))
    return text.str.replace(r"\.0$", "") if series.dtype.is_float() else text


def respell(text: pl.Series, names: pl.Series) -> pl.Series:
    """Return text in the spelling of names, which may be that of another package: True for true, 1.0 for 1.

    Args:
        text: the cells without surrounding spaces, ``(N,)``.
        names: distinct categories or classes.

    Examples:
        >>> respell(pl.Series(["True", "False", None]), pl.Series(["false", "true"])).to_list()
        ['true', 'false', None]
        >>> respell(pl.Series(["1", "2.5"]), pl.Series(["1.0", "2.5"])).to_list()
        ['1.0', '2.5']
    """
    plain, plain_names = _plain(text), _plain(names)
    if plain_names.n_unique() < len(names):
        return text
    spelled = plain.replace_strict(plain_names, names, default=None, return_dtype=pl.String)
    return text.zip_with(spelled.is_null(), spelled)


def _plain(words: pl.Series) -> pl.Series:
    """Return words for booleans in lower case, and floats without the decimals of whole ones."""
    present = words.drop_nulls()
    if present.str.contains("^(?i:true|false)$").all():
        return words.str.to_lowercase()
    if present.str.contains(r"^[+-]?\d+\.\d+$").all():
        return words.str.replace(r"\.0$", "")
    return words


def has_long_integers(text: pl.Series, numbers: pl.Series) -> bool:
    """Return whether some cells are integers that float64 may not represent exactly.

    Args:
        text: the cells without surrounding spaces.
        numbers: the same cells as numbers.

    Examples:
        >>> text = pl.Series(["1", "9007199254740993"])
        >>> has_long_integers(text, to_numbers(text))
        True
    """
    low, high = cast(float | None, numbers.min()), cast(float | None, numbers.max())
    if low is None or high is None or max(-low, high) < MAX_EXACT_INTEGER:  # fast for thousands of columns
        return False
    return bool(text.filter(numbers.abs() >= MAX_EXACT_INTEGER).str.contains(r"^[+-]?\d+$").any())
