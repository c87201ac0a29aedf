"""Where a model is wrong: confusion, ranking and calibration of classes and labels, errors of values.

Legend: N rows, C classes or labels.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lit_classify.plots.style import colour, literal

Numbers = NDArray[np.float64]
_MOST_NAMED = 30
_MOST_DRAWN = 8
_BINS = 10


def confusion(counts: NDArray[np.int64], class_names: Sequence[str], title: str) -> Figure:
    """Draw counts ``(C, C)``, a row for each true class; shades are shares of the row."""
    num_classes = len(class_names)
    class_names = [literal(name) for name in class_names]
    size = max(2.8, 0.45 * num_classes)
    longest = max(map(len, class_names))
    left, bottom = 0.75 + 0.075 * longest, 0.7 + 0.055 * longest
    width, height = size + left + 0.9, size + bottom + 0.45
    figure = Figure(figsize=(width, height))  # laid out by hand, which is faster
    axes = figure.add_axes((left / width, bottom / height, size / width, size / height))
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    bar = figure.add_axes(((left + size + 0.12) / width, bottom / height, 0.12 / width, size / height))
    figure.colorbar(picture, cax=bar, label="share of the true class")
    places = range(num_classes)
    axes.set(xticks=places, yticks=places, xlabel="predicted class", ylabel="true class", title=title)
    if longest > 4:
        axes.set_xticklabels(class_names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticklabels(class_names)
    axes.set_yticklabels(class_names)
    if num_classes <= _MOST_NAMED:
        for row in places:
            for column in places:
                dark = shares[row, column] > 0.5
                axes.text(
                    column, row, f"{counts[row, column]:,}", ha="center", va="center",
                    color="white" if dark else "black",
                )  # fmt: skip
    return figure


def curves(y: NDArray[np.int64], p: Numbers, names: Sequence[str], title: str) -> Figure:
    """Draw ROC and precision-recall curves of each class or label, one against the others.

    Args:
        y: 1 where a class or label holds, ``(N, C)``.
        p: its probability, ``(N, C)``.
        names: of the classes or labels; only the second of two classes is drawn, and of very many those
            with the smallest area under the ROC curve.
        title: the picture's heading.
    """
    from sklearn import metrics

    figure = Figure(figsize=(10.4, 5.2), layout="constrained")
    roc, precision_recall = figure.subplots(1, 2)
    areas = {number: float(metrics.roc_auc_score(y[:, number], p[:, number])) for number in _drawn(y)}
    shown = _first(sorted(areas, key=areas.__getitem__))
    for number in shown:
        false, true, _ = metrics.roc_curve(y[:, number], p[:, number])
        name = literal(names[number])
        roc.plot(false, true, color=colour(number), label=f"{name}: area {areas[number]:.3f}")
        precision, recall, _ = metrics.precision_recall_curve(y[:, number], p[:, number])
        mean = metrics.average_precision_score(y[:, number], p[:, number])
        label = f"{name}: average {mean:.3f}"
        precision_recall.plot(recall, precision, color=colour(number), label=label)
    roc.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance")
    roc.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    precision_recall.set(
        title="precision and recall", xlabel="recall", ylabel="precision", ylim=(-0.02, 1.05)
    )
    for axes in (roc, precision_recall):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    left_out = f"\nthe {len(shown)} of {len(areas)} that are told apart worst" * (len(shown) < len(areas))
    figure.suptitle(title + left_out)
    return figure


def calibration(y: NDArray[np.int64], p: Numbers, names: Sequence[str], title: str) -> Figure:
    """Draw how often a class or label holds against how probable it was called, in ten bins.

    A dot's area is its share of the rows. Of very many classes those are drawn that are off the most, by
    the mean distance to the diagonal over the rows. Arguments are those of ``curves``.
    """
    figure = Figure(figsize=(5.6, 5.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="as said")
    bins = {number: _binned(y[:, number], p[:, number]) for number in _drawn(y)}
    off = {number: float(shares @ np.abs(said - came)) for number, (said, came, shares) in bins.items()}
    shown = _first(sorted(off, key=off.__getitem__, reverse=True))
    for number in shown:
        said, came, shares = bins[number]
        label = f"{literal(names[number])}: off by {off[number]:.3f}"
        axes.plot(said, came, color=colour(number), linewidth=1, alpha=0.5)
        axes.scatter(
            said, came, s=12 + 240 * shares, color=colour(number), alpha=0.8, linewidths=0, label=label
        )
    left_out = f"\nthe {len(shown)} of {len(off)} that are off the most" * (len(shown) < len(off))
    axes.set(title=title + left_out, xlabel="probability as predicted", ylabel="share that came true")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def values(y: Numbers, predicted: Numbers, title: str) -> Figure:
    """Draw predicted values ``(N,)`` against true ones ``(N,)``, and how the errors are spread."""
    figure = Figure(figsize=(10.4, 5.2), layout="constrained")
    figure.suptitle(title)
    against, errors = figure.subplots(1, 2)
    ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
    against.plot(ends, ends, color="grey", linestyle=":", label="as they are")
    against.scatter(y, predicted, s=14, color=colour(1), alpha=0.6, linewidths=0)
    against.set(title="predicted and true", xlabel="true value", ylabel="predicted value")
    errors.hist(predicted - y, bins=min(40, max(len(y) // 5, 5)), color=colour(1))
    errors.set(title="errors", xlabel="predicted minus true", ylabel="rows")
    for axes in (against, errors):
        axes.grid(alpha=0.3)
    against.legend()
    return figure


def _binned(y: NDArray[np.int64], p: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return of each bin with rows: the mean probability, the share that holds, the share of all rows."""
    bins = np.minimum((p * _BINS).astype(int), _BINS - 1)
    rows = np.bincount(bins, minlength=_BINS)
    full = rows > 0
    said = np.bincount(bins, p, _BINS)[full] / rows[full]
    came = np.bincount(bins, y, _BINS)[full] / rows[full]
    return said, came, rows[full] / len(p)


def _drawn(y: NDArray[np.int64]) -> list[int]:
    """Return the classes to draw: those that some rows have and some have not; one of two says it all."""
    both = [number for number, held in enumerate(y.sum(axis=0)) if 0 < held < len(y)]
    exclusive = y.shape[1] == 2 and bool((y.sum(axis=1) == 1).all())
    return both[1:] if exclusive else both


def _first(worst: list[int]) -> list[int]:
    """Return the classes that have room in one picture, in their own order."""
    return sorted(worst[:_MOST_DRAWN])
