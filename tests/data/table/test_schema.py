"""The schema: the kind of each column, and which are dropped."""

import pytest

from lit_classify import DataError
from lit_classify.data.table.schema import Column, format_schema, infer_schema
from lit_classify.messages import width_of
from tests.example_tables import rows_of, table


@pytest.mark.reliability(21)
def test_kinds_are_inferred_and_missing_values_counted() -> None:
    table = rows_of(
        number=[" 1", "2.5", "nan", "", "1e3"] * 10,
        word=["a", "b", "?", "a", None] * 10,
        yes=["yes", "No", "", "yes", "no"] * 10,
        same=["x"] * 50,
        gone=[None] * 50,
        name=[f"name {number}" for number in range(50)],
        unwanted=["u", "v"] * 25,
        code=["1", "2"] * 25,
    )
    _, columns = infer_schema(table, [], ["unwanted"], ["code"], [])
    summary = {column.name: (column.kind, column.missing, column.use) for column in columns}
    assert summary["number"] == ("number", 20, "used")
    assert summary["word"] == ("category", 20, "used")
    assert summary["yes"] == ("boolean", 10, "used")
    assert summary["code"] == ("category", 0, "used")
    assert summary["same"][2] == "dropped: constant"
    assert summary["gone"][2] == "dropped: all missing"
    assert summary["name"][2] == "dropped: unique values (looks like an ID)"
    assert summary["unwanted"][2] == "dropped: listed in ignore"
    _, columns = infer_schema(table, ["yes"], [], [], [])
    assert [column.name for column in columns if column.is_used] == ["yes"]


def test_the_table_of_columns_with_long_and_wide_names_is_aligned() -> None:
    columns = [Column("a" * 200, "number", 0, 3), Column("年齢", "number", 1, 20)]
    header, *names = (line.partition("number")[0] for line in format_schema(columns, []).splitlines())
    assert width_of(names[0]) == width_of(names[1]) <= 40
    assert header.index("kind") == len(names[0])


def test_an_unknown_column_of_a_file_with_another_delimiter_is_explained() -> None:
    with pytest.raises(
        DataError, match=r"unknown target column 'target': .*; if another .* --data.delimiter"
    ):
        table(["1:a", "2:b"], "x:target")
