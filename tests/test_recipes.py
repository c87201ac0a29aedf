"""Packaged recipes: complete, found from any directory, with the expected results."""

from pathlib import Path

import pytest

from lit_classify import recipes
from lit_classify.cli.main import main
from tests.example_tables import write


@pytest.mark.reliability(17)
@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_is_complete_and_runs_one_batch(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("x,y\n" + "\n".join(f"{row % 7},{'ab'[row % 2]}" for row in range(60)))
    fit = ["fit", "--config", name]
    if name == "blobs_transfer":
        assert main(["fit", "--config", "blobs", "--trainer.max_epochs", "1", "--plots", "none"]) == 0
    fit += ["--data.path", "t.csv", "--data.target", "y"] if name == "table" else []
    content = recipes.read(name)
    assert content["recipe"]["name"] == name
    assert len(content["recipe"]["purpose"].split(". ")) == 1
    with pytest.raises(SystemExit) as exit_:
        main([*fit, "--print_config"])
    assert exit_.value.code == 0
    assert "class_path" in capsys.readouterr().out
    assert main([*fit, "--trainer.fast_dev_run", "true"]) == 0


def test_the_packaged_files_are_the_recipes() -> None:
    packaged = {path.stem for path in Path(recipes.__file__).parent.glob("*.yaml")}
    assert packaged == set(recipes.names())
