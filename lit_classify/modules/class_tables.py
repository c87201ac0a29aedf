"""The tables that ``test`` and ``validate`` print: scores of each class or label, and the confusion matrix.

Legend: N rows, C classes, L labels.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lit_classify.messages import escape_control, pad, shorten, width_of
from lit_classify.metrics.classification import mean_precision_recall_f1, precision_recall_f1_support
from lit_classify.metrics.confusion_matrix import confusion_counts

_MAX_WIDTH = 80
_MIN_NAME = 12  # of the name and number of a class beside a confusion matrix
_MAX_NAME = 32  # in a list of confusions
_MAX_SCORED = 42  # characters of a name beside its scores
_MAX_CONFUSIONS = 20
_UNDEFINED = {
    "class": "-: undefined, because no row is of the class, or no row is predicted as it",
    "label": "-: undefined, because no row has the label, or it is predicted for no row",
}


def score_table(
    kind: Literal["class", "label"],
    true: NDArray[Any],
    predicted: NDArray[Any],
    names: Sequence[str],
    average: Literal["weighted", "micro"],
) -> str:
    """Return a table of precision, recall, F1 and support of each class or label, and their averages.

    Args:
        kind: what a row of the table describes.
        true: true classes ``(N,)``, or 0 and 1 for each label, ``(N, L)``.
        predicted: predictions of the same shape.
        names: names of the classes or labels.
        average: the average besides the macro average.

    Examples:
        >>> print(score_table("class", np.array([0, 1, 1]), np.array([0, 1, 0]), ["no", "yes"], "weighted"))
        class             precision   recall       f1  support
        no                   0.5000   1.0000   0.6667        1
        yes                  1.0000   0.5000   0.6667        2
        macro average        0.7500   0.7500   0.6667        3
        weighted average     0.8333   0.6667   0.6667        3
    """
    names = [shorten(escape_control(name, is_name=True), _MAX_SCORED) for name in names]
    scores = zip(*precision_recall_f1_support(true, predicted, range(len(names))), strict=True)
    rows = [(name, *cells) for name, cells in zip(names, scores, strict=True)]
    for kind_of_average in ("macro", average):
        means = mean_precision_recall_f1(true, predicted, kind_of_average)
        rows.append((f"{kind_of_average} average", *means, len(true)))
    width = max(width_of(row[0]) for row in rows)
    lines = [f"{kind:<{width}}  precision   recall       f1  support"]
    for name, *values, support in rows:
        lines.append(f"{pad(name, width)}  " + "".join(map(_cell, values)) + f"{int(support):>9,}")
    if any(np.isnan(value) for _, *values, _ in rows for value in values):
        lines.append(_UNDEFINED[kind])
        lines.append(f"averages: over each {kind} with rows or predictions; undefined values count as 0")
    return "\n".join(lines)


def confusion_table(true: NDArray[Any], predicted: NDArray[Any], names: Sequence[str]) -> str:
    """Return how many rows of each true class are predicted as each class, within 80 columns.

    Long names are replaced by numbers above the columns. Of too many classes for a matrix, the most frequent
    confusions are listed.

    Args:
        true: true classes ``(N,)``.
        predicted: predicted classes ``(N,)``.
        names: names of the classes.

    Examples:
        >>> print(confusion_table(np.array([0, 1, 1]), np.array([0, 1, 0]), ["no", "yes"]))
        confusion matrix: a row for each true class, a column for each predicted class
                no   yes
        no       1     0
        yes      1     1
    """
    names = [escape_control(name, is_name=True) for name in names]
    counts = confusion_counts(true, predicted, len(names))
    width = max(len(f"{counts.max():,}"), 4)
    widest = max(width, *map(width_of, names))
    if (widest + 2) * (len(names) + 1) - 2 <= _MAX_WIDTH:
        return _matrix(counts, names, names, widest, widest)
    numbers = [f"#{number}" for number in range(1, len(names) + 1)]
    space = _MAX_WIDTH - (width + 2) * len(names)
    if space < _MIN_NAME:
        return _confusions(counts, names)
    labels = [f"{number:<{len(numbers[-1])}} {name}" for number, name in zip(numbers, names, strict=True)]
    labels = [shorten(label, space) for label in labels]
    return _matrix(counts, labels, numbers, max(map(width_of, labels)), width)


def _matrix(
    counts: NDArray[np.int64], rows: Sequence[str], columns: Sequence[str], label_width: int, width: int
) -> str:
    lines = [
        "confusion matrix: a row for each true class, a column for each predicted class",
        f"{'':<{label_width}}  " + "  ".join(" " * (width - width_of(name)) + name for name in columns),
    ]
    for name, row in zip(rows, counts, strict=True):
        lines.append(f"{pad(name, label_width)}  " + "  ".join(f"{count:>{width},}" for count in row))
    return "\n".join(lines)


def _confusions(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """Return the most frequent pairs of a true class and another predicted class."""
    confusions = counts - np.diag(np.diag(counts))
    order = np.argsort(-confusions, axis=None, kind="stable")[:_MAX_CONFUSIONS]
    pairs = [divmod(int(cell), len(names)) for cell in order if confusions.flat[cell]]
    if not pairs:
        return "confusions: none"
    rows = [tuple(shorten(names[label], _MAX_NAME) for label in pair) for pair in pairs]
    widths = [max(map(width_of, cells)) for cells in zip(("true", "predicted"), *rows, strict=True)]
    lines = [
        f"the most frequent of {confusions.sum():,} confusions",
        f"{'true':<{widths[0]}}  {'predicted':<{widths[1]}}  {'rows':>8}",
    ]
    for (true, predicted), pair in zip(rows, pairs, strict=True):
        lines.append(f"{pad(true, widths[0])}  {pad(predicted, widths[1])}  {confusions[pair]:>8,}")
    return "\n".join(lines)


def _cell(score: float) -> str:
    return f"{'-' if np.isnan(score) else f'{score:.4f}':>9}"
