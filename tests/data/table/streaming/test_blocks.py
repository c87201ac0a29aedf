"""Blocks of rows: reading continues from the end of any block."""

import gzip
import json
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from lit_classify import DataError, TableDataModule
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.files import TableFiles
from lit_classify.data.table.streaming.blocks import BlockReader, Position
from tests.data.table.streaming.tables import mixed_table


def quoted_table() -> str:
    """Return rows with line ends and delimiters in cells, and rows that only the csv module can read."""
    rows = [f'{n},"first, {n}\nsecond",{n % 2}' if n % 7 else f'{n},a "b" c,{n % 2}' for n in range(900)]
    return "\n".join(["size,note,target", *rows])


def write(name: str) -> None:
    match name:
        case "t.csv":
            mixed_table().write_csv(name)
        case "t.parquet":
            mixed_table().write_parquet(name)
        case "quoted.csv":
            Path(name).write_text(quoted_table())
        case "utf-16.csv":
            Path(name).write_text("\r\n".join(["größe;ziel", *(f"é{n};{n}" for n in range(2500))]), "utf-16")
        case "t.jsonl":
            mixed_table().write_ndjson(name)
        case "t.jsonl.gz":
            Path(name).write_bytes(gzip.compress(mixed_table().write_ndjson().encode()))
        case "t.csv.gz":
            Path(name).write_bytes(gzip.compress(mixed_table().write_csv().encode()))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "name", ["t.csv", "t.parquet", "quoted.csv", "utf-16.csv", "t.csv.gz", "t.jsonl", "t.jsonl.gz"]
)
def test_reading_continues_from_the_end_of_any_block(name: str) -> None:
    write(name)
    Path("copy").write_bytes(Path(name).read_bytes())
    options = CsvOptions(encoding="utf-16" if name == "utf-16.csv" else "utf-8")
    reader = BlockReader.detect(TableFiles({"path": [name], "test_path": ["copy"]}, options))
    blocks = list(reader)
    assert len(blocks) > 10
    for count in range(1, len(blocks) + 1, 3):
        end = Position.from_dict(json.loads(json.dumps(blocks[count - 1].end.to_dict())))
        remaining = list(reader.blocks_from(end))
        assert len(remaining) == len(blocks) - count
        for block, expected in zip(remaining, blocks[count:], strict=True):
            assert block.table.frame.equals(expected.table.frame)
            assert (block.key, block.first_row) == (expected.key, expected.first_row)
            assert block.table.locate(0) == expected.table.locate(0)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl", "t.csv.gz", "t.jsonl.gz"])
def test_the_number_of_rows_is_estimated_unless_files_are_compressed(name: str) -> None:
    write(name)
    count = BlockReader.detect(TableFiles({"path": [name]}, CsvOptions())).estimate_rows()
    assert count == (None if name.endswith(".gz") else pytest.approx(len(mixed_table()), rel=0.1))


DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(40)]
COLUMNS = {
    "integers": pl.Series(range(40)),
    "floats": pl.Series([n + 0.5 for n in range(40)], dtype=pl.Float32),
    "nothing": pl.Series([None] * 40),
    "booleans": pl.Series([True, False] * 20),
    "categories": pl.Series(["a", "b"] * 20, dtype=pl.Categorical),
    "numbers as text": pl.Series([str(n) for n in range(40)]),
    "days": pl.Series(DAYS),
    "days as text": pl.Series(list(map(str, DAYS))),
}


def describe(files: list[str], cache_dir: str | None) -> object:
    """Return the columns of a table, or the message with which it is refused."""
    try:
        data = TableDataModule(files, "y", cache_dir=cache_dir)
        data.setup("fit")
    except DataError as error:
        return str(error)
    return data.column_features, [(column.kind, column.missing, column.distinct) for column in data.columns]


@pytest.mark.slow
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
def test_files_with_columns_of_different_types_are_read_as_in_memory(kind: str) -> None:
    x, y = pl.Series([n * 7 % 13 + 0.5 for n in range(40)]), pl.Series(["u", "v"] * 20)
    pl.DataFrame({"c": COLUMNS[kind], "x": x, "y": y}).write_parquet("a.parquet")
    for other in COLUMNS:
        pl.DataFrame({"c": COLUMNS[other], "x": x + 20, "y": y}).write_parquet("b.parquet")
        files = ["a.parquet", "b.parquet"]
        assert describe(files, None) == describe(files, f"cache {other}"), other
