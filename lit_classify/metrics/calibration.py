"""Calibration of predicted probabilities: rows in bins, and the expected calibration error.

Legend: N rows, B bins.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lit_classify.metrics.base import Indicators, Numbers

NUM_CALIBRATION_BINS = 10


class CalibrationBins(NamedTuple):
    """Rows in bins of predicted probability, without the empty ones.

    Attributes:
        predicted: mean predicted probability, ``(B,)``.
        actual: fraction of positives, ``(B,)``.
        counts: numbers of rows, ``(B,)``.
    """

    predicted: Numbers
    actual: Numbers
    counts: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of predictions and fractions, weighted by rows."""
        return float(self.counts @ np.abs(self.predicted - self.actual)) / int(self.counts.sum())


def calibration_bins(y: Indicators, p: Numbers) -> CalibrationBins:
    """Return the nonempty bins among ten bins of equal width.

    Args:
        y: 1 for positive rows, else 0, ``(N,)``.
        p: predicted probabilities, ``(N,)``.

    Examples:
        >>> bins = calibration_bins(np.array([0, 0, 1, 1]), np.array([0.2, 0.3, 0.71, 0.79]))
        >>> bins.predicted.tolist(), bins.actual.tolist(), bins.counts.tolist()
        ([0.2, 0.3, 0.75], [0.0, 0.0, 1.0], [1, 1, 2])
        >>> round(bins.error, 4)
        0.25
    """
    bins = calibration_bin(p)
    counts = np.bincount(bins, minlength=NUM_CALIBRATION_BINS)
    nonempty = counts > 0
    predicted, positives = (np.bincount(bins, weights, NUM_CALIBRATION_BINS)[nonempty] for weights in (p, y))
    counts = counts[nonempty]
    return CalibrationBins(predicted / counts, positives / counts, counts)


def calibration_bin(p: Numbers) -> NDArray[np.int64]:
    """Return the index of the bin of each probability.

    Examples:
        >>> calibration_bin(np.array([0.0, 0.25, 1.0])).tolist()
        [0, 2, 9]
    """
    bins: NDArray[np.int64] = (p * NUM_CALIBRATION_BINS).astype(np.int64).clip(max=NUM_CALIBRATION_BINS - 1)
    return bins
