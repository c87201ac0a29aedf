"""Quotes that open a cell and quotes that do not: as in the csv module, or refused with their line."""

import csv
import io
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_classify import DataError
from lit_classify.data.table import csv as csv_reader
from lit_classify.data.table.dialect import CsvOptions, Dialect
from lit_classify.data.table.source import read_table
from lit_classify.errors import DataWarning
from tests.example_tables import write

OPTIONS = CsvOptions(delimiter=",", header=True, text=["a", "b"])


@pytest.fixture(params=[16, 1 << 22], ids=["small blocks", "one block"])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "_BLOCK_BYTES", request.param)


def _by_csv_module(content: str) -> list[list[str]]:
    _, *rows = csv.reader(io.StringIO(content.replace("\r\n", "\n"), newline=""))
    return [row for row in rows if len(row) > 1 or "".join(row)]


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("where", [0, 20, 39])
@pytest.mark.parametrize(
    "cell", ['5"', '5" x 6"', '5""', 'say "so"', 'x"y', '""""', '"a ""b"" c"', '"two\nlines"']
)
def test_quotes_within_cells_are_read_as_the_csv_module_reads_them(cell: str, where: int, end: str) -> None:
    rows = [f"{number},word" for number in range(40)]
    rows[where] = f"{where},{cell}"
    content = end.join(["a,b", *rows, ""])
    frame = read_table(write(content), OPTIONS).frame
    assert [list(row) for row in frame.rows()] == _by_csv_module(content)


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
def test_inch_marks_in_many_rows_do_not_join_them() -> None:
    rows = [f'{number},{number}" pipe' for number in range(40)]
    frame = read_table(write("\n".join(["a,b", *rows])), OPTIONS).frame
    assert frame["b"].to_list() == [f'{number}" pipe' for number in range(40)]


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("where", [0, 20, 39])
def test_a_quote_that_is_left_open_is_refused_with_the_line_where_it_opens(where: int, end: str) -> None:
    rows = ['"two' + end + 'lines",x', *(f"{number},word" for number in range(40))]
    rows[where + 1] = f'{where},"word'
    said = rf"t\.csv, line {where + 4}: a quote opens a cell here and is not closed"
    with pytest.raises(DataError, match=said):
        read_table(write(end.join(["a,b", *rows, ""])), OPTIONS)


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
def test_a_quote_that_another_cell_s_closes_is_refused_with_the_line_where_it_opens() -> None:
    rows = [f"{number},word" for number in range(40)]
    rows[10] = rows[30] = 'x,"word'
    with pytest.raises(DataError, match="line 12: a quote opens a cell here and is closed on another line"):
        read_table(write("\n".join(["a,b", *rows])), OPTIONS)


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
def test_rows_that_two_signs_may_have_joined_are_noted_with_their_line() -> None:
    rows = [f"{number},word" for number in range(40)]
    rows[10], rows[11] = '10,"', '11,"'
    with pytest.warns(DataWarning, match=r"line 12: each line of a quoted cell looks like a row"):
        assert len(read_table(write("\n".join(["a,b", *rows])), OPTIONS)) == 39


@pytest.mark.reliability(57)
def test_a_cell_longer_than_any_cell_is_a_quote_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "_BLOCK_BYTES", 1000)
    monkeypatch.setattr(csv_reader, "_MAX_OPEN_BYTES", 1000)
    rows = ["1,word"] * 10_000
    rows[5] = '1,"word'
    rows[-1] = '1,word"'
    with pytest.raises(DataError, match="line 7: a quote opens a cell here and is not closed"):
        read_table(write("\n".join(["a,b", *rows])), OPTIONS)


@pytest.mark.reliability(57)
def test_rows_that_polars_refuses_even_rewritten_are_a_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise csv_reader._IrregularError

    monkeypatch.setattr(csv_reader, "_parse", refuse)
    with pytest.raises(DataError, match=r"\.csv: polars does not split its rows into 2 fields"):
        read_table(write("a,b\n1,2\n"), OPTIONS)


@pytest.mark.reliability(57)
@given(st.lists(st.sampled_from(['"', '"a"', '"\n,"', '"a""b"', "a", ",", "\n"]), max_size=20).map("".join))
def test_rows_of_regular_text_end_where_the_csv_module_ends_them(text: str) -> None:
    try:
        csv_reader._check_regular(text.encode(), Dialect(",", ("a", "b")))
    except csv_reader._IrregularError:
        return
    reader = csv.reader(io.StringIO(text, newline=""))
    ends = [reader.line_num for _ in reader]  # the lines in which rows end
    newlines = [position for position, char in enumerate(text) if char == "\n"]
    found = csv_reader._outside_quotes(text.encode(), "\n").tolist()
    assert found == [newlines[line - 1] for line in ends if line <= len(newlines)]


@pytest.mark.reliability(57)
@pytest.mark.usefixtures("_blocks")
@pytest.mark.filterwarnings("ignore:.*each line of a quoted cell")
@given(st.lists(st.text('ab,"\n', max_size=8), max_size=12), st.booleans())
def test_any_text_is_read_as_the_csv_module_reads_it_or_refused(lines: list[str], are_rows: bool) -> None:
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
    took = []
    for rows in (150_000, 600_000):  # 4 MB and 16 MB
        lines = ["a,b,c", *(f"{number},some word here,{number}" for number in range(rows))]
        lines[rows // 10] = f"7,{cell},7"
        Path("t.csv").write_text("\n".join(lines))
        runs = []
        for _ in range(2):
            begun = time.perf_counter()
            with nullcontext() if cell == '5" wide' else pytest.raises(DataError):
                assert len(read_table("t.csv")) == rows
            runs.append(time.perf_counter() - begun)
        took.append(min(runs))
    assert took[1] < 8 * took[0] + 0.5  # a quadratic time is 16 times as much


@pytest.mark.reliability(57)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_large_file_of_many_blocks_is_read_whole(end: str) -> None:
    rows = [
        f'{number},{number}" pipe' if number % 9_999 == 7 else f'{number},"a, b"' for number in range(700_000)
    ]
    Path("t.csv").write_text(end.join(["a,b", *rows]), newline="")
    assert Path("t.csv").stat().st_size > 8e6
    frame = read_table("t.csv", CsvOptions(text=["b"])).frame
    assert frame["a"].to_list() == list(range(700_000))
    assert frame["b"][[7, 8, 10_006]].to_list() == ['7" pipe', "a, b", '10006" pipe']


@pytest.mark.reliability(57)
@pytest.mark.parametrize("num_columns", [5_958, 20_000])
def test_a_header_of_any_length_is_read(num_columns: int) -> None:
    names = [f"a column of number {number}" for number in range(num_columns)]
    cells = ",".join(map(str, range(num_columns)))
    frame = read_table(write("\n".join([",".join(names), cells, cells]))).frame
    assert frame.columns == names
    assert frame.row(1) == tuple(map(float, range(num_columns)))
