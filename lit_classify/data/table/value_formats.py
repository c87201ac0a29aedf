"""Formats of numbers, dates and times in columns of text.

Legend: N rows.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any

import polars as pl

from lit_classify.data.table.cells import MAX_EXACT_INTEGER, to_numbers

HEAD = 100  # cells that select the formats to try on a column
_SPACES = " \u00a0\u2009\u202f"
_APOSTROPHES, _MINUS = "'\u2019", "\u2212"
_DIGITS = re.compile(rf"[\d.,()+{_APOSTROPHES}{_SPACES}{_MINUS}-]")  # characters of numbers
_CURRENCIES = (
    *("USD", "US$", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "Rs", "SEK", "NOK", "DKK", "kr", "PLN", "zł"),
    *("CZK", "Kč", "HUF", "Ft", "TRY", "AUD", "A$", "CAD", "C$", "NZD", "BRL", "R$", "MXN", "KRW", "ZAR"),
)
_DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y-%m", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y"),
    *("%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%d %B %Y", "%d %b %Y", "%d-%b-%Y", "%B %d, %Y", "%b %d, %Y"),
)
_TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%I:%M %p", "%I:%M:%S %p")
_ZONES = ("", " UTC", "%#z")  # spaces may precede %#z
_DATE = (
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}|(?:1[89]|2[01])\d\d-(?:0[1-9]|1[0-2])"
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d\d[/.]\d\d[/.]\d\d"
    r"|\d{1,2}[- ][A-Za-z]{3,9}[- ]\d{4}|[A-Z][a-z]{2,8} \d{1,2}, \d{4}"
)
_DIRECTIVES = {  # of strptime, as regular expressions
    **dict.fromkeys(("%d", "%m", "%H", "%I"), r"\d{1,2}"),
    **dict.fromkeys(("%M", "%S", "%y"), r"\d\d"),
    **dict.fromkeys(("%b", "%B"), "[A-Za-z]+"),
    **{"%Y": r"\d{4}", "%.f": r"(\.\d+)?", "%p": "[AaPp][Mm]", "%#z": r" *(Z|[+-]\d\d(:?\d\d)?)"},
}
_MIN_TIME = datetime(1000, 1, 1)  # an earlier year has fewer than four digits
_DURATION = "duration"  # the pattern of days with hours, as pandas and Python write them, or of ISO 8601
_DURATIONS = (
    r"^(?:(-?\d+) days?)?(?:(?:^|,? )[+]?(\d+):(\d\d):(\d\d(?:\.\d+)?))?$",
    r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$",
)
_DURATION_START = re.compile(r"-?\d+ days?\b|P[\dT]")
_TEMPORAL = re.compile(rf"(?P<date>{_DATE})?(?P<between>[T ]?)(?P<time>\d{{1,2}}:\d\d.*)?")


@dataclass(frozen=True)
class ValueFormat:
    """How the text of a column represents numbers, or dates and times.

    Args:
        decimal: the decimal separator of numbers.
        thousands: the separator of groups of three digits; empty if there are no groups.
        unit: a currency or percent sign before or after numbers; empty if there is none.
        pattern: the pattern of dates and times, as for ``strptime``, or duration; empty for numbers.

    Examples:
        >>> ValueFormat(",", ".", "€").parse(pl.Series(["3.188,60 €", "-5 €", "free"])).to_list()
        [3188.6, -5.0, None]
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    pattern: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ValueFormat":
        """Return the format of ``to_dict``.

        Raises:
            TypeError: an entry is unknown or not a string.
            ValueError: a separator is not a single character.
        """
        value_format = cls(**data)
        if not all(isinstance(value, str) for value in asdict(value_format).values()):
            raise TypeError("a format of values has an entry of the wrong type")
        if len(value_format.decimal) != 1 or len(value_format.thousands) > 1:
            raise ValueError("separators must be single characters")
        return value_format

    def to_dict(self) -> dict[str, str]:
        """Return the format as plain data."""
        return asdict(self)

    @property
    def day_first(self) -> bool | None:
        """Whether dates begin with the day; None if that is never in doubt."""
        return self.pattern.startswith("%d") if re.match("%[dm].%[dm]", self.pattern) else None

    @property
    def is_unambiguous(self) -> bool:
        """Whether this is a pattern of dates or times that cannot be taken for another one."""
        return self.pattern.startswith(("%Y", "%H"))

    @property
    def is_plain(self) -> bool:
        """Whether these are numbers as in Python."""
        return self == ValueFormat()

    @property
    def example(self) -> str:
        """A value in this format.

        Examples:
            >>> ValueFormat(",", ".", "€").example, ValueFormat(pattern="%d.%m.%Y").example
            ('1.234,50 €', '31.01.2024')
        """
        if self.pattern == _DURATION:
            return "1 day 12:30:00"
        if self.pattern:
            pattern = self.pattern.replace("%.f", ".5").replace("%#z", "Z")
            return datetime(2024, 1, 31, 12, 30).strftime(pattern)
        number = f"1{self.thousands}234{self.decimal}50"
        return f"{number} {self.unit}".rstrip()

    def agrees_with(self, other: "ValueFormat") -> bool:
        """Whether files with both formats may be one table: neither can be taken for something else.

        Examples:
            >>> iso, german, american = (ValueFormat(pattern=p) for p in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"))
            >>> iso.agrees_with(german), german.agrees_with(iso), german.agrees_with(american)
            (True, True, False)
        """
        is_clear = self.is_unambiguous or other.is_unambiguous
        return self == other or (is_clear and self._kind == other._kind != "numbers")

    @property
    def _kind(self) -> str:
        """The kind of the values."""
        if self.pattern.startswith(("%H", "%I")):
            return "times of day"
        return {"": "numbers", _DURATION: "durations"}.get(self.pattern, "dates")

    def parse(self, cells: pl.Series) -> pl.Series:
        """Return numbers, or times in UTC; null where the text has another format.

        Args:
            cells: text without surrounding spaces, ``(N,)``.
        """
        frame = pl.DataFrame([cells.alias("cells")])
        return frame.select(self.expression(pl.col("cells"))).to_series().alias(cells.name)

    def expression(self, cells: pl.Expr) -> pl.Expr:
        """Return ``parse`` as an expression."""
        if self.is_plain:
            return to_numbers(cells)
        if self.pattern == _DURATION:
            return _to_durations(cells)
        if self.pattern.startswith(("%H", "%I")):
            return cells.str.to_time(self.pattern, strict=False)
        if self.pattern:
            times = cells.str.to_datetime(self.pattern, strict=False, time_unit="us", cache=False)
            times = times.dt.replace_time_zone(None)  # %z converts to UTC
            return pl.when(times >= _MIN_TIME).then(times)
        plain = dict.fromkeys([*_SPACES, self.unit, self.thousands, ")"], "")
        plain |= {"(": "-", _MINUS: "-", self.decimal: "."}
        plain.pop("", None)  # no unit, or no separator of thousands
        is_number = cells.str.contains(self._number_pattern)
        numbers = to_numbers(cells.str.replace_many(plain))
        return pl.when(is_number & (numbers.abs() < MAX_EXACT_INTEGER)).then(numbers)

    @property
    def _number_pattern(self) -> str:
        """The regular expression of a number; currencies may be omitted, but not percent signs."""
        unit = re.escape(self.unit) if self.unit == "%" else f"(?:{re.escape(self.unit)})?"
        decimal, space = re.escape(self.decimal), f"[{_SPACES}]?"
        separator = f"[{_SPACES}]" if self.thousands == " " else re.escape(self.thousands)
        groups = rf"[1-9]\d{{0,2}}(?:{separator}\d{{3}})+|" if separator else ""
        if separator == ",":  # also in groups as in India
            groups += r"[1-9]\d?(?:,\d\d)+,\d{3}|"
        number = rf"(?:(?:{groups}\d+)(?:{decimal}\d*)?|{decimal}\d+)"
        with_unit = rf"(?:{unit}{space}[+{_MINUS}-]?{number}|{number}{space}{unit})"
        return rf"^(?:[+{_MINUS}-]?{space}{with_unit}|\({with_unit}\))$"


Formats = Mapping[str, ValueFormat]  # of columns by name


def special_formats(formats: Formats) -> dict[str, ValueFormat]:
    """Return the formats of columns except those of plain numbers.

    Examples:
        >>> special_formats({"size": ValueFormat(), "share": ValueFormat(unit="%")}).keys()
        dict_keys(['share'])
    """
    return {name: value_format for name, value_format in formats.items() if not value_format.is_plain}


def candidate_formats(present: pl.Series, likely_decimal: str) -> Iterator[ValueFormat]:
    """Yield the formats that a column of text may have, the likely ones first.

    Args:
        present: the cells without nulls.
        likely_decimal: the decimal separator to try first.
    """
    head = present.head(HEAD).to_list()
    if not head:
        return
    if match := _TEMPORAL.fullmatch(head[0]):
        dates = _matching(_DATES, match["date"])
        times = _matching([time + zone for time in _TIMES for zone in _ZONES], match["time"])
        yield from (ValueFormat(pattern=date + match["between"] + time) for date in dates for time in times)
        return
    if any(map(_DURATION_START.match, head)):
        yield ValueFormat(pattern=_DURATION)
        return
    units = {_DIGITS.sub("", cell) for cell in head} - {""}
    if len(units) > 1 or not all(map(_is_unit, units)):
        yield ValueFormat()  # for exponents, as in 1e-3
        return
    unit = units.pop() if units else ""
    if not unit:
        yield ValueFormat()
    for decimal in (likely_decimal, "," if likely_decimal == "." else "."):
        yield ValueFormat(decimal, "," if decimal == "." else ".", unit)
    for separator in " " + _APOSTROPHES:
        if present.str.contains(f"[{_SPACES}]" if separator == " " else separator).any():
            yield from (ValueFormat(decimal, separator, unit) for decimal in ".,")


def _is_unit(text: str) -> bool:
    """Return whether a text is a percent sign or a currency."""
    return text in (*_CURRENCIES, "%") or all(unicodedata.category(char) == "Sc" for char in text)


def _matching(patterns: Iterable[str], text: str | None) -> list[str]:
    """Return the patterns of dates or times that a text may have; an empty pattern for no text."""
    if text is None:
        return [""]
    return [pattern for pattern in patterns if _pattern_regex(pattern).fullmatch(text)]


@cache
def _pattern_regex(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern for ``strptime``; spaces may be missing."""
    tokens = re.split(r"(%[.#]?\w)", pattern)
    expressions = [_DIRECTIVES.get(token) or re.escape(token).replace(r"\ ", " *") for token in tokens]
    return re.compile("".join(expressions))


def _to_durations(cells: pl.Expr) -> pl.Expr:
    """Return text as durations; null where it is not one."""
    totals = []
    for pattern in _DURATIONS:
        groups = [cells.str.extract(pattern, group).cast(pl.Float64) for group in range(1, 5)]
        days, hours, minutes, seconds = (group.fill_null(0.0) for group in groups)
        total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        is_duration = cells.str.contains(pattern) & pl.any_horizontal(group.is_not_null() for group in groups)
        totals.append(pl.when(is_duration).then(total))
    return (pl.coalesce(totals) * 1e6).round().cast(pl.Int64).cast(pl.Duration("us"))


def closest_format(cells: pl.Series) -> ValueFormat:
    """Return the format in which most of the first cells with digits have a value.

    Args:
        cells: text without surrounding spaces, missing values as null, ``(N,)``.

    Examples:
        >>> closest_format(pl.Series(["$1,250", "free", "$3"])).unit
        '$'
    """
    head = cells.drop_nulls().head(HEAD)
    head = head.filter(head.str.contains(r"\d"))
    if head.is_empty():
        return ValueFormat()
    units = [_DIGITS.sub("", cell) for cell in head]
    unit = max(units, key=units.count)
    same_unit = head.filter(pl.Series([other == unit for other in units], dtype=pl.Boolean))
    formats = [ValueFormat(), *candidate_formats(same_unit, "."), *candidate_formats(head, ".")]
    return min(formats, key=lambda candidate: candidate.parse(head).null_count())
