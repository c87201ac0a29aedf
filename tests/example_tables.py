"""Example tables: written by hand, or those of scikit-learn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from lit_classify import TableDataModule
from lit_classify.data.table.casting import Kind, cast_column
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.text_conversion import ValueOptions, convert_text


def write(content: bytes | str, name: str = "t.csv") -> Path:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(name)


def rows_of(**columns: Any) -> RawTable:
    frame, formats, _ = convert_text(pl.DataFrame(columns), ValueOptions(), "t.csv")
    return RawTable(frame, (("t.csv", len(frame)),), ("",), formats)


def cast(cells: pl.Series, kind: Kind | None = None) -> tuple[pl.Series, Kind]:
    table = rows_of(**{cells.name or "cells": cells})
    return cast_column(table.frame.to_series(), kind, table.locate)


def bundled(load: Callable[..., Any], name: str) -> Path:
    bunch = load(as_frame=False)
    table = pl.DataFrame(bunch.data, schema=[f"x{index}" for index in range(bunch.data.shape[1])])
    table.with_columns(pl.Series("target", bunch.target)).write_csv(name)
    return Path(name)


def table(
    rows: list[str], header: str = "x,target", target: Any = "target", **options: Any
) -> TableDataModule:
    return TableDataModule(str(write("\n".join([header, *rows]))), target, **options)


def three_files() -> dict[str, Any]:
    for split, start in (("train", 0), ("val", 100), ("test", 200)):
        rows = [f"{start + row},{'ab'[row % 2]}" for row in range(40)]
        write("\n".join(["x,target", *rows]), f"{split}.csv")
    return {"path": "train.csv", "target": "target", "val_path": "val.csv", "test_path": "test.csv"}
