"""Plots of predicted classes and labels, and of their probabilities, against the true ones.

Legend: N rows, C classes or labels.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lit_classify.plots.style import class_color, escape_mathtext

Numbers = NDArray[np.float64]
_MAX_ANNOTATED = 30  # classes of a confusion matrix whose cells show their counts
_MAX_CURVES = 8
_BINS = 10


def confusion_matrix(counts: NDArray[np.int64], class_names: Sequence[str], title: str) -> Figure:
    """Plot a confusion matrix.

    Args:
        counts: rows of each true class (first axis) predicted as each class, ``(C, C)``. The color of a cell
            is its fraction of the true class.
        class_names: names of the classes.
        title: title of the figure.

    Examples:
        >>> figure = confusion_matrix(np.array([[9, 1], [2, 8]]), ["no", "yes"], "Test: 20 rows")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['9', '1', '2', '8']
    """
    num_classes = len(class_names)
    class_names = [escape_mathtext(name) for name in class_names]
    size = max(2.8, 0.45 * num_classes)
    longest = max(map(len, class_names))
    left, bottom = 0.75 + 0.075 * longest, 0.7 + 0.055 * longest
    width, height = size + left + 0.9, size + bottom + 0.45
    figure = Figure(figsize=(width, height))  # an explicit layout is faster than a layout engine
    axes = figure.add_axes((left / width, bottom / height, size / width, size / height))
    fractions = counts / counts.sum(axis=1, keepdims=True).clip(1)
    image = axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    bar = figure.add_axes(((left + size + 0.12) / width, bottom / height, 0.12 / width, size / height))
    figure.colorbar(image, cax=bar, label="fraction of the true class")
    ticks = range(num_classes)
    axes.set(xticks=ticks, yticks=ticks, xlabel="predicted class", ylabel="true class", title=title)
    if longest > 4:
        axes.set_xticklabels(class_names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticklabels(class_names)
    axes.set_yticklabels(class_names)
    if num_classes <= _MAX_ANNOTATED:
        for row in ticks:
            for column in ticks:
                color = "white" if fractions[row, column] > 0.5 else "black"
                axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=color)
    return figure


def roc_and_precision_recall(y: NDArray[np.int64], p: Numbers, names: Sequence[str], title: str) -> Figure:
    """Plot the one-vs-rest ROC and precision-recall curves of each class or label.

    With two classes, only the second is drawn; with more than eight, those with the smallest area under the
    ROC curve.

    Args:
        y: 1 for rows of a class or label, else 0, ``(N, C)``.
        p: predicted probability of each class or label, ``(N, C)``.
        names: names of the classes or labels.
        title: title of the figure.

    Examples:
        >>> y, p = np.array([[1, 0], [0, 1]]), np.array([[0.8, 0.2], [0.4, 0.6]])
        >>> figure = roc_and_precision_recall(y, p, ["no", "yes"], "Test: 2 rows")
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['yes: AUC 1.000', 'chance']
    """
    from sklearn import metrics

    figure = Figure(figsize=(10.4, 5.2), layout="constrained")
    roc, precision_recall = figure.subplots(1, 2)
    areas = {number: float(metrics.roc_auc_score(y[:, number], p[:, number])) for number in _with_curve(y)}
    selected = sorted(sorted(areas, key=areas.__getitem__)[:_MAX_CURVES])
    for number in selected:
        name, color = escape_mathtext(names[number]), class_color(number)
        false_positive_rate, recall, _ = metrics.roc_curve(y[:, number], p[:, number])
        roc.plot(false_positive_rate, recall, color=color, label=f"{name}: AUC {areas[number]:.3f}")
        precision, recall, _ = metrics.precision_recall_curve(y[:, number], p[:, number])
        average = metrics.average_precision_score(y[:, number], p[:, number])
        precision_recall.plot(recall, precision, color=color, label=f"{name}: AP {average:.3f}")
    roc.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance")
    roc.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    precision_recall.set(
        title="precision and recall", xlabel="recall", ylabel="precision", ylim=(-0.02, 1.05)
    )
    for axes in (roc, precision_recall):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    if len(selected) < len(areas):
        title += f"\nthe {len(selected)} of {len(areas)} with the smallest AUC"
    figure.suptitle(title)
    return figure


def calibration_curve(y: NDArray[np.int64], p: Numbers, names: Sequence[str], title: str) -> Figure:
    """Plot the fraction of positives against the predicted probability of each class or label, in ten bins.

    The area of a dot is proportional to the number of rows. With two classes, only the second is drawn; with
    more than eight, those with the largest expected calibration error (ECE): the distance from the diagonal,
    averaged over the rows.

    Args:
        y: 1 for rows of a class or label, else 0, ``(N, C)``.
        p: predicted probability of each class or label, ``(N, C)``.
        names: names of the classes or labels.
        title: title of the figure.

    Examples:
        >>> y, p = np.array([[1, 0], [0, 1]]), np.array([[0.8, 0.2], [0.4, 0.6]])
        >>> figure = calibration_curve(y, p, ["no", "yes"], "Test: 2 rows")
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['perfectly calibrated', 'yes: ECE 0.300']
    """
    figure = Figure(figsize=(5.6, 5.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfectly calibrated")
    bins = {number: _binned(y[:, number], p[:, number]) for number in _with_curve(y)}
    errors = {
        number: float(weights @ np.abs(predicted - actual))
        for number, (predicted, actual, weights) in bins.items()
    }
    selected = sorted(sorted(errors, key=errors.__getitem__, reverse=True)[:_MAX_CURVES])
    for number in selected:
        predicted, actual, weights = bins[number]
        color, label = class_color(number), f"{escape_mathtext(names[number])}: ECE {errors[number]:.3f}"
        axes.plot(predicted, actual, color=color, linewidth=1, alpha=0.5)
        axes.scatter(
            predicted, actual, s=12 + 240 * weights, color=color, alpha=0.8, linewidths=0, label=label
        )
    if len(selected) < len(errors):
        title += f"\nthe {len(selected)} of {len(errors)} with the largest ECE"
    axes.set(title=title, xlabel="predicted probability", ylabel="fraction of positives")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def _binned(y: NDArray[np.int64], p: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return, for each nonempty bin, mean probability, fraction of positives and fraction of all rows."""
    bins = np.minimum((p * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    nonempty = counts > 0
    predicted = np.bincount(bins, p, _BINS)[nonempty] / counts[nonempty]
    actual = np.bincount(bins, y, _BINS)[nonempty] / counts[nonempty]
    return predicted, actual, counts[nonempty] / len(p)


def _with_curve(y: NDArray[np.int64]) -> list[int]:
    """Return the classes with positive and negative rows; of two exclusive classes, the second alone."""
    numbers = [number for number, positives in enumerate(y.sum(axis=0)) if 0 < positives < len(y)]
    is_binary = y.shape[1] == 2 and bool((y.sum(axis=1) == 1).all())
    return numbers[1:] if is_binary else numbers
