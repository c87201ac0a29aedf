"""The example notebook: without outputs in the repository, and every cell runs."""

import ast
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule
from lit_classify.plots.inline_figure import InlineFigure

NOTEBOOK = Path(__file__).parent.parent / ".github/notebooks/classification.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def test_the_notebook_has_no_outputs() -> None:
    for cell in CELLS:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
        assert cell["metadata"] == {}


def run(code: str, names: dict[str, Any]) -> Any:
    """Run a cell, and return its value if it ends with an expression, which a notebook shows."""
    cell = ast.parse(code)
    shown = cell.body.pop() if isinstance(cell.body[-1], ast.Expr) else None
    exec(compile(cell, NOTEBOOK.name, "exec"), names)
    return eval(ast.unparse(shown), names) if shown else None


@pytest.mark.slow
def test_every_cell_runs_and_shows_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    threads, level = torch.get_num_threads(), logging.getLogger("lightning.pytorch").level
    names: dict[str, Any] = {"__name__": "__main__"}
    with warnings.catch_warnings():  # the notebook sets filters
        values = [run(code, names) for code in CODE]
    torch.set_num_threads(threads)
    logging.getLogger("lightning.pytorch").setLevel(level)
    printed = capsys.readouterr().out
    # numbers of the course page
    assert "Epoch: 900 | Loss: 0.62362, Acc: 74.00% | Test loss: 0.62145, Acc: 79.00%" in printed
    shown = [type(value) for value in values if hasattr(value, "_repr_png_")]
    assert shown == [InlineFigure] * 9
    cards = [type(value) for value in values if isinstance(value, LitModule | InMemoryDataModule)]
    assert cards == [CirclesDataModule, BinaryClassifier]
    lines = {line.split("|")[0]: line for line in printed.splitlines()}
    assert lines["Epoch: 199 "].endswith("Acc: 100.00%")  # Adam
    assert lines["Epoch: 299 "].endswith("Acc: 100.00%")  # spirals
    assert values[-1] > 0.9  # the table
