"""The command recipes."""

import pytest

from lit_classify import recipes
from lit_classify.cli.main import main


def test_recipes_lists_each_recipe_with_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    printed = capsys.readouterr().out.splitlines()
    for name, line in zip(recipes.names(), printed, strict=False):
        assert line.split(maxsplit=1) == [name, recipes.read(name)["recipe"]["purpose"]]
