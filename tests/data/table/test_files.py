"""The files of a table: paths, patterns, and errors about them."""

from pathlib import Path

import polars as pl
import pytest

from lit_classify import DataError, UserError
from lit_classify.data.table.files import read_table
from tests.example_tables import write


def test_several_files_are_one_table() -> None:
    Path("tables").mkdir()
    write("a,b\n1,x\n2,y\n", "tables/1.csv")
    write("b,a\nz,3\n", "tables/2.csv")
    for paths in ("tables/*.csv", ["tables/1.csv", "tables/2.csv"]):
        table = read_table(paths)
        assert table.frame.rows() == [(1.0, "x"), (2.0, "y"), (3.0, "z")]
        assert table.locate(2) == "tables/2.csv, row 1"
    write("a,c\n1,2\n", "tables/3.csv")
    with pytest.raises(DataError, match=r"tables/3.csv and tables/1.csv differ in their columns: b, c"):
        read_table("tables/*.csv")
    for path, message in (
        ("tables", "is a directory"),
        ("tables/*.tsv", "no table at"),
        ("x.csv", "no table at"),
    ):
        with pytest.raises(DataError, match=message):
            read_table(path)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("data/*/x.csv", ["data/1/x.csv", "data/2/x.csv"]),
        ("data/?/x.csv", ["data/1/x.csv", "data/2/x.csv"]),
        ("data/[2-9]/*.csv", ["data/2/x.csv", "data/2/y.csv"]),
        ("data/**/x.csv", ["data/1/x.csv", "data/2/deep/x.csv", "data/2/x.csv"]),
        ("**/y.csv", ["data/2/y.csv"]),
    ],
)
def test_patterns_match_directories_and_files(pattern: str, names: list[str]) -> None:
    for name in ("data/1/x.csv", "data/2/x.csv", "data/2/y.csv", "data/2/deep/x.csv", "data/1/.x.csv"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write("a,b\n1,2\n", name)
    assert [name for name, _ in read_table(pattern).files] == names
    assert [name for name, _ in read_table(str(Path(pattern).absolute())).files] == [
        str(Path(name).absolute()) for name in names
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
        "": "the path of a table is empty",
    }.items():
        with pytest.raises(UserError, match=message):
            read_table(path)
    with pytest.raises(DataError, match=r"table\.csv is given twice"):
        read_table(["table.csv", "*.csv"])
