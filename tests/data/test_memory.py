"""Estimates of the memory that data needs, and memory that can be released."""

import polars as pl
import pytest

from lit_classify import DataError
from lit_classify.data import memory
from lit_classify.data.table.source import read_table
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
