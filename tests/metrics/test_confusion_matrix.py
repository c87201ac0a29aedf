"""Confusion matrices: equal to those of scikit-learn."""

import numpy as np
from sklearn.metrics import confusion_matrix

from lit_classify.metrics.confusion_matrix import threshold_counts


def test_counts_by_threshold_equal_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    y, p = random.integers(2, size=200), random.integers(11, size=200) / 10  # some equal a threshold
    thresholds = np.array([0.0, 0.05, 0.3, 1.0])
    for threshold, counts in zip(thresholds, threshold_counts(y, p, thresholds), strict=True):
        assert (counts == confusion_matrix(y, p > threshold)).all()
