"""verify: the expected lines and metrics of recipes."""

import re
from pathlib import Path

import pytest

from lit_classify import (
    UserError,
    recipes,
)
from lit_classify.cli import recipe_runs, verify
from lit_classify.cli.main import main
from tests import reference_loop


@pytest.mark.parametrize(
    ("name", "epochs", "every"), [("circles_v1", 1000, 100), ("circles_v2", 1000, 100), ("blobs", 100, 10)]
)
def test_expected_lines_equal_those_of_the_reference_loop(name: str, epochs: int, every: int) -> None:
    expect = verify.expectation(name)
    lines = reference_loop.train(name, epochs, every).lines
    assert all(passed for _, _, passed in verify.check_lines(expect, lines))
    assert len(expect["lines"]) == len(lines)


def test_verify_passes_a_matching_recipe_and_fails_an_altered_one(capsys: pytest.CaptureFixture[str]) -> None:
    content = recipes.find("blobs").read_text()
    assert main(["verify", "blobs"]) == 0
    assert "1 of 1 recipes match their expected results." in capsys.readouterr().out
    Path("mine.yaml").write_text(content.replace("lr: 0.1", "lr: 0.11"))
    assert main(["verify", "mine.yaml"]) == 1
    assert "FAIL" in capsys.readouterr().out
    assert not Path("lightning_logs").exists()


def test_lines_are_compared_to_the_last_digit_or_within_a_tolerance() -> None:
    lines = ["Epoch: 0 | Train loss: 0.10000, Test loss: 0.20000"]
    near = ["Epoch: 0 | Train loss: 0.10002, Test loss: 0.20000"]
    assert verify.check_lines({"lines": lines}, lines)[0][2]
    assert not verify.check_lines({"lines": lines}, near)[0][2]
    assert verify.check_lines({"lines": lines, "within": 2e-5}, near)[0][2]
    assert not verify.check_lines({"lines": lines, "within": 1e-5}, near)[0][2]
    assert not verify.check_lines({"lines": lines}, [])[0][2]
    assert not verify.check_lines({"lines": lines, "within": 1}, ["Epoch: 0 | Loss: nan, Test loss: nan"])[0][
        2
    ]


def test_additional_lines_are_not_a_difference() -> None:
    lines = [f"Epoch: {epoch} | Train loss: 0.{epoch}, Test loss: 0.2" for epoch in (0, 5, 9)]
    assert verify.check_lines({"lines": lines[:2]}, lines)[0][2]
    assert not verify.check_lines({"lines": lines}, lines[:2])[0][2]


def test_the_columns_of_verify_are_separated_by_spaces(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.replace("Loss: 0", "Loss: 1234") for line in verify.expectation("blobs")["lines"]]
    result = recipe_runs.RecipeRun("blobs", None, None, lines, {"test/accuracy": 0.1}, 9, 9876.5)  # type: ignore[arg-type]
    monkeypatch.setattr(recipe_runs, "run", lambda name: result)
    assert main(["verify", "blobs"]) == 1
    head, *lines = capsys.readouterr().out.splitlines()[:3]
    for line in lines:
        assert len(line) <= 100
        for column in ("expected", "actual"):
            assert line[head.index(column) - 2 : head.index(column)] == "  "
            assert line[head.index(column)] != " "


def test_bounds_of_metrics_are_checked_and_missing_metrics_fail() -> None:
    expect = {"at_least": {"a": 0.5}, "below": {"a": 0.6, "b": 1}}
    assert [passed for _, _, passed in verify.check_metrics(expect, {"a": 0.5})] == [True, True, False]


def test_an_unknown_expectation_is_refused() -> None:
    Path("mine.yaml").write_text("recipe: {expect: {at_most: {test/loss: 1}}}")
    with pytest.raises(UserError, match="unknown expectation 'at_most'"):
        verify.expectation("mine.yaml")


def test_an_unknown_metric_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    content = recipes.find("circles_v0").read_text().replace("test/accuracy: 0.40", "test/acuracy: 0.40")
    Path("mine.yaml").write_text(content)
    assert main(["verify", "mine.yaml"]) == 2
    assert "unknown metric 'test/acuracy': did you mean 'test/accuracy'?" in capsys.readouterr().err


@pytest.mark.slow
def test_all_recipes_match_their_expectations() -> None:
    assert main(["verify"]) == 0


@pytest.mark.reliability(59)
def test_a_recipe_that_expects_an_undefined_metric_fails(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.yaml").write_text(
        "recipe: {expect: {at_least: {test/precision: 0.5}}}\n"
        "model: {class_path: BinaryClassifier, init_args: {hidden: [], lr: 1.0e-30}}\n"
        "data: {class_path: CirclesDataModule}\n"
        "trainer: {max_epochs: 1, accelerator: cpu}\n"
        "seed_everything: 4\n"  # whose model predicts no row as the second class
    )
    assert main(["verify", "own.yaml"]) == 1
    assert re.search(r"test/precision at least 0.5 +FAIL .*undefined", capsys.readouterr().out)
