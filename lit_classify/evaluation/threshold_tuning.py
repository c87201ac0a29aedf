"""Tuning of the threshold: the probability above which the second of two classes is predicted.

Legend: N rows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_classify.errors import DataError, UserError
from lit_classify.messages import unknown_name

Floats = NDArray[np.float64]


def _f1(tp: Floats, fp: Floats, positives: int, negatives: int) -> Floats:
    return 2 * tp / (tp + fp + positives)


def _balanced_accuracy(tp: Floats, fp: Floats, positives: int, negatives: int) -> Floats:
    return (tp / positives + 1 - fp / negatives) / 2


def _accuracy(tp: Floats, fp: Floats, positives: int, negatives: int) -> Floats:
    return (tp + negatives - fp) / (positives + negatives)


def _mcc(tp: Floats, fp: Floats, positives: int, negatives: int) -> Floats:
    predicted = tp + fp
    total = positives + negatives
    scale = np.sqrt(predicted * (total - predicted) * positives * negatives)
    return (tp * negatives - fp * positives) / np.maximum(scale, 1e-12)


SCORES: dict[str, Callable[[Floats, Floats, int, int], Floats]] = {
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
    "accuracy": _accuracy,
    "mcc": _mcc,
}


def check_metric(name: str) -> None:
    """Raise UserError for a metric that a threshold cannot be tuned for."""
    if name not in SCORES:
        raise UserError(unknown_name("metric in --tune_threshold", name, SCORES))


def tune_threshold(y: NDArray[Any], p: NDArray[np.floating[Any]], metric: str) -> float:
    """Return the threshold with the best metric, as scikit-learn's TunedThresholdClassifierCV does.

    Every threshold between two different probabilities is tried; of equally good ones, the nearest to 0.5 is
    taken.

    Args:
        y: classes 0 and 1, ``(N,)``.
        p: probability of class 1, ``(N,)``.
        metric: a key of ``SCORES``; that of class 1.

    Raises:
        DataError: all rows are of one class, or have the same probability.

    Examples:
        >>> tune_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.9]), "f1")
        0.25
    """
    from sklearn.metrics import roc_curve

    positives, negatives = int((y == 1).sum()), int((y == 0).sum())
    if not positives or not negatives or p.min() == p.max():
        raise DataError("the threshold cannot be tuned: all rows are of one class, or have one probability")
    false_rate, true_rate, cuts = roc_curve(y, p, drop_intermediate=False)
    high, low = cuts[1:-1].astype(p.dtype), cuts[2:].astype(p.dtype)
    middle = (high + low) / 2
    thresholds = np.where(middle < high, middle, low)  # nothing is between neighboring numbers
    counts = np.round(true_rate[1:-1] * positives), np.round(false_rate[1:-1] * negatives)
    scores = SCORES[metric](*counts, positives, negatives)
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(min(thresholds[best], key=lambda threshold: abs(threshold - 0.5)))
