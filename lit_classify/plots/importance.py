"""Bars of the importance of columns.

Legend: K columns.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lit_classify.plots.inline_figure import InlineFigure
from lit_classify.plots.style import class_color, short_label

_MAX_BARS = 40


def column_importance(
    names: Sequence[str],
    means: NDArray[np.float64],
    deviations: NDArray[np.float64],
    measure: str,
    title: str,
) -> Figure:
    """Plot the importance of columns as bars, with standard deviations as error bars.

    At most forty columns are drawn, the first ones.

    Args:
        names: names of the columns, the most important first.
        means: importance of each column, ``(K,)``.
        deviations: its standard deviation, ``(K,)``.
        measure: the unit of the importance, which labels the axis.
        title: title of the figure.

    Examples:
        >>> means, deviations = np.array([0.2, 0.0]), np.array([0.02, 0.0])
        >>> figure = column_importance(["age", "sex"], means, deviations, "decrease of accuracy", "Test")
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['age', 'sex']
    """
    drawn = min(len(names), _MAX_BARS)
    figure = InlineFigure(figsize=(7, 1.6 + 0.26 * drawn), layout="constrained")
    axes = figure.add_subplot()
    positions = range(drawn)
    axes.barh(
        positions, means[:drawn], height=0.7, xerr=deviations[:drawn], color=class_color(1),
        error_kw={"elinewidth": 1, "capsize": 2},
    )  # fmt: skip
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_yticks(positions, [short_label(name) for name in names[:drawn]])
    axes.set_ylim(drawn - 0.4, -0.6)  # the first at the top
    if drawn < len(names):
        title += f"\nthe {drawn} most important of {len(names):,} columns"
    axes.set_xlabel(measure)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    figure.suptitle(title, fontsize="medium")  # centered over the names too, so that it has more room
    return figure
