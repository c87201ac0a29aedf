"""Estimates of the memory that data needs, and memory that can be released."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lit_classify import DataError
from lit_classify.data import memory
from lit_classify.data.table.source import read_table
from tests.example_files import COMPRESSED
from tests.example_tables import write


@pytest.mark.reliability(32)
def test_a_table_larger_than_memory_is_refused_with_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "a,b\n" + "1,2\n" * 1000
    monkeypatch.setattr(memory, "free_memory", lambda: 10_000)
    with pytest.raises(DataError, match=r"about 1,001 rows x 2 columns need about 0.024 MB of memory"):
        read_table(write(content))
    monkeypatch.undo()
    assert (memory.free_memory() or 1e9) > 1e6


@pytest.mark.reliability(32)
def test_a_frame_in_memory_of_its_own_has_the_same_cells() -> None:
    frame = pl.DataFrame(
        {"a": [1.5, 2.5], "b": [None, 1.0], "c": ["x", None], "d": [3.0, 4.0]},
        schema={"a": pl.Float32, "b": pl.Float32, "c": pl.String, "d": pl.Float32},
    )
    assert memory.own_memory(frame).equals(frame)
    assert memory.own_memory(frame.select("c")).equals(frame.select("c"))


_LOAD = """
from pathlib import Path

from lit_classify import TableDataModule

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024

baseline = peak()
data = TableDataModule("large.csv", "y")
data.setup()
rows = sum(len(data.split(name).x) for name in ("train", "val", "test"))
print(baseline, peak(), rows, data.in_features)
"""


@pytest.mark.slow
@pytest.mark.reliability(32)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
@pytest.mark.parametrize("kind", ["none", "zstd", "dates and currencies"])
def test_loading_a_large_csv_file_needs_at_most_three_times_its_float32_matrix(kind: str) -> None:
    num_rows, num_columns = 1_000_000, 20
    columns = np.random.default_rng(0).normal(size=(num_columns, num_rows)).astype(np.float32)
    table = pl.DataFrame({f"x{number}": column for number, column in enumerate(columns)})
    table = table.with_columns(y=(columns[0] + columns[1] > 0).astype(np.int8))
    if kind == "dates and currencies":
        dates, prices = pl.col("x0", "x1", "x2", "x3", "x4"), ("x5", "x6", "x7", "x8", "x9")
        seconds = (dates.cast(pl.Float64) * 1e7 + 1.7e9).cast(pl.Int64)
        table = table.with_columns(
            pl.from_epoch(seconds).dt.strftime("%d.%m.%Y %H:%M"),
            *(pl.format("${}", (pl.col(name) * 3000).round(2)).alias(name) for name in prices),
        )
    table.write_csv("large.csv")
    if kind in COMPRESSED:
        write(COMPRESSED[kind](Path("large.csv").read_bytes()), "large.csv")
    done = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, text=True, check=True)
    baseline, peak, loaded, num_features = map(int, done.stdout.split())
    assert loaded == num_rows
    assert num_features >= num_columns
    assert peak - baseline < 3 * 4 * num_rows * num_features
