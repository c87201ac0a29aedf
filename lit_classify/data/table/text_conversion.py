"""Convert columns of text that are numbers, dates or times to values.

The text of every source becomes values here. A column is converted only if all of its cells agree.

Legend: N rows.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from lit_classify.data.table.cells import has_long_integers, missing_to_null, to_numbers
from lit_classify.data.table.value_formats import (
    HEAD,
    Formats,
    ValueFormat,
    candidate_formats,
    special_formats,
)

_GROUPED = r"^[+-]?[1-9]\d{0,2}(\.\d{3})?$"  # numbers whose point may separate thousands

Parsed = tuple[ValueFormat, pl.Series]  # a format and the values of a column, (N,)


class Converted(NamedTuple):
    """Columns of a table whose text is converted.

    Attributes:
        frame: the columns.
        formats: the formats of those that were text, or required of those that remain text.
        ambiguities: what to warn about, by the column: cells that can be read in two ways.
    """

    frame: pl.DataFrame
    formats: dict[str, ValueFormat]
    ambiguities: dict[str, str]


@dataclass(frozen=True)
class ValueOptions:
    """How to convert text to values.

    Args:
        text_columns: columns that remain text, even if they contain only numbers.
        missing_values: cells that are missing values, besides empty ones and the usual words.
        decimal: the decimal separator of columns that can be read in two ways, such as ``1,234``; by default
            that of the other columns.
        day_first: whether dates that can be read in two ways, such as 02/03/2024, begin with the day; by
            default as in the other columns.
        ignore_case: whether text is converted to lower case and single spaces.
        formats: known formats of columns; that of plain numbers is preferred, others are required.
        features: the only columns that are used; all if empty.
        ignore: columns that are not used.
    """

    text_columns: Collection[str] = ()
    missing_values: Collection[str] = ()
    decimal: str | None = None
    day_first: bool | None = None
    ignore_case: bool = False
    formats: Formats = field(default_factory=dict)
    features: Collection[str] = ()
    ignore: Collection[str] = ()

    def is_used(self, name: str) -> bool:
        """Whether a column is used."""
        return name not in self.ignore and (not self.features or name in self.features)


class FormatDetector:
    """Detect the formats of columns of text, and what the unambiguous columns of a table have in common.

    Args:
        options: how to convert text.
        decimal: the decimal separator of ambiguous columns where neither options nor other columns decide it.

    Examples:
        >>> detector = FormatDetector(ValueOptions())
        >>> price, weight = pl.Series("price", ["1,50", "2,25"]), pl.Series("weight", ["1.250", "2.750"])
        >>> parsed = detector.detect([weight, price, pl.Series("name", ["a", "b"])])
        >>> {name: values.to_list() for name, (_, values) in parsed.items()}
        {'weight': [1250.0, 2750.0], 'price': [1.5, 2.25]}
    """

    def __init__(self, options: ValueOptions, decimal: str = ".") -> None:
        self._options = options
        self._default_decimal = decimal
        self._decimals: set[str] = set()  # of unambiguous columns
        self._orders: set[bool] = set()  # whether their dates begin with the day
        self._ambiguous: list[tuple[pl.Series, list[Parsed]]] = []

    def detect_formats(self, cells: pl.DataFrame) -> dict[str, ValueFormat]:
        """Return the format of each column whose cells all have a value, except ambiguous ones.

        Args:
            cells: text without surrounding spaces, missing values as null.
        """
        plain = self._detect_plain(cells)
        formats = dict.fromkeys(plain, ValueFormat())
        for name, (value_format, _) in self.detect(cells.drop(plain)).items():
            formats[name] = value_format
        return formats

    def _detect_plain(self, cells: pl.DataFrame) -> list[str]:
        """Return the columns of numbers as in Python, except ambiguous ones; fast for many columns."""
        known = self._options.formats
        cells = cells.drop(list(special_formats(known)), strict=False)
        plain = [
            numbers.name
            for numbers, column in zip(cells.select(to_numbers(pl.all())), cells, strict=True)
            if numbers.null_count() == column.null_count() < len(column)
            and not has_long_integers(column, numbers)
        ]
        points = cells.select(pl.col(plain).str.contains(".", literal=True).any())
        grouped = cells.select(pl.col(plain).str.contains(_GROUPED).all())
        ambiguous = {
            name for name in plain if name not in known and points[name].item() and grouped[name].item()
        }
        if any(has_point.item() for has_point in points.drop(ambiguous)):
            self._decimals.add(".")
        return [name for name in plain if name not in ambiguous]

    def detect(self, columns: Iterable[pl.Series]) -> dict[str, Parsed]:
        """Return format and values of each column whose cells all have a value, except ambiguous ones.

        Args:
            columns: text without surrounding spaces, missing values as null, ``(N,)`` each.
        """
        readings = [(column, parsed) for column in columns if (parsed := self._parse(column))]
        chosen = {column.name: self._choose(parsed) for column, parsed in readings}
        self._ambiguous = [(column, parsed) for column, parsed in readings if chosen[column.name] is None]
        return {name: reading for name, reading in chosen.items() if reading is not None}

    def decide(self) -> dict[str, Parsed]:
        """Return format and values of the ambiguous columns."""
        return {column.name: parsed[0] for column, parsed in self._ambiguous}

    def ambiguities(self, source: str) -> dict[str, str]:
        """Return what to warn about, by the name of each ambiguous column that is used.

        Args:
            source: the file of the table.
        """
        messages = {}
        for column, parsed in self._ambiguous:
            if not self._options.is_used(column.name):
                continue
            (chosen, values), (_, alternatives) = parsed[:2]
            differs = (values != alternatives).fill_null(False)
            row = int(differs.arg_true()[0])
            if chosen.pattern:
                option = f"day_first {str(not chosen.day_first).lower()}"
            else:
                option = f"decimal {',' if chosen.decimal == '.' else '.'}"
            messages[column.name] = (
                f"{source}, column {column.name!r}: {differs.sum():,} of {len(column):,} cells, such as "
                f"{column[row]!r}, can be read in two ways; they are read as {_show(values[row])}; to read "
                f"them as {_show(alternatives[row])}, set --data.{option}"
            )
        return messages

    def _parse(self, cells: pl.Series) -> list[Parsed]:
        """Return the formats in which all cells have a value, and these values where they differ."""
        present = cells.drop_nulls()
        known = self._options.formats.get(cells.name)
        formats = [] if known is None else [known]
        candidates = candidate_formats(present, self._default_decimal)
        if known is None:
            formats += candidates
        elif known.is_plain:
            formats += [
                candidate for candidate in candidates if candidate.unit != "%"
            ]  # 5% could mean 5 or 0.05
        elif known.pattern:
            formats += [candidate for candidate in candidates if candidate.is_unambiguous]
        parsed: list[Parsed] = []
        for candidate in formats:
            if parsed and parsed[0][0] == known:
                break
            if candidate.parse(present.head(HEAD)).null_count():
                continue
            values = candidate.parse(cells)
            is_complete = values.null_count() == cells.null_count()
            if is_complete and not any(values.equals(earlier) for _, earlier in parsed):
                parsed.append((candidate, values))
        if len(parsed) == 1:
            self._learn(parsed[0][0], present)
        if parsed and parsed[0][0].is_plain and has_long_integers(cells, parsed[0][1]):
            return []
        return parsed

    def _learn(self, value_format: ValueFormat, present: pl.Series) -> None:
        """Note the convention of a column with a single format."""
        if value_format.day_first is not None:
            self._orders.add(value_format.day_first)
        elif not value_format.pattern and present.head(HEAD).str.contains("[.,]").any():
            self._decimals.add(value_format.decimal)

    def _choose(self, parsed: list[Parsed]) -> Parsed | None:
        """Return the format that follows the options or else the other columns; None if that is ambiguous."""
        if len(parsed) == 1:
            return parsed[0]
        options, decimals, orders = self._options, list(self._decimals), list(self._orders)
        decimal = options.decimal or (decimals[0] if len(decimals) == 1 else None)
        day_first = orders[0] if options.day_first is None and len(orders) == 1 else options.day_first
        for value_format, values in parsed:
            if value_format.pattern:
                is_chosen = value_format.day_first == day_first
            else:
                is_chosen = value_format.decimal == decimal
            if is_chosen:
                return value_format, values
        return None


def _show(value: Any) -> str:  # noqa: ANN401 - a number or a time
    """Format a value for a message."""
    return f"{value:g}" if isinstance(value, float) else str(value).removesuffix(" 00:00:00")


def convert_text(
    frame: pl.DataFrame, options: ValueOptions, source: str, detector: FormatDetector | None = None
) -> Converted:
    """Convert the columns of text whose cells all are numbers, dates or times.

    Args:
        frame: the columns of a table.
        options: how to convert text.
        source: the file of the table, for warnings.
        detector: knows the conventions of the table's other columns.

    Examples:
        >>> days, shares, units = ["31.01.2024", "01.02.2024"], ["5%", "7.5%"], ["m", "m"]
        >>> frame = pl.DataFrame({"day": days, "share": shares, "unit": units})
        >>> converted, formats, _ = convert_text(frame, ValueOptions(), "t.csv")
        >>> converted.dtypes
        [Datetime(time_unit='us', time_zone=None), Float64, String]
        >>> formats["day"].pattern, formats["share"].unit
        ('%d.%m.%Y', '%')
    """
    detector = detector or FormatDetector(options)
    texts = [series.name for series in frame if series.dtype == pl.String]
    names = [name for name in texts if name not in options.text_columns]
    parsed = detector.detect(missing_to_null(frame[name], options.missing_values) for name in names)
    parsed |= detector.decide()
    frame = frame.with_columns(values.alias(name) for name, (_, values) in parsed.items())
    formats = special_formats({name: options.formats[name] for name in texts if name in options.formats})
    formats |= {name: value_format for name, (value_format, _) in parsed.items()}
    return Converted(replace_values(frame, options), formats, detector.ambiguities(source))


def unify_spelling(cells: pl.Series) -> pl.Series:
    """Return text in lower case, with single spaces and composed Unicode characters.

    Examples:
        >>> unify_spelling(pl.Series(["New  York"])).to_list()
        ['new york']
    """
    return cells.str.normalize("NFC").str.to_lowercase().str.replace_all(r"\s+", " ")


def replace_values(frame: pl.DataFrame, options: ValueOptions) -> pl.DataFrame:
    """Replace the missing values of the options by null, and unify case and spaces of text."""
    columns = []
    missing = pl.Series(options.missing_values, dtype=pl.String)
    numbers = to_numbers(missing).drop_nulls()
    times = missing.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us").drop_nulls()
    for series in frame:
        if series.dtype in (pl.String, pl.Categorical, pl.Enum) and (
            options.missing_values or options.ignore_case
        ):
            cells = missing_to_null(series.cast(pl.String), options.missing_values)
            columns.append(unify_spelling(cells) if options.ignore_case else cells)
        elif series.dtype.is_numeric() and len(numbers):
            is_missing = series.cast(pl.Float64).is_in(numbers.implode())
            columns.append(series.set(is_missing.fill_null(False), None))
        elif series.dtype in (pl.Date, pl.Datetime) and len(times):
            is_missing = series.cast(pl.Datetime("us")).is_in(times.implode())
            columns.append(series.set(is_missing.fill_null(False), None))
    return frame.with_columns(columns)
