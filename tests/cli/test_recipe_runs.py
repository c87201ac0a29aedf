"""Runs of recipes that verify and plot start."""

from pathlib import Path

import pytest

from lit_classify.cli import recipe_runs


def test_a_run_of_a_recipe_prints_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    files = set(Path().iterdir())
    result = recipe_runs.run("circles_v0")
    assert [row.split()[1] for row in result.lines] == [*map(str, range(0, 100, 10)), "99"]
    assert capsys.readouterr().out == ""
    assert set(Path().iterdir()) == files
