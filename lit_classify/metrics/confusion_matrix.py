"""Confusion matrices: of classes, and of two classes by threshold.

Legend: N rows, C classes, T thresholds.
"""

import numpy as np
from numpy.typing import NDArray

from lit_classify.metrics.base import Indicators, Numbers


def confusion_counts(true: Indicators, predicted: Indicators, num_classes: int) -> NDArray[np.int64]:
    """Return how many rows of each true class (first axis) are predicted as each class, ``(C, C)``.

    Examples:
        >>> confusion_counts(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    pairs = np.bincount(num_classes * true + predicted, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes)


def threshold_counts(y: Indicators, p: Numbers, thresholds: Numbers) -> NDArray[np.int64]:
    """Return confusion counts by the threshold above which rows are predicted as positive, ``(T, 2, 2)``.

    Args:
        y: 1 for positive rows, else 0, ``(N,)``.
        p: predicted probabilities, ``(N,)``.
        thresholds: thresholds, ``(T,)``.

    Examples:
        >>> counts = threshold_counts(np.array([0, 1, 1]), np.array([0.1, 0.4, 0.9]), np.array([0.0, 0.4]))
        >>> counts.tolist()
        [[[0, 1], [0, 2]], [[1, 0], [1, 1]]]
    """
    rows = []
    for true in (0, 1):
        sorted_p = np.sort(p[y == true])
        negatives = np.searchsorted(sorted_p, thresholds, side="right")
        rows.append(np.stack([negatives, len(sorted_p) - negatives], axis=1))
    return np.stack(rows, axis=1)
