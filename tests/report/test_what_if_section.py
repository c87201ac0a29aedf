import re
from typing import Any

from lit_classify.report.what_if_section import what_if_section
from tests.report.summaries import HOSTILE

NUMBER = {"name": "size", "kind": "number", "options": [0.0, 1.0], "min": -2.0, "max": 60.25}
DATE = {"name": "day", "kind": "date", "options": [0.0, 1.0], "min": 18262.0, "max": 18263.5}
TOWN = {"name": "town", "kind": "category", "options": ["Rome", HOSTILE, None]}
PAID = {"name": "paid", "kind": "boolean", "options": [1, 0], "min": 0.0, "max": 1.0}


def page(
    *columns: dict[str, Any], values: list[Any], task: str = "multiclass", value_range: Any = None
) -> str:
    start = {column["name"]: value for column, value in zip(columns, values, strict=True)}
    what_if = {"columns": columns, "start": start, "range": value_range, "network": {"task": task}}
    return str(what_if_section(what_if, ["class 0", "class 1", "class 2"], 0))


def test_fields_have_the_range_and_the_value_of_their_column() -> None:
    shown = page(NUMBER, DATE, TOWN, PAID, values=[1 / 3, 18262.5, HOSTILE, 1])
    for text in ("<small>\N{MINUS SIGN}2 to 60.2</small>", "<small>2020-01-01 to 2020-01-02</small>"):
        assert text in shown
    assert 'type="number" value="0.333333"' in shown
    assert 'type="date" value="2020-01-01"' in shown
    assert 'selected="">&lt;/script&gt;' in shown
    assert "(missing)</option><option>(another value)</option>" in shown
    assert 'type="checkbox" checked=""' in shown


def test_numeric_columns_have_a_curve_of_each_class_or_of_the_second_of_two() -> None:
    assert re.findall('data-output="(.)"', page(NUMBER, values=[0])) == ["0", "1", "2"]
    assert re.findall('data-output="(.)"', page(NUMBER, values=[0], task="binary")) == ["1"]


def test_other_columns_have_a_bar_for_each_value() -> None:
    panel = page(TOWN, PAID, values=["Rome", 0]).partition('<figure class="sensitivity"')[2]
    names = re.findall('<span title="(.*?)">', panel)
    assert (names[0], names[2:]) == ("Rome", ["(missing)", "yes", "no"])


def test_values_have_the_range_of_the_targets() -> None:
    shown = page(NUMBER, values=[0], task="regression", value_range=[-10.0, 30.0])
    assert re.findall('text-anchor="end">(.*?)<', shown) == ["\N{MINUS SIGN}10", "0", "10", "20", "30"]
    assert "percentage" not in shown


def test_a_form_that_cannot_be_computed_says_why() -> None:
    assert "Not available: no reason." in str(what_if_section({"reason": "no reason"}, [], 0))
    assert what_if_section(None, [], 0) is None
