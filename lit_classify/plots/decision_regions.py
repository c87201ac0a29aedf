"""The regions of the predicted classes over two features: their grid, colors and boundary lines.

Legend: N rows, C classes, G points of the grid.
"""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from contourpy import contour_generator
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from torch import Tensor, nn

from lit_classify.plots.style import class_color, tint

_GRID = 64  # points per axis at which the model is evaluated
_FINE_GRID = 128  # points per axis of the background, interpolated from those of the model
_MIN_TINT, _MAX_TINT = 0.22, 0.65  # of a class's color, where the model is least and most certain
_MIN_PROBABILITY = 1e-7  # smaller probabilities have been rounded

Points = tuple[Tensor, Tensor]
Extent = tuple[float, float, float, float]


def grid(extent: Extent) -> Tensor:
    """Return the points of a regular grid over ``(left, right, bottom, top)``, row by row, ``(G, 2)``.

    Examples:
        >>> grid((0, 1, 10, 20))[[0, -1]].tolist()
        [[0.0, 10.0], [1.0, 20.0]]
    """
    left, right, bottom, top = extent
    y, x = torch.meshgrid(
        torch.linspace(bottom, top, _GRID), torch.linspace(left, right, _GRID), indexing="ij"
    )
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def region_colors(p: Tensor) -> NDArray[np.float64]:
    """Return the color of the predicted class, nearer to the background the less certain it is.

    Certainty is 0 where all classes have the same probability, and 1 where one has probability 1.

    Args:
        p: predicted probabilities, ``(G, C)``.

    Returns:
        red, green and blue from 0 to 1, ``(G, 3)``.

    Examples:
        >>> region_colors(torch.tensor([[0.9, 0.1], [0.5, 0.5]])).shape
        (2, 3)
    """
    num_classes = p.shape[1]
    highest, predicted = (tensor.numpy() for tensor in p.double().max(dim=1))
    certainty = ((highest - 1 / num_classes) / (1 - 1 / num_classes)).clip(0, 1)
    colors = np.array([to_rgb(class_color(label)) for label in range(num_classes)])
    return tint(colors[predicted], _MIN_TINT + (_MAX_TINT - _MIN_TINT) * certainty)


def boundary_lines(p: Tensor, extent: Extent) -> list[NDArray[np.float64]]:
    """Return the lines along which the predicted class changes, each ``(points, 2)``.

    Logarithms of probabilities are interpolated, so that the line of a linear model is exact.

    Args:
        p: predicted probabilities at the points of ``grid(extent)``, ``(G, C)``.
        extent: ``(left, right, bottom, top)`` in the units of the lines.

    Examples:
        >>> extent = (-1.0, 1.0, -1.0, 1.0)
        >>> p = torch.sigmoid(9 * grid(extent)[:, 0])  # the boundary is x1 = 0
        >>> (line,) = boundary_lines(torch.stack([1 - p, p], dim=1), extent)
        >>> bool(np.abs(line[:, 0]).max() < 1e-6)
        True
    """
    log_p = p.clamp(min=_MIN_PROBABILITY).log()
    (highest, second_highest), (predicted, _) = log_p.topk(2, dim=1).values.T, log_p.topk(2, dim=1).indices.T
    left, right, bottom, top = extent
    x, y = np.linspace(left, right, _GRID), np.linspace(bottom, top, _GRID)
    lines: list[NDArray[np.float64]] = []
    for label in predicted.unique().tolist()[1:]:  # each line of the first class is also one of another
        margin = log_p[:, label] - torch.where(predicted == label, second_highest, highest)
        contours = contour_generator(x, y, margin.reshape(_GRID, _GRID).numpy(), line_type="Separate")
        lines += cast(list[NDArray[np.float64]], contours.lines(0))
    return lines


def extent_of(splits: Mapping[str, Points], equal: bool) -> Extent:
    """Return ``(left, right, bottom, top)`` around all points; a square for axes of the same scale.

    Raises:
        ValueError: a coordinate is NaN or infinity, or the range of a feature overflows.

    Examples:
        >>> splits = {"Train": (torch.tensor([[0.0, 0.0], [1.0, 2.0]]), torch.tensor([0, 1]))}
        >>> [round(edge, 2) for edge in extent_of(splits, equal=False)]
        [-0.08, 1.08, -0.16, 2.16]
    """
    x = torch.cat([x[:, :2].cpu().double() for x, _ in splits.values()])
    low, high = x.amin(dim=0), x.amax(dim=0)
    size = (high - low).clamp(min=1e-6)
    if not bool(size.isfinite().all()):
        raise ValueError("a coordinate is NaN or infinity")
    size = 1.16 * (size.max().expand(2) if equal else size)
    middle = (low + high) / 2
    (left, bottom), (right, top) = (middle - size / 2).tolist(), (middle + size / 2).tolist()
    return left, right, bottom, top


def background_colors(p: Tensor) -> NDArray[np.float64]:
    """Return ``region_colors`` on a finer grid, to which the probabilities ``(G, C)`` are interpolated.

    Examples:
        >>> background_colors(torch.full((len(grid((0, 1, 0, 1))), 2), 0.5)).shape
        (128, 128, 3)
    """
    maps = p.T.reshape(1, -1, _GRID, _GRID)
    fine = nn.functional.interpolate(maps, size=(_FINE_GRID, _FINE_GRID), mode="bilinear", align_corners=True)
    return region_colors(fine.reshape(p.shape[1], -1).T).reshape(_FINE_GRID, _FINE_GRID, 3)
