"""Reading tables: the same table from different formats, and errors with line numbers."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from lit_classify import DataError, UserError
from lit_classify.data.table.casting import cast_column
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.files import read_table
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
    options = CsvOptions(values=ValueOptions(text=["code"]))
    table = read_table(["a.parquet", "b.parquet"], options)
    assert table.frame["code"].to_list() == ["1", "2", "3", "x"]


def test_several_files_are_one_table() -> None:
    Path("parts").mkdir()
    write("a,b\n1,x\n2,y\n", "parts/1.csv")
    write("b,a\nz,3\n", "parts/2.csv")
    for paths in ("parts/*.csv", ["parts/1.csv", "parts/2.csv"]):
        table = read_table(paths)
        assert table.frame.rows() == [(1.0, "x"), (2.0, "y"), (3.0, "z")]
        assert table.locate(2) == "parts/2.csv, row 1"
    write("a,c\n1,2\n", "parts/3.csv")
    with pytest.raises(DataError, match=r"parts/3.csv and parts/1.csv differ in their columns: b, c"):
        read_table("parts/*.csv")
    for path, message in (
        ("parts", "is a directory"),
        ("parts/*.tsv", "no table at"),
        ("x.csv", "no table at"),
    ):
        with pytest.raises(DataError, match=message):
            read_table(path)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("data/*/x.csv", ["data/1/x.csv", "data/2/x.csv"]),
        ("data/?/x.csv", ["data/1/x.csv", "data/2/x.csv"]),
        ("data/[2-9]/*.csv", ["data/2/x.csv", "data/2/y.csv"]),
        ("data/**/x.csv", ["data/1/x.csv", "data/2/deep/x.csv", "data/2/x.csv"]),
        ("**/y.csv", ["data/2/y.csv"]),
    ],
)
def test_patterns_match_directories_and_files(pattern: str, found: list[str]) -> None:
    for name in ("data/1/x.csv", "data/2/x.csv", "data/2/y.csv", "data/2/deep/x.csv", "data/1/.x.csv"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write("a,b\n1,2\n", name)
    assert [name for name, _ in read_table(pattern).files] == found
    assert [name for name, _ in read_table(str(Path(pattern).absolute())).files] == [
        str(Path(name).absolute()) for name in found
    ]


@pytest.mark.parametrize(
    "name", ["a[1].csv", "what?.csv", "all*.csv", "[x]/t.csv", "**/t.csv", "[x]/[1].parquet"]
)
def test_an_existing_file_whose_name_looks_like_a_pattern_is_read(name: str) -> None:
    for other in ("a1.csv", "whatx.csv", "all of it.csv", "x/t.csv", "x/1.parquet", name):
        Path(other).parent.mkdir(exist_ok=True)
        if other.endswith(".csv"):
            write(f"a,b\n{1 if other == name else 0},2\n", other)
        else:
            pl.DataFrame({"a": [1 if other == name else 0], "b": [2]}).write_parquet(other)
    assert read_table(name).frame.rows() == [(1, 2)]
    if "/" in name:  # only the last part is a pattern
        assert read_table(name.replace("t.csv", "*.csv")).frame.rows() == [(1, 2)]


def test_an_unusable_path_is_refused_with_the_reason() -> None:
    write("a,b\n1,2\n", "table.csv")
    for path, message in {
        "data/*/x.csv": r"no table at data/\*/x.csv: no file matches that pattern",
        "nowhere/x.csv": "no table at nowhere/x.csv: the directory nowhere does not exist",
        "tabel.csv": "no table at tabel.csv; did you mean table.csv",
        "https://example.org/t.csv": "https://example.org/t.csv is a URL",
        "/dev/null": "/dev/null is not a regular file",
    }.items():
        with pytest.raises(UserError, match=message):
            read_table(path)
    with pytest.raises(DataError, match=r"table\.csv is given twice"):
        read_table(["table.csv", "*.csv"])


def test_long_integers_in_one_of_two_files_remain_distinct_as_categories() -> None:
    write("n,x\n7,1\n12,1\n", "1.csv")
    write(f"n,x\n{10**29},1\n{10**29 + 1},1\n", "2.csv")
    values, kind = cast_column(read_table(["1.csv", "2.csv"]).frame["n"])
    assert (values.to_list(), kind) == (["7", "12", str(10**29), str(10**29 + 1)], "category")


def test_the_next_file_has_the_decimal_point_of_plain_numbers() -> None:
    write('x,y\n1.5,"1,5"\n', "1.csv")
    write('x,y\n1.234,"2,5"\n', "2.csv")
    assert read_table(["1.csv", "2.csv"]).frame["x"].to_list() == [1.5, 1.234]
