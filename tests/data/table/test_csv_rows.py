"""Blocks of a CSV file end where the csv module ends rows."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_classify import DataError
from lit_classify.data.table import csv_rows, csv_text
from lit_classify.data.table.csv_dialect import Dialect
from lit_classify.data.table.files import read_table
from tests.example_tables import write


@pytest.mark.reliability(57)
def test_a_very_long_quoted_cell_is_refused_as_an_unclosed_quote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 1000)
    monkeypatch.setattr(csv_rows, "_MAX_OPEN_BYTES", 1000)
    rows = ["1,word"] * 10_000
    rows[5] = '1,"word'
    rows[-1] = '1,word"'
    with pytest.raises(DataError, match="line 7: a quote opens a cell here and is not closed"):
        read_table(write("\n".join(["a,b", *rows])))


@pytest.mark.reliability(57)
@given(st.lists(st.sampled_from(['"', '"a"', '"\n,"', '"a""b"', "a", ",", "\n"]), max_size=20).map("".join))
def test_rows_of_regular_text_end_where_the_csv_module_ends_rows(text: str) -> None:
    text += "\n"
    end, is_regular = csv_rows._find_end(text.encode(), Dialect(",", ("a", "b")))
    if not is_regular:
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    last_lines = []  # of each complete row
    with suppress(csv.Error):
        for _ in reader:
            last_lines.append(reader.line_num)
    newlines = [position for position, char in enumerate(text) if char == "\n"]
    row_ends = csv_rows.outside_quotes(text.encode(), "\n").tolist()
    assert row_ends == [newlines[line - 1] for line in last_lines]
    assert end == (row_ends[-1] + 1 if row_ends else 0)
