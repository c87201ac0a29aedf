"""Plots of a regression: its predictions over a single feature, and against the actual values.

Legend: N rows.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.data_interface import NumericFeature
from lit_classify.plots.animation import FrameRenderer
from lit_classify.plots.decision_regions import Points
from lit_classify.plots.inline_figure import InlineFigure
from lit_classify.plots.layout import lay_out, make_panels, round_ticks
from lit_classify.plots.style import class_color, class_marker, escape_mathtext, foreground


class RegressionLineDisplay:
    """Data and predictions of a regression on one feature.

    ``update`` changes the predictions and the title; axes and points stay as they are.

    Args:
        splits: split name to ``x (N, 1)`` and ``y (N,)``.
        predicted: values ``(N,)`` that determine the limits of the y-axis together with ``y``. Values far
            outside the range of ``y`` are cut off.
        feature: name and scale of the x-axis.

    Attributes:
        figure: the matplotlib Figure.

    Raises:
        ValueError: a value is NaN or infinity.

    Examples:
        >>> x, y = torch.arange(3.0)[:, None], torch.arange(3.0)
        >>> display = RegressionLineDisplay({"Train": (x, y)}, [y])
        >>> display.update([y], "epoch 0")
        >>> display.figure.axes[0].get_title()
        'epoch 0'
    """

    def __init__(
        self,
        splits: Mapping[str, Points],
        predicted: Sequence[Tensor] = (),
        feature: NumericFeature = NumericFeature("x"),  # noqa: B008 - immutable
    ) -> None:
        self.figure = InlineFigure(figsize=(4.2, 4.6), layout="constrained")
        axes = self._axes = self.figure.add_subplot()
        self._lines: list[Line2D] = []
        self._orders: list[Tensor] = []
        for index, (name, (x, y)) in enumerate(splits.items()):
            original = feature.center + feature.scale * x.cpu().double().flatten()
            axes.scatter(
                original, y.cpu(), s=18, color=class_color(1 - index), label=f"{name} data",
                marker=class_marker(index),
            )  # fmt: skip
            self._orders.append(original.argsort())
            line = Line2D(original.sort().values, [math.nan] * len(original))
            line.set(color=("grey", foreground())[index], linewidth=(4.0, 1.2)[index])  # both are visible
            if predicted:
                line.set_label(f"{name} predictions")
            self._lines.append(axes.add_line(line))
        limits = _y_limits([y for _, y in splits.values()], predicted)
        axes.set(xlabel=escape_mathtext(feature.name), ylabel="y", ylim=limits)
        axes.set_title("run, epoch")  # reserves the height of a title in the layout
        axes.grid(alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        self.figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
        self._renderer: FrameRenderer | None = None

    def update(self, predicted: Sequence[Tensor], title: str) -> None:
        """Set each split's predictions ``(N,)`` and the title."""
        self._axes.set_title(title)
        for line, values, order in zip(self._lines, predicted, self._orders, strict=False):
            line.set_ydata(values.cpu()[order])

    def frame(self, predicted: Sequence[Tensor], title: str) -> NDArray[np.uint8]:
        """Update and return pixels ``(height, width, 3)``; every call after the first is fast."""
        self._renderer = self._renderer or FrameRenderer(self.figure, [self._axes.title], self._lines)
        self.update(predicted, title)
        return self._renderer.render()


def lines_of_seeds(
    points: Points, x: Tensor, values: Sequence[Tensor], title: str, feature: NumericFeature
) -> Figure:
    """Plot the predictions of each of several runs over a single feature, and the data.

    Args:
        points: ``x (N, 1)`` and ``y (N,)``.
        x: the sorted inputs of the predictions, ``(G, 1)``.
        values: their predictions, ``(G,)`` each.
        title: title of the figure.
        feature: name and scale of the x-axis.

    Examples:
        >>> x, y = torch.arange(3.0)[:, None], torch.arange(3.0)
        >>> len(lines_of_seeds((x, y), x, [y, 2 * y], "2 runs", NumericFeature("x")).axes[0].lines)
        2
    """
    figure = Figure(figsize=(4.0, 3.6), layout="constrained")
    axes = figure.add_subplot()
    data_x, data_y = (tensor.cpu().double().flatten() for tensor in points)
    axes.scatter(feature.center + feature.scale * data_x, data_y, s=18, color=class_color(1), zorder=2)
    for predictions in values:
        x_values = feature.center + feature.scale * x.cpu().double().flatten()
        axes.plot(x_values, predictions.cpu(), color=foreground(), linewidth=0.9, alpha=0.5)
    axes.set(
        xlabel=escape_mathtext(feature.name), ylabel="y", ylim=_y_limits([points[1]], values), title=title
    )
    axes.grid(alpha=0.3)
    return figure


def predicted_vs_actual(y: NDArray[np.float64], predicted: NDArray[np.float64], title: str) -> Figure:
    """Plot predicted values ``(N,)`` against actual ones ``(N,)``, and a histogram of the errors.

    Examples:
        >>> figure = predicted_vs_actual(np.array([1.0, 2.0]), np.array([1.5, 2.0]), "Test: 2 rows")
        >>> [axes.get_title() for axes in figure.axes]
        ['predicted vs. actual', 'errors']
    """
    figure, (values, errors) = make_panels(2)
    low, high = min(y.min(), predicted.min()), max(y.max(), predicted.max())
    margin = 0.05 * (high - low) or 1.0
    limits = low - margin, high + margin
    values.plot(limits, limits, color="grey", linestyle=":", label="perfect prediction")
    values.scatter(y, predicted, s=14, color=class_color(1), alpha=0.6, linewidths=0)
    values.set(title="predicted vs. actual", xlabel="actual value", ylabel="predicted value")
    values.set(xlim=limits, ylim=limits)
    errors.hist(predicted - y, bins=min(40, max(len(y) // 5, 5)), color=class_color(1))
    errors.set(title="errors", xlabel="predicted - actual", ylabel="rows")
    errors.axvline(0, color="grey", linestyle=":", label="no error")
    for axes in (values, errors):
        axes.xaxis.set_major_locator(round_ticks())
        axes.grid(alpha=0.3)
    values.yaxis.set_major_locator(round_ticks())
    errors.yaxis.set_major_locator(round_ticks(integer=True))
    lay_out(figure, [values, errors], title)
    return figure


def _y_limits(y: Sequence[Tensor], predicted: Sequence[Tensor]) -> tuple[float, float]:
    """Return limits around all data, and around predictions at most the data's range away from it."""
    data = torch.cat([targets.cpu().double() for targets in y])
    low, high = float(data.min()), float(data.max())
    size = high - low or abs(high) or 1.0
    values = torch.cat([data, *(tensor.cpu().double() for tensor in predicted)])
    if not math.isfinite(size) or not bool(values.isfinite().all()):
        raise ValueError("a value is NaN or infinity")
    values = values.clamp(low - size, high + size)
    margin = 0.05 * (float(values.max() - values.min()) or size)
    return float(values.min()) - margin, float(values.max()) + margin
