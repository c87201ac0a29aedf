"""Baselines on the rows that a model is tested on."""

import pytest

from lit_classify import BinaryClassifier, CirclesDataModule, MultilabelClassifier, TableDataModule
from lit_classify.evaluation.baselines import baseline_lines
from tests.example_tables import write


def test_a_linear_baseline_cannot_separate_the_circles() -> None:
    lines = baseline_lines(BinaryClassifier(2), CirclesDataModule())
    majority, logistic = (float(line.split()[-1]) for line in lines[1:])
    assert majority == pytest.approx(0.5, abs=0.05)
    assert logistic == pytest.approx(0.5, abs=0.1)


def test_a_baseline_that_cannot_learn_a_constant_label_is_reported() -> None:
    write("x,p,q\n" + "\n".join(f"{n},{n % 2},0" for n in range(60)))
    data = TableDataModule("t.csv", ["p", "q"])
    lines = baseline_lines(MultilabelClassifier(1, 2, label_names=["p", "q"]), data)
    assert "  logistic regression  cannot learn these labels" in lines
