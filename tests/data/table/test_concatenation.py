"""Tables of several files: columns that differ in type or format."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from itertools import permutations
from typing import Any

import polars as pl
import pytest

from lit_classify import DataError
from lit_classify.data.table.casting import cast_column
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.files import TableFiles, read_table
from lit_classify.data.table.streaming.blocks import BlockReader
from lit_classify.data.table.text_conversion import ValueOptions
from tests.example_tables import write


@pytest.mark.reliability(31)
def test_text_in_one_file_and_numbers_in_another_is_refused() -> None:
    write("a,b\n1,2\n", "1.csv")
    write("a,b\n,2\n", "2.csv")
    assert read_table(["1.csv", "2.csv"]).frame["a"].to_list() == [1.0, None]
    write("a,b\n,2\nword,3\n", "2.csv")
    with pytest.raises(DataError, match=r"2.csv, row 2, column 'a': 'word' is text, but 1.csv has numbers"):
        read_table(["1.csv", "2.csv"])


def test_dates_in_one_table_and_numbers_in_another_are_refused() -> None:
    pl.DataFrame({"x": [1.5, 2.5], "target": ["a", "b"]}).write_parquet("numbers.parquet")
    pl.DataFrame({"x": [date(2024, 1, 1), None], "target": ["a", "b"]}).write_parquet("dates.parquet")
    pl.DataFrame({"x": pl.Series([None, None], dtype=pl.Int64), "target": ["a", "b"]}).write_parquet(
        "none.parquet"
    )
    with pytest.raises(
        DataError, match=r"column 'x': numbers.parquet has numbers, but dates.parquet has dates"
    ):
        read_table(["numbers.parquet", "dates.parquet"])
    for names in (["dates.parquet", "none.parquet"], ["none.parquet", "dates.parquet"]):
        assert read_table(names).frame["x"].dtype == pl.Date


def test_categories_in_one_file_and_text_in_another_are_text() -> None:
    write("x,y\nred,1\n", "1.csv")
    pl.DataFrame({"x": ["blue"], "y": [2.0]}).with_columns(pl.col("x").cast(pl.Categorical)).write_parquet(
        "2.parquet"
    )
    for names in (["1.csv", "2.parquet"], ["2.parquet", "1.csv"]):
        assert sorted(read_table(names).frame["x"]) == ["blue", "red"]


@pytest.mark.parametrize("words", [("True", "False"), ("TRUE", "FALSE"), ("yes", "no")])
def test_words_for_yes_and_no_in_one_file_are_the_booleans_of_another(words: tuple[str, str]) -> None:
    pl.DataFrame({"x": [True, None], "target": ["a", "b"]}).write_parquet("booleans.parquet")
    write(f"x,target\n{words[1]},a\n{words[0]},b\n")
    assert read_table(["booleans.parquet", "t.csv"]).frame["x"].to_list() == [True, None, False, True]
    write("x,target\nmaybe,a\nno,b\n")
    with pytest.raises(DataError, match=r"row 1, column 'x': 'maybe' is text, but .* has booleans there"):
        read_table(["booleans.parquet", "t.csv"])


def test_declared_text_in_one_file_may_be_numbers_in_another() -> None:
    pl.DataFrame({"code": [1, 2]}).write_parquet("a.parquet")
    pl.DataFrame({"code": ["3", "x"]}).write_parquet("b.parquet")
    options = CsvOptions(values=ValueOptions(text_columns=["code"]))
    table = read_table(["a.parquet", "b.parquet"], options)
    assert table.frame["code"].to_list() == ["1", "2", "3", "x"]


def test_long_integers_in_one_of_two_files_remain_distinct_as_categories() -> None:
    write("n,x\n7,1\n12,1\n", "1.csv")
    write(f"n,x\n{10**29},1\n{10**29 + 1},1\n", "2.csv")
    values, kind = cast_column(read_table(["1.csv", "2.csv"]).frame["n"])
    assert (values.to_list(), kind) == (["7", "12", str(10**29), str(10**29 + 1)], "category")


def test_the_next_file_has_the_decimal_point_of_plain_numbers() -> None:
    write('x,y\n1.5,"1,5"\n', "1.csv")
    write('x,y\n1.234,"2,5"\n', "2.csv")
    assert read_table(["1.csv", "2.csv"]).frame["x"].to_list() == [1.5, 1.234]


def read_twice(names: Sequence[str], column: str = "x", **options: Any) -> object:
    """Read a column of files at once and in blocks; return its cells or the error, equal in both cases."""
    csv, results = CsvOptions(values=ValueOptions(**options)), list[object]()
    for is_streamed in (False, True):
        try:
            if is_streamed:
                frames = [block.table.frame for block in BlockReader.detect(TableFiles({"path": names}, csv))]
            else:
                frames = [read_table(names, csv).frame]
            results.append([cell for frame in frames for cell in frame[column]])
        except DataError as error:
            results.append(str(error))
    assert results[0] == results[1]
    return results[0]


DAY, NOON, OTHER_DAY = datetime(2024, 1, 31), datetime(2024, 1, 31, 12), datetime(2024, 2, 3)


@pytest.mark.parametrize(
    "files",
    [
        {"5": 5.0, "$7.25": 7.25},
        {"5": 5.0, "7,25": 7.25},
        {"1.250": 1250.0, "7,25": 7.25},
        {"1.250": 1.25, "7.25": 7.25},
        {"1,250": 1.25, "7,25": 7.25},
        {"1,250": 1250.0, "$7.25": 7.25},
        {"31.01.2024": DAY, "2024-01-31": DAY},
        {"31.01.2024": DAY, "2024-01-31": DAY, "2024-01-31T12:00:00": NOON},
        {"02/03/2024": OTHER_DAY, "01/31/2024": DAY},
        {"03/02/2024": OTHER_DAY, "31/01/2024": DAY, "2024-01-31": DAY},
        {"12:30": time(12, 30), "12:30:15": time(12, 30, 15)},
    ],
)
@pytest.mark.filterwarnings("ignore:.*two ways")
def test_files_in_different_formats_are_read_alike_in_any_order(files: dict[str, object]) -> None:
    for index, cell in enumerate(files):
        write(f"x|y\n{cell}|a\n", f"{index}.csv")
    expected = {f"{index}.csv": value for index, value in enumerate(files.values())}
    for names in permutations(expected):
        assert read_twice(names) == [expected[name] for name in names]


@pytest.mark.parametrize(
    "cells",
    [
        ("5", "7%"),
        ("$5", "7%"),
        ("5.5", "7,25"),
        ("1.5 €", "7,25 €"),
        ("31.01.2024", "01/31/2024"),
        ("31/01/2024", "01/31/2024"),
        ("31.01.2024", "12:30"),
        ("31.01.2024", "5"),
        ("31.01.2024", "2024-01-31", "01/31/2024"),
        ("5", "7", "7%"),
    ],
)
def test_files_in_contradicting_formats_are_refused_in_any_order(cells: tuple[str, ...]) -> None:
    for index, cell in enumerate(cells):
        write(f"x|y\n{cell}|a\n", f"{index}.csv")
    expected = {f"{index}.csv": cell for index, cell in enumerate(cells)}
    for names in permutations(expected):
        message = read_twice(names)
        assert isinstance(message, str)
        pattern = (
            r"column 'x': \d.csv has values like .+, but \d.csv has values like .+ --data.ignore '\[\"x\"\]'"
        )
        assert re.match(pattern, message), message
        assert read_twice(names, text_columns=["x"]) == [expected[name] for name in names]
        assert read_twice(names, "y", ignore=["x"]) == ["a"] * len(cells)


TYPED = [
    lambda: pl.DataFrame({"x": [5.0], "y": ["a"]}).write_parquet("typed"),
    lambda: pl.DataFrame({"x": [5], "y": ["a"]}).write_ipc("typed", compression="uncompressed"),
    lambda: write('{"x": 5, "y": "a"}\n', "typed"),
]


@pytest.mark.parametrize("write_typed", TYPED)
@pytest.mark.parametrize(
    ("cell", "value"), [("$7.25", 7.25), ("7,25", 7.25), ("1.250,5", 1250.5), ("7.25", 7.25), ("7", 7.0)]
)
def test_numbers_with_types_are_read_beside_text_in_any_order(
    write_typed: Callable[[], object], cell: str, value: float
) -> None:
    write_typed()
    write(f"x|y\n{cell}|a\n")
    assert read_twice(["typed", "t.csv"]) == [5.0, value]
    assert read_twice(["t.csv", "typed"]) == [value, 5.0]


@pytest.mark.parametrize("write_typed", TYPED)
def test_numbers_with_types_beside_percentages_are_refused_in_any_order(
    write_typed: Callable[[], object],
) -> None:
    write_typed()
    write("x|y\n7%|a\n")
    for names in permutations(["typed", "t.csv"]):
        message = read_twice(names)
        pattern = (
            r"column 'x': typed has numbers without a unit, but t.csv has values like 1,234.50 %; write them "
            r"alike, .* --data.categorical '\[\"x\"\]'"
        )
        assert re.match(pattern, str(message)), message
        assert read_twice(names, "y", ignore=["x"]) == ["a", "a"]
    pl.DataFrame({"x": pl.Series([None], dtype=pl.Float64), "y": ["a"]}).write_parquet("typed")
    assert read_twice(["typed", "t.csv"]) == [None, 7.0]


def test_numbers_with_types_do_not_resolve_ambiguous_text() -> None:
    pl.DataFrame({"x": [5.0], "y": ["a"]}).write_parquet("typed")
    write("x|y\n1.250|a\n")
    for names in permutations(["typed", "t.csv"]):
        assert "two ways" in read_table(names).ambiguities["x"]
        assert "two ways" in BlockReader.detect(TableFiles({"path": names}, CsvOptions())).ambiguities["x"]


def test_dates_that_a_later_file_decides_are_not_said_to_be_ambiguous() -> None:
    write("x|y\n02/03/2024|a\n", "1.csv")
    write("x|y\n31/01/2024|a\n", "2.csv")
    for names in permutations(["1.csv", "2.csv"]):
        assert not read_table(names).ambiguities
        assert not BlockReader.detect(TableFiles({"path": names}, CsvOptions())).ambiguities


def test_files_that_lack_a_column_are_refused_whatever_the_formats_of_the_others() -> None:
    for index, content in enumerate(("y|z\na|1\n", "x|y\n5|a\n", "x|y\n$7.25|a\n")):
        write(content, f"{index}.csv")
    for names in permutations([f"{index}.csv" for index in range(3)]):
        with pytest.raises(DataError, match="differ in their columns: x"):
            read_table(names)
        with pytest.raises(DataError, match="differ in their columns: x"):
            BlockReader.detect(TableFiles({"path": names}, CsvOptions()))
