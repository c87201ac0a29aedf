"""Small blocks and shards, so that small tables have many."""

import pytest

from lit_classify.data.table import csv_text, json_lines
from lit_classify.data.table.streaming import file_blocks, shards


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read 4,000 characters or 40 rows at a time, into shards of about 20 rows."""
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 4000)
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", 4000)
    monkeypatch.setattr(file_blocks, "_CELLS", 400)
    monkeypatch.setattr(shards, "_SHARD_BYTES", 1500)
