"""The plane of two features: points, and what a model makes of them.

Legend: N rows, F features, C classes, G points of a grid.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from torch import Tensor, nn

from lit_classify.plots.animation import Film
from lit_classify.plots.style import colour, literal, marker, named

_MOST_NAMED = 24
_PANEL, _GAP, _ABOVE = 3.3, 0.2, 0.82  # width of a panel, between panels, and height above them, in inches
_GRID = 64
_FINE = 128  # the grid that is shaded, interpolated from the one that the model is asked about
_PALEST, _DEEPEST = 0.22, 0.65  # of a class's colour, where the model is least and most certain
_LEAST = 1e-7  # probability; smaller ones have been rounded
_DARK = "#1a1a1a"
_RING: dict[str, Any] = {
    "markersize": 6.5,
    "markerfacecolor": "none",
    "markeredgecolor": _DARK,
    "markeredgewidth": 0.8,
}

Points = tuple[Tensor, Tensor]
Predict = Callable[[Tensor], Tensor]
Extent = tuple[float, float, float, float]


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
    equal: bool = True,
) -> Figure:
    """Draw labelled points ``x (N, 2)``, ``y (N,)`` of each split, side by side."""
    figure, panels = _panels(len(splits), title)
    _limit(panels, extent_of(splits, equal), features, equal)
    for axes, (name, (x, y)) in zip(panels, splits.items(), strict=True):
        _scatter(axes, x, y, class_names, features)
        axes.set_title(f"{name}: {len(y):,} rows", fontsize="medium")
    _lay_out(figure, panels)
    return figure


def boundary(
    predict: Predict,
    splits: Mapping[str, Points],
    class_names: Sequence[str],
    title: str,
    features: Sequence[Feature] = X1_X2,
    equal: bool = True,
) -> Figure:
    """Draw the regions that a model assigns to each class, the lines between them, and each split's points.

    Args:
        predict: gives probabilities ``(G, C)`` for points ``(G, 2)``.
        splits: name to ``x (N, 2)`` and ``y (N,)``.
        class_names: the classes in the order of their numbers.
        title: the picture's heading.
        features: the two that the plane is drawn over.
        equal: give both features the same scale.
    """
    plane = Plane(splits, class_names, features, equal)
    predicted = [predict(x).argmax(dim=1) for x, _ in splits.values()]
    plane.show(predict(grid(plane.extent)), predicted, title)
    return plane.figure


class Plane:
    """A decision boundary that is drawn again and again; axes, points and layout stay as they are.

    Args:
        splits: name to ``x (N, 2)`` and ``y (N,)``.
        class_names: the classes in the order of their numbers.
        features: the two that the plane is drawn over.
        equal: give both features the same scale.
        num_rows: rows of each split, where only the first ones are drawn.
        caption: text below the panels. With a caption the plane is a slice through more features: points
            have the colour of the class that is predicted for their complete row.

    Raises:
        ValueError: a point lies at NaN or infinity, or the points too far apart.
    """

    def __init__(
        self,
        splits: Mapping[str, Points],
        class_names: Sequence[str],
        features: Sequence[Feature] = X1_X2,
        equal: bool = True,
        num_rows: Sequence[int] = (),
        caption: str = "",
    ) -> None:
        self._splits = {name: (x.cpu(), y.cpu()) for name, (x, y) in splits.items()}
        self._num_rows = num_rows or [len(y) for _, y in splits.values()]
        self.extent = extent_of(self._splits, equal)
        self.figure, self._panels = _panels(len(splits), "")
        self._title = self.figure.suptitle("run, epoch")
        self._shown = _limit(self._panels, self.extent, features, equal)
        self._images: list[AxesImage] = []
        self._points: list[list[PathCollection]] = []
        self._rings: list[Line2D] = []
        self._lines: list[LineCollection] = []
        self._places: list[NDArray[np.float64]] = []
        for axes, (x, y) in zip(self._panels, self._splits.values(), strict=True):
            blank = np.ones((2, 2, 3))
            image = axes.imshow(blank, extent=self._shown, origin="lower", interpolation="bilinear")
            axes.set_aspect("equal" if equal else "auto")
            self._images.append(image)
            points, places = _scatter(axes, x, y, class_names, features)
            self._points.append(points)
            self._places.append(places)
            self._rings += axes.plot([], [], "o", **_RING, label="misclassified")
            line = LineCollection([], colors=_DARK, linewidths=1.4, zorder=3, label="decision boundary")
            axes.add_collection(line, autolim=False)
            self._lines.append(line)
            axes.set_title("split\nrows", fontsize="medium")
        _lay_out(self.figure, self._panels, caption)
        self._is_slice = bool(caption)
        self._film: Film | None = None

    def show(self, p: Tensor, predicted: Sequence[Tensor], title: str) -> None:
        """Bring the figure up to date.

        Args:
            p: probabilities at the points of ``grid(extent)``, ``(G, C)``.
            predicted: the class that is predicted for each row of each split, ``(N,)``.
            title: the picture's heading.

        Raises:
            ValueError: a probability is NaN or infinity.
        """
        shades = self._update(p, predicted, title)
        for image in self._images:
            image.set_data(shades)

    def frame(self, p: Tensor, predicted: Sequence[Tensor], title: str) -> NDArray[np.uint8]:
        """Return what ``show`` makes as pixels, ``(height, width, 3)``, fast from the second on."""
        if self._film is None:
            headings = [axes.title for axes in self._panels]
            points = [part for parts in self._points for part in parts if self._is_slice]
            moving = [*points, *self._lines, *self._rings]
            self._film = Film(self.figure, [self._title, *headings], moving, self._panels)
        shades = self._update(p, predicted, title)
        return self._film.frame((255 * shades).round().astype(np.uint8))

    def _update(self, p: Tensor, predicted: Sequence[Tensor], title: str) -> NDArray[np.float64]:
        """Bring all but the images up to date, and return what they show."""
        if not bool(p.isfinite().all()):
            raise ValueError("a predicted probability is NaN or infinity")
        p = p.cpu().double()
        lines = decision_lines(p, self._shown)
        self._title.set_text(title)
        for number, (name, (_, y)) in enumerate(self._splits.items()):
            classes = predicted[number].cpu()
            wrong = classes != y
            self._lines[number].set_segments(lines)
            self._rings[number].set_data(*self._places[number][wrong.numpy()].T)
            self._panels[number].title.set_text(_heading(name, wrong, self._num_rows[number]))
            if self._is_slice:
                for label, points in enumerate(self._points[number]):
                    points.set_facecolor([colour(said) for said in classes[y == label].tolist()])
        return shade(_finer(p)).reshape(_FINE, _FINE, 3)


def _heading(name: str, wrong: Tensor, num_rows: int) -> str:
    """Say how many rows of a split are drawn, and how many of them are misclassified."""
    drawn = len(wrong)
    rows = f"{drawn:,} rows" if drawn == num_rows else f"the first {drawn:,} of {num_rows:,} rows"
    if not drawn:
        return f"{name}: no rows\n "
    correct = 1 - float(wrong.double().mean())
    return f"{name}: {rows}\n{correct:.1%} correct, {int(wrong.sum()):,} misclassified"


def grid(extent: Extent) -> Tensor:
    """Return the points of a regular grid over ``(left, right, bottom, top)``, row by row, ``(G, 2)``."""
    left, right, bottom, top = extent
    second, first = torch.meshgrid(
        torch.linspace(bottom, top, _GRID), torch.linspace(left, right, _GRID), indexing="ij"
    )
    return torch.stack([first.flatten(), second.flatten()], dim=1)


def shade(probabilities: Tensor) -> NDArray[np.float64]:
    """Return the winning class's colour, paler the less certain, but never white: ``(G, C)`` to ``(G, 3)``.

    Certainty runs from 0 where all classes are equally probable to 1.
    """
    num_classes = probabilities.shape[1]
    highest, winner = (part.numpy() for part in probabilities.double().max(dim=1))
    certainty = ((highest - 1 / num_classes) / (1 - 1 / num_classes)).clip(0, 1)
    tint = (_PALEST + (_DEEPEST - _PALEST) * certainty)[:, None]
    colours = np.array([to_rgb(colour(label)) for label in range(num_classes)])
    rgb: NDArray[np.float64] = 1 - tint * (1 - colours[winner])
    return rgb


def decision_lines(probabilities: Tensor, extent: Extent) -> list[NDArray[np.float64]]:
    """Return the lines on which the winning class changes, each ``(points, 2)``.

    Logarithms are interpolated, so that the line of a linear model is where it should be.

    Args:
        probabilities: of the classes at the points of ``grid(extent)``, ``(G, C)``.
        extent: ``(left, right, bottom, top)`` in the units of the lines.
    """
    logits = probabilities.clamp(min=_LEAST).log()
    (first, second), (winner, _) = logits.topk(2, dim=1).values.T, logits.topk(2, dim=1).indices.T
    left, right, bottom, top = extent
    x, y = np.linspace(left, right, _GRID), np.linspace(bottom, top, _GRID)
    lines: list[NDArray[np.float64]] = []
    for label in winner.unique().tolist()[1:]:  # the first one has no line that no other has
        margin = logits[:, label] - torch.where(winner == label, second, first)
        found = contour_generator(x, y, margin.reshape(_GRID, _GRID).numpy(), line_type="Separate").lines(0)
        lines += cast(list[NDArray[np.float64]], found)
    return lines


def extent_of(splits: Mapping[str, Points], equal: bool) -> Extent:
    """Return ``(left, right, bottom, top)`` around all points, a square if both scales are to be equal.

    Raises:
        ValueError: a point lies at NaN or infinity, or the points too far apart.
    """
    x = torch.cat([x[:, :2].cpu().double() for x, _ in splits.values()])
    low, high = x.amin(dim=0), x.amax(dim=0)
    size = (high - low).clamp(min=1e-6)
    if not bool(size.isfinite().all()):
        raise ValueError("a point lies at NaN or infinity")
    size = 1.16 * (size.max().expand(2) if equal else size)
    middle = (low + high) / 2
    (left, bottom), (right, top) = (middle - size / 2).tolist(), (middle + size / 2).tolist()
    return left, right, bottom, top


def _finer(p: Tensor) -> Tensor:
    """Interpolate probabilities over the grid, ``(G, C)``, to the grid that is shaded."""
    maps = p.T.reshape(1, -1, _GRID, _GRID)
    fine = nn.functional.interpolate(maps, size=(_FINE, _FINE), mode="bilinear", align_corners=True)
    return fine.reshape(p.shape[1], -1).T


def _panels(number: int, title: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(dpi=72)
    figure.suptitle(title)
    axes = figure.subplots(1, number, sharex=True, sharey=True, squeeze=False)
    return figure, list(axes[0])


def _lay_out(figure: Figure, panels: Sequence[Axes], caption: str = "") -> None:
    """Place square panels, headings and the legend by hand.

    Matplotlib's layout engine takes longer than everything that is drawn, and headings overlap after its
    first pass where both scales are equal.
    """
    labels = panels[0].yaxis.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert labels is not None  # the axis is visible
    left = labels.width / figure.dpi + 0.15
    width = left + len(panels) * (_PANEL + _GAP)
    handles, names = panels[0].get_legend_handles_labels()
    more = sum(isinstance(handle, PathCollection) for handle in handles) - _MOST_NAMED
    if more > 0:
        handles[_MOST_NAMED : _MOST_NAMED + more] = [Line2D([], [], linestyle="none")]
        names[_MOST_NAMED : _MOST_NAMED + more] = [f"and {more} more"]
    columns = max(int(width / (0.5 + 0.08 * max(map(len, names)))), 1)
    lines = -(-len(names) // columns) + len(caption.splitlines())
    below = 0.72 + 0.21 * lines
    height = below + _PANEL + _ABOVE
    figure.set_size_inches(width, height)
    for number, axes in enumerate(panels):
        start = left + number * (_PANEL + _GAP)
        axes.set_position((start / width, below / height, _PANEL / width, _PANEL / height))
    places: dict[str, Any] = {"loc": "lower center", "ncols": columns, "borderaxespad": 0.3}
    figure.legend(handles, names, **places, frameon=False, title=caption or None, title_fontsize="small")


def _limit(panels: Sequence[Axes], extent: Extent, features: Sequence[Feature], equal: bool) -> Extent:
    """Fix the limits of all panels, and return them in the features' own units."""
    left, right = (features[0].center + features[0].scale * place for place in extent[:2])
    bottom, top = (features[1].center + features[1].scale * place for place in extent[2:])
    for axes in panels:
        axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal" if equal else "auto")
    return left, right, bottom, top


def _scatter(
    axes: Axes, x: Tensor, y: Tensor, class_names: Sequence[str], features: Sequence[Feature]
) -> tuple[list[PathCollection], NDArray[np.float64]]:
    """Draw a split's points, and return them class by class, and where each row is, ``(N, 2)``."""
    centers, scales = (np.array([getattr(f, part) for f in features]) for part in ("center", "scale"))
    places = centers + scales * x[:, :2].cpu().double().numpy()
    points = [
        axes.scatter(
            places[(y.cpu() == label).numpy(), 0],
            places[(y.cpu() == label).numpy(), 1],
            s=20,
            color=colour(label),
            marker=marker(label),
            edgecolors="white",
            linewidths=0.5,
            label=named(name),
            zorder=2,
        )
        for label, name in enumerate(class_names)
    ]
    axes.set(xlabel=literal(features[0].name), ylabel=literal(features[1].name))
    axes.label_outer()
    return points, places
