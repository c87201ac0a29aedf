"""The text of CSV files in any encoding."""

import pytest

from lit_classify import DataError
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.files import read_table
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
def test_line_ends_delimiters_and_encodings_give_the_same_table(content: str, encoding: str) -> None:
    table = read_table(write(content.encode(encoding)), CsvOptions(encoding=encoding))
    assert table.frame.to_dict(as_series=False) == {"a": [1.0, 2.0], "b": ["x", "y"]}


@pytest.mark.reliability(30)
def test_a_byte_of_another_encoding_is_refused_with_its_line_for_any_line_end() -> None:
    for end in ("\n", "\r\n", "\r"):
        content = f"a,b{end}" + f"1,2{end}" * 50
        with pytest.raises(DataError, match="line 52: byte 0xfc is not utf-8"):
            read_table(write(content.encode() + b"\xfc,3"))
