"""Metrics of values, in double precision, as scikit-learn defines them.

Legend: N rows.
"""

import math

import numpy as np
from torch import Tensor

from lit_classify.metrics.base import Metrics, Numbers, defined_metrics


def regression_metrics(predicted: Tensor, y: Tensor) -> Metrics:
    """Compute the metrics of predicted values ``(N,)`` and actual values ``(N,)``.

    Examples:
        >>> import torch
        >>> values, _ = regression_metrics(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
        >>> round(values["rmse"], 4), values["r2"]
        (0.7071, 0.5)
    """
    from sklearn import metrics

    predictions, true = predicted.cpu().double().numpy(), y.cpu().double().numpy()
    values = {
        "rmse": float(metrics.root_mean_squared_error(true, predictions)),
        "r2": r2(true, predictions),
        "max_error": float(metrics.max_error(true, predictions)),
    }
    reason = "all true values are equal" if len(true) > 1 else "there is only one row"
    return defined_metrics(values, {"r2": reason}, {})


def r2(true: Numbers, predicted: Numbers) -> float:
    """Return R² of predicted values ``(N,)``; NaN if all true values are equal.

    Examples:
        >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
        0.5
    """
    from sklearn import metrics

    if len(true) < 2 or true.min() == true.max():
        return math.nan
    return float(metrics.r2_score(true.astype(np.float64), predicted))
