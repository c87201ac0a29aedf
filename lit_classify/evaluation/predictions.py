"""Predictions as a file: one row per row of the data, in its order.

Legend: N rows, C classes, L labels.
"""

from pathlib import Path

import polars as pl
from torch import Tensor

from lit_classify import files
from lit_classify.errors import UserError, echo, unknown_name
from lit_classify.modules import LitModule

_SUFFIXES = (".csv", ".parquet", ".pq")
_RUN_BY_SPREADSHEETS = "^[=+\\-@\t\r]"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?%?$"


def check_target(path: Path, overwrite: bool) -> None:
    """Raise UserError if the file is there and may not be replaced, or could not be written."""
    if path.exists() and (not path.is_file() or path.is_symlink()):
        raise UserError(f"{path} is no regular file; give another --out")
    if path.exists() and not overwrite:
        raise UserError(f"{path} is there already; give --overwrite, or another --out")
    if not path.parent.is_dir():
        raise UserError(f"no folder {path.parent} to write {path.name} into")
    if path.suffix not in _SUFFIXES:
        raise UserError(unknown_name("kind of file", path.suffix or path.name, _SUFFIXES))


def predictions(model: LitModule, answers: Tensor) -> pl.DataFrame:
    """Return ``prediction`` and, for classes and labels, ``p_<name>`` of each, a row for each row.

    A class is told by its name, labels by the names of those that hold, parted by semicolons.
    """
    labels = model.labels(answers)
    names = model.class_names or model.label_names
    if names is None:
        return pl.DataFrame({"prediction": labels.numpy()})
    if model.class_names is not None:
        said = pl.Series(names, dtype=pl.String).gather(labels.numpy())
    else:
        held = ([name for name, holds in zip(names, row, strict=True) if holds] for row in labels.tolist())
        said = pl.Series([";".join(row) for row in held], dtype=pl.String)
    columns = {f"p_{name}": answers[:, number].numpy() for number, name in enumerate(names)}
    return pl.DataFrame({"prediction": said, **columns})


def write(path: Path, table: pl.DataFrame, overwrite: bool = False) -> None:
    """Write a table as CSV or Parquet; the file appears whole or not at all.

    Raises:
        UserError: it cannot be written, or is there already.
    """
    with files.atomic_write(path, overwrite) as unfinished, unfinished.open("wb") as file:
        if path.suffix == ".csv":
            harmless(table).write_csv(file)
        else:
            try:
                table.write_parquet(file)
            except pl.exceptions.PolarsError as error:  # it makes this of the system's error
                raise OSError(str(error)) from error
    echo(f"{len(table):,} predictions: {path}")


def harmless(table: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before text that a spreadsheet would run as a formula; numbers stay as they are."""
    names = _harmless(pl.Series(table.columns, dtype=pl.String))
    columns = [_harmless(series) if series.dtype == pl.String else series for series in table]
    return pl.DataFrame([series.alias(name) for series, name in zip(columns, names, strict=True)])


def _harmless(text: pl.Series) -> pl.Series:
    risky = text.str.contains(_RUN_BY_SPREADSHEETS) & ~text.str.contains(_NUMBER)
    return text.zip_with(~risky.fill_null(False), "'" + text)
