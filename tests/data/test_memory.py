"""Estimates of the memory that data needs, and memory that can be released."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lit_classify import DataError
from lit_classify.data import memory
from lit_classify.data.table.files import read_table
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
def test_a_frame_moved_to_releasable_memory_has_the_same_cells() -> None:
    frame = pl.DataFrame(
        {"a": [1.5, 2.5], "b": [None, 1.0], "c": ["x", None], "d": [3.0, 4.0]},
        schema={"a": pl.Float32, "b": pl.Float32, "c": pl.String, "d": pl.Float32},
    )
    assert memory.to_releasable_memory(frame).equals(frame)
    assert memory.to_releasable_memory(frame.select("c")).equals(frame.select("c"))


def _group(folder: Path, version: int, limit: str, used: int, cached: int = 0) -> None:
    """Write the files of a control group, as Linux shows them."""
    names = (
        ("memory.max", "memory.current")
        if version == 2
        else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(names, (limit, used), strict=True):
        (folder / name).write_text(f"{value}\n")
    total = {1: "total_", 2: ""}[version]
    excluding_children = "" if version == 2 else "inactive_file 7\nactive_file 7\n"
    (folder / "memory.stat").write_text(
        f"{excluding_children}{total}inactive_file {cached}\n{total}active_file 0\n"
    )


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that stands for /sys/fs/cgroup."""
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_PROCESS_GROUPS", tmp_path / "process")
    return tmp_path / "cgroup"


@pytest.mark.reliability(32)
@pytest.mark.parametrize(
    ("limits", "free"),
    [
        ({"job": "5000", "job/step": "max"}, 4000),  # the group above
        ({"job": "max", "job/step": "3000"}, 2000),  # its own
        ({"job": "2500", "job/step": "3000"}, 1500),  # the smaller one
        ({"": "1800"}, 800),  # a container shows its own group as the root
        ({"other": "1500", "": "4000"}, 3000),  # another group does not count
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_the_limits_of_all_groups_of_the_process_count(
    groups: Path, version: int, limits: dict[str, str], free: int
) -> None:
    process_groups = "12:cpu,cpuacct:/other\n4:memory:/job/step\n" if version == 1 else "0::/job/step\n"
    (groups.parent / "process").write_text(process_groups)
    unlimited = str(2**63 - 4096) if version == 1 else "max"
    for path, limit in limits.items():
        folder = groups / "memory" / path if version == 1 else groups / path
        _group(folder, version, limit.replace("max", unlimited), used=1000)
    assert memory.free_memory() == free


@pytest.mark.reliability(32)
@pytest.mark.parametrize("version", [1, 2])
def test_the_page_cache_of_a_group_is_free_memory(groups: Path, version: int) -> None:
    (groups.parent / "process").write_text("4:memory:/\n" if version == 1 else "0::/\n")
    _group(groups / "memory" if version == 1 else groups, version, "5000", used=4000, cached=1500)
    assert memory.free_memory() == 2500


@pytest.mark.reliability(32)
def test_more_memory_than_the_limit_of_the_group_is_refused(groups: Path) -> None:
    (groups.parent / "process").write_text("0::/job\n")
    _group(groups / "job", 2, "12000", used=2000)
    with pytest.raises(DataError, match=r"need about 0.024 MB of memory, but 0.01 MB are free"):
        read_table(write("a,b\n" + "1,2\n" * 1000))


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
    table = pl.DataFrame({f"x{index}": column for index, column in enumerate(columns)})
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
