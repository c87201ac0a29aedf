"""Test which differences between configurations are significant, on runs of equal seeds.

The test is Wilcoxon's signed-rank test of the differences, not the t-test: over seeds a metric is often
skewed, or has two peaks where some runs get stuck, and the t-test assumes normal differences. The price is
that fewer than six seeds can never be significant. All pairs are tested, and Holm's correction keeps the
probability of any false finding among them below the level.

The result applies to other seeds with the same rows, not to other rows.

Legend: R configurations, S seeds.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05


class PairedTest(NamedTuple):
    """A comparison of two configurations.

    Attributes:
        first: index of one configuration.
        second: index of the other.
        num_pairs: seeds with a result of both.
        difference: mean of the first minus the second.
        p: probability of a difference at least as large by chance.
        p_corrected: p with Holm's correction for all comparisons.
    """

    first: int
    second: int
    num_pairs: int
    difference: float
    p: float
    p_corrected: float


def paired_tests(values: NDArray[np.float64]) -> list[PairedTest]:
    """Return the tests of all pairs that have a seed with results of both.

    Args:
        values: a metric ``(R, S)``; NaN where a run has none.

    Examples:
        >>> values = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.5, 0.7, 0.9, 1.1, 1.3, 1.5]])
        >>> (test,) = paired_tests(values)
        >>> round(test.difference, 2), test.p
        (-0.65, 0.03125)
    """
    differences: dict[tuple[int, int], NDArray[np.float64]] = {}
    for first, second in combinations(range(len(values)), 2):
        difference = values[first] - values[second]
        if not np.isnan(difference).all():
            differences[first, second] = difference[~np.isnan(difference)]
    p = np.array([_signed_rank(diff) for diff in differences.values()])
    return [
        PairedTest(*pair, len(diff), float(diff.mean()), float(p_value), float(corrected))
        for (pair, diff), p_value, corrected in zip(differences.items(), p, holm(p), strict=True)
    ]


def _signed_rank(differences: NDArray[np.float64]) -> float:
    """Return the two-sided p-value; equal pairs are left out."""
    from scipy.stats import wilcoxon  # type: ignore[import-untyped]  # takes half a second

    unequal = np.round(differences, 12)  # so that differences of equal size are ties despite rounding errors
    unequal = unequal[unequal != 0]
    return float(wilcoxon(unequal).pvalue) if len(unequal) else 1.0


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values with Holm's correction.

    Examples:
        >>> holm(np.array([0.04, 0.01, 0.03])).tolist()
        [0.06, 0.03, 0.06]
    """
    order = np.argsort(p)
    corrected = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1.0)
    result: NDArray[np.float64] = np.empty_like(p)
    result[order] = corrected
    return result


def enough_seeds(num_comparisons: int) -> int:
    """Return the smallest number of seeds with which a difference can be significant.

    Examples:
        >>> enough_seeds(1), enough_seeds(3)
        (6, 7)
    """
    seeds = 1
    while 2.0 ** (1 - seeds) * num_comparisons >= LEVEL:
        seeds += 1
    return seeds
