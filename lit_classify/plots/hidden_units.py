"""Maps of the activations of a small network's units over its two inputs, connected by its weights.

Legend: U units of a layer, G points of a grid.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.plots.style import class_color, legend_label, shorten

MAX_UNITS = 16
_MIN_WEIGHT = 0.08  # relative to the largest weight; smaller ones are not drawn


def hidden_unit_maps(
    activations: Sequence[Tensor],
    weights: Sequence[Tensor],
    units: Sequence[Sequence[int]],
    inputs: Sequence[str],
    outputs: Sequence[str],
    title: str,
) -> Figure:
    """Plot a column of maps for each layer, from the inputs to the outputs.

    Args:
        activations: activations of the selected units of each layer over a square grid, ``(G, U)`` each.
        weights: from the selected units of each layer to those of the next, ``(U_next, U)`` each.
        units: numbers of the selected units in their layer.
        inputs: names of the inputs.
        outputs: names of the outputs, such as the classes.
        title: title of the figure.

    Examples:
        >>> import torch
        >>> grid, hidden, weight = torch.randn(9, 2), torch.randn(9, 1), torch.ones(1, 2)
        >>> units = [[0, 1], [0]]
        >>> figure = hidden_unit_maps([grid, hidden], [weight], units, ["x1", "x2"], ["yes"], "epoch 9")
        >>> [axes.get_title() for axes in figure.axes]
        ['x1', 'x2', 'yes']
    """
    max_units = max(activation.shape[1] for activation in activations)
    figure = Figure(figsize=(2.3 * len(activations) + 0.4, 1.02 * max_units + 1.3))
    figure.suptitle(title)
    columns = [
        [_draw_map(figure, layer, row, activations, name) for row, name in enumerate(names)]
        for layer, names in enumerate(_unit_names(units, inputs, outputs))
    ]
    for sources, targets, weight in zip(columns, columns[1:], weights, strict=False):
        largest = float(weight.abs().max()) or 1.0
        for row, target in enumerate(targets):
            for column, source in enumerate(sources):
                _connect(figure, source, target, float(weight[row, column]) / largest)
    caption = "blue: positive, red: negative; color intensity: activation, line width: weight"
    figure.text(0.5, 0.012, caption, ha="center", fontsize=8)
    return figure


def _unit_names(
    units: Sequence[Sequence[int]], inputs: Sequence[str], outputs: Sequence[str]
) -> list[list[str]]:
    """Return the name of each selected unit of each layer."""
    hidden = [[f"layer {layer}.{unit}" for unit in selected] for layer, selected in enumerate(units[1:-1], 1)]
    return [[shorten(name) for name in inputs], *hidden, [legend_label(outputs[unit]) for unit in units[-1]]]


def _draw_map(figure: Figure, layer: int, row: int, activations: Sequence[Tensor], name: str) -> Axes:
    """Draw the activations of one unit at its position in the figure."""
    activation = activations[layer][:, row].double().cpu().numpy()
    side = round(len(activation) ** 0.5)
    width, height = figure.get_size_inches()
    num_units = activations[layer].shape[1]
    center = 0.5 * (height - 0.3) + (num_units - 1 - 2 * row) * 0.51
    left = 0.55 + layer * (width - 1.6) / max(len(activations) - 1, 1)
    axes = figure.add_axes((left / width, (center - 0.36) / height, 0.72 / width, 0.72 / height))
    axes.imshow(_to_rgb(activation).reshape(side, side, 3), origin="lower", interpolation="bilinear")
    axes.set(xticks=[], yticks=[])
    axes.set_title(name, fontsize=7, pad=1.5)
    return axes


def _to_rgb(activation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return red for negative and blue for positive activations, white for zero, ``(G, 3)``."""
    from matplotlib.colors import to_rgb

    largest = max(float(np.abs(activation).max()), 1e-12)
    intensity = np.abs(activation)[:, None] / largest
    color = np.where(activation[:, None] > 0, to_rgb(class_color(1)), to_rgb(class_color(0)))
    rgb: NDArray[np.float64] = 1 - intensity * (1 - color)
    return rgb


def _connect(figure: Figure, source: Axes, target: Axes, weight: float) -> None:
    """Draw a weight, scaled to -1 .. 1, as a line from one map to another."""
    if abs(weight) < _MIN_WEIGHT:
        return
    line = ConnectionPatch(
        xyA=(1, 0.5), xyB=(0, 0.5), coordsA=source.transAxes, coordsB=target.transAxes, zorder=0
    )
    line.set(color=class_color(1 if weight > 0 else 0), linewidth=0.3 + 2.2 * abs(weight))
    line.set_alpha(0.25 + 0.6 * abs(weight))
    figure.add_artist(line)
