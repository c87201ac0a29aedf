"""The learning curves of a run, read from its TensorBoard events."""

import math
from collections.abc import Mapping
from pathlib import Path

from lit_classify.loggers import read_scalars

_MAX_POINTS = 600  # of a curve; a page is not wider


def read_curves(folder: Path, steps_per_epoch: float) -> dict[str, dict[str, list[int] | list[float]]]:
    """Return epochs and values of each training and validation metric that a run has logged.

    A value that was logged again, after a resume, replaces the earlier one. NaN and infinity, of a run that
    diverged, are left out: no chart can show them.

    Args:
        folder: the directory of the run.
        steps_per_epoch: number of optimizer steps in an epoch.

    Examples:
        >>> read_curves(Path("no/such/run"), 1.0)
        {}
    """
    curves: dict[str, dict[int, float]] = {}
    for tag, step, value in read_scalars(folder):
        epoch = max(round((step + 1) / steps_per_epoch) - 1, 0)
        curves.setdefault(tag, {})[epoch] = value
    finite = {
        tag: {epoch: value for epoch, value in values.items() if math.isfinite(value)}
        for tag, values in curves.items()
    }
    return {tag: _columns(values) for tag, values in finite.items() if values}


def _columns(values: Mapping[int, float]) -> dict[str, list[int] | list[float]]:
    """Return epochs and values, evenly thinned to at most 600."""
    epochs = sorted(values)[:: math.ceil(len(values) / _MAX_POINTS)]
    return {"epoch": epochs, "value": [float(f"{values[epoch]:.6g}") for epoch in epochs]}
