"""Metrics of cross-validation: each training row is predicted by the member that was not trained on it."""

import numpy as np
import torch

from lit_classify.messages import format_metric
from lit_classify.metrics.base import Metrics, clear_rounding_errors
from lit_classify.modules import LitModule
from lit_classify.modules.results import Evaluation

OUT_OF_FOLD = "out-of-fold (used for selection)"  # the epoch of each member was chosen by these rows


def cross_validated(model: LitModule, evaluation: Evaluation) -> Metrics:
    """Return the metrics of a validation with the standard deviation of each over the folds as its note.

    Args:
        model: the model that was validated.
        evaluation: the result, with the fold of each row.

    Examples:
        >>> from lit_classify import BinaryClassifier
        >>> logits, y = torch.tensor([[2.0], [-1.0], [3.0], [-2.0]]), torch.tensor([1, 1, 1, 0])
        >>> evaluation = Evaluation(logits, y, Metrics({"accuracy": 0.75}, {}), torch.tensor([0, 0, 1, 1]))
        >>> cross_validated(BinaryClassifier(2), evaluation)
        Metrics(values={'accuracy': 0.75}, notes={'accuracy': '± 0.354'})
    """
    values, notes = evaluation.metrics
    if evaluation.fold is None:
        return evaluation.metrics
    logits, y = evaluation.logits.to(model.device), evaluation.y.to(model.device)
    masks = [evaluation.fold == fold for fold in torch.unique(evaluation.fold)]
    fold_metrics = [model.measure(logits[rows], y[rows]).values for rows in masks]
    for name in values:
        defined = np.array([metrics[name] for metrics in fold_metrics if name in metrics])
        if len(defined) > 1:
            deviation = float(clear_rounding_errors(defined.std(ddof=1), defined))
            notes = {name: f"± {format_metric(deviation, 3)}", **notes}
    return Metrics(values, notes)
