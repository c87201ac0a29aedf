"""DataFrames of pandas, polars and Arrow as tables, and tables as DataFrames of these kinds.

pandas and pyarrow are not imported here: where there is an object of theirs, they are imported already.
"""

import hashlib
import sys
from os import PathLike
from typing import Any

import polars as pl
from polars import selectors

from lit_classify.errors import DataError

FRAMES = {"path": "DataFrame", "val_path": "validation DataFrame", "test_path": "test DataFrame"}
_OBJECTS = (pl.Binary, pl.Object)
_BLOCK = 1 << 14  # rows that are hashed at a time


def is_frame(source: object) -> bool:
    """Return whether the source of a table is another object than paths.

    Examples:
        >>> is_frame("t.csv"), is_frame(["a.csv", "b.csv"]), is_frame(pl.DataFrame())
        (False, False, True)
    """
    paths = source if isinstance(source, list | tuple) else [source]
    return source is not None and not all(isinstance(path, str | PathLike) for path in paths)


def to_polars(frame: Any) -> pl.DataFrame:  # noqa: ANN401 - of any package
    """Return the columns of a DataFrame; its index, if it has one, is not a column.

    Args:
        frame: a DataFrame of pandas or polars, a LazyFrame, an Arrow table or record batch, or any object
            with Arrow's C stream interface.

    Raises:
        DataError: the object is of another kind, or two columns have the same name.

    Examples:
        >>> to_polars(pl.LazyFrame({"age": [20, 40]})).columns
        ['age']
        >>> to_polars({"age": [20, 40]})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: a table must be a file, several files or a DataFrame, but is a dict...
    """
    try:
        if isinstance(frame, pl.LazyFrame):
            return frame.collect()
        if (pandas := _package_of(frame, "pandas", "DataFrame")) is not None:
            return _from_pandas(frame, pandas)
        is_series = isinstance(frame, pl.Series) or _package_of(frame, "pandas", "Series") is not None
        if not is_series and hasattr(frame, "__arrow_c_stream__"):
            return pl.DataFrame(frame)
        if (pyarrow := _package_of(frame, "pyarrow", "RecordBatch")) is not None:
            return pl.DataFrame(pyarrow.Table.from_batches([frame]))
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the DataFrame cannot be read: {str(error).splitlines()[0]}") from error
    kind = type(frame).__name__
    raise DataError(
        f"a table must be a file, several files or a DataFrame, but is a {kind}; polars.DataFrame makes a "
        "DataFrame of lists and arrays, with schema=[...] for the names of the columns"
    )


def as_same_kind(frame: Any, table: pl.DataFrame) -> Any:  # noqa: ANN401 - of any package
    """Return a table as a DataFrame of the same kind as another one, with its index if it has one.

    Args:
        frame: the other DataFrame, with as many rows.
        table: the table.

    Examples:
        >>> as_same_kind(pl.LazyFrame({"age": [20]}), pl.DataFrame({"prediction": [0.5]})).collect().rows()
        [(0.5,)]
    """
    if isinstance(frame, pl.LazyFrame):
        return table.lazy()
    if (pandas := _package_of(frame, "pandas", "DataFrame")) is not None:
        columns = {column.name: column.to_numpy() for column in table}
        return pandas.DataFrame(columns, index=frame.index)
    if _package_of(frame, "pyarrow", "Table") is not None:
        return table.to_arrow()
    if _package_of(frame, "pyarrow", "RecordBatch") is not None:
        return table.to_arrow().combine_chunks().to_batches()[0]
    return table


def digest_frame(frame: pl.DataFrame) -> str:
    """Return the SHA-256 of the cells, whatever their layout in memory.

    It is that of the CSV file that polars writes, so that this file is recognized as the same table. Columns
    of lists, bytes and other objects are left out: they cannot be features.

    Examples:
        >>> digest_frame(pl.DataFrame({"age": [20, 40]})) == digest_frame(pl.DataFrame({"age": [20, 41]}))
        False
    """
    unused = [name for name, dtype in frame.schema.items() if _is_opaque(dtype)]
    flat = frame.drop(unused).with_columns(selectors.duration().to_physical())  # which CSV cannot contain
    digest = hashlib.sha256(flat.clear().write_csv().encode())  # the header
    for rows in flat.iter_slices(_BLOCK) if flat.width else ():  # CSV needs a column
        digest.update(rows.write_csv(include_header=False).encode())
    return digest.hexdigest()


def _is_opaque(dtype: pl.DataType) -> bool:
    """Return whether a column has cells that CSV cannot contain."""
    return dtype.is_nested() or dtype.is_extension() or dtype in _OBJECTS


def _package_of(frame: object, package: str, kind: str) -> Any:  # noqa: ANN401 - a module, or None
    """Return a package if the object is of one of its classes."""
    module = sys.modules.get(package)
    return module if module is not None and isinstance(frame, getattr(module, kind)) else None


def _from_pandas(frame: Any, pandas: Any) -> pl.DataFrame:  # noqa: ANN401 - pandas ships no types
    """Return the columns of a pandas DataFrame."""
    if frame.columns.nlevels > 1:
        raise DataError(
            "the columns of the DataFrame have several levels; join them, for example with "
            "frame.columns = ['_'.join(map(str, names)) for names in frame.columns]"
        )
    names = [str(name) for name in frame.columns]
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"the DataFrame has two columns named {twice[0]!r}; rename one of them")
    columns = [_from_column(name, frame.iloc[:, index], pandas) for index, name in enumerate(names)]
    return pl.DataFrame(columns)


def _from_column(name: str, column: Any, pandas: Any) -> pl.Series:  # noqa: ANN401 - as above
    """Return a column of pandas with null for missing values, as Object if its cells are of many types.

    Unlike ``polars.from_pandas``, this does not need pyarrow.
    """
    dtype, kind = column.dtype, column.dtype.kind
    missing = pl.Series(column.isna().to_numpy())
    if isinstance(dtype, pandas.CategoricalDtype):
        categories = _from_column(name, column.cat.categories.to_series(), pandas)
        codes = pl.Series(column.cat.codes.to_numpy(), dtype=pl.Int64)
        return categories.gather(codes.set(missing, None))
    if isinstance(dtype, pandas.ArrowDtype):
        return pl.Series(name, column.array.__arrow_array__())
    if kind in "mM":
        zone = getattr(dtype, "tz", None)
        utc = column if zone is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        times = pl.Series(name, utc.dt.as_unit("us").to_numpy())
        return times if zone is None else _localize(times, str(zone))
    if kind in "biuf":
        values = column.fillna(False if kind == "b" else 0).to_numpy()
        return pl.Series(name, values).set(missing, None)
    if isinstance(dtype, pandas.PeriodDtype | pandas.IntervalDtype):
        column = column.astype(object).map(str, na_action="ignore")
    values = column.to_numpy(dtype=object, na_value=None)
    cells, inferred = values.tolist(), pandas.api.types.infer_dtype(values, skipna=True)
    try:
        if inferred in ("mixed-integer-float", "decimal"):
            return pl.Series(name, [cell if cell is None else float(cell) for cell in cells], pl.Float64)
        return pl.Series(name, cells, pl.Object if inferred.startswith("mixed") else None)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, cells, pl.Object)


def _localize(times: pl.Series, zone: str) -> pl.Series:
    """Return times in UTC as those of a time zone, if polars knows it."""
    utc = times.dt.replace_time_zone("UTC")
    try:
        return utc.dt.convert_time_zone(zone)
    except pl.exceptions.PolarsError:  # such as UTC+01:00
        return utc
