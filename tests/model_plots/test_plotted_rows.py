"""The rows that plots of a model show."""

import pytest

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify.model_plots import plotted_rows
from lit_classify.model_plots.plotted_rows import describe_rows, evaluate


def test_titles_contain_the_number_of_evaluated_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    data, model = CirclesDataModule(), BinaryClassifier(2)
    assert describe_rows(data, "test") == "Test: 200 rows"
    monkeypatch.setattr(plotted_rows, "_MAX_ROWS", 150)
    assert len(evaluate(model, data, "test")[1]) == 150
    assert describe_rows(data, "test") == "Test: the first 150 of 200 rows"
