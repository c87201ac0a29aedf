"""The dialect of a CSV file: its delimiter, and whether it has a header."""

import pytest

from lit_classify import DataError
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.files import read_table
from tests.example_tables import write


def test_columns_without_a_header_get_names() -> None:
    assert read_table(write("1,2\n3,4\n")).frame.columns == ["column_1", "column_2"]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("39, Bachelors, 77516, <=50K\n50, ?, 83311, >50K\n", [(39.0, "Bachelors"), (50.0, "?")]),
        ('39, "Bachelors, two", 1\n50, HS, 2\n', [(39.0, "Bachelors, two"), (50.0, "HS")]),
    ],
)
def test_spaces_after_commas_are_skipped_without_a_header(
    content: str, rows: list[tuple[float, str]]
) -> None:
    frame = read_table(write(content)).frame
    assert frame.columns[:2] == ["column_1", "column_2"]
    assert [(age, degree.strip()) for age, degree, *_ in frame.rows()] == rows


def test_text_without_a_header_is_detected_by_its_values() -> None:
    rows = ["p,x,s", "e,x,y", "p,b,s", "e,x,s", "p,x,y"]
    assert read_table(write("\n".join(rows))).frame.columns == ["column_1", "column_2", "column_3"]
    assert read_table(write("\n".join(["class,cap,colour", *rows]))).frame.columns[0] == "class"


def test_headers_with_empty_or_numeric_names_are_detected_by_an_expected_name() -> None:
    assert read_table(write(",a,y\n0,1.5,x\n1,2.5,z\n")).frame.columns == ["column_1", "a", "y"]
    assert read_table(write("2019,2020,y\n1,2,x\n"), CsvOptions(expected=["y"])).frame.columns[0] == "2019"
    with pytest.raises(DataError, match="cannot be the name of a column"):
        read_table(write("^x$,y\n1,2\n"))


@pytest.mark.parametrize("encoding", ["utf-99", "base64"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(DataError, match=f"unknown encoding '{encoding}'"):
        CsvOptions(encoding=encoding)
