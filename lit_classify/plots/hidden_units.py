"""Maps of the activations of a small network's units over its two inputs, connected by its weights.

Legend: U units of a layer, G points of a grid.
"""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.plots.inline_figure import InlineFigure
from lit_classify.plots.style import class_color, legend_label, short_label, tint

Numbers = NDArray[np.float64]
_MAX_UNITS = 16
_MIN_WEIGHT = 0.08  # relative to the largest weight; smaller ones are not drawn
_CARD, _CARD_TITLE, _CARD_CAPTION, _CARD_GAP = 3.6, 0.5, 0.25, 0.24  # inches
_MAP, _ROW, _COLUMN, _ABOVE, _BELOW = 0.72, 1.02, 2.3, 0.8, 0.5  # sizes and margins in inches


def hidden_unit_maps(
    activations: Sequence[Tensor],
    weights: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    title: str,
) -> Figure:
    """Plot a column of maps for each layer, from the inputs to the outputs.

    Of a layer with more than 16 units, the 16 most active ones are drawn. All hidden units share a color
    scale, and so do all outputs; each input has its own. Units that are zero everywhere are marked as dead.

    Args:
        activations: activations of the units of each layer over a square grid, ``(G, U)`` each.
        weights: from the units of each layer to those of the next, ``(U_next, U)`` each.
        inputs: names of the inputs.
        outputs: names of the outputs, such as the classes.
        title: title of the figure.

    Examples:
        >>> import torch
        >>> grid, hidden, weight = torch.randn(9, 2), torch.zeros(9, 1), torch.ones(1, 2)
        >>> layers, weights = [grid, hidden, torch.randn(9, 1)], [weight, torch.ones(1, 1)]
        >>> figure = hidden_unit_maps(layers, weights, ["x1", "x2"], ["yes"], "epoch 9")
        >>> [axes.get_title() for axes in figure.axes]
        ['x1', 'x2', 'unit 0', 'yes']
        >>> [text.get_text() for text in figure.texts[1:4]]
        ['2 inputs', 'layer 1: 1 unit, 1 dead', '1 output']
    """
    maps = [activation.double().cpu().numpy() for activation in activations]
    units = [_most_active(activation) for activation in maps]
    hidden_scale, output_scale = _largest(maps[1:-1]), _largest(maps[-1:])
    rows = max(map(len, units))
    figure = InlineFigure(figsize=(_COLUMN * len(maps) + 0.4, _ROW * rows + _ABOVE + _BELOW))
    width, height = figure.get_size_inches()
    figure.suptitle(title, y=1 - 0.1 / height)
    columns: list[list[Axes]] = []
    for layer, (activation, selected) in enumerate(zip(maps, units, strict=True)):
        left = 0.55 + layer * (width - 1.1 - _MAP) / max(len(maps) - 1, 1)
        if layer == 0:
            header = _count("input", activation, selected)
            scales = [_largest([activation[:, unit]]) for unit in selected]
            names = [short_label(inputs[unit]) for unit in selected]
        elif layer == len(maps) - 1:
            header = _count("output", activation, selected)
            scales = [output_scale] * len(selected)
            names = [legend_label(outputs[unit]) for unit in selected]
        else:
            header = f"layer {layer}: {_count('unit', activation, selected)}"
            scales = [hidden_scale] * len(selected)
            names = [f"unit {unit}" for unit in selected]
        figure.text((left + _MAP / 2) / width, 1 - 0.45 / height, header, ha="center", va="top", fontsize=8)
        columns.append([])
        for row, (unit, scale, name) in enumerate(zip(selected, scales, names, strict=True)):
            bottom = _BELOW + _ROW / 2 * (rows + len(selected) - 2 - 2 * row)
            axes = figure.add_axes((left / width, bottom / height, _MAP / width, _MAP / height))
            _draw_map(axes, activation[:, unit], scale, name)
            columns[-1].append(axes)
    for layer, weight in enumerate(weights):
        selected_weight = weight.cpu().numpy()[units[layer + 1]][:, units[layer]]
        _connect(figure, columns[layer], columns[layer + 1], selected_weight)
    hidden_text = f"±{hidden_scale:.3g} in hidden units, " if len(maps) > 2 else ""
    caption = (
        "blue: positive, red: negative; line width: weight\n"
        f"full color: {hidden_text}±{output_scale:.3g} in outputs"
    )
    figure.text(0.5, 0.06 / height, caption, ha="center", va="bottom", fontsize=8)
    return figure


def hidden_layer_maps(activation: Tensor, layer: int, scale: float, title: str) -> Figure:
    r"""Plot the maps of one layer's units in a square, which are legible on a small card.

    Of a layer with more than 16 units, the 16 most active ones are drawn. Units that are zero everywhere are
    marked as dead.

    Args:
        activation: activations of the units over a square grid, ``(G, U)``.
        layer: number of the layer.
        scale: activation in full color.
        title: title of the figure.

    Examples:
        >>> import torch
        >>> figure = hidden_layer_maps(torch.tensor([[0.0, 1.0, 0.5]]).repeat(9, 1), 2, 1.0, "epoch 9")
        >>> [axes.get_title() for axes in figure.axes]
        ['0', '1', '2']
        >>> figure.get_suptitle()
        'epoch 9\nlayer 2: 3 units, 1 dead'
    """
    maps = activation.double().cpu().numpy()
    units = _most_active(maps)
    columns = math.ceil(len(units) ** 0.5)
    rows = math.ceil(len(units) / columns)
    cell = _CARD / columns
    side = cell - _CARD_GAP
    height = _CARD_TITLE + cell * rows + _CARD_CAPTION
    figure = InlineFigure(figsize=(_CARD, height))
    figure.suptitle(f"{title}\nlayer {layer}: {_count('unit', maps, units)}", y=1 - 0.06 / height)
    for position, unit in enumerate(units):
        row, column = divmod(position, columns)
        left = cell * column + _CARD_GAP / 2
        bottom = height - _CARD_TITLE - cell * (row + 1) + 0.05
        axes = figure.add_axes((left / _CARD, bottom / height, side / _CARD, side / height))
        _draw_map(axes, maps[:, unit], scale, f"{unit}", size=10)
    caption = f"blue: positive, red: negative, up to ±{scale:.3g}"
    figure.text(0.5, 0.06 / height, caption, ha="center", va="bottom")
    return figure


def _most_active(activation: Numbers) -> list[int]:
    """Return the indices of the units to draw."""
    means = np.abs(activation).mean(axis=0)
    return sorted(np.argsort(-means, kind="stable")[:_MAX_UNITS].tolist())


def _largest(activations: Sequence[Numbers]) -> float:
    return max((float(np.abs(activation).max()) for activation in activations), default=0.0)


def _count(kind: str, activation: Numbers, selected: Sequence[int]) -> str:
    """Return the number of units of a layer, and how many of them are drawn and dead."""
    total = activation.shape[1]
    drawn = f"{len(selected)} of " if len(selected) < total else ""
    num_dead = int((activation == 0).all(axis=0).sum())
    dead = f", {num_dead} dead" if num_dead else ""
    return f"{drawn}{total} {kind}{'s' * (total > 1)}{dead}"


def _draw_map(axes: Axes, activation: Numbers, scale: float, name: str, size: float = 7) -> None:
    """Draw the activation of a unit, ``(G,)``, in full color where it is as large as the scale."""
    side = round(len(activation) ** 0.5)
    axes.imshow(_to_rgb(activation, scale).reshape(side, side, 3), origin="lower", interpolation="bilinear")
    axes.set(xticks=[], yticks=[])
    axes.set_title(name, fontsize=size, pad=1.5)
    if not activation.any():
        axes.text(0.5, 0.5, "dead", transform=axes.transAxes, ha="center", va="center", fontsize=size)


def _to_rgb(activation: Numbers, scale: float) -> Numbers:
    """Return red for negative and blue for positive activations, the background for zero, ``(G, 3)``."""
    colors = np.where(activation[:, None] > 0, to_rgb(class_color(1)), to_rgb(class_color(0)))
    return tint(colors, np.abs(activation) / max(scale, 1e-12))


def _connect(figure: Figure, sources: Sequence[Axes], targets: Sequence[Axes], weight: Numbers) -> None:
    """Draw the weights between two layers, ``(U_next, U)``, as lines from map to map."""
    boxes = [[axes.get_position() for axes in column] for column in (sources, targets)]
    relative = weight / (np.abs(weight).max() or 1.0)
    rows, columns = np.nonzero(np.abs(relative) >= _MIN_WEIGHT)
    if not len(rows):
        return  # all weights are 0
    sizes = np.abs(relative[rows, columns])
    lines = LineCollection(
        [
            [(source.x1, (source.y0 + source.y1) / 2), (target.x0, (target.y0 + target.y1) / 2)]
            for source, target in zip(
                (boxes[0][column] for column in columns), (boxes[1][row] for row in rows), strict=True
            )
        ],
        colors=[class_color(int(positive)) for positive in relative[rows, columns] > 0],
        linewidths=0.3 + 2.2 * sizes,
        alpha=0.25 + 0.6 * sizes,
        transform=figure.transFigure,
        zorder=0,
    )
    figure.add_artist(lines)
