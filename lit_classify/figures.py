"""Pictures: tensors in, matplotlib Figures out; no window, no global state, nothing left open.

Legend: N rows, F features, C classes, G points of a grid.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

# The course's red and blue first; then the colours of Okabe and Ito (2008), told apart by colour-blind eyes.
COLOURS = ("#d62728", "#1f77b4", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#999999", "#b3a000")
MARKERS = "osD^vP*X"
_GRID = 160
_SHADE = 0.65

FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "ReLU": lambda x: x * (x > 0),
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": lambda x: 1 - 2 / (torch.exp(2 * x) + 1),
}

Points = tuple[Tensor, Tensor]
Predict = Callable[[Tensor], Tensor]


def colour(label: int) -> str:
    """Return a class's colour, the same in every picture."""
    return COLOURS[label % len(COLOURS)]


def data(splits: Mapping[str, Points], class_names: Sequence[str], title: str) -> Figure:
    """Draw labelled points ``x (N, 2)``, ``y (N,)`` of each split, side by side."""
    figure, panels = _panels(len(splits), title)
    for axes, (name, (x, y)) in zip(panels, splits.items(), strict=True):
        _scatter(axes, x, y, class_names)
        axes.set_title(f"{name}: {len(y):,} points")
    _legend(figure, panels[0])
    return figure


def boundary(
    predict: Predict, splits: Mapping[str, Points], class_names: Sequence[str], title: str
) -> Figure:
    """Draw the plane shaded by a model's probabilities, and each split's points on it.

    Args:
        predict: gives probabilities ``(G, C)`` for points ``(G, 2)``.
        splits: name to ``x (N, 2)`` and ``y (N,)``.
        class_names: the classes in the order of their numbers.
        title: the picture's heading.
    """
    extent = _extent(torch.cat([x for x, _ in splits.values()]))
    shades = shade(predict(grid(extent)).cpu()).reshape(_GRID, _GRID, 3)
    figure, panels = _panels(len(splits), title)
    for axes, (name, (x, y)) in zip(panels, splits.items(), strict=True):
        axes.imshow(shades, extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
        _scatter(axes, x, y, class_names)
        right = (predict(x).cpu().argmax(dim=1) == y.cpu()).double().mean()
        axes.set_title(f"{name}: {right:.1%} of {len(y):,} points right")
    _legend(figure, panels[0])
    return figure


def grid(extent: tuple[float, float, float, float]) -> Tensor:
    """Return the points of a regular grid over ``(left, right, bottom, top)``, row by row, ``(G, 2)``."""
    left, right, bottom, top = extent
    second, first = torch.meshgrid(
        torch.linspace(bottom, top, _GRID), torch.linspace(left, right, _GRID), indexing="ij"
    )
    return torch.stack([first.flatten(), second.flatten()], dim=1)


def shade(probabilities: Tensor) -> NDArray[np.float64]:
    """Mix the classes' colours by probability, paler the less sure: ``(G, C)`` to RGB ``(G, 3)``."""
    num_classes = probabilities.shape[1]
    p = probabilities.double().numpy()
    mixed = p @ np.array([to_rgb(colour(label)) for label in range(num_classes)])
    sure = (p.max(axis=1, keepdims=True) - 1 / num_classes) / (1 - 1 / num_classes)
    strength = _SHADE * sure.clip(0, 1)
    rgb: NDArray[np.float64] = 1 - strength * (1 - mixed)
    return rgb


def line(splits: Mapping[str, Points], title: str, predicted: Mapping[str, Tensor] | None = None) -> Figure:
    """Draw a regression's data ``x (N, 1)``, ``y (N,)`` and, if given, its predictions ``(N,)`` by split."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, (x, y)) in enumerate(splits.items()):
        axes.scatter(
            x.cpu(), y.cpu(), s=18, color=colour(1 - number), label=f"{name} data", marker=MARKERS[number]
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


def _panels(number: int, title: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5.6 * number, 5.6), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, number, sharex=True, sharey=True, squeeze=False)
    return figure, list(axes[0])


def _scatter(axes: Axes, x: Tensor, y: Tensor, class_names: Sequence[str]) -> None:
    x, y = x.cpu(), y.cpu()
    for label, name in enumerate(class_names):
        rows = y == label
        axes.scatter(
            x[rows, 0],
            x[rows, 1],
            s=20,
            color=colour(label),
            marker=MARKERS[label % len(MARKERS)],
            edgecolors="white",
            linewidths=0.5,
            label=f"class {name}",
        )
    axes.set(xlabel="x1", ylabel="x2")


def _legend(figure: Figure, axes: Axes) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)


def _extent(x: Tensor) -> tuple[float, float, float, float]:
    low, high = x.cpu().amin(dim=0), x.cpu().amax(dim=0)
    margin = 0.08 * (high - low).clamp(min=1e-6)
    low, high = low - margin, high + margin
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])
