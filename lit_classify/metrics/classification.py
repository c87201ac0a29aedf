"""Metrics of classes and labels, in double precision.

Definitions are scikit-learn's. Means over classes or labels include those that occur in the targets or in
the predictions, as scikit-learn's do by default; the precision of a class that is never predicted and the
recall of a class without rows count as 0. Ranking metrics and the log loss are computed from logits, because
probabilities near 0 and 1 are rounded.

Legend: N rows, C classes, L labels.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lit_classify.metrics.base import Indicators, Metrics, Numbers, defined_metrics

_MEANS = ("precision", "recall", "f1")


def binary_metrics(logits: Tensor, y: Tensor, predicted: Tensor, names: Sequence[str]) -> Metrics:
    """Compute the metrics of two classes; precision, recall, F1 and ranking metrics are those of the second.

    Args:
        logits: logits of the second class, ``(N,)``.
        y: true classes, ``(N,)`` int64.
        predicted: predicted classes, ``(N,)`` int64.
        names: names of the two classes.

    Examples:
        >>> y = torch.tensor([0, 1, 1, 1])
        >>> logits = torch.tensor([-1.0, 2.0, 1.0, -3.0])
        >>> values, _ = binary_metrics(logits, y, (logits > 0).long(), ["no", "yes"])
        >>> round(values["recall"], 4), round(values["auroc"], 4)
        (0.6667, 0.6667)
    """
    logits, y = _exact(logits), y.cpu()
    true, predictions = y.numpy(), predicted.cpu().numpy()
    scores = precision_recall_f1_support(true, predictions, range(2))
    balanced, balanced_note = _balanced_accuracy(true, predictions, names)
    values = {
        **{name: of_class[1] for name, of_class in zip(_MEANS, scores, strict=False)},
        "auroc": _auroc(true, logits.numpy()),
        "balanced_accuracy": balanced,
        "average_precision": _average_precision(true, logits.numpy()),
        "log_loss": float(F.binary_cross_entropy_with_logits(logits, y.double())),
    }
    no_positive = f"no row is of class {names[1]}"
    reasons = {
        "precision": f"no row is predicted as {names[1]}",
        "recall": no_positive,
        "f1": f"{no_positive}, and none is predicted as it",
        "auroc": f"every row is of class {names[true[0]]}",
        "average_precision": no_positive,
    }
    return defined_metrics(values, reasons, {"balanced_accuracy": balanced_note})


def multiclass_metrics(logits: Tensor, y: Tensor, predicted: Tensor, names: Sequence[str]) -> Metrics:
    """Compute the metrics of several classes: means over the classes.

    Args:
        logits: logits, ``(N, C)``.
        y: true classes, ``(N,)`` int64.
        predicted: predicted classes, ``(N,)`` int64.
        names: names of the classes.

    Examples:
        >>> logits, y = torch.eye(3), torch.tensor([0, 1, 1])
        >>> values, notes = multiclass_metrics(logits, y, logits.argmax(dim=1), ["a", "b", "c"])
        >>> round(values["recall"], 4), notes["balanced_accuracy"]
        (0.5, 'mean over the 2 of 3 classes that have rows')
    """
    logits, y = _exact(logits), y.cpu()
    true, predictions = y.numpy(), predicted.cpu().numpy()
    means = mean_precision_recall_f1(true, predictions, "macro")
    indicators = F.one_hot(y, len(names)).numpy()
    balanced, balanced_note = _balanced_accuracy(true, predictions, names)
    ranked = _ranking(indicators, log_odds(logits).numpy(), "classes", "every row is of the same class")
    values = {
        **dict(zip(_MEANS, means, strict=True)),
        "auroc": ranked.values["auroc"],
        "balanced_accuracy": balanced,
        "average_precision": ranked.values["average_precision"],
        "log_loss": float(F.cross_entropy(logits, y)),
    }
    over = _over(len(occurring_labels(true, predictions)), len(names), "classes", "that occur")
    notes = {**dict.fromkeys(_MEANS, over), "balanced_accuracy": balanced_note}
    return defined_metrics(values, ranked.notes, notes | ranked.notes)


def multilabel_metrics(logits: Tensor, y: Tensor, predicted: Tensor) -> Metrics:
    """Compute the metrics of labels: the fraction of correct rows, and means over the labels.

    Args:
        logits: logits, ``(N, L)``.
        y: 1 for each label of a row, else 0, ``(N, L)``.
        predicted: 1 for each predicted label of a row, else 0, ``(N, L)``.

    Examples:
        >>> y = torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]])
        >>> logits = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, -2.0]])
        >>> values, _ = multilabel_metrics(logits, y, (logits > 0).long())
        >>> values["exact_match"], values["hamming_loss"]
        (0.75, 0.125)
    """
    logits, true, predictions = _exact(logits), y.long().cpu().numpy(), predicted.cpu().numpy()
    means = mean_precision_recall_f1(true, predictions, "macro")
    ranked = _ranking(true, logits.numpy(), "labels", "each label is positive in all rows or in none")
    values = {
        "exact_match": float((predictions == true).all(axis=1).mean()),
        **dict(zip(_MEANS, means, strict=True)),
        **ranked.values,
        "hamming_loss": float((predictions != true).mean()),
    }
    reasons = dict.fromkeys(_MEANS, "no label is positive or predicted in any row")
    over = _over(len(occurring_labels(true, predictions)), true.shape[1], "labels", "that occur")
    notes = dict.fromkeys(_MEANS, over)
    return defined_metrics(values, reasons | ranked.notes, notes | ranked.notes)


def accuracy(true: Indicators, predicted: Indicators) -> float:
    """Return the fraction of correct classes ``(N,)`` or labels ``(N, L)``.

    Examples:
        >>> accuracy(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
        0.75
    """
    return float((predicted == true).mean())


def precision_recall_f1_support(
    true: Indicators, predicted: Indicators, labels: Sequence[int]
) -> list[list[float]]:
    """Return precision, recall, F1 and support, each with a value per class or label; NaN where undefined.

    Examples:
        >>> precision_recall_f1_support(np.array([0, 1, 1]), np.array([0, 1, 0]), range(2))[:2]
        [[0.5, 1.0], [1.0, 0.5]]
    """
    from sklearn import metrics

    compute = metrics.precision_recall_fscore_support
    scores = compute(true, predicted, labels=list(labels), zero_division=math.nan)
    return [values.tolist() for values in scores]


def occurring_labels(true: Indicators, predicted: Indicators) -> list[int]:
    """Return the classes or labels that occur in the targets or in the predictions.

    Examples:
        >>> occurring_labels(np.array([0, 0]), np.array([0, 2]))
        [0, 2]
    """
    is_single = true.ndim == 1
    occurring = np.union1d(true, predicted) if is_single else np.flatnonzero((true | predicted).any(axis=0))
    return [int(label) for label in occurring]


def mean_precision_recall_f1(
    true: Indicators, predicted: Indicators, average: str
) -> tuple[float, float, float]:
    """Return the mean precision, recall and F1 of the classes or labels that occur; NaN if none occurs.

    Args:
        true: true classes ``(N,)``, or 0 and 1 for each label, ``(N, L)``.
        predicted: predictions of the same shape.
        average: scikit-learn's ``macro``, ``weighted`` or ``micro``.

    Examples:
        >>> mean_precision_recall_f1(np.array([0, 1, 1]), np.array([0, 1, 0]), "macro")[:2]
        (0.75, 0.75)
    """
    from sklearn import metrics

    if not (occur := occurring_labels(true, predicted)):
        return math.nan, math.nan, math.nan
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        true, predicted, labels=occur, average=average, zero_division=0
    )
    return float(precision), float(recall), float(f1)


def log_odds(logits: Tensor) -> Tensor:
    """Return log(p / (1 - p)) of each class's probability p, ``(N, C)``, for logits ``(N, C)``.

    The log odds rank rows as p does, even where p has been rounded to 1.

    Examples:
        >>> log_odds(torch.tensor([[0.0, 100.0]])).tolist()
        [[-100.0, 100.0]]
    """
    log_p = torch.log_softmax(logits, dim=1)
    odds = log_p - torch.log1p(-log_p.exp())
    largest = logits.argmax(dim=1, keepdim=True)  # the only p that may be near 1
    others = logits.scatter(1, largest, -torch.inf).logsumexp(dim=1, keepdim=True)
    return odds.scatter(1, largest, logits.gather(1, largest) - others)


def _exact(logits: Tensor) -> Tensor:
    """Return logits in double precision on the CPU, with infinity replaced by the largest number."""
    return logits.cpu().double().nan_to_num()


def _balanced_accuracy(true: Indicators, predicted: Indicators, names: Sequence[str]) -> tuple[float, str]:
    """Return the mean recall of the classes that have rows, and a note if some have none."""
    from sklearn import metrics

    present = np.unique(true).tolist()
    recall = metrics.recall_score(true, predicted, labels=present, average="macro", zero_division=0)
    return float(recall), _over(len(present), len(names), "classes", "that have rows")


def _auroc(positive: Indicators, scores: Numbers) -> float:
    from sklearn import metrics

    return float(metrics.roc_auc_score(positive, scores)) if 0 < positive.sum() < len(positive) else math.nan


def _average_precision(positive: Indicators, scores: Numbers) -> float:
    from sklearn import metrics

    return float(metrics.average_precision_score(positive, scores)) if positive.any() else math.nan


def _ranking(positive: Indicators, scores: Numbers, noun: str, reason: str) -> Metrics:
    """Return the means of ranking metrics over those columns of ``(N, C)`` for which they are defined."""
    values, notes = {}, {}
    for name, metric, condition in (
        ("auroc", _auroc, "that are positive in some rows and negative in others"),
        ("average_precision", _average_precision, "that are positive in some rows"),
    ):
        per_column = [metric(column, score) for column, score in zip(positive.T, scores.T, strict=True)]
        defined = [value for value in per_column if not np.isnan(value)]
        values[name] = float(np.mean(defined)) if defined else math.nan
        notes[name] = _over(len(defined), len(per_column), noun, condition) if defined else reason
    return Metrics(values, notes)


def _over(count: int, total: int, noun: str, condition: str) -> str:
    """Return which classes or labels a mean includes; empty if it includes all."""
    return f"mean over the {count} of {total} {noun} {condition}" if count < total else ""
