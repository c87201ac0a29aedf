"""Calibration bins: equal to those of scikit-learn."""

import numpy as np
from sklearn.calibration import calibration_curve

from lit_classify.metrics.calibration import calibration_bins


def test_calibration_bins_equal_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    p = random.random(500) ** 3
    y = (random.random(500) < p).astype(int)
    actual, predicted = calibration_curve(y, p, n_bins=10)
    bins = calibration_bins(y, p)
    np.testing.assert_allclose(bins.predicted, predicted)
    np.testing.assert_allclose(bins.actual, actual)
    assert bins.counts.sum() == 500
