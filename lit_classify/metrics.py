"""The metrics of tested rows beside loss and accuracy: each is computed here alone, in double precision.

Definitions are scikit-learn's. A mean over classes or labels is over those that occur in the targets or in
the predictions, scikit-learn's default for classes; the precision of a class that is never predicted and the
recall of one without rows count as 0 in it, again the default. A metric that is undefined is left out with a
reason, never 0 or NaN. Ranking metrics and the log loss are taken from logits, because probabilities near 0
and 1 are rounded.

Legend: N rows, C classes, L labels.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Numbers = NDArray[np.float64]
Indicators = NDArray[Any]  # class numbers (N,), or 0 and 1 of shape (N, L)


class Metrics(NamedTuple):
    """Defined metrics by name, and by name what to say of some: why undefined, or what a mean is over."""

    values: dict[str, float]
    notes: dict[str, str]


def of_two_classes(logits: Tensor, y: Tensor, predicted: Tensor, names: Sequence[str]) -> Metrics:
    """Return the metrics of two classes; precision, recall, F1 and ranking metrics are the second's.

    Args:
        logits: of the second class, ``(N,)``.
        y: the classes, ``(N,)`` int64.
        predicted: the predicted classes, ``(N,)`` int64.
        names: of the two classes.
    """
    logits, y = _exact(logits), y.cpu()
    true, said = y.numpy(), predicted.cpu().numpy()
    precision, recall, f1, _ = (of_each[1] for of_each in scores_of_each(true, said, range(2)))
    balanced, balanced_note = _balanced_accuracy(true, said, names)
    of_second = y.double()
    values = {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "auroc": _auroc(true, logits.numpy()),
        "balanced_accuracy": balanced,
        "average_precision": _average_precision(true, logits.numpy()),
        "log_loss": float(F.binary_cross_entropy_with_logits(logits, of_second)),
    }
    without = f"no row is of class {names[1]}"
    reasons = {
        "precision": f"no row is predicted as {names[1]}",
        "recall": without,
        "f1": f"{without}, and none is predicted as it",
        "auroc": f"every row is of class {names[true[0]]}",
        "average_precision": without,
    }
    return _defined(values, reasons, {"balanced_accuracy": balanced_note})


def of_many_classes(logits: Tensor, y: Tensor, predicted: Tensor, names: Sequence[str]) -> Metrics:
    """Return the metrics of several classes, means over them.

    Args:
        logits: one for each class, ``(N, C)``.
        y: the classes, ``(N,)`` int64.
        predicted: the predicted classes, ``(N,)`` int64.
        names: of the classes.
    """
    logits, y = _exact(logits), y.cpu()
    true, said = y.numpy(), predicted.cpu().numpy()
    occur = occurring(true, said)
    precision, recall, f1 = mean_scores(true, said, "macro")
    of_each = F.one_hot(y, len(names)).numpy()
    balanced, balanced_note = _balanced_accuracy(true, said, names)
    ranked = _ranking(of_each, log_odds(logits).numpy(), "classes", "every row is of the same class")
    values = {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "auroc": ranked.values["auroc"],
        "balanced_accuracy": balanced,
        "average_precision": ranked.values["average_precision"],
        "log_loss": float(F.cross_entropy(logits, y)),
    }
    over = _over(len(occur), len(names), "classes", "that occur")
    notes = {**dict.fromkeys(("precision", "recall", "f1"), over), "balanced_accuracy": balanced_note}
    return _defined(values, ranked.notes, notes | ranked.notes)


def of_labels(logits: Tensor, y: Tensor, predicted: Tensor) -> Metrics:
    """Return the metrics of labels: the share of right rows, and means over labels.

    Args:
        logits: ``(N, L)``.
        y: 1 where a label holds, else 0, ``(N, L)``.
        predicted: 1 where a label is predicted, else 0, ``(N, L)``.
    """
    logits, true, said = _exact(logits), y.long().cpu().numpy(), predicted.cpu().numpy()
    num_labels = true.shape[1]
    occur = occurring(true, said)
    precision, recall, f1 = mean_scores(true, said, "macro")
    ranked = _ranking(true, logits.numpy(), "labels", "each label holds in all rows or in none")
    values = {
        "exact_match": float((said == true).all(axis=1).mean()),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "auroc": ranked.values["auroc"],
        "average_precision": ranked.values["average_precision"],
        "hamming_loss": float((said != true).mean()),
    }
    reasons = dict.fromkeys(("precision", "recall", "f1"), "no label holds in any row or is predicted")
    over = _over(len(occur), num_labels, "labels", "that occur")
    notes = dict.fromkeys(("precision", "recall", "f1"), over)
    return _defined(values, reasons | ranked.notes, notes | ranked.notes)


def of_values(predicted: Tensor, y: Tensor) -> Metrics:
    """Return the metrics of predicted values ``(N,)`` against true ones ``(N,)``."""
    from sklearn import metrics

    said, true = predicted.cpu().double().numpy(), y.cpu().double().numpy()
    values = {
        "rmse": float(metrics.root_mean_squared_error(true, said)),
        "r2": r2(true, said),
        "max_error": float(metrics.max_error(true, said)),
    }
    reason = "all true values are equal" if len(true) > 1 else "there is one row only"
    return _defined(values, {"r2": reason}, {})


def of_logged(logged: Mapping[str, float], prefix: str) -> Metrics:
    """Return the metrics among what a trainer has logged whose tags begin with a prefix."""
    found = {tag.removeprefix(prefix): value for tag, value in logged.items() if tag.startswith(prefix)}
    return _defined(
        {name: value if math.isfinite(value) else math.nan for name, value in found.items()},
        dict.fromkeys(found, "the outputs are NaN or infinite"),
        {},
    )


def r2(true: Numbers, predicted: Numbers) -> float:
    """Return R² of predicted values ``(N,)``; NaN for true values that do not differ."""
    from sklearn import metrics

    if len(true) < 2 or true.min() == true.max():
        return math.nan
    return float(metrics.r2_score(true, predicted))


def scores_of_each(true: Indicators, predicted: Indicators, labels: Sequence[int]) -> list[list[float]]:
    """Return lists of the precision, recall, F1 and support of each class or label; NaN where undefined."""
    from sklearn import metrics

    scores = metrics.precision_recall_fscore_support(
        true, predicted, labels=list(labels), zero_division=math.nan
    )
    return [of_each.tolist() for of_each in scores]


def occurring(true: Indicators, predicted: Indicators) -> list[int]:
    """Return the classes, or labels, that occur in the targets or in the predictions."""
    if true.ndim == 1:
        return [int(number) for number in np.union1d(true, predicted)]
    return [int(number) for number in np.flatnonzero((true | predicted).any(axis=0))]


def mean_scores(true: Indicators, predicted: Indicators, average: str) -> tuple[float, float, float]:
    """Return the mean precision, recall and F1 of the classes or labels that occur; NaN if none does.

    Args:
        true: class numbers ``(N,)``, or 0 and 1 of shape ``(N, L)``.
        predicted: the same of the predictions.
        average: scikit-learn's ``macro``, ``weighted`` or ``micro``.
    """
    from sklearn import metrics

    if not (occur := occurring(true, predicted)):
        return math.nan, math.nan, math.nan
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        true, predicted, labels=occur, average=average, zero_division=0
    )
    return float(precision), float(recall), float(f1)


def log_odds(logits: Tensor) -> Tensor:
    """Return log(p / (1 - p)) of each class's probability p, ``(N, C)``, for logits ``(N, C)``.

    It ranks rows as p does, but goes on where p has become 1.
    """
    log_p = torch.log_softmax(logits, dim=1)
    odds = log_p - torch.log1p(-log_p.exp())
    largest = logits.argmax(dim=1, keepdim=True)  # the only p that may be near 1
    others = logits.scatter(1, largest, -torch.inf).logsumexp(dim=1, keepdim=True)
    return odds.scatter(1, largest, logits.gather(1, largest) - others)


def _exact(logits: Tensor) -> Tensor:
    """Return logits in double precision on the CPU, infinity as the largest number."""
    return logits.cpu().double().nan_to_num()


def _balanced_accuracy(true: Indicators, predicted: Indicators, names: Sequence[str]) -> tuple[float, str]:
    """Return the mean recall of the classes that have rows, and what it is over if some have none."""
    from sklearn import metrics

    present = np.unique(true).tolist()
    recall = metrics.recall_score(true, predicted, labels=present, average="macro", zero_division=0)
    return float(recall), _over(len(present), len(names), "classes", "that have rows")


def _auroc(holds: Indicators, scores: Numbers) -> float:
    from sklearn import metrics

    return float(metrics.roc_auc_score(holds, scores)) if 0 < holds.sum() < len(holds) else math.nan


def _average_precision(holds: Indicators, scores: Numbers) -> float:
    from sklearn import metrics

    return float(metrics.average_precision_score(holds, scores)) if holds.any() else math.nan


def _ranking(holds: Indicators, scores: Numbers, kind: str, reason: str) -> Metrics:
    """Return the ranking metrics' means over the columns ``(N, C)`` for which they are defined."""
    values, notes = {}, {}
    for name, metric, those in (
        ("auroc", _auroc, "that hold in some rows and not in others"),
        ("average_precision", _average_precision, "that hold in some rows"),
    ):
        of_each = [metric(column, score) for column, score in zip(holds.T, scores.T, strict=True)]
        defined = [value for value in of_each if not np.isnan(value)]
        values[name] = float(np.mean(defined)) if defined else math.nan
        notes[name] = _over(len(defined), len(of_each), kind, those) if defined else reason
    return Metrics(values, notes)


def _over(count: int, total: int, kind: str, those: str) -> str:
    """Say what a mean is over, where that is not all."""
    return f"mean over the {count} of {total} {kind} {those}" if count < total else ""


def _defined(values: Mapping[str, float], reasons: Mapping[str, str], notes: Mapping[str, str]) -> Metrics:
    """Leave out the metrics that are NaN, with the reason of each; keep notes about the others."""
    defined = {name: float(value) for name, value in values.items() if not np.isnan(value)}
    told = {
        name: notes.get(name, "") if name in defined else f"undefined: {reasons[name]}" for name in values
    }
    return Metrics(defined, {name: note for name, note in told.items() if note})
