"""Metrics on the rows that a model is validated on.

Legend: N rows, O outputs.
"""

import torch

from lit_classify.data import InMemoryDataModule
from lit_classify.metrics import Metrics
from lit_classify.modules import LitModule
from lit_classify.modules.base import Evaluation
from lit_classify.networks import evaluating

OUT_OF_FOLD = "out-of-fold (used for selection)"  # the epoch of each member was chosen by these rows
_MAX_ROWS = 8192  # at a time


def evaluate_validation(model: LitModule, data: InMemoryDataModule) -> Evaluation:
    """Return logits, targets and metrics of the validation rows.

    With cross-validation these are the training rows, each predicted by the member that has not learned from
    it. The note of a metric is then its standard deviation over the folds, such as ``± 0.021``.

    Examples:
        >>> from lit_classify import CirclesDataModule, BinaryClassifier
        >>> evaluation = evaluate_validation(BinaryClassifier(2), CirclesDataModule(val_fraction=0.1))
        >>> len(evaluation.logits)
        100
    """
    tensors = data.batch_tensors("val")
    y = tensors[1].to(model.device)
    with evaluating(model):
        chunks = zip(*(torch.split(part, _MAX_ROWS) for part in tensors), strict=True)
        logits = torch.cat([_logits(model, *(part.to(model.device) for part in chunk)) for chunk in chunks])
        metrics = model.measure(logits, y)
        if data.folds:
            fold = tensors[2].to(model.device)
            folds = [model.measure(logits[fold == k], y[fold == k]).values for k in range(data.folds)]
            metrics = Metrics(metrics.values, {**_deviations(folds), **metrics.notes})
    return Evaluation(logits.cpu(), y.cpu(), metrics)


def _logits(model: LitModule, x: torch.Tensor, _: torch.Tensor, *fold: torch.Tensor) -> torch.Tensor:
    return model.held_out_logits(x, *fold) if fold else model(x)


def _deviations(folds: list[dict[str, float]]) -> dict[str, str]:
    """Return the standard deviation of each metric over the folds that define it, if there are several."""
    notes = {}
    for name in dict.fromkeys(name for values in folds for name in values):
        values = torch.tensor([part[name] for part in folds if name in part], dtype=torch.float64)
        if len(values) > 1:
            notes[name] = f"± {float(values.std()):.3f}"
    return notes
