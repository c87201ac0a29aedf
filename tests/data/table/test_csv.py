"""CSV files: equal tables for different spellings, quotes as in the csv module, errors with line numbers."""

import csv
import io
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_classify import DataError
from lit_classify.data.table import csv as csv_reader
from lit_classify.data.table import csv_text
from lit_classify.data.table.casting import cast_column
from lit_classify.data.table.csv_dialect import CsvOptions, Dialect
from lit_classify.data.table.csv_rows import RowBlock
from lit_classify.data.table.files import read_table
from lit_classify.data.table.text_conversion import ValueOptions
from lit_classify.errors import DataWarning
from tests.example_tables import cast, write

OPTIONS = CsvOptions(delimiter=",", header=True, values=ValueOptions(text_columns=["a", "b"]))


@pytest.fixture(params=[16, 1 << 22], ids=["small blocks", "one block"])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", request.param)


def _by_csv_module(content: str) -> list[list[str]]:
    _, *rows = csv.reader(io.StringIO(content.replace("\r\n", "\n"), newline=""))
    return [row for row in rows if len(row) > 1 or "".join(row)]


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("position", [0, 20, 39])
@pytest.mark.parametrize(
    "cell", ['5"', '5" x 6"', '5""', 'say "so"', 'x"y', '""""', '"a ""b"" c"', '"two\nlines"']
)
def test_quotes_within_cells_are_read_as_by_the_csv_module(cell: str, position: int, end: str) -> None:
    rows = [f"{number},word" for number in range(40)]
    rows[position] = f"{position},{cell}"
    content = end.join(["a,b", *rows, ""])
    frame = read_table(write(content), OPTIONS).frame
    assert [list(row) for row in frame.rows()] == _by_csv_module(content)


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
def test_inch_marks_in_many_rows_do_not_join_rows() -> None:
    rows = [f'{number},{number}" pipe' for number in range(40)]
    frame = read_table(write("\n".join(["a,b", *rows])), OPTIONS).frame
    assert frame["b"].to_list() == [f'{number}" pipe' for number in range(40)]


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("position", [0, 20, 39])
def test_an_unclosed_quote_is_refused_with_the_line_where_it_opens(position: int, end: str) -> None:
    rows = ['"two' + end + 'lines",x', *(f"{number},word" for number in range(40))]
    rows[position + 1] = f'{position},"word'
    message = rf"t\.csv, line {position + 4}: a quote opens a cell here and is not closed"
    with pytest.raises(DataError, match=message):
        read_table(write(end.join(["a,b", *rows, ""])), OPTIONS)


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
def test_a_quote_closed_in_another_row_is_refused_with_the_line_where_it_opens() -> None:
    rows = [f"{number},word" for number in range(40)]
    rows[10] = rows[30] = 'x,"word'
    with pytest.raises(DataError, match="line 12: a quote opens a cell here and is closed on another line"):
        read_table(write("\n".join(["a,b", *rows])), OPTIONS)


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
def test_rows_that_two_quotes_may_have_joined_cause_a_warning_with_their_line() -> None:
    rows = [f"{number},word" for number in range(40)]
    rows[10], rows[11] = '10,"', '11,"'
    with pytest.warns(DataWarning, match=r"line 12: each line of a quoted cell looks like a row"):
        assert len(read_table(write("\n".join(["a,b", *rows])), OPTIONS)) == 39


@pytest.mark.usefixtures("_blocks")
def test_spaces_may_follow_a_quote_that_closes_a_cell() -> None:
    frame = read_table(write('a,b\n"one\ntwo" ,"x\ny" \n"5"" x\n6" ,z\n'), OPTIONS).frame
    assert frame.rows() == [("one\ntwo ", "x\ny "), ('5" x\n6 ', "z")]


@pytest.mark.usefixtures("_blocks")
def test_a_missing_number_may_be_a_quoted_line_end() -> None:
    frame = read_table(write('a,b\n1,2\n3,"\n"\n5,6\n')).frame
    assert frame.rows() == [(1.0, 2.0), (3.0, None), (5.0, 6.0)]


@pytest.mark.reliability(57)
def test_rows_that_polars_splits_differently_are_read_by_the_csv_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = pl.read_csv
    monkeypatch.setattr(pl, "read_csv", lambda *args, **options: read(*args, **options).head(0))
    frame = read_table(write("a,b,c\n1,2,x\nNA,4,y\n")).frame
    assert frame.rows() == [(1.0, 2.0, "x"), (None, 4.0, "y")]


@pytest.mark.reliability(57)
def test_only_blocks_with_stray_quotes_need_the_csv_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 1000)
    read = []
    parse = csv_reader._parse_by_csv_module

    def record(path: Path, block: RowBlock, dialect: Dialect) -> pl.DataFrame:
        read.append(block.data)
        return parse(path, block, dialect)

    monkeypatch.setattr(csv_reader, "_parse_by_csv_module", record)
    rows = [f"{number},word" for number in range(2000)]
    rows[700] = '700,5" wide'
    frame = read_table(write("\n".join(["a,b", *rows])), OPTIONS).frame
    assert frame["b"][[699, 700, 1999]].to_list() == ["word", '5" wide', "word"]
    assert len(read) == 1
    assert rows[700].encode() in read[0]


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
@pytest.mark.filterwarnings("ignore:.*each line of a quoted cell")
@given(st.lists(st.text('ab,"\n', max_size=8), max_size=12), st.booleans())
def test_any_text_is_read_as_by_the_csv_module_or_refused(lines: list[str], are_rows: bool) -> None:
    rows = [line if "," in line or not are_rows else f"{line},x" for line in lines]
    content = "\n".join(["a,b", *rows, ""])
    try:
        frame = read_table(write(content), OPTIONS).frame
    except DataError:
        return
    assert [[cell or "" for cell in row] for row in frame.rows()] == _by_csv_module(content)


@pytest.mark.reliability(57)
@pytest.mark.parametrize("cell", ['"word', '5" wide'])
def test_a_file_with_a_stray_quote_is_read_in_linear_time(cell: str) -> None:
    seconds = []
    for rows in (150_000, 600_000):  # 4 MB and 16 MB
        lines = ["a,b,c", *(f"{number},some word here,{number}" for number in range(rows))]
        lines[rows // 10] = f"7,{cell},7"
        Path("t.csv").write_text("\n".join(lines))
        runs = []
        for _ in range(2):
            start = time.perf_counter()
            unclosed = pytest.raises(DataError, match="a quote opens a cell here and is not closed")
            with nullcontext() if cell == '5" wide' else unclosed:
                assert len(read_table("t.csv")) == rows
            runs.append(time.perf_counter() - start)
        seconds.append(min(runs))
    assert seconds[1] < 8 * seconds[0] + 0.5  # a quadratic time is 16 times as much


@pytest.mark.slow
@pytest.mark.reliability(57)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_large_file_of_many_blocks_is_read_completely(end: str) -> None:
    rows = [
        f'{number},{number}" pipe' if number % 9_999 == 7 else f'{number},"a, b"' for number in range(700_000)
    ]
    Path("t.csv").write_text(end.join(["a,b", *rows]), newline="")
    assert Path("t.csv").stat().st_size > 8e6
    frame = read_table("t.csv", CsvOptions(values=ValueOptions(text_columns=["b"]))).frame
    assert frame["a"].to_list() == list(range(700_000))
    assert frame["b"][[7, 8, 10_006]].to_list() == ['7" pipe', "a, b", '10006" pipe']


@pytest.mark.reliability(57)
@pytest.mark.parametrize(("num_columns", "num_blank"), [(5_958, 0), (20_000, 0), (20_000, 20)])
def test_a_header_of_any_length_is_read(num_columns: int, num_blank: int) -> None:
    names = [f"a column of number {number}" for number in range(num_columns)]
    cells = ",".join(map(str, range(num_columns)))
    frame = read_table(write("\n" * num_blank + "\n".join([",".join(names), cells, cells]))).frame
    assert frame.columns == names
    assert frame.row(1) == tuple(map(float, range(num_columns)))


@pytest.mark.slow
@pytest.mark.reliability(57)
def test_a_header_is_read_in_linear_time() -> None:
    seconds = []
    for num_columns in (5_000, 20_000):
        cells = ",".join(map(str, range(num_columns)))
        path = write("\n".join([",".join(f"a column {number}" for number in range(num_columns)), cells]))
        runs = []
        for _ in range(3):
            start = time.process_time()
            assert len(read_table(path).frame.columns) == num_columns
            runs.append(time.process_time() - start)
        seconds.append(min(runs))
    assert seconds[1] < 8 * seconds[0] + 0.5  # a quadratic time is 16 times as much


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
        (b"# source\na,b\n1,2\n", "line 2: 2 fields, but the first row has 1; .*remove a title or comments"),
        (b"a,b\n1,2\n1", "line 3: 1 fields, but the first row has 2"),
        (b'a,b\n"x\ny",2\n"p,q",3\n5\n', "line 5: 1 fields"),
        (
            "a,b\n1,ü\n".encode("latin-1"),
            "line 2: byte 0xfc is not utf-8; set --data.encoding, for",
        ),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16; set --data.encoding utf-16$"),
        (b"a,b\n1,\0\n", "contains NUL bytes; remove them$"),
        ("a,b\n1,2\n".encode("utf-16-le"), "NUL bytes; set --data.encoding utf-16-le$"),
        ("a,b\n1,2\n".encode("utf-16-be"), "NUL bytes; set --data.encoding utf-16-be$"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        read_table(write(content))


@given(
    st.lists(st.lists(st.text("ab,;\n\"' 1", max_size=5), min_size=2, max_size=2), min_size=1, max_size=20)
)
def test_rows_written_by_the_csv_module_are_read_back(rows: list[list[str]]) -> None:
    with Path("t.csv").open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows([["first", "second"], *rows])
    table = read_table(
        "t.csv", CsvOptions(delimiter=",", header=True, values=ValueOptions(text_columns=["first", "second"]))
    )
    assert [[cell or "" for cell in row] for row in table.frame.rows()] == rows


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 16)


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
            expected, kind = cast(cells)
        except DataError:
            continue  # nearly all are numbers: refused by the schema
        values, actual_kind = cast_column(series)
        assert actual_kind == kind
        assert values.to_list() == expected.to_list()


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
def test_a_malformed_row_in_a_later_block_is_refused_with_its_line(
    content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(content))


@pytest.mark.reliability(31)
@pytest.mark.usefixtures("_small_blocks")
def test_a_word_after_many_numbers_is_refused_with_its_row() -> None:
    rows = [str(number) for number in range(3000)]
    rows[2500] = "oops"
    table = read_table(write("x,y\n" + "\n".join(f"{row},1" for row in rows)))
    with pytest.raises(DataError, match=r"t.csv, row 2501, column 'x': 'oops' is not a number, but 2,999 of"):
        cast_column(table.frame["x"], None, table.locate)


def test_large_tables_use_single_precision_where_it_is_precise_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lit_classify.data.table.csv._FLOAT32_CELLS", 10)
    random = np.random.default_rng(0)
    near, far = random.normal(size=500), 1.6e9 + random.integers(0, 1000, 500)
    rising = 10.0 ** np.linspace(0, 12, 500)
    outlier = np.concatenate([random.normal(size=400), [1e9 + 1], random.normal(size=99)])
    table = pl.DataFrame({"near": near, "far": far, "rising": rising, "outlier": outlier})
    table.write_csv("t.csv")
    header, *_, last = Path("t.csv").read_text().splitlines(keepends=True)
    monkeypatch.setattr(csv_text, "_HEAD_BYTES", 2000)
    size = Path("t.csv").stat().st_size - len(header) - len(last) - 1  # the last row is a block of its own
    for block in (1000, size):
        monkeypatch.setattr(csv_text, "_BLOCK_BYTES", block)
        frame = read_table("t.csv").frame
        assert frame.dtypes == [pl.Float32, pl.Float64, pl.Float32, pl.Float32]
        np.testing.assert_array_equal(frame["far"], far)
        for name, numbers in {"near": near, "rising": rising, "outlier": outlier}.items():
            np.testing.assert_allclose(frame[name], numbers, rtol=1e-7, atol=0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a;b\n1,5;x\n-2;y\n", [1.5, -2.0]),
        ("a;b;c\n0,123;0,456;0,7\n1,5;2,5;3,5\n", [0.123, 1.5]),
        ("0,123;0,456;0,7\n1,5;2,5;3,5\n", [0.123, 1.5]),
        ('a,b\n"1,234",x\n999,y\n"12,345,678.5",z\n', [1234.0, 999.0, 12345678.5]),
    ],
)
def test_decimal_commas_and_thousands_separators_are_parsed(content: str, expected: list[float]) -> None:
    frame = read_table(write(content)).frame
    assert frame.to_series(0).to_list() == expected
    text = read_table(
        write(content), CsvOptions(values=ValueOptions(text_columns=[frame.columns[0]]))
    ).frame.to_series(0)
    assert text.dtype == pl.String


def test_inconsistent_commas_in_numbers_remain_text() -> None:
    cells = ["1,5", "2,250.5"]
    assert read_table(write('a,b\n"1,5",x\n"2,250.5",y\n')).frame["a"].to_list() == cells


@pytest.mark.parametrize("size", [4, 1 << 22])
@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_blank_lines_are_skipped(blank: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", size)
    monkeypatch.setattr("lit_classify.data.table.csv._FLOAT32_CELLS", 2)
    content = "\n\na,b\n1,2\n\n3,4\n\n\n\n\n5,6\n\n".replace("\n\n", f"\n{blank}\n")
    assert read_table(write(content)).frame.rows() == [(1, 2), (3, 4), (5, 6)]


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
def test_long_integers_remain_distinct_as_categories(
    cells: list[str], large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("lit_classify.data.table.csv._FLOAT32_CELLS", 10)
    rows = [str(number) for number in range(1000)] + cells  # also after the head of the file
    for column in (cells, rows):
        monkeypatch.setattr(csv_text, "_HEAD_BYTES", 64)
        series = read_table(write("n,x\n" + "\n".join(f"{cell},1" for cell in column))).frame["n"]
        values, kind = cast_column(series)
        assert kind == "category"
        assert values.to_list() == column


def test_large_numbers_that_are_not_integers_remain_numeric() -> None:
    cells = ["1e300", "1.5e20", "12345678901234567890.5", "1e16", "3"]
    series = read_table(write("n,x\n" + "\n".join(f"{cell},1" for cell in cells))).frame["n"]
    assert series.to_list() == [float(cell) for cell in cells]


@pytest.mark.reliability(29)
@pytest.mark.usefixtures("_small_blocks")
def test_blank_lines_are_counted_in_line_numbers() -> None:
    with pytest.raises(DataError, match="line 122: 3 fields"):
        read_table(write("a,b\n" + "1,2\n\n" * 60 + "1,2,3\n"))


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_small_blocks")
def test_a_ragged_row_of_several_lines_is_refused_with_its_first_line() -> None:
    with pytest.raises(DataError, match="line 12: 1 fields"):
        read_table(write("a,b\n" + "1,2\n" * 10 + '"two\nlines"\n' + "1,2\n" * 10))


def test_unicode_line_separators_do_not_end_rows() -> None:
    assert read_table(write("a,b\nx\u2028y,1\nz\x0c,2\n")).frame["a"].to_list() == ["x\u2028y", "z\x0c"]
