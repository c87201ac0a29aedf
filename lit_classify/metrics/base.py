"""Metrics by name. An undefined metric is omitted with a reason, never 0 or NaN.

Legend: N rows, L labels.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Indicators = NDArray[Any]  # classes (N,), or 0 and 1 for each label (N, L)


class Metrics(NamedTuple):
    """Metrics by name.

    Attributes:
        values: the defined metrics.
        notes: why a metric is undefined, or which classes its mean includes.

    Examples:
        >>> Metrics({"rmse": 3.5}, {"r2": "undefined: all true values are equal"}).values
        {'rmse': 3.5}
    """

    values: dict[str, float]
    notes: dict[str, str]


def defined_metrics(
    values: Mapping[str, float], reasons: Mapping[str, str], notes: Mapping[str, str]
) -> Metrics:
    """Omit the metrics that are NaN, with the reason for each; keep the notes on the others.

    Examples:
        >>> defined_metrics({"rmse": 3.5, "r2": math.nan}, {"r2": "all true values are equal"}, {})
        Metrics(values={'rmse': 3.5}, notes={'r2': 'undefined: all true values are equal'})
    """
    defined = {name: float(value) for name, value in values.items() if not np.isnan(value)}
    undefined = {name: f"undefined: {reasons[name]}" for name in values if name not in defined}
    all_notes = {name: undefined.get(name, notes.get(name, "")) for name in values}
    return Metrics(defined, {name: note for name, note in all_notes.items() if note})


def logged_metrics(logged: Mapping[str, float], prefix: str) -> Metrics:
    """Return the logged metrics whose tags begin with a prefix, without the prefix.

    Examples:
        >>> logged_metrics({"val/loss": 0.5, "val/accuracy": math.nan}, "val/")
        Metrics(values={'loss': 0.5}, notes={'accuracy': 'undefined: the outputs are NaN or infinite'})
    """
    metrics = {tag.removeprefix(prefix): value for tag, value in logged.items() if tag.startswith(prefix)}
    return defined_metrics(
        {name: value if math.isfinite(value) else math.nan for name, value in metrics.items()},
        dict.fromkeys(metrics, "the outputs are NaN or infinite"),
        {},
    )


def clear_rounding_errors(results: Numbers | float, values: Numbers) -> Numbers:
    """Return means, differences or deviations of values, with 0 for those that are only rounding errors.

    Examples:
        >>> values = np.array([0.1, 0.2, -0.3])
        >>> float(values.mean()) == 0, float(clear_rounding_errors(values.mean(), values)) == 0
        (False, True)
    """
    return np.where(np.abs(results) > 1e-12 * np.abs(values).max(initial=0.0), results, 0.0)
