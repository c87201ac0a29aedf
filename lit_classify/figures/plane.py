"""The plane of two features: points, and what a model makes of them.

Legend: N rows, F features, C classes, G points of a grid.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.figures.frames import Film
from lit_classify.figures.style import colour, literal, marker, named

_MOST_NAMED = 24
_GRID = 112
_SHADE = 0.65

Points = tuple[Tensor, Tensor]
Predict = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Feature:
    """One of the two features that a plane is drawn over.

    Args:
        name: what the axis is called.
        center: the value that the network sees as 0.
        scale: how much of a value the network sees as 1.
    """

    name: str
    center: float = 0.0
    scale: float = 1.0


X1_X2 = (Feature("x1"), Feature("x2"))


def data(
    splits: Mapping[str, Points],
    class_names: Sequence[str],
    title: str,
    features: Sequence[Feature] = X1_X2,
) -> Figure:
    """Draw labelled points ``x (N, 2)``, ``y (N,)`` of each split, side by side."""
    figure, panels = _panels(len(splits), title)
    for axes, (name, (x, y)) in zip(panels, splits.items(), strict=True):
        _scatter(axes, x, y, class_names, features)
        axes.set_title(f"{name}: {len(y):,} points")
    _legend(figure, panels[0])
    return figure


def boundary(
    predict: Predict,
    splits: Mapping[str, Points],
    class_names: Sequence[str],
    title: str,
    features: Sequence[Feature] = X1_X2,
) -> Figure:
    """Draw the plane shaded by a model's probabilities, and each split's points on it.

    Args:
        predict: gives probabilities ``(G, C)`` for points ``(G, 2)``.
        splits: name to ``x (N, 2)`` and ``y (N,)``.
        class_names: the classes in the order of their numbers.
        title: the picture's heading.
        features: the two that the plane is drawn over.
    """
    plane = Plane(splits, class_names, title, features)
    plane.show(predict, [predict(x) for x, _ in splits.values()])
    return plane.figure


class Plane:
    """A boundary that is drawn again and again: only shades and headings change, so only they are drawn.

    Args:
        splits: name to ``x (N, 2)`` and ``y (N,)``.
        class_names: the classes in the order of their numbers.
        title: the picture's heading.
        features: the two that the plane is drawn over.
    """

    def __init__(
        self,
        splits: Mapping[str, Points],
        class_names: Sequence[str],
        title: str,
        features: Sequence[Feature] = X1_X2,
    ) -> None:
        self._splits, self._title = splits, title
        self.extent = _extent(torch.cat([x for x, _ in splits.values()]))
        self.figure, self._panels = _panels(len(splits), title)
        left, right, bottom, top = self.extent
        shown = (
            _axis(left, features[0]),
            _axis(right, features[0]),
            _axis(bottom, features[1]),
            _axis(top, features[1]),
        )
        blank = np.ones((_GRID, _GRID, 3))
        self._images = [
            axes.imshow(blank, extent=shown, origin="lower", aspect="auto", interpolation="bilinear")
            for axes in self._panels
        ]
        for axes, (name, (x, y)) in zip(self._panels, splits.items(), strict=True):
            _scatter(axes, x, y, class_names, features)
            axes.set_title(f"{name}: 100.0% of {len(y):,} rows right")
        _legend(self.figure, self._panels[0])
        self._film: Film | None = None

    def show(self, predict: Predict, answers: Sequence[Tensor], title: str | None = None) -> None:
        """Shade the plane by ``predict``, and say how many rows ``answers``, probabilities, have right."""
        shades = shade(predict(grid(self.extent)).cpu()).reshape(_GRID, _GRID, 3)
        self.figure.suptitle(title or self._title)
        for axes, picture, heading in zip(self._panels, self._images, self._headings(answers), strict=True):
            picture.set_data(shades)
            axes.set_title(heading)

    def frame(self, predict: Predict, answers: Sequence[Tensor], title: str) -> NDArray[np.uint8]:
        """Return the picture as ``show`` would make it, ``(height, width, 3)``, fast from the second on."""
        self._film = self._film or Film(self.figure, self._panels, self._images)
        shades = shade(predict(grid(self.extent)).cpu()).reshape(_GRID, _GRID, 3)
        return self._film.frame(shades, title, self._headings(answers))

    def _headings(self, answers: Sequence[Tensor]) -> list[str]:
        """Say how many rows are right in each split."""
        headings = []
        for p, (name, (_, y)) in zip(answers, self._splits.items(), strict=True):
            right = (p.cpu().argmax(dim=1) == y.cpu()).double().mean()
            headings.append(f"{name}: {right:.1%} of {len(y):,} rows right")
        return headings


def _axis(place: float, feature: Feature) -> float:
    return feature.center + feature.scale * place


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


def _panels(number: int, title: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(4.8 * number, 4.8), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, number, sharex=True, sharey=True, squeeze=False)
    return figure, list(axes[0])


def _scatter(
    axes: Axes, x: Tensor, y: Tensor, class_names: Sequence[str], features: Sequence[Feature]
) -> None:
    x, y = x.cpu(), y.cpu()
    for label, name in enumerate(class_names):
        rows = y == label
        axes.scatter(
            features[0].center + features[0].scale * x[rows, 0],
            features[1].center + features[1].scale * x[rows, 1],
            s=20,
            color=colour(label),
            marker=marker(label),
            edgecolors="white",
            linewidths=0.5,
            label=named(name),
        )
    axes.set(xlabel=literal(features[0].name), ylabel=literal(features[1].name))


def _legend(figure: Figure, axes: Axes) -> None:
    """Name the classes below the panels, in as many lines as they need; the picture grows with them."""
    handles, names = axes.get_legend_handles_labels()
    if len(names) > _MOST_NAMED:
        names = [*names[:_MOST_NAMED], f"and {len(names) - _MOST_NAMED} more"]
        handles = [*handles[:_MOST_NAMED], Line2D([], [], linestyle="none")]
    width, height = figure.get_size_inches()
    columns = max(int(width / (0.6 + 0.085 * max(map(len, names)))), 1)
    lines = -(-len(names) // columns)
    figure.set_size_inches(width, height + 0.24 * (lines - 1))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False)


def _extent(x: Tensor) -> tuple[float, float, float, float]:
    low, high = x.cpu().amin(dim=0), x.cpu().amax(dim=0)
    margin = 0.08 * (high - low).clamp(min=1e-6)
    low, high = low - margin, high + margin
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])
