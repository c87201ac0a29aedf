"""JSON lines in blocks: the same rows and types as those of the whole file."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from lit_classify import DataError
from lit_classify.data.table import json_lines
from lit_classify.data.table.json_lines import bytes_per_line, iterate_json_lines, read_json_lines


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", 100)


def late_types() -> list[str]:
    """Return lines of which the last ones have other keys and types."""
    rows: list[dict[str, object]] = [{"a": row, "b": "x" if row < 150 else row} for row in range(200)]
    rows += [{"a": 0.5}, {"a": None, "c": "é" * 300}]
    return [json.dumps(row, ensure_ascii=False) for row in rows]


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n \n"])
def test_blocks_have_the_rows_and_types_of_the_whole_file(name: str, end: str) -> None:
    content = ("\ufeff" + end.join(late_types())).encode()
    Path(name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    whole = read_json_lines(Path(name))
    assert whole.schema == {"a": pl.Float64(), "b": pl.String(), "c": pl.String()}
    blocks = list(iterate_json_lines(Path(name)))
    assert len(blocks) > 30
    assert pl.concat([frame for frame, _ in blocks]).equals(whole)
    assert pl.concat([frame for frame, _ in iterate_json_lines(Path(name), blocks[9][1])]).equals(
        pl.concat([frame for frame, _ in blocks[10:]])
    )


def test_the_mean_length_of_lines_is_that_of_the_first_lines() -> None:
    Path("t.jsonl").write_text('{"a": 1}\n' * 1000)
    assert bytes_per_line(Path("t.jsonl")) == 9.0


@pytest.mark.parametrize("line", ['{"a": 1,', "[1]", '{"a": NaN}'])
def test_a_corrupt_line_of_a_late_block_is_named(line: str) -> None:
    Path("t.jsonl").write_text('{"a": 1}\n' * 300 + line + "\n" + '{"a": 1}\n' * 300)
    with pytest.raises(DataError, match=r"t.jsonl, line 301: .*JSON"):
        list(iterate_json_lines(Path("t.jsonl")))


def test_values_of_a_key_that_differ_in_type_between_blocks_are_refused() -> None:
    Path("t.jsonl").write_text('{"a": 1.5}\n' * 300 + '{"a": [1]}\n' * 300)
    with pytest.raises(DataError, match=r"t.jsonl: a key has values of several types: .*list"):
        list(iterate_json_lines(Path("t.jsonl")))


def test_a_line_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "_MAX_LINE", 1000)
    Path("t.jsonl").write_text('{"a": 1}\n' * 30 + json.dumps({"a": "x" * 2000}))
    with pytest.raises(DataError, match=r"t.jsonl has a line of more than 1,000 bytes"):
        list(iterate_json_lines(Path("t.jsonl")))
