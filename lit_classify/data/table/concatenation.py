"""Read several files, whose columns may differ in format and in type, as one table."""

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.cells import BOOLEANS, as_text, has_long_integers
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.text_conversion import ValueOptions
from lit_classify.data.table.value_formats import Formats, ValueFormat
from lit_classify.errors import DataError

Source = TypeVar("Source", Path, str)

_TEXT = (pl.String, pl.Categorical, pl.Enum)


def read_alike(
    sources: Sequence[Source], read: Callable[[Source, Formats], RawTable], options: ValueOptions
) -> list[RawTable]:
    """Read the sources of a table, whose columns must have formats that agree, whatever their order.

    A source is read with the formats of earlier ones. If it contradicts them, as ``1,50`` contradicts
    ``1.250``, which can be read in two ways, those are read again with its format.

    Args:
        sources: the files, or the options of DataFrames.
        read: reads a source, given known formats of its columns.
        options: how text is converted to values.

    Raises:
        DataError: a used column has values in formats that do not agree.
    """
    tables, known = list[RawTable](), dict[str, ValueFormat]()
    for source in sources:
        table = read(source, known)
        if texts := [name for name in known if _is_text(table, name)]:
            table = read(source, {name: known[name] for name in known if name not in texts})
        names = [name for name in table.frame.columns if options.is_used(name)]
        formats = {name: value_format for name in names if (value_format := table.find_format(name))}
        common = [name for name in formats if name in known]
        revised = {name: formats[name] for name in common if not formats[name].agrees_with(known[name])}
        for index, earlier in enumerate(tables if revised else ()):
            tables[index] = read(sources[index], known | revised)
            for name in revised:
                _check_reread(name, earlier, tables[index], table)
        tables.append(table)
        known |= {name: formats[name] for name in formats if not _is_known(known.get(name), formats[name])}
    _check_units(tables, options)
    return tables


def _is_text(table: RawTable, name: str) -> bool:
    """Return whether a column of a table has text."""
    cells = table.frame.get_column(name, default=None)
    return cells is not None and cells.dtype == pl.String and bool(cells.count())


def _is_known(known: ValueFormat | None, value_format: ValueFormat) -> bool:
    """Return whether a format says nothing about later files: a date such as 2024-01-31 after others."""
    return known is not None and value_format.is_unambiguous and bool(known.pattern)


def _check_reread(name: str, earlier: RawTable, reread: RawTable, other: RawTable) -> None:
    """Raise DataError if a column that has been read again does not have the format of another table."""
    known, revised, required = (table.find_format(name) for table in (earlier, reread, other))
    if known is None or required is None or (revised is not None and revised.agrees_with(required)):
        return
    raise _differ(name, earlier, f"values like {known.example}", other, required)


def _check_units(tables: Sequence[RawTable], options: ValueOptions) -> None:
    """Raise DataError if a used column has percentages in one table, and numbers with a type in another."""
    for other in tables:
        for name, value_format in other.formats.items():
            if value_format.unit == "%" and options.is_used(name):
                for table in tables:
                    if table.has_typed_numbers(name):  # 5% could mean 5 or 0.05
                        raise _differ(name, table, "numbers without a unit", other, value_format)


def _differ(name: str, table: RawTable, values: str, other: RawTable, required: ValueFormat) -> DataError:
    """Return the error for a column that differs between two tables."""
    return DataError(
        f"column {name!r}: {table.files[0][0]} has {values}, but {other.files[0][0]} has values like "
        f"{required.example}; {unify_advice(name)}"
    )


def unify_advice(name: str) -> str:
    """Return what to do about a column that differs between files."""
    argument = shlex.quote(json.dumps([name], ensure_ascii=False))
    return (
        f"write them alike, leave the column out with --data.ignore {argument}, or read it as text with "
        f"--data.categorical {argument}"
    )


def concat_tables(tables: Sequence[RawTable], options: ValueOptions) -> RawTable:
    """Concatenate the rows of tables, whose text was converted with these options.

    Raises:
        DataError: their columns differ in name or in type.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    names = first.frame.columns
    for table in tables:
        if other := ", ".join(sorted(set(table.frame.columns) ^ set(names))):
            raise DataError(f"{table.files[0][0]} and {first.files[0][0]} differ in their columns: {other}")
    columns = (unify_column(name, tables, options) for name in names)
    frame = pl.concat(map(pl.DataFrame, zip(*columns, strict=True)), how="vertical_relaxed")
    return RawTable(
        frame,
        tuple(file for table in tables for file in table.files),
        tuple(digest for table in tables for digest in table.digests),
        concat_formats(tables),
        _concat_positions(tables),
        {name: ambiguity for table in tables for name, ambiguity in table.ambiguities.items()},
    )


def concat_formats(tables: Sequence[RawTable]) -> dict[str, ValueFormat]:
    """Return the format of each column of tables whose formats agree.

    If a column has several, it is not one such as 2024-01-31, which is read in any column of dates.
    """
    formats: dict[str, ValueFormat] = {}
    for table in tables:
        for name, value_format in table.formats.items():
            if not _is_known(formats.get(name), value_format):
                formats[name] = value_format
    return formats


def _concat_positions(tables: Sequence[RawTable]) -> NDArray[np.intp] | None:
    """Return the positions of the rows of concatenated tables in all of their files."""
    if all(table.positions is None for table in tables):
        return None
    starts = np.cumsum([0, *(sum(count for _, count in table.files) for table in tables[:-1])])
    return np.concatenate([start + table.row_positions for start, table in zip(starts, tables, strict=True)])


def unify_column(name: str, tables: Sequence[RawTable], options: ValueOptions) -> list[pl.Series]:
    """Return a column of each table, as values or as text in all of them.

    It is text if a file has integers that floats cannot represent, or if it is not used. Where it is empty,
    it has the type of the others.

    Raises:
        DataError: the column has text, dates or times in one file, but other values in another.
    """
    columns = [table.frame[name] for table in tables]
    if len({series.dtype for series in columns}) == 1:
        return columns
    if not options.is_used(name):
        return [as_text(series) for series in columns]
    columns = [as_text(series) if series.dtype in _TEXT else series for series in columns]
    kinds = [_kind(series) for series in columns]
    typed = [index for index, kind in enumerate(kinds) if kind not in {"nothing", "text"}]
    if not typed:
        return [series.cast(pl.String) for series in columns]
    dtype, evidence = columns[typed[0]].dtype, f"{tables[typed[0]].files[0][0]} has {kinds[typed[0]]}"
    formats = [table.formats[name] for table in tables if name in table.formats]
    for index, series in enumerate(columns):
        if kinds[index] == "nothing":
            columns[index] = pl.Series(name, [], dtype).clear(len(series))
        elif kinds[index] == "text":
            values = columns[index] = _parse(series, dtype, formats[0] if formats else ValueFormat())
            if dtype.is_numeric() and has_long_integers(series, values):
                return [as_text(table.frame[name]) for table in tables]
            wrong = (series.is_not_null() & values.is_null()).arg_true()
            if len(wrong):
                row = int(wrong[0])
                raise DataError(
                    f"{tables[index].locate(row)}, column {name!r}: {series[row]!r} is text, but {evidence} "
                    "there; fix it, or declare the column categorical"
                )
        elif series.dtype.is_temporal() != dtype.is_temporal():
            raise DataError(
                f"column {name!r}: {evidence}, but {tables[index].files[0][0]} has {kinds[index]}"
            )
    common_type(columns)
    return columns


def common_type(columns: Sequence[pl.Series]) -> pl.DataType:
    """Return the type of the rows of several columns of one name.

    Raises:
        DataError: there is none.
    """
    try:
        return pl.concat([series.clear().to_frame() for series in columns], how="vertical_relaxed").dtypes[0]
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"column {columns[0].name!r} differs in type between files: {reason}") from error


def _kind(cells: pl.Series) -> str:
    """Return the kind of the cells of a column, for messages."""
    if cells.null_count() == len(cells):
        return "nothing"
    if cells.dtype.is_temporal():
        return "dates or times"
    return {pl.String: "text", pl.Boolean: "booleans"}.get(cells.dtype.base_type(), "numbers")


def _parse(cells: pl.Series, dtype: pl.DataType, value_format: ValueFormat) -> pl.Series:
    """Return text as booleans, or as values of a format; null where it has another one."""
    if dtype != pl.Boolean:
        return value_format.parse(cells)
    return (
        cells.str.to_lowercase()
        .replace_strict(BOOLEANS, default=None, return_dtype=pl.Float64)
        .cast(pl.Boolean)
    )
