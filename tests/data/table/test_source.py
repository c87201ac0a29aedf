"""A table's files: however they are written the same table comes, and a fault is named with its line."""

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_classify import DataError, UserError
from lit_classify.data import memory
from lit_classify.data.table import csv as csv_reader
from lit_classify.data.table.dialect import CsvOptions
from lit_classify.data.table.schema import cast_column
from lit_classify.data.table.source import read_table
from tests.example_tables import write


@pytest.mark.reliability(30)
@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("a,b\n1,x\n2,y\n", "utf-8"),
        ("\ufeffa,b\n1,x\n2,y\n", "utf-8"),
        ("a,b\r\n1,x\r\n2,y\r\n", "utf-8"),
        ("a,b\r1,x\r2,y", "utf-8"),
        ("a,b\r\n1,x\n2,y\r", "utf-8"),
        ("a;b\n1;x\n2;y\n", "utf-8"),
        ("a\tb\n1\tx\n2\ty\n", "utf-8"),
        ('"a","b"\n"1","x"\n2,y', "utf-8"),
        ("a,b\n1,x\n2,y\n", "utf-16"),
        ("a,b\n1,x\n2,y\n", "latin-1"),
    ],
)
def test_the_same_table_however_it_is_written(content: str, encoding: str) -> None:
    table = read_table(write(content.encode(encoding)), CsvOptions(encoding=encoding))
    assert table.frame.to_dict(as_series=False) == {"a": [1.0, 2.0], "b": ["x", "y"]}


@pytest.mark.reliability(29)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv is empty"),
        (b" \n\n", "t.csv is empty"),
        (b"\xef\xbb\xbf ", "t.csv is empty"),
        (b"a,b\n", "has a header but no rows"),
        (b"a,b,a\n1,2,3\n", "line 1: the column name 'a' occurs 2 times"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 fields, but the first row has 2"),
        (b"a,b\n1,2\n1\n", "line 3: 1 fields, but the first row has 2"),
        (b"a,b\n1,2\n1", "line 3: 1 fields, but the first row has 2"),
        (b'a,b\n"x\ny",2\n"p,q",3\n5\n', "line 5: 1 fields"),
        ("a,b\n1,ü\n".encode("latin-1"), "line 2: byte 0xfc is not utf-8; set encoding"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16; set encoding to utf-16"),
        (b"a,b\n1,\0\n", "NUL bytes"),
    ],
)
def test_a_faulty_file_is_named_with_its_line(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        read_table(write(content))


@given(
    st.lists(st.lists(st.text("ab,;\n\"' 1", max_size=5), min_size=2, max_size=2), min_size=1, max_size=20)
)
def test_what_the_csv_module_writes_is_read_back(rows: list[list[str]]) -> None:
    with Path("t.csv").open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows([["first", "second"], *rows])
    table = read_table("t.csv", CsvOptions(delimiter=",", header=True, text=["first", "second"]))
    assert [[cell or "" for cell in row] for row in table.frame.rows()] == rows


def test_numbers_without_names_get_names() -> None:
    assert read_table(write("1,2\n3,4\n")).frame.columns == ["column_1", "column_2"]


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "_BLOCK_BYTES", 16)


CELLS = st.one_of(
    st.floats(-1e6, 1e6).map(lambda number: f"{number:g}"),
    st.sampled_from(
        ["", "NA", "?", " 7", "nan", "1e3", "oops", "a,b", 'say "x"', "two\nlines", "-0.5", "=1+1"]
    ),
)


@pytest.mark.usefixtures("_small_blocks")
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_blocks_read_what_the_csv_module_reads(rows: list[tuple[str, str, str]], end: str) -> None:
    with Path("t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=end).writerows([["first", "second", "third"], *rows])
    table = read_table("t.csv", CsvOptions(delimiter=",", header=True))
    for position, series in enumerate(table.frame):
        cells = pl.Series(series.name, [row[position] for row in rows])
        try:
            expected, kind = cast_column(cells)
        except DataError:
            continue  # nearly all are numbers: said when the columns are understood
        came, came_kind = cast_column(series)
        assert came_kind == kind
        assert came.to_list() == expected.to_list()


@pytest.mark.reliability(29)
@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n" + "1,2\n" * 50 + "1,2,3\n" + "1,2\n" * 50, "line 52: 3 fields"),
        ("a,b\n" + "1,2\n" * 50 + "1\n" + "1,2\n" * 50, "line 52: 1 fields"),
        ('a,b\n"p\nq",2\n' + "1,2\n" * 50 + "1\n", "line 54: 1 fields"),
        (("a,b\n" + "1,2\n" * 50).encode() + "ü,3\n".encode("latin-1"), "line 52: byte 0xfc is not utf-8"),
    ],
)
def test_a_fault_far_down_is_named_with_its_line(content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(content))


@pytest.mark.reliability(31)
@pytest.mark.usefixtures("_small_blocks")
def test_a_word_after_many_numbers_makes_text_that_is_refused_with_its_row() -> None:
    rows = [str(number) for number in range(3000)]
    rows[2500] = "oops"
    table = read_table(write("x,y\n" + "\n".join(f"{row},1" for row in rows)))
    with pytest.raises(DataError, match=r"t.csv, row 2501, column 'x': 'oops' is not a number, but 2,999 of"):
        cast_column(table.frame["x"], None, table.where)


@pytest.mark.reliability(31)
def test_many_words_after_many_numbers_are_refused_too() -> None:
    cells = [str(number) for number in range(2000)] + ["word"] * 2000
    with pytest.raises(DataError, match="row 2001, column 'x': 'word' is not a number"):
        cast_column(pl.Series("x", cells), None, lambda row: f"row {row + 1}")


def test_large_tables_keep_single_precision_where_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lit_classify.data.table.csv._FLOAT32_CELLS", 10)
    random = np.random.default_rng(0)
    near, far = random.normal(size=500), 1.6e9 + random.integers(0, 1000, 500)
    late = np.concatenate([random.normal(size=400), [1e9 + 1], random.normal(size=99)])
    pl.DataFrame({"near": near, "far": far, "late": late}).write_csv("t.csv")
    monkeypatch.setattr(csv_reader, "_HEAD_BYTES", 2000)
    frame = read_table("t.csv").frame
    assert frame.dtypes == [pl.Float32, pl.Float64, pl.Float64]
    np.testing.assert_array_equal(frame["far"], far)
    np.testing.assert_allclose(frame["near"], near, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("39, Bachelors, 77516, <=50K\n50, ?, 83311, >50K\n", [(39.0, "Bachelors"), (50.0, "?")]),
        ('39, "Bachelors, two", 1\n50, HS, 2\n', [(39.0, "Bachelors, two"), (50.0, "HS")]),
    ],
)
def test_spaces_after_commas_and_no_header(content: str, rows: list[tuple[float, str]]) -> None:
    frame = read_table(write(content)).frame
    assert frame.columns[:2] == ["column_1", "column_2"]
    came = [(first, second.strip()) for first, second in frame.select("column_1", "column_2").rows()]
    assert came == [(first, second) for first, second in rows]


def test_text_without_a_header_is_seen_by_its_values() -> None:
    rows = ["p,x,s", "e,x,y", "p,b,s", "e,x,s", "p,x,y"]
    assert read_table(write("\n".join(rows))).frame.columns == ["column_1", "column_2", "column_3"]
    assert read_table(write("\n".join(["class,cap,colour", *rows]))).frame.columns[0] == "class"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a;b\n1,5;x\n-2;y\n", [1.5, -2.0]),
        ("a;b;c\n0,123;0,456;0,7\n1,5;2,5;3,5\n", [0.123, 1.5]),
        ("0,123;0,456;0,7\n1,5;2,5;3,5\n", [0.123, 1.5]),
        ('a,b\n"1,234",x\n999,y\n"12,345,678.5",z\n', [1234.0, 999.0, 12345678.5]),
    ],
)
def test_commas_in_numbers_are_understood(content: str, expected: list[float]) -> None:
    frame = read_table(write(content)).frame
    assert frame.to_series(0).to_list() == expected
    text = read_table(write(content), CsvOptions(text=[frame.columns[0]])).frame.to_series(0)
    assert text.dtype == pl.String


def test_commas_that_are_neither_stay_text() -> None:
    assert read_table(write('a,b\n"1,5",x\n"2,25",y\n')).frame["a"].to_list() == ["1,5", "2,25"]


def test_headers_with_gaps_or_numbers_are_known_by_a_name_that_is_wanted() -> None:
    assert read_table(write(",a,y\n0,1.5,x\n1,2.5,z\n")).frame.columns == ["column_1", "a", "y"]
    assert read_table(write("2019,2020,y\n1,2,x\n"), CsvOptions(expected=["y"])).frame.columns[0] == "2019"
    with pytest.raises(DataError, match="cannot be the name of a column"):
        read_table(write("^x$,y\n1,2\n"))


@pytest.mark.reliability(31)
def test_text_in_one_file_and_numbers_in_another_is_refused() -> None:
    write("a,b\n1,2\n", "1.csv")
    write("a,b\n,2\n", "2.csv")
    assert read_table(["1.csv", "2.csv"]).frame["a"].to_list() == [1.0, None]
    write("a,b\n,2\nword,3\n", "2.csv")
    with pytest.raises(DataError, match=r"2.csv, row 2, column 'a': 'word' is text, but 1.csv has numbers"):
        read_table(["1.csv", "2.csv"])


@pytest.mark.parametrize("size", [4, 1 << 22])
@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_blank_lines_are_no_rows(blank: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "_BLOCK_BYTES", size)
    content = "\n\na,b\n1,2\n\n3,4\n\n\n\n\n5,6\n\n".replace("\n\n", f"\n{blank}\n")
    assert read_table(write(content)).frame.rows() == [(1, 2), (3, 4), (5, 6)]


def test_several_files_are_one_table() -> None:
    Path("parts").mkdir()
    write("a,b\n1,x\n2,y\n", "parts/1.csv")
    write("b,a\nz,3\n", "parts/2.csv")
    for paths in ("parts/*.csv", ["parts/1.csv", "parts/2.csv"]):
        table = read_table(paths)
        assert table.frame.rows() == [(1.0, "x"), (2.0, "y"), (3.0, "z")]
        assert table.where(2) == "parts/2.csv, row 1"
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


def test_parquet_keeps_its_types() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None], "c": [True, False]})
    frame.write_parquet("t.parquet")
    assert read_table("t.parquet").frame.equals(frame)
    with pytest.raises(DataError, match=r"wrong.parquet is not Parquet"):
        read_table(write("a,b\n1,2\n", "wrong.parquet"))


@pytest.mark.reliability(32)
def test_a_table_beyond_memory_is_refused_with_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "a,b\n" + "1,2\n" * 1000
    monkeypatch.setattr(memory, "free_memory", lambda: 10_000)
    with pytest.raises(DataError, match=r"about 1,001 rows x 2 columns need about 0.024 MB of memory"):
        read_table(write(content))
    monkeypatch.undo()
    assert (memory.free_memory() or 1e9) > 1e6


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
def test_patterns_hold_for_folders_too(pattern: str, found: list[str]) -> None:
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
def test_a_file_whose_name_looks_like_a_pattern_is_itself(name: str) -> None:
    for other in ("a1.csv", "whatx.csv", "all of it.csv", "x/t.csv", "x/1.parquet", name):
        Path(other).parent.mkdir(exist_ok=True)
        if other.endswith(".csv"):
            write(f"a,b\n{1 if other == name else 0},2\n", other)
        else:
            pl.DataFrame({"a": [1 if other == name else 0], "b": [2]}).write_parquet(other)
    assert read_table(name).frame.rows() == [(1, 2)]
    if "/" in name:  # what stands for signs is the pattern's own part alone
        assert read_table(name.replace("t.csv", "*.csv")).frame.rows() == [(1, 2)]


def test_a_path_that_leads_nowhere_is_said_with_the_reason() -> None:
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


@pytest.mark.parametrize(
    "cells",
    [
        [f"{10**29 + number}" for number in range(30)],
        [f"{10**18 + number}" for number in range(30)],
        [f"-{2**53 + number}" for number in range(30)],
        [f"{number:030}" for number in range(10**20, 10**20 + 30)],
        [f"{2**64 - number}" for number in range(1, 31)],
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_long_whole_numbers_stay_apart(
    cells: list[str], large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("lit_classify.data.table.csv._FLOAT32_CELLS", 10)
    rows = [str(number) for number in range(1000)] + cells  # far below the head too
    for column in (cells, rows):
        monkeypatch.setattr(csv_reader, "_HEAD_BYTES", 64)
        series = read_table(write("n,x\n" + "\n".join(f"{cell},1" for cell in column))).frame["n"]
        values, kind = cast_column(series)
        assert kind == "category"
        assert values.to_list() == column


def test_large_numbers_that_are_not_whole_stay_numbers() -> None:
    cells = ["1e300", "1.5e20", "12345678901234567890.5", "1e16", "3"]
    series = read_table(write("n,x\n" + "\n".join(f"{cell},1" for cell in cells))).frame["n"]
    assert series.to_list() == [float(cell) for cell in cells]


def test_long_whole_numbers_in_one_file_and_short_ones_in_another_stay_apart() -> None:
    write("n,x\n7,1\n12,1\n", "1.csv")
    write(f"n,x\n{10**29},1\n{10**29 + 1},1\n", "2.csv")
    values, kind = cast_column(read_table(["1.csv", "2.csv"]).frame["n"])
    assert (values.to_list(), kind) == (["7", "12", str(10**29), str(10**29 + 1)], "category")


@pytest.mark.reliability(29)
@pytest.mark.usefixtures("_small_blocks")
def test_blank_lines_count_as_lines() -> None:
    with pytest.raises(DataError, match="line 122: 3 fields"):
        read_table(write("a,b\n" + "1,2\n\n" * 60 + "1,2,3\n"))


@pytest.mark.reliability(30)
def test_a_byte_of_another_encoding_is_named_with_its_line_whatever_ends_lines() -> None:
    for end in ("\n", "\r\n", "\r"):
        content = f"a,b{end}" + f"1,2{end}" * 50
        with pytest.raises(DataError, match="line 52: byte 0xfc is not utf-8"):
            read_table(write(content.encode() + b"\xfc,3"))


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_small_blocks")
def test_a_ragged_row_of_several_lines_is_named_with_its_first() -> None:
    with pytest.raises(DataError, match="line 12: 1 fields"):
        read_table(write("a,b\n" + "1,2\n" * 10 + '"two\nlines"\n' + "1,2\n" * 10))


def test_a_sign_that_ends_lines_elsewhere_is_none_here() -> None:
    assert read_table(write("a,b\nx\u2028y,1\nz\x0c,2\n")).frame["a"].to_list() == ["x\u2028y", "z\x0c"]
