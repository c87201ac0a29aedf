"""Lines: a regression's data, activation functions, figures of a run over its epochs.

Legend: N rows.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.plots.animation import Film
from lit_classify.plots.decision_boundary import Feature
from lit_classify.plots.style import colour, literal, marker

_X = Feature("x")

FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "ReLU": lambda x: x * (x > 0),
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": lambda x: 1 - 2 / (torch.exp(2 * x) + 1),
}

Points = tuple[Tensor, Tensor]
Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def line(splits: Mapping[str, Points], title: str, predicted: Sequence[Tensor] = ()) -> Figure:
    """Draw a regression's data ``x (N, 1)``, ``y (N,)`` and, if given, each split's predictions ``(N,)``."""
    drawn = Line(splits, predicted)
    drawn.show(predicted, title)
    return drawn.figure


class Line:
    """A regression on one feature that is drawn again and again; axes and points stay as they are.

    Args:
        splits: name to ``x (N, 1)`` and ``y (N,)``.
        predicted: values ``(N,)`` that have to fit into the picture; those far from all data do not.
        feature: what the network sees, see ``Feature``.
    """

    def __init__(
        self, splits: Mapping[str, Points], predicted: Sequence[Tensor] = (), feature: Feature = _X
    ) -> None:
        self.figure = Figure(figsize=(7, 5), layout="constrained")
        axes = self._axes = self.figure.add_subplot()
        self._lines: list[Line2D] = []
        self._orders: list[Tensor] = []
        for number, (name, (x, y)) in enumerate(splits.items()):
            shown = feature.center + feature.scale * x.cpu().double().flatten()
            axes.scatter(
                shown, y.cpu(), s=18, color=colour(1 - number), label=f"{name} data", marker=marker(number)
            )
            self._orders.append(shown.argsort())
            style = ("--", "-")[number % 2]
            label = f"{name} predictions" if predicted else None
            self._lines += axes.plot(
                shown.sort().values, [math.nan] * len(shown), style, color="black", label=label
            )
        axes.set(
            xlabel=literal(feature.name), ylabel="y", ylim=_limits([y for _, y in splits.values()], predicted)
        )
        axes.set_title("run, epoch")
        axes.grid(alpha=0.3)
        axes.legend()
        self._film: Film | None = None

    def show(self, predicted: Sequence[Tensor], title: str) -> None:
        """Bring the figure up to date with each split's predictions ``(N,)``."""
        self._axes.set_title(title)
        for line, values, order in zip(self._lines, predicted, self._orders, strict=False):
            line.set_ydata(values.cpu()[order])

    def frame(self, predicted: Sequence[Tensor], title: str) -> NDArray[np.uint8]:
        """Return what ``show`` makes as pixels, ``(height, width, 3)``, fast from the second on."""
        self._film = self._film or Film(self.figure, [self._axes.title], self._lines)
        self.show(predicted, title)
        return self._film.frame()


def _limits(y: Sequence[Tensor], predicted: Sequence[Tensor]) -> tuple[float, float]:
    """Return the ends of the axis for all data and, no further off than the data is wide, predictions.

    Raises:
        ValueError: a value is NaN or infinity.
    """
    data = torch.cat([part.cpu().double() for part in y])
    low, high = float(data.min()), float(data.max())
    size = max(high - low, 1e-6)
    values = torch.cat([data, *(part.cpu().double() for part in predicted)])
    if not math.isfinite(size) or not bool(values.isfinite().all()):
        raise ValueError("a value is NaN or infinity")
    values = values.clamp(low - size, high + size)
    margin = 0.05 * (float(values.max() - values.min()) or size)
    return float(values.min()) - margin, float(values.max()) + margin


def activations() -> Figure:
    """Draw identity, ReLU, sigmoid and tanh from -10 to 10 by our own formulas (course, section 7)."""
    x = torch.linspace(-10, 10, 401)
    figure = Figure(figsize=(9, 7), layout="constrained")
    figure.suptitle("Activation functions: what bends the line")
    for number, (name, formula) in enumerate(FORMULAS.items()):
        axes = figure.add_subplot(2, 2, number + 1)
        axes.plot(x, formula(x), color=colour(1), linewidth=2)
        axes.set(title=name, xlabel="input", ylabel="output")
        axes.axhline(0, color="grey", linewidth=0.6)
        axes.axvline(0, color="grey", linewidth=0.6)
        axes.grid(alpha=0.3)
    return figure


def history(charts: Mapping[str, Series], title: str) -> Figure:
    """Draw figures of a run: a chart for each name, a line ``(steps, values)`` for each series in it."""
    figure = Figure(figsize=(5.6 * len(charts), 4.4), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, len(charts), squeeze=False)[0]
    for axes, (name, series) in zip(panels, charts.items(), strict=True):
        for number, (label, (steps, values)) in enumerate(series.items()):
            single: dict[str, Any] = {"marker": "o", "markersize": 3} if len(steps) < 30 else {}
            axes.plot(
                steps, values, color=colour(1 - number if number < 2 else number), label=label, **single
            )
        axes.set(title=name, xlabel="training step", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure
