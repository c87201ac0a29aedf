"""95% confidence intervals, of fractions by a formula, of other metrics by resampling rows.

Legend: N rows, O outputs, L labels.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from lit_classify.metrics.base import Indicators, Numbers

_Z_95 = 1.959963984540054  # 97.5% quantile of the normal distribution
_RESAMPLES = 200


def wilson_interval(count: Indicators, total: Indicators) -> tuple[Numbers, Numbers]:
    """Return the bounds of the 95% interval of Wilson (1927) of fractions ``count / total``.

    Examples:
        >>> low, high = wilson_interval(np.array([0, 8]), np.array([10, 10]))
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([0.0, 0.49], [0.278, 0.943])
    """
    fraction, z2 = count / total, _Z_95**2
    center = fraction + z2 / (2 * total)
    margin = _Z_95 * np.sqrt(fraction * (1 - fraction) / total + z2 / (4 * total**2))
    low, high = (center - margin) / (1 + z2 / total), (center + margin) / (1 + z2 / total)
    return np.maximum(low, 0.0), np.minimum(high, 1.0)  # rounding errors


def bootstrap_intervals(
    measure: Callable[[Tensor, Tensor], Mapping[str, float]], logits: Tensor, y: Tensor, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Return percentile intervals of metrics over resampled rows (Efron, 1979).

    A metric that is undefined or infinite for most samples has no interval.

    Args:
        measure: returns metrics by name for logits and targets.
        logits: logits ``(N, O)``.
        y: targets, ``(N,)`` or ``(N, L)``.
        seed: seed of the resampling.

    Examples:
        >>> values = torch.arange(100.0)
        >>> intervals = bootstrap_intervals(lambda x, _: {"mean": float(x.mean())}, values, values)
        >>> low, high = intervals["mean"]
        >>> 40 < low < 49.5 < high < 60
        True
    """
    generator = torch.Generator().manual_seed(seed)
    resampled: dict[str, list[float]] = {}
    for _ in range(_RESAMPLES):
        rows = torch.randint(len(y), (len(y),), generator=generator)
        for name, value in measure(logits[rows], y[rows]).items():
            if math.isfinite(value):
                resampled.setdefault(name, []).append(value)
    return {
        name: (float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))
        for name, values in resampled.items()
        if len(values) > _RESAMPLES // 2
    }
