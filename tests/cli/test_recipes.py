"""The command recipes."""

import re

import pytest

from lit_classify import recipes
from lit_classify.cli.main import main


def test_recipes_lists_each_recipe_with_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    rows = re.split(r"\n(?=\S)", printed)
    for name, row in zip(recipes.names(), rows, strict=False):
        assert " ".join(row.split()) == f"{name} {recipes.read(name)['recipe']['purpose']}"
