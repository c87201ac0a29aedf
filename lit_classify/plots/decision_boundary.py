"""The decision boundary of a classifier over two features.

Legend: N rows, F features, C classes, G points of a grid.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.data_interface import NumericFeature
from lit_classify.messages import plural
from lit_classify.plots.animation import FrameRenderer
from lit_classify.plots.decision_regions import (
    Extent,
    Points,
    background_colors,
    boundary_lines,
    extent_of,
)
from lit_classify.plots.inline_figure import InlineFigure
from lit_classify.plots.style import (
    background,
    class_color,
    class_marker,
    escape_mathtext,
    foreground,
    full_label,
)

_MAX_LEGEND_CLASSES = 24
_CAPTION_DENSITY = 13  # characters per inch
_PANEL, _GAP, _HEADER = 3.3, 0.2, 0.82  # width of a panel, between panels, and height above them, in inches
_RING: dict[str, Any] = {
    "markersize": 6.5,
    "markerfacecolor": "none",
    "markeredgewidth": 0.8,
}

X1_X2 = (NumericFeature("x1"), NumericFeature("x2"))


def scatter_by_class(
    splits: Mapping[str, Points],
    class_names: Sequence[str],
    title: str,
    features: Sequence[NumericFeature] = X1_X2,
    equal: bool = True,
) -> Figure:
    """Plot the points of each split, colored by class, side by side.

    Args:
        splits: split name to ``x (N, 2)`` and ``y (N,)``.
        class_names: names of the classes.
        title: title of the figure.
        features: names and scales of the axes.
        equal: use the same scale for both axes.

    Examples:
        >>> splits = {"Train": (torch.eye(2), torch.tensor([0, 1]))}
        >>> figure = scatter_by_class(splits, ["no", "yes"], "circles")
        >>> figure.axes[0].get_title()
        'Train: 2 rows'
    """
    figure, panels = _make_panels(len(splits), title)
    _set_limits(panels, extent_of(splits, equal), features, equal)
    for axes, (name, (x, y)) in zip(panels, splits.items(), strict=True):
        _scatter(axes, x, y, class_names, features)
        axes.set_title(f"{name}: {plural(len(y), 'row')}", fontsize="medium")
    _lay_out(figure, panels)
    return figure


class DecisionBoundaryDisplay:
    """Decision regions, decision boundary and data points over two features, a panel for each split.

    ``update`` and ``frame`` show new predictions; axes, points and layout stay as they are.

    Args:
        splits: split name to ``x (N, 2)`` and ``y (N,)``.
        class_names: names of the classes.
        features: names and scales of the axes.
        equal: use the same scale for both axes.
        num_rows: number of rows of each split, if ``splits`` holds only the first ones.
        extent: ``(left, right, bottom, top)`` of the plane in the network's inputs; around all points by
            default.
        caption: text below the panels. A caption means that the plane is a slice through more features; the
            color of a point is then the class predicted from all features of its row.

    Attributes:
        figure: the matplotlib Figure.
        extent: ``(left, right, bottom, top)`` of the plane in the network's inputs, see ``grid``.

    Raises:
        ValueError: a coordinate is NaN or infinity, or the range of a feature overflows.

    Examples:
        >>> from lit_classify.plots import grid
        >>> display = DecisionBoundaryDisplay({"Test": (torch.eye(2), torch.tensor([0, 1]))}, ["no", "yes"])
        >>> p = torch.softmax(grid(display.extent), dim=1)
        >>> display.update(p, [torch.tensor([0, 0])], "epoch 3")
        >>> print(display.figure.axes[0].get_title())
        Test: 2 rows
        50.0% correct, 1 misclassified
    """

    def __init__(
        self,
        splits: Mapping[str, Points],
        class_names: Sequence[str],
        features: Sequence[NumericFeature] = X1_X2,
        equal: bool = True,
        num_rows: Sequence[int] = (),
        extent: Extent | None = None,
        caption: str = "",
    ) -> None:
        self._splits = {name: (x.cpu(), y.cpu()) for name, (x, y) in splits.items()}
        self._num_rows = num_rows or [len(y) for _, y in splits.values()]
        self.extent = extent_of(self._splits, equal) if extent is None else extent
        self.figure, self._panels = _make_panels(len(splits), "")
        self._title = self.figure.suptitle("run, epoch")  # reserves the height of a title in the layout
        self._data_extent = _set_limits(self._panels, self.extent, features, equal)
        self._images: list[AxesImage] = []
        self._points: list[list[PathCollection]] = []
        self._rings: list[Line2D] = []
        self._lines: list[LineCollection] = []
        self._positions: list[NDArray[np.float64]] = []
        for axes, (x, y) in zip(self._panels, self._splits.values(), strict=True):
            blank = np.ones((2, 2, 3))
            image = axes.imshow(blank, extent=self._data_extent, origin="lower", interpolation="bilinear")
            axes.set_aspect("equal" if equal else "auto")
            self._images.append(image)
            points, positions = _scatter(axes, x, y, class_names, features)
            self._points.append(points)
            self._positions.append(positions)
            self._rings += axes.plot(
                [], [], "o", markeredgecolor=foreground(), label="misclassified", **_RING
            )
            line = LineCollection(
                [], colors=foreground(), linewidths=1.4, zorder=3, label="decision boundary"
            )
            axes.add_collection(line, autolim=False)
            self._lines.append(line)
            axes.set_title("split\nrows", fontsize="medium")
        _lay_out(self.figure, self._panels, caption)
        self._is_slice = bool(caption)
        self._renderer: FrameRenderer | None = None

    def update(self, p: Tensor, predicted: Sequence[Tensor], title: str) -> None:
        """Show new predictions.

        Args:
            p: predicted probabilities at the points of ``grid(extent)``, ``(G, C)``.
            predicted: predicted class of each row of each split, ``(N,)`` int64 each.
            title: title of the figure.

        Raises:
            ValueError: a probability is NaN or infinity.
        """
        background = self._update_artists(p, predicted, title)
        for image in self._images:
            image.set_data(background)

    def frame(self, p: Tensor, predicted: Sequence[Tensor], title: str) -> NDArray[np.uint8]:
        """Update and return pixels ``(height, width, 3)``; every call after the first is fast."""
        if self._renderer is None:
            titles = [self._title, *(axes.title for axes in self._panels)]
            points = [collection for panel in self._points for collection in panel] if self._is_slice else []
            animated = [*points, *self._lines, *self._rings]
            self._renderer = FrameRenderer(self.figure, titles, animated, self._panels)
        background = self._update_artists(p, predicted, title)
        return self._renderer.render((255 * background).round().astype(np.uint8))

    def _update_artists(self, p: Tensor, predicted: Sequence[Tensor], title: str) -> NDArray[np.float64]:
        """Update all artists except the background images, and return those images."""
        if not bool(p.isfinite().all()):
            raise ValueError("a predicted probability is NaN or infinity")
        p = p.cpu().double()
        lines = boundary_lines(p, self._data_extent)
        self._title.set_text(title)
        for index, (name, (_, y)) in enumerate(self._splits.items()):
            classes = predicted[index].cpu()
            wrong = classes != y
            self._lines[index].set_segments(lines)
            self._rings[index].set_data(*self._positions[index][wrong.numpy()].T)
            self._panels[index].title.set_text(_panel_title(name, wrong, self._num_rows[index]))
            if self._is_slice:
                for label, points in enumerate(self._points[index]):
                    labels = classes[y == label].tolist()
                    points.set_facecolor([class_color(predicted_label) for predicted_label in labels])
        return background_colors(p)


def boundaries_of_seeds(
    points: Points,
    class_names: Sequence[str],
    surfaces: Sequence[Tensor],
    extent: Extent,
    title: str,
    features: Sequence[NumericFeature] = X1_X2,
    equal: bool = True,
) -> Figure:
    """Plot the decision boundary of each of several runs, on the regions of their mean probabilities.

    Args:
        points: ``x (N, 2)`` and ``y (N,)``.
        class_names: names of the classes.
        surfaces: predicted probabilities of each run at the points of ``grid(extent)``, ``(G, C)``.
        extent: ``(left, right, bottom, top)`` of the plane in the network's inputs.
        title: title of the figure.
        features: names and scales of the axes.
        equal: use the same scale for both axes.

    Examples:
        >>> from lit_classify.plots import grid
        >>> extent = (-1.0, 1.0, -1.0, 1.0)
        >>> p = torch.sigmoid(9 * grid(extent)[:, 0])
        >>> surface = torch.stack([1 - p, p], dim=1)
        >>> points = torch.eye(2), torch.tensor([0, 1])
        >>> figure = boundaries_of_seeds(points, ["no", "yes"], [surface, surface.flip(1)], extent, "2 runs")
        >>> sum(isinstance(artist, LineCollection) for artist in figure.axes[0].collections)
        2
    """
    figure, panels = _make_panels(1, title)
    (axes,) = panels
    edges = _set_limits(panels, extent, features, equal)
    mean = torch.stack([p.cpu().double() for p in surfaces]).mean(dim=0)
    colors = background_colors(mean)
    axes.imshow(colors, extent=edges, origin="lower", interpolation="bilinear")
    axes.set_aspect("equal" if equal else "auto")
    _scatter(axes, *points, class_names, features)
    for p in surfaces:
        lines = boundary_lines(p.cpu().double(), edges)
        axes.add_collection(
            LineCollection(lines, colors=foreground(), linewidths=0.9, alpha=0.5, zorder=3), autolim=False
        )
    _lay_out(figure, panels)
    return figure


def _panel_title(name: str, wrong: Tensor, num_rows: int) -> str:
    """Return the title of a split: how many rows are drawn, and how many of them are misclassified."""
    drawn = len(wrong)
    rows = plural(drawn, "row") if drawn == num_rows else f"the first {drawn:,} of {num_rows:,} rows"
    if not drawn:
        return f"{name}: no rows\n "
    correct = 1 - float(wrong.double().mean())
    return f"{name}: {rows}\n{correct:.1%} correct, {int(wrong.sum()):,} misclassified"


def _make_panels(num_panels: int, title: str) -> tuple[Figure, list[Axes]]:
    figure = InlineFigure(dpi=72)
    figure.suptitle(title)
    axes = figure.subplots(1, num_panels, sharex=True, sharey=True, squeeze=False)
    return figure, list(axes[0])


def _lay_out(figure: Figure, panels: Sequence[Axes], caption: str = "") -> None:
    """Set the positions of square panels, titles and legend.

    Matplotlib's layout engine takes longer than drawing the figure, and after its first pass titles overlap
    panels of equal scales.
    """
    labels = panels[0].yaxis.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert labels is not None  # the axis is visible
    left = labels.width / figure.dpi + 0.15
    width = left + len(panels) * (_PANEL + _GAP)
    handles, names = panels[0].get_legend_handles_labels()
    num_omitted = sum(isinstance(handle, PathCollection) for handle in handles) - _MAX_LEGEND_CLASSES
    if num_omitted > 0:
        handles[_MAX_LEGEND_CLASSES : _MAX_LEGEND_CLASSES + num_omitted] = [Line2D([], [], linestyle="none")]
        names[_MAX_LEGEND_CLASSES : _MAX_LEGEND_CLASSES + num_omitted] = [f"and {num_omitted} more"]
    longest = max(len(line) for name in names for line in name.splitlines())
    columns = max(int(width / (0.5 + 0.08 * longest)), 1)
    rows = -(-len(names) // columns)
    lines = [1 + name.count("\n") for name in names]
    caption = "\n".join(textwrap.fill(line, int(width * _CAPTION_DENSITY)) for line in caption.splitlines())
    num_lines = max(sum(lines[start : start + rows]) for start in range(0, len(names), rows))
    num_lines += len(caption.splitlines())
    below = 0.72 + 0.21 * num_lines
    height = below + _PANEL + _HEADER
    figure.set_size_inches(width, height)
    for index, axes in enumerate(panels):
        start = left + index * (_PANEL + _GAP)
        axes.set_position((start / width, below / height, _PANEL / width, _PANEL / height))
    position: dict[str, Any] = {"loc": "lower center", "ncols": columns, "borderaxespad": 0.3}
    figure.legend(handles, names, **position, frameon=False, title=caption or None, title_fontsize="small")


def _set_limits(
    panels: Sequence[Axes], extent: Extent, features: Sequence[NumericFeature], equal: bool
) -> Extent:
    """Set the limits of all panels, and return them in the original units of the features."""
    left, right = (features[0].center + features[0].scale * value for value in extent[:2])
    bottom, top = (features[1].center + features[1].scale * value for value in extent[2:])
    for axes in panels:
        axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal" if equal else "auto")
    return left, right, bottom, top


def _scatter(
    axes: Axes, x: Tensor, y: Tensor, class_names: Sequence[str], features: Sequence[NumericFeature]
) -> tuple[list[PathCollection], NDArray[np.float64]]:
    """Draw the points of a split; return an artist per class and the position of each row ``(N, 2)``."""
    centers = np.array([feature.center for feature in features])
    scales = np.array([feature.scale for feature in features])
    positions = centers + scales * x[:, :2].cpu().double().numpy()
    points = [
        axes.scatter(
            positions[(y.cpu() == label).numpy(), 0],
            positions[(y.cpu() == label).numpy(), 1],
            s=20,
            color=class_color(label),
            marker=class_marker(label),
            edgecolors=background(),
            linewidths=0.5,
            label=full_label(name, 30),
            zorder=2,
        )
        for label, name in enumerate(class_names)
    ]
    axes.set(xlabel=escape_mathtext(features[0].name), ylabel=escape_mathtext(features[1].name))
    axes.label_outer()
    return points, positions
