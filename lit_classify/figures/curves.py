"""Lines: a regression's data, activation functions, figures of a run over its epochs.

Legend: N rows.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lit_classify.figures.style import colour, marker

FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "ReLU": lambda x: x * (x > 0),
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": lambda x: 1 - 2 / (torch.exp(2 * x) + 1),
}

Points = tuple[Tensor, Tensor]
Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def line(splits: Mapping[str, Points], title: str, predicted: Mapping[str, Tensor] | None = None) -> Figure:
    """Draw a regression's data ``x (N, 1)``, ``y (N,)`` and, if given, its predictions ``(N,)`` by split."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, (x, y)) in enumerate(splits.items()):
        axes.scatter(
            x.cpu(), y.cpu(), s=18, color=colour(1 - number), label=f"{name} data", marker=marker(number)
        )
    for number, (name, values) in enumerate((predicted or {}).items()):
        x = splits[name][0].cpu().flatten()
        axes.plot(
            x, values.cpu(), color="black", linestyle=("--", "-")[number % 2], label=f"{name} predictions"
        )
    axes.set(title=title, xlabel="x", ylabel="y")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


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
