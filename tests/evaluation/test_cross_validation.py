"""Metrics of cross-validation, compared with scikit-learn's for each fold."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from lit_classify import BinaryClassifier
from lit_classify.evaluation.cross_validation import cross_validated
from lit_classify.modules.results import Evaluation


def evaluation(model: BinaryClassifier, logits: list[float], y: list[int], fold: list[int]) -> Evaluation:
    outputs, targets = torch.tensor(logits)[:, None], torch.tensor(y)
    return Evaluation(outputs, targets, model.measure(outputs, targets), torch.tensor(fold))


def test_the_note_is_the_standard_deviation_over_the_folds() -> None:
    model = BinaryClassifier(2)
    logits, y, fold = [2.0, -1.0, 1.0, -2.0, 3.0, 1.0], [1, 1, 1, 0, 1, 0], [0, 0, 1, 1, 2, 2]
    result = evaluation(model, logits, y, fold)
    values, notes = cross_validated(model, result)
    assert values == result.metrics.values
    rows = [(slice(0, 2)), slice(2, 4), slice(4, 6)]
    each = [f1_score(y[mask], np.array(logits[mask]) > 0) for mask in rows]
    assert float(notes["f1"].removeprefix("± ")) == pytest.approx(np.std(each, ddof=1), abs=5e-4)


def test_folds_in_which_a_metric_is_undefined_are_left_out() -> None:
    model = BinaryClassifier(2)
    logits, y, fold = [2.0, -1.0, 1.0, -2.0, 3.0, 1.0], [1, 0, 0, 1, 1, 1], [0, 0, 1, 1, 2, 2]
    _, notes = cross_validated(model, evaluation(model, logits, y, fold))
    assert float(notes["auroc"].removeprefix("± ")) == pytest.approx(np.std([1.0, 0.0], ddof=1), abs=5e-4)
    assert "balanced_accuracy" in notes


def test_a_reason_is_kept_and_a_validation_without_folds_is_unchanged() -> None:
    model = BinaryClassifier(2)
    result = evaluation(model, [2.0, -1.0], [1, 1], [0, 1])
    assert cross_validated(model, result).notes["auroc"] == "undefined: every row is of class 1"
    assert cross_validated(model, result._replace(fold=None)) is result.metrics
