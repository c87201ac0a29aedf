"""What every unit of a small network sees: a map of its answer over the plane, joined by its weights.

Legend: U units of a layer, G points of a grid.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.plots.style import colour, named, shortened

MOST_UNITS = 16
_SHOWN_WEIGHT = 0.08  # of the largest; lines thinner than that are left out


def neurons(
    answers: Sequence[Tensor],
    weights: Sequence[Tensor],
    units: Sequence[Sequence[int]],
    inputs: Sequence[str],
    outputs: Sequence[str],
    title: str,
) -> Figure:
    """Draw a column of maps for each layer, from the inputs to the output.

    Args:
        answers: what each shown unit of each layer answers over a square grid, ``(G, U)`` a layer.
        weights: from each shown unit to those of the next layer, ``(U_next, U)``.
        units: the number of each shown unit in its layer.
        inputs: names of the inputs.
        outputs: names of the outputs, such as the classes.
        title: the picture's heading.
    """
    tallest = max(answer.shape[1] for answer in answers)
    figure = Figure(figsize=(2.3 * len(answers) + 0.4, 1.02 * tallest + 1.3))
    figure.suptitle(title)
    columns = [
        [_map(figure, layer, row, answers, name) for row, name in enumerate(names)]
        for layer, names in enumerate(_names(units, inputs, outputs))
    ]
    for before, after, weight in zip(columns, columns[1:], weights, strict=False):
        largest = float(weight.abs().max()) or 1.0
        for row, to in enumerate(after):
            for column, start in enumerate(before):
                _join(figure, start, to, float(weight[row, column]) / largest)
    words = "blue: positive, red: negative, wide: strong; the deeper a map's colour, the larger the answer"
    figure.text(0.5, 0.012, words, ha="center", fontsize=8)
    return figure


def _names(units: Sequence[Sequence[int]], inputs: Sequence[str], outputs: Sequence[str]) -> list[list[str]]:
    """Say what each shown unit of each layer is called."""
    hidden = [[f"layer {layer}.{unit}" for unit in shown] for layer, shown in enumerate(units[1:-1], 1)]
    last = [named(outputs[unit]) for unit in units[-1]]
    return [[shortened(name) for name in inputs], *hidden, last]


def _map(figure: Figure, layer: int, row: int, answers: Sequence[Tensor], name: str) -> Axes:
    """Draw one unit's answers in its place on the sheet."""
    answer = answers[layer][:, row].double().cpu().numpy()
    side = round(len(answer) ** 0.5)
    width, height = figure.get_size_inches()
    number = answers[layer].shape[1]
    center = 0.5 * (height - 0.3) + (number - 1 - 2 * row) * 0.51
    left = 0.55 + layer * (width - 1.6) / max(len(answers) - 1, 1)
    axes = figure.add_axes((left / width, (center - 0.36) / height, 0.72 / width, 0.72 / height))
    axes.imshow(_shades(answer).reshape(side, side, 3), origin="lower", interpolation="bilinear")
    axes.set(xticks=[], yticks=[])
    axes.set_title(name, fontsize=7, pad=1.5)
    return axes


def _shades(answer: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return red for negative and blue for positive answers, white for none, ``(G, 3)``."""
    from matplotlib.colors import to_rgb

    largest = max(float(np.abs(answer).max()), 1e-12)
    strength = np.abs(answer)[:, None] / largest
    full = np.where(answer[:, None] > 0, to_rgb(colour(1)), to_rgb(colour(0)))
    shades: NDArray[np.float64] = 1 - strength * (1 - full)
    return shades


def _join(figure: Figure, start: Axes, to: Axes, weight: float) -> None:
    """Draw a weight, from -1 to 1, as a line from one map to another."""
    if abs(weight) < _SHOWN_WEIGHT:
        return
    line = ConnectionPatch(
        xyA=(1, 0.5), xyB=(0, 0.5), coordsA=start.transAxes, coordsB=to.transAxes, zorder=0
    )
    line.set(color=colour(1 if weight > 0 else 0), linewidth=0.3 + 2.2 * abs(weight))
    line.set_alpha(0.25 + 0.6 * abs(weight))
    figure.add_artist(line)
