"""Plots of predicted classes and labels, and of their probabilities, against the true ones.

Legend: N rows, C classes or labels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lit_classify.metrics.base import Indicators, Numbers
from lit_classify.metrics.calibration import (
    NUM_CALIBRATION_BINS,
    CalibrationBins,
    calibration_bin,
    calibration_bins,
)
from lit_classify.metrics.confidence_intervals import wilson_interval
from lit_classify.plots.inline_figure import InlineFigure
from lit_classify.plots.layout import LEGEND_WIDTH, X_AXIS, lay_out, make_panels, size_of
from lit_classify.plots.style import background, class_color, foreground, full_label, wrap

_MAX_ANNOTATED = 30  # classes of a confusion matrix whose cells show their counts
_MAX_CURVES = 8
_LINE_WIDTH = 1.4
_LIMITS = (-0.03, 1.03)
_COUNTS_LINE = 0.18  # height of a line of counts in inches
_WORKING_POINT: dict[str, Any] = {
    "marker": "o", "linestyle": "none", "markersize": 8, "markerfacecolor": "none", "zorder": 3,
}  # fmt: skip


def confusion_matrix(counts: Indicators, class_names: Sequence[str], title: str) -> Figure:
    r"""Plot a confusion matrix, and the accuracy with its Wilson interval.

    Args:
        counts: rows of each true class (first axis) predicted as each class, ``(C, C)``. The color of a cell
            is its fraction of the true class, which is also written as a percentage below the count.
        class_names: names of the classes.
        title: title of the figure.

    Examples:
        >>> figure = confusion_matrix(np.array([[9, 1], [0, 8]]), ["no", "yes"], "Test: 18 rows")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['9\n90.0%', '1\n10.0%', '0', '8\n100.0%']
    """
    num_classes = len(class_names)
    size = max(2.8, 0.5 * num_classes)
    figure = InlineFigure()  # an explicit layout is faster than a layout engine
    axes = figure.add_axes((0, 0, 1, 1))
    fractions = counts / counts.sum(axis=1, keepdims=True).clip(1)
    blues = LinearSegmentedColormap.from_list("fraction", [background(), class_color(1)])
    image = axes.imshow(fractions, cmap=blues, vmin=0, vmax=1)
    ticks = range(num_classes)
    axes.set(xticks=ticks, yticks=ticks, xlabel="predicted class", ylabel="true class")
    is_narrow = size / num_classes < 0.8
    names = [wrap(name, 36 if is_narrow else 24) for name in class_names]
    axes.tick_params(labelsize="small" if is_narrow else "medium")
    axes.set_yticklabels(names)
    axes.set_xticklabels(names, **_x_label_style(names, size / num_classes))
    if num_classes <= _MAX_ANNOTATED:
        font_size = "medium" if num_classes <= 5 else "x-small"
        for row, column in np.ndindex(counts.shape):
            count, fraction = counts[row, column], fractions[row, column]
            axes.text(
                column, row, f"{count:,}\n{fraction:.1%}" if count else "0", ha="center", va="center",
                fontsize=font_size,
            )  # fmt: skip
    left, bottom = size_of(axes.yaxis)[0] + 0.15, size_of(axes.xaxis)[1] + 0.15
    title += _accuracy(counts)
    width, height = left + size + 0.9, bottom + size + 0.35 + 0.2 * title.count("\n")
    figure.set_size_inches(width, height)
    axes.set_position((left / width, bottom / height, size / width, size / height))
    bar = figure.add_axes(((left + size + 0.12) / width, bottom / height, 0.12 / width, size / height))
    figure.colorbar(image, cax=bar, label="fraction of the true class")
    figure.suptitle(title, y=1 - 0.08 / height, fontsize="medium")
    return figure


def _x_label_style(names: Sequence[str], cell: float) -> dict[str, Any]:
    """Return the orientation in which names fit below cells, whose width is in inches."""
    lines = [line for name in names for line in name.split("\n")]
    if 0.1 * max(map(len, lines)) <= cell:
        return {}
    if len(lines) == len(names):
        return {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    return {"rotation": 90}


def _accuracy(counts: Indicators) -> str:
    """Return the accuracy as a line of a title; an empty string without rows."""
    correct, total = np.trace(counts), counts.sum()
    if not total:
        return ""
    low, high = wilson_interval(correct, total)
    return f"\naccuracy {correct / total:.1%}, 95% interval {low:.1%} to {high:.1%}"


def roc_and_precision_recall(
    y: Indicators, p: Numbers, names: Sequence[str], title: str, predicted: Indicators, decision: str
) -> Figure:
    """Plot the one-vs-rest ROC and precision-recall curves of each class or label.

    A circle marks the working point, the rates of the actual predictions. Dotted lines show random
    predictions: in the precision-recall plot these are at the base rate, the fraction of positives.

    With two classes, only the second is drawn; with more than eight, those with the smallest area under the
    ROC curve.

    Args:
        y: 1 for rows of a class or label, else 0, ``(N, C)``.
        p: predicted probability of each class or label, ``(N, C)``.
        names: names of the classes or labels.
        title: title of the figure.
        predicted: 1 where a class or label is predicted, else 0, ``(N, C)``.
        decision: how the predictions are made, such as "threshold 0.5".

    Examples:
        >>> y, p = np.array([[1, 0], [0, 1]]), np.array([[0.8, 0.2], [0.4, 0.6]])
        >>> figure = roc_and_precision_recall(y, p, ["no", "yes"], "Test: 2 rows", y, "threshold 0.5")
        >>> [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
        ['yes: AP 1.000, base rate 0.500', 'threshold 0.5']
    """
    from sklearn import metrics

    figure, (roc, precision_recall) = make_panels(2)
    candidates = _candidates(y)
    defined = [index for index in candidates if 0 < y[:, index].sum() < len(y)]
    areas = {index: float(metrics.roc_auc_score(y[:, index], p[:, index])) for index in defined}
    selected = sorted(sorted(areas, key=areas.__getitem__)[:_MAX_CURVES])
    roc.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance")
    for index, line_width in zip(selected, _line_widths(len(selected)), strict=True):
        true, scores = y[:, index], p[:, index]
        name, color = full_label(names[index], LEGEND_WIDTH), class_color(index)
        style: dict[str, Any] = {"color": color, "linewidth": line_width}
        false_positive_rate, recall, _ = metrics.roc_curve(true, scores)
        roc.plot(false_positive_rate, recall, label=f"{name}: AUC {areas[index]:.3f}", **style)
        precision, recall, _ = metrics.precision_recall_curve(true, scores)
        precision[-1] = precision[-2]  # scikit-learn's value of 1 at recall 0 is not of any predictions
        average, base_rate = metrics.average_precision_score(true, scores), true.mean()
        label = f"{name}: AP {average:.3f}, base rate {base_rate:.3f}"
        precision_recall.plot(recall, precision, drawstyle="steps-post", label=label, **style)
        precision_recall.axhline(base_rate, color=color, linestyle=":")
        _draw_working_point(roc, precision_recall, true, predicted[:, index], color)
    for axes in (roc, precision_recall):
        axes.plot([], [], label=decision, markeredgecolor=foreground(), **_WORKING_POINT)
        axes.set(xlim=_LIMITS, ylim=_LIMITS)
        axes.grid(alpha=0.3)
    roc.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    precision_recall.set(title="precision and recall", xlabel="recall", ylabel="precision")
    if len(selected) < len(areas):
        title += f"\nthe {len(selected)} of {len(areas)} with the smallest AUC"
    if num_undefined := len(candidates) - len(defined):
        title += f"\nno curve for {num_undefined} of {len(candidates)}: all rows or none are positive"
    lay_out(figure, [roc, precision_recall], title)
    return figure


def _draw_working_point(
    roc: Axes, precision_recall: Axes, true: Indicators, predicted: Indicators, color: str
) -> None:
    """Draw the rates of the predictions; the precision of no positive prediction is undefined."""
    positives, predicted_positives, true_positives = true.sum(), predicted.sum(), true @ predicted
    recall = true_positives / positives
    false_positive_rate = (predicted_positives - true_positives) / (len(true) - positives)
    style = {**_WORKING_POINT, "markerfacecolor": color, "markeredgecolor": foreground()}
    roc.plot([false_positive_rate], [recall], **style)
    if predicted_positives:
        precision_recall.plot([recall], [true_positives / predicted_positives], **style)


def calibration_curve(y: Indicators, p: Numbers, names: Sequence[str], title: str) -> Figure:
    """Plot the fraction of positives against the predicted probability of each class or label, in ten bins.

    Vertical lines are 95% Wilson intervals of the fractions; the number of rows in each bin is written below.
    With two classes, only the second is drawn; with more than eight, those with the largest expected
    calibration error (ECE): the distance from the diagonal, averaged over the rows.

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
        >>> [text.get_text() for text in figure.axes[1].texts]  # rows in the bins from 0.2 and 0.6
        ['1', '1']
    """
    figure, (axes,) = make_panels(1)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfectly calibrated")
    bins = {index: calibration_bins(y[:, index], p[:, index]) for index in _candidates(y)}
    errors = {index: class_bins.error for index, class_bins in bins.items()}
    selected = sorted(sorted(errors, key=errors.__getitem__, reverse=True)[:_MAX_CURVES])
    for index, line_width in zip(selected, _line_widths(len(selected)), strict=True):
        predicted, actual, counts = bins[index]
        color, label = class_color(index), full_label(names[index], LEGEND_WIDTH)
        label += f": ECE {errors[index]:.3f}"
        axes.plot(predicted, actual, "o-", color=color, linewidth=line_width, label=label)
        axes.vlines(predicted, *wilson_interval(actual * counts, counts), color=color, alpha=0.6)
    title += "\nexpected calibration error (ECE), 95% intervals"
    if len(selected) < len(errors):
        title += f"\nthe {len(selected)} of {len(errors)} with the largest ECE"
    axes.set(xlim=_LIMITS, ylim=_LIMITS, xlabel="mean predicted probability", ylabel="fraction of positives")
    axes.grid(alpha=0.3)
    lay_out(figure, [axes], title, extra=_COUNTS_LINE * (len(selected) + 1))
    _write_counts(figure, axes, {index: bins[index] for index in selected})
    return figure


def _write_counts(figure: Figure, axes: Axes, bins: Mapping[int, CalibrationBins]) -> None:
    """Write the number of rows in each bin below the x-axis, a line for each class."""
    height = figure.get_figheight()
    box = axes.get_position()
    top = box.y0 - X_AXIS / height
    size = _COUNTS_LINE * len(bins) / height
    table = figure.add_axes((box.x0, top - size, box.width, size), frameon=False)
    table.set(xlim=_LIMITS, ylim=(len(bins) - 0.5, -0.5), xticks=[], yticks=[])
    table.set_ylabel("rows", rotation="horizontal", ha="right", va="center", fontsize="small", labelpad=12)
    for line, (index, class_bins) in enumerate(bins.items()):
        table.plot([_LIMITS[0]], [line], "o", color=class_color(index), clip_on=False)
        centers = ((calibration_bin(class_bins.predicted) + 0.5) / NUM_CALIBRATION_BINS).tolist()
        for center, count in zip(centers, class_bins.counts, strict=True):
            table.text(center, line, f"{count:,}", ha="center", va="center", fontsize="x-small")


def _candidates(y: Indicators) -> Sequence[int]:
    """Return the indices of the classes; of two exclusive classes, only the second."""
    is_binary = y.shape[1] == 2 and bool((y.sum(axis=1) == 1).all())
    return range(int(is_binary), y.shape[1])


def _line_widths(num_lines: int) -> list[float]:
    """Return widths of lines that are drawn on top of each other: the edges of hidden ones stay visible."""
    step = min(1.2, 2.8 / max(num_lines, 1))
    return [_LINE_WIDTH + step * index for index in reversed(range(num_lines))]
