"""The tables that ``test`` and ``validate`` print: scores of each class or label, and the confusion matrix.

Legend: N rows, C classes, L labels.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lit_classify.messages import escape_control
from lit_classify.metrics import confusion_counts, mean_precision_recall_f1, precision_recall_f1_support

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
    names = [escape_control(name, is_name=True) for name in names]
    scores = zip(*precision_recall_f1_support(true, predicted, range(len(names))), strict=True)
    rows = [(name, *cells) for name, cells in zip(names, scores, strict=True)]
    for kind_of_average in ("macro", average):
        means = mean_precision_recall_f1(true, predicted, kind_of_average)
        rows.append((f"{kind_of_average} average", *means, len(true)))
    width = max(len(row[0]) for row in rows)
    lines = [f"{kind:<{width}}  precision   recall       f1  support"]
    for name, *values, support in rows:
        lines.append(f"{name:<{width}}  " + "".join(map(_cell, values)) + f"{int(support):>9,}")
    if any(np.isnan(value) for _, *values, _ in rows for value in values):
        lines.append(_UNDEFINED[kind])
        lines.append(f"averages: over each {kind} with rows or predictions; undefined values count as 0")
    return "\n".join(lines)


def confusion_table(true: NDArray[Any], predicted: NDArray[Any], names: Sequence[str]) -> str:
    """Return how many rows of each true class are predicted as each class.

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
    width = max(*map(len, names), len(f"{counts.max():,}"), 4)
    lines = [
        "confusion matrix: a row for each true class, a column for each predicted class",
        f"{'':<{width}}  " + "  ".join(f"{name:>{width}}" for name in names),
    ]
    for name, row in zip(names, counts, strict=True):
        lines.append(f"{name:<{width}}  " + "  ".join(f"{count:>{width},}" for count in row))
    return "\n".join(lines)


def _cell(score: float) -> str:
    return f"{'-' if np.isnan(score) else f'{score:.4f}':>9}"
