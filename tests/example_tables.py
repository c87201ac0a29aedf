"""Tables for tests: written by hand, or scikit-learn's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from lit_classify.data.table.source import Table


def write(content: bytes | str, name: str = "t.csv") -> Path:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(name)


def rows_of(**columns: Any) -> Table:
    frame = pl.DataFrame(columns)
    return Table(frame, (("t.csv", len(frame)),), ("",))


def bundled(load: Callable[..., Any], name: str) -> Path:
    whole = load(as_frame=False)
    table = pl.DataFrame(whole.data, schema=[f"x{number}" for number in range(whole.data.shape[1])])
    table.with_columns(pl.Series("target", whole.target)).write_csv(name)
    return Path(name)
