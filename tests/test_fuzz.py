"""Random input either works or is refused with a short message; ``scripts/fuzz.py`` tries many more cases.

The cases are the same in every run of the suite.
"""

import contextlib
import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from lit_classify import BinaryClassifier, MulticlassClassifier, MultilabelClassifier, Regressor
from lit_classify.cli.main import main
from lit_classify.data import TableDataModule
from lit_classify.errors import DataWarning, UserError
from tests import fuzzing

ALL = int(os.environ.get("LIT_CLASSIFY_FUZZ", "2000"))
SHARES = {"tables": 0.5, "frames": 0.1, "labels": 0.1, "recipes": 0.15, "commands": 0.15}
TABLE = "\n".join(["a,b,target", *(f"{n % 7},{n % 5}.5,{'yes' if n % 3 else 'no'}" for n in range(40))])


def cases(kind: str) -> Callable[[Any], Any]:
    return settings(
        max_examples=round(SHARES[kind] * ALL),
        deadline=None,
        derandomize=ALL <= 2000,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def check_message(error: UserError, most_lines: int) -> None:
    """Check the length of a message."""
    assert 1 <= len(str(error).strip().splitlines()) <= most_lines


@pytest.mark.slow
@pytest.mark.reliability(39)
@cases("tables")
@given(fuzzing.tables(), fuzzing.table_settings())
def test_a_table_is_read_or_refused(content: bytes, options: dict[str, Any]) -> None:
    Path("fuzzed.csv").write_bytes(content)
    check_data("fuzzed.csv", options)


@pytest.mark.slow
@pytest.mark.reliability(39)
@cases("frames")
@given(fuzzing.frames(), fuzzing.table_settings())
def test_a_dataframe_is_read_or_refused(frame: pd.DataFrame, options: dict[str, Any]) -> None:
    check_data(frame, options)


def check_data(source: Any, options: dict[str, Any]) -> None:
    """Check that a table is refused with a short message, or gives valid splits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        try:
            data = TableDataModule(source, **options)
            data.setup()
        except UserError as error:
            check_message(error, 10)
            return
        assert data.has_split("train")
        assert data.has_split("val")
        if data.folds:
            assert data.fold is not None
            assert torch.unique(data.fold).tolist() == list(range(data.folds))
            assert len(data.fold) == len(data.split("train").y)
        for name in filter(data.has_split, ("train", "val", "test")):
            x, y = data.split(name)
            assert x.shape == (len(y), data.in_features)
            assert len(y)
            assert bool(x.isfinite().all())
            assert bool(y.isfinite().all())
            if data.class_names is not None:
                assert y.dtype == torch.int64
                assert 0 <= int(y.min()) <= int(y.max()) < len(data.class_names)
        # with "error", validation rows may have categories that the training rows do not have
        if options.get("handle_unknown") != "error":
            (x,) = next(iter(data.predict_dataloader()))
            assert bool(x.isfinite().all())


@pytest.mark.reliability(39)
@cases("labels")
@given(fuzzing.labels())
def test_labels_are_learned_from_or_refused(y: torch.Tensor) -> None:
    for model in (
        BinaryClassifier(2, hidden=[3]),
        MulticlassClassifier(2, out_features=3, hidden=[3]),
        MultilabelClassifier(2, out_features=3, hidden=[3]),
        Regressor(2, hidden=[3]),
    ):
        try:
            model.check_targets(y)
            loss = model.loss(model(torch.ones(6, 2)), y)
        except UserError as error:
            check_message(error, 1)
        else:
            assert len(y) == 6
            assert loss.shape == ()
            assert bool(loss.isfinite())


def run(arguments: list[str]) -> None:
    """Run a command line, and check its exit code, its messages and that a refused one writes no file."""
    paths = set(Path().rglob("*"))
    stdout, stderr = io.StringIO(), io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        warnings.simplefilter("ignore")
        try:
            code = main(arguments)
        except SystemExit as exit_:  # --help
            code = int(exit_.code or 0)
    assert code in {0, 2, 3}, stderr.getvalue()
    assert "Traceback" not in stderr.getvalue()
    if code == 2:
        lines = [line for line in stderr.getvalue().splitlines() if "note:" not in line]
        assert 1 <= len(lines) <= 10, lines
        assert lines[0].startswith("lit-classify"), lines
        assert set(Path().rglob("*")) == paths


@pytest.mark.slow
@pytest.mark.reliability(39)
@cases("recipes")
@given(fuzzing.recipe_files())
def test_a_recipe_runs_or_is_refused(text: str) -> None:
    Path("fuzzed.yaml").write_text(text, encoding="utf-8")
    run(["fit", "--config", "fuzzed.yaml", *fuzzing.BOUND])


@pytest.mark.slow
@pytest.mark.reliability(39)
@cases("commands")
@given(fuzzing.command_lines())
def test_a_command_line_runs_or_is_refused(arguments: list[str]) -> None:
    Path("t.csv").write_text(TABLE)
    limits = fuzzing.BOUND if arguments[0] == "fit" else []
    run([*arguments, *limits])
