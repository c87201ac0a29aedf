"""Tuned thresholds against a search over all thresholds with scikit-learn's metrics."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, matthews_corrcoef

from lit_classify.errors import DataError, UserError
from lit_classify.evaluation.threshold_tuning import SCORES, check_metric, tune_threshold

ORACLES = {
    "f1": f1_score,
    "balanced_accuracy": balanced_accuracy_score,
    "accuracy": accuracy_score,
    "mcc": matthews_corrcoef,
}


@pytest.mark.parametrize("metric", SCORES)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 99)), min_size=3, max_size=40))
def test_no_other_threshold_has_a_better_metric(metric: str, rows: list[tuple[bool, int]]) -> None:
    y, p = np.array([row[0] for row in rows]).astype(int), np.array([row[1] / 100 for row in rows])
    if len(set(y)) == 1 or len(set(p)) == 1:
        with pytest.raises(DataError, match="cannot be tuned"):
            tune_threshold(y, p, metric)
        return
    chosen = ORACLES[metric](y, p > tune_threshold(y, p, metric))
    for value in np.unique(p)[:-1]:
        assert chosen >= ORACLES[metric](y, p > value) - 1e-9


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="balanced_accuracy"):
        check_metric("balanced_acuracy")


def test_a_threshold_separates_neighbouring_probabilities() -> None:
    p = np.array([1, np.nextafter(np.float32(1), np.float32(0))], dtype=np.float32)
    threshold = tune_threshold(np.array([1, 0]), p, "f1")
    assert 0 < threshold < 1
    assert (torch.from_numpy(p) > threshold).tolist() == [True, False]
