"""Text becomes numbers, dates and times only if a whole column agrees."""

import re
import warnings
from datetime import datetime, time, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_classify.data.table import csv_text
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.files import read_table
from lit_classify.data.table.text_conversion import ValueOptions, convert_text
from lit_classify.data.table.value_formats import ValueFormat
from tests.example_tables import write


def convert(cells: list[str | None], **others: list[str]) -> tuple[list[Any], ValueFormat | None]:
    frame, formats, _ = convert_text(pl.DataFrame({"x": cells, **others}), ValueOptions(), "t.csv")
    return frame["x"].to_list(), formats.get("x")


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["3.188,60", "12"], [3188.6, 12]),
        (["$3,188.60", "$12", "-$5.5", "($7.00)", "$-1"], [3188.6, 12, -5.5, -7, -1]),
        (["3.188,60 €", "12 €", "-4,5 €"], [3188.6, 12, -4.5]),
        (["EUR 1,5", "EUR 2"], [1.5, 2]),
        (["R$ 1.234,50", "R$ 2"], [1234.5, 2]),
        (["CAD 1,234.50", "CAD 2"], [1234.5, 2]),
        (["1\u2009234,5", "12\u2009345"], [1234.5, 12345]),
        (["1 234,5", "12"], [1234.5, 12]),
        (["1\u202f234,5", "12\u00a0345"], [1234.5, 12345]),
        (["12'000.5", "7"], [12000.5, 7]),
        (["45%", "5.5 %"], [45, 5.5]),
        (["5", "$6", "7.5"], [5, 6, 7.5]),
        (["₹1,23,456.50", "₹12,34,567", "₹7,890"], [123456.5, 1234567, 7890]),
        (["0,123", "1,234"], [0.123, 1.234]),
        (["1,234,567", "12"], [1234567, 12]),
        (["1,5", "2,25"], [1.5, 2.25]),
        (["\u22121.5", "2"], [-1.5, 2]),
        (["1e-3", "2E5"], [0.001, 2e5]),
        (["007", "8"], [7, 8]),
        ([".5", "-.25"], [0.5, -0.25]),
        ([",5", "1,25"], [0.5, 1.25]),
    ],
)
def test_numbers_are_recognized(cells: list[str], values: list[float]) -> None:
    assert convert([*cells, None, "NA"])[0] == [*values, None, None]


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (["2024-01-31", "2024-12-01"], datetime(2024, 1, 31)),
        (["2024-01-31 17:05", "2024-02-01 07:30"], datetime(2024, 1, 31, 17, 5)),
        (["2024-01-31T17:05:09Z"], datetime(2024, 1, 31, 17, 5, 9)),
        (["2024-01-31T17:05:09+02:00", "2024-01-31T17:05:09-05:00"], datetime(2024, 1, 31, 15, 5, 9)),
        (["2024-01-31 17:05:09.250"], datetime(2024, 1, 31, 17, 5, 9, 250000)),
        (["2024/01/31"], datetime(2024, 1, 31)),
        (["31.01.2024", "1.2.2024"], datetime(2024, 1, 31)),
        (["31/01/2024", "01/02/2024"], datetime(2024, 1, 31)),
        (["01/31/2024", "01/02/2024"], datetime(2024, 1, 31)),
        (["1/31/2024 5:05 PM", "12/1/2024 11:00 AM"], datetime(2024, 1, 31, 17, 5)),
        (["31.01.24", "01.02.24"], datetime(2024, 1, 31)),
        (["31 January 2024", "1 May 2024"], datetime(2024, 1, 31)),
        (["31-Jan-2024", "01-Dec-2024"], datetime(2024, 1, 31)),
        (["Jan 31, 2024", "Dec 1, 2024"], datetime(2024, 1, 31)),
        (["17:05", "07:30"], time(17, 5)),
        (["2024-01-31 17:05:09+00", "2024-01-31 17:05:09-05"], datetime(2024, 1, 31, 17, 5, 9)),
        (["2024-01-31T17:05:09+02:00", "2024-01-31T17:05:09Z"], datetime(2024, 1, 31, 15, 5, 9)),
        (["2024-01-31 17:05:09 UTC"], datetime(2024, 1, 31, 17, 5, 9)),
        (["2024-01", "1999-12"], datetime(2024, 1, 1)),
        (["1 days 02:00:00.5", "-1 days +23:59:59", "3 days"], timedelta(days=1, hours=2, milliseconds=500)),
        (["-1 day, 23:59:59", "1 day, 2:00:00"], timedelta(seconds=-1)),
        (["P1DT2H3M4.5S", "P0D", "PT17S"], timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
    ],
)
def test_dates_and_times_are_recognized(cells: list[str], value: datetime | time | timedelta) -> None:
    assert convert([*cells, None])[0][0] == value
    assert read_table(write("x|y\n" + "\n".join(f"{cell}|1" for cell in cells))).frame["x"][0] == value


@pytest.mark.parametrize(
    "cells",
    [
        ["$1", "€2"],
        ["$1", "2%"],
        ["A1", "A2"],
        ["12 kg", "3 kg"],
        ["1,2,3", "4,5"],
        ["1.2.3", "4.5.6"],
        ["1-2", "3-4"],
        ["1.234,5", "1,234.5"],
        ["2024-01-31", "31.01.2024"],
        ["2024-02-30", "2024-01-01"],
        ["0031-01-01", "0032-01-01"],
        ["12", "x"],
        ["555-1234", "555-9876"],
        ["10:30", "25:00"],
        ["2024-13", "2024-12"],
        ["5551-12", "1001-02"],
        ["P", "PT"],
        ["1 days", "PT5S", "never"],
        ["192.168.0.1", "10.0.0.1"],
        ["(5", "6)"],
        ["1,23,456", "7,89"],
        ["0.5", "6%"],
        ["030 123 456", "171 987 654"],
        ["1.000.000", "0.123.456"],
        ["9,007,199,254,740,993", "1"],
        ["$9007199254740993", "$1"],
    ],
)
def test_other_text_stays_text(cells: list[str]) -> None:
    assert convert([*cells]) == (cells, None)


@pytest.mark.parametrize(
    ("cells", "options", "values", "others"),
    [
        (["1,234", "12"], {"decimal": ","}, [1.234, 12], [1234, 12]),
        (["1.234", "950"], {"decimal": ","}, [1234, 950], [1.234, 950]),
        (["01/02/2024"], {"day_first": True}, [datetime(2024, 2, 1)], [datetime(2024, 1, 2)]),
        (["01-02-2024"], {"day_first": True}, [datetime(2024, 2, 1)], [datetime(2024, 1, 2)]),
    ],
)
def test_ambiguous_columns_are_noted_with_the_option_that_decides(
    cells: list[str], options: dict[str, Any], values: list[Any], others: list[Any]
) -> None:
    frame = pl.DataFrame({"x": cells})
    (name, value), *_ = options.items()
    option = f"--data.{name} {str(value).lower()}"
    converted, _, ambiguities = convert_text(frame, ValueOptions(), "t.csv")
    assert re.search(f"column 'x': 1 of .* in two ways; .* set {option}", ambiguities["x"])
    assert converted["x"].to_list() == others
    converted, _, ambiguities = convert_text(frame, ValueOptions(**options), "t.csv")
    assert converted["x"].to_list() == values
    assert not ambiguities
    opposite = ValueOptions(day_first=False) if name == "day_first" else ValueOptions(decimal=".")
    converted, _, ambiguities = convert_text(frame, opposite, "t.csv")
    assert converted["x"].to_list() == others
    assert not ambiguities


@pytest.mark.parametrize(
    ("cells", "other", "values"),
    [
        (["1,234"], ["1,5"], [1.234]),
        (["1,234"], ["1,234.5"], [1234]),
        (["1.234"], ["1.5"], [1.234]),
        (["1.234"], ["1,5"], [1234]),
        (["01/02/2024"], ["31/12/2024"], [datetime(2024, 2, 1)]),
        (["01/02/2024"], ["12/31/2024"], [datetime(2024, 1, 2)]),
    ],
)
def test_ambiguous_columns_follow_the_others(cells: list[str], other: list[str], values: list[Any]) -> None:
    assert convert([*cells], other=other)[0] == values


FORMATS = [
    ValueFormat(decimal, thousands, unit)
    for decimal, thousands in ((".", ","), (",", "."), (",", " "), (".", "'"))
    for unit in ("", "$", "€", "%")
]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30), st.sampled_from(FORMATS), st.booleans())
def test_formatted_numbers_are_read_back(
    numbers: list[float], value_format: ValueFormat, unit_first: bool
) -> None:
    separators = str.maketrans({",": value_format.thousands, ".": value_format.decimal})
    values = [round(number, 2) for number in numbers]
    cells = [f"{abs(value):,.2f}".translate(separators) for value in values]
    unit = value_format.unit
    cells = [unit + cell if unit_first else cell + unit for cell in cells]
    cells = ["-" + cell if value < 0 else cell for cell, value in zip(cells, values, strict=True)]
    assert convert([*cells])[0] == values
    assert value_format.parse(pl.Series(cells)).to_list() == values


@given(
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), min_size=1, max_size=20),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d.%m.%Y", "%Y-%m-%dT%H:%M", "%d %b %Y", "%B %d, %Y"]),
)
def test_formatted_dates_are_those_of_strptime(times: list[datetime], pattern: str) -> None:
    cells = [moment.strftime(pattern) for moment in times]
    assert convert([*cells])[0] == [datetime.strptime(cell, pattern) for cell in cells]


@pytest.mark.parametrize("late", ["1.234,5", "word", "7"])
def test_later_cells_determine_the_format_too(late: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "_HEAD_BYTES", 64)
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 100)
    cells = ["1,5", "2,5"] * 50 + [late]
    expected = convert([*cells])[0]
    table = read_table(write("x;y\n" + "\n".join(f"{cell};1" for cell in cells)))
    assert table.frame["x"].to_list() == expected


def test_blocks_are_converted_like_whole_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f'{n},"${n * 1000:,}.5",{1 + n % 28}/2/2024,{n % 24:02}:15,{n}%' for n in range(200)]
    content = "\n".join(["n,cost,day,clock,share", *rows])
    whole = read_table(write(content))
    monkeypatch.setattr(csv_text, "_HEAD_BYTES", 64)
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 100)
    blocks = read_table(write(content))
    assert blocks.frame.equals(whole.frame)
    assert blocks.formats == whole.formats
    assert [str(dtype) for dtype in whole.frame.dtypes[1:4]] == [
        "Float64", "Datetime(time_unit='us', time_zone=None)", "Time"
    ]  # fmt: skip


def test_files_of_one_table_have_the_format_of_the_first() -> None:
    write("x;y\n1,5;a\n2,25;b\n", "1.csv")
    write("x;y\n1,234;a\n7;b\n", "2.csv")  # ambiguous alone
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_table(["1.csv", "2.csv"]).frame["x"].to_list() == [1.5, 2.25, 1.234, 7.0]


def test_known_formats_are_kept() -> None:
    options = ValueOptions(formats={"x": ValueFormat(",", ".", "€")})
    for cells, values in ((["1.234"], [1234.0]), (["5 €"], [5.0]), (["$5"], ["$5"]), (["1.5"], ["1.5"])):
        table = read_table(
            write("x|y\n" + "\n".join(f"{cell}|1" for cell in cells)), CsvOptions(values=options)
        )
        assert table.frame["x"].to_list() == values
        assert table.formats == {**options.formats, "y": ValueFormat()}


@pytest.mark.parametrize("pattern", ["%d.%m.%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%#z"])
def test_dates_that_begin_with_the_year_are_read_whatever_the_known_format_is(pattern: str) -> None:
    options = ValueOptions(formats={"x": ValueFormat(pattern=pattern)})
    for cell in ("2024-01-31", "2024-01-31T00:00:00.000000", "2024-01-31 00:00:00Z", "2024/01/31"):
        table = read_table(write(f"x|y\n{cell}|1\n{cell}|2"), CsvOptions(values=options))
        assert table.frame["x"].to_list() == [datetime(2024, 1, 31)] * 2
    for cell in ("01/31/2024", "01/02/2024"):
        assert convert_text(pl.DataFrame({"x": [cell]}), options, "t.csv")[0]["x"].to_list() == [cell]


def test_times_of_day_may_have_more_digits_than_in_the_known_format() -> None:
    options = ValueOptions(formats={"x": ValueFormat(pattern="%H:%M")})
    frame, *_ = convert_text(pl.DataFrame({"x": ["17:05:00.000000000"]}), options, "t.csv")
    assert frame["x"].to_list() == [time(17, 5)]


def test_a_known_format_of_plain_numbers_is_preferred() -> None:
    options = ValueOptions(formats={"x": ValueFormat()})
    for other in (["1,5"], ["word"]):
        table = pl.DataFrame({"x": ["1.234"], "other": other})
        frame, formats, ambiguities = convert_text(table, options, "t.csv")
        assert frame["x"].to_list() == [1.234]
        assert formats["x"].is_plain
        assert not ambiguities
    frame, _, ambiguities = convert_text(pl.DataFrame({"x": ["1,5"]}), options, "t.csv")
    assert frame["x"].to_list() == [1.5]
    assert not ambiguities
    assert "two ways" in convert_text(pl.DataFrame({"x": ["1,234"]}), options, "t.csv").ambiguities["x"]
    assert convert_text(pl.DataFrame({"x": ["5%"]}), options, "t.csv")[0]["x"].to_list() == ["5%"]


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        (["2024-01-31", "1900-01-01"], "1900-01-01"),
        (["31.01.2024", "01.01.1900"], "01.01.1900"),
        (["31.01.2024", "01.01.1900"], "1900-01-01"),
        (["10:30", "00:00"], "00:00"),
        (["$5", "$999"], "$999"),
        (["$5", "$999"], "999"),
        (["5%", "-1 %"], "-1 %"),
    ],
)
def test_missing_values_of_the_options_are_null_in_formatted_columns(cells: list[str], missing: str) -> None:
    options = ValueOptions(missing_values=[missing])
    table = read_table(write("x|y\n" + "\n".join(f"{cell}|1" for cell in cells)), CsvOptions(values=options))
    assert table.frame["x"].is_null().to_list() == [False, True]
    frame, formats, _ = convert_text(pl.DataFrame({"x": cells}), options, "t.parquet")
    assert frame["x"].equals(table.frame["x"])
    assert formats == {"x": table.formats["x"]}


def test_missing_dates_are_null_in_columns_of_dates() -> None:
    options = ValueOptions(missing_values=["1900-01-01", "unknown"])
    days = pl.Series("x", [datetime(2024, 1, 31), datetime(1900, 1, 1)])
    for column in (days, days.dt.date(), days.dt.replace_time_zone("UTC")):
        converted, *_ = convert_text(column.to_frame(), options, "t.parquet")
        assert converted["x"].is_null().to_list() == [False, True]


def test_columns_that_are_not_used_are_not_warned_about() -> None:
    frame = pl.DataFrame({"x": ["1,234"], "y": ["1,234"]})
    for options in (ValueOptions(ignore=["y"]), ValueOptions(features=["x"])):
        assert list(convert_text(frame, options, "t.csv").ambiguities) == ["x"]


def test_missing_values_of_the_options_are_null_in_columns_of_any_kind() -> None:
    options = ValueOptions(missing_values=["-999", "unknown"])
    content = "a,b,c\n1,unknown,x\n-999,5,unknown\n-999.0,7,-999\n"
    frame = read_table(write(content), CsvOptions(values=options)).frame
    assert frame.rows() == [(1.0, None, "x"), (None, 5.0, None), (None, 7.0, None)]
    typed = pl.DataFrame(
        {"a": [1, -999], "b": [0.5, -999.0], "c": pl.Series(["x", "unknown"], dtype=pl.Categorical)}
    )
    assert convert_text(typed, options, "t.parquet")[0].rows() == [(1, 0.5, "x"), (None, None, None)]


def test_ignore_case_unifies_case_and_spaces() -> None:
    frame = pl.DataFrame({"x": ["New  York", " new york", "NEW YORK", None]})
    converted, *_ = convert_text(frame, ValueOptions(ignore_case=True), "t.csv")
    assert converted["x"].to_list() == ["new york"] * 3 + [None]
