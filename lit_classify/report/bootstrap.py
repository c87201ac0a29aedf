"""95 % confidence intervals of metrics by resampling rows.

Legend: N rows, O outputs, L labels.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

_RESAMPLES = 200


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
