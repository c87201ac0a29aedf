"""Metrics of cross-validation: each training row is predicted by the member that has not learned from it.

Legend: N rows, O outputs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lit_classify.data import InMemoryDataModule
from lit_classify.metrics import Metrics
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating

_MAX_ROWS = 8192  # at a time


class CrossValidation(NamedTuple):
    """Out-of-fold predictions and metrics.

    Attributes:
        logits: logits of the training rows, ``(N, O)``.
        y: their targets, ``(N,)`` or ``(N, L)``.
        metrics: loss and metrics over all rows.
        deviations: standard deviation of each metric over the folds that define it.
    """

    logits: Tensor
    y: Tensor
    metrics: Metrics
    deviations: dict[str, float]


def cross_validate(model: LitModule, data: InMemoryDataModule) -> CrossValidation:
    """Return the out-of-fold predictions and metrics of a model that was trained on folds of ``data``."""
    x, y, fold = data.batch_tensors("val")
    chunks = zip(torch.split(x, _MAX_ROWS), torch.split(fold, _MAX_ROWS), strict=True)
    with evaluating(model):
        parts = [model.held_out_logits(*(part.to(model.device) for part in chunk)) for chunk in chunks]
        logits, targets = torch.cat(parts), y.to(model.device)
        metrics = model.measure(logits, targets)
        folds = [model.measure(logits[fold == k], targets[fold == k]) for k in range(data.folds)]
    deviations = {}
    for name in metrics.values:
        values = [part.values[name] for part in folds if name in part.values]
        if len(values) > 1:
            deviations[name] = float(torch.tensor(values, dtype=torch.float64).std())
    return CrossValidation(logits.cpu(), y, metrics, deviations)


def summarize(result: CrossValidation, names: Sequence[str]) -> str:
    """Return metrics as text.

    Examples:
        >>> metrics, deviations = Metrics({"accuracy": 0.8123}, {}), {"accuracy": 0.0214}
        >>> summarize(CrossValidation(torch.zeros(1), torch.zeros(1), metrics, deviations), ["accuracy"])
        'accuracy 0.81230 ± 0.021'
    """
    values, notes = result.metrics
    shown = []
    for name in names:
        if name in values:
            deviation = f" ± {result.deviations[name]:.3f}" if name in result.deviations else ""
            shown.append(f"{name} {values[name]:.5f}{deviation}")
        elif name in notes:
            shown.append(f"{name} {notes[name]}")
    return ", ".join(shown)
