"""Every row of the reliability table has a test with its number."""

import re
from pathlib import Path

import pytest

from tests.conftest import COLLECTED

TABLE = Path(__file__).parent.parent / ".github" / "RELIABILITY.md"


def test_every_row_of_the_table_has_a_test(request: pytest.FixtureRequest) -> None:
    collected: list[pytest.Item] = request.config.stash[COLLECTED]
    if not {item.path for item in collected} >= set(Path(__file__).parent.rglob("test_*.py")):
        pytest.skip("not all tests are collected")
    rows = [int(number) for number in re.findall(r"^\| (\d+) \|", TABLE.read_text("utf-8"), re.MULTILINE)]
    marked = {row for item in collected for mark in item.iter_markers("reliability") for row in mark.args}
    assert rows == list(range(1, len(rows) + 1))
    assert set(rows) == marked
