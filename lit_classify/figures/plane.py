"""The plane of two features: points, and what a model makes of them.

Legend: N rows, F features, C classes, G points of a grid.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.figures.style import colour, marker

_GRID = 160
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
        self._canvas: FigureCanvasAgg | None = None
        self._empty: Any = None

    def show(self, predict: Predict, answers: Sequence[Tensor], title: str | None = None) -> None:
        """Shade the plane by ``predict``, and say how many rows ``answers``, probabilities, have right."""
        shades = shade(predict(grid(self.extent)).cpu()).reshape(_GRID, _GRID, 3)
        self.figure.suptitle(title or self._title)
        for axes, picture, p, (name, (_, y)) in zip(
            self._panels, self._images, answers, self._splits.items(), strict=True
        ):
            picture.set_data(shades)
            right = (p.cpu().argmax(dim=1) == y.cpu()).double().mean()
            axes.set_title(f"{name}: {right:.1%} of {len(y):,} rows right")

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture as it is shown, ``(height, width, 3)``; the first time everything is drawn."""
        if self._canvas is None:
            self._canvas = FigureCanvasAgg(self.figure)
            self._canvas.draw()
            self.figure.set_layout_engine("none")  # everything has its place now
            changing = [*self._images, *(axes.title for axes in self._panels), self.figure._suptitle]  # type: ignore[attr-defined]  # matplotlib has no public name for it
            above = [part for axes in self._panels for part in (*axes.collections, *axes.spines.values())]
            self._changing = [*changing, *above]
            for artist in self._changing:
                artist.set_animated(True)
            self._canvas.draw()
            self._empty = self._canvas.copy_from_bbox(self.figure.bbox)
        self._canvas.restore_region(self._empty)
        for artist in self._changing:
            artist.axes.draw_artist(artist) if artist.axes else self.figure.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()


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
    figure = Figure(figsize=(5.6 * number, 5.6), layout="constrained")
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
            label=f"class {name}",
        )
    axes.set(xlabel=features[0].name, ylabel=features[1].name)


def _legend(figure: Figure, axes: Axes) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)


def _extent(x: Tensor) -> tuple[float, float, float, float]:
    low, high = x.cpu().amin(dim=0), x.cpu().amax(dim=0)
    margin = 0.08 * (high - low).clamp(min=1e-6)
    low, high = low - margin, high + margin
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])
