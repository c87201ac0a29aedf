"""Panels side by side, each with its legend below it.

Positions are computed from the sizes of texts: faster than a layout engine of matplotlib, and a legend never
covers data, however long its names are.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lit_classify.messages import width_of
from lit_classify.plots.inline_figure import InlineFigure

LEGEND_WIDTH = 48  # characters of a usual text that fit below a panel
_MEASURED = 30  # characters below which any text fits
X_AXIS = 0.55  # height of the labels of an x-axis
_ROUNDING = 1.05  # how much wider texts may be at another resolution, as characters have whole pixels
_MARGIN, _LINE, _PANEL_TITLE = 0.15, 0.2, 0.25


def make_panels(num_panels: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side, to be drawn into and then laid out.

    Examples:
        >>> figure, panels = make_panels(2)
        >>> len(panels)
        2
    """
    figure = InlineFigure()
    return figure, list(figure.subplots(1, num_panels, squeeze=False)[0])


def round_ticks(integer: bool = False) -> MaxNLocator:
    """Return a locator of at most six ticks at round numbers, whose labels fit below a panel.

    Examples:
        >>> round_ticks().tick_values(0, 1000).tolist()
        [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]
    """
    return MaxNLocator(5, steps=[1, 2, 5, 10], integer=integer, min_n_ticks=1 if integer else 2)


def size_of(axis: Axis) -> tuple[float, float]:
    """Return width and height of an axis with its labels, in inches.

    Examples:
        >>> _, (axes,) = make_panels(1)
        >>> narrow, _ = size_of(axes.yaxis)
        >>> _ = axes.set_yticks([0], ["a long label"])
        >>> wide, _ = size_of(axes.yaxis)
        >>> bool(narrow < wide)
        True
    """
    figure = axis.get_figure(root=True)
    assert figure is not None
    box = axis.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert box is not None  # the axis is visible
    return _ROUNDING * box.width / figure.dpi, _ROUNDING * box.height / figure.dpi


def lay_out(
    figure: Figure, panels: Sequence[Axes], title: str, extra: float = 0.0, panel: float = 4.0
) -> None:
    """Set the size of the figure, the positions of its square panels, their legends and the title.

    Args:
        figure: the figure.
        panels: its panels, from left to right, with everything drawn.
        title: title of the figure.
        extra: inches to leave between each panel's x-axis and its legend.
        panel: width and height of each panel in inches.
    """
    left_margins = [size_of(axes.yaxis)[0] + _MARGIN for axes in panels]
    legends = [axes.get_legend_handles_labels() for axes in panels]
    num_lines = max(sum(1 + label.count("\n") for label in labels) for _, labels in legends)
    below = X_AXIS + extra
    bottom = below + num_lines * _LINE + _MARGIN
    top = (1 + title.count("\n")) * _LINE + _PANEL_TITLE * any(axes.get_title() for axes in panels) + _MARGIN
    columns = []
    for axes, (handles, labels) in zip(panels, legends, strict=True):
        columns.append(panel)
        if labels:
            legend = axes.legend(
                handles, labels, loc="upper left", bbox_to_anchor=(0, -below / panel), borderaxespad=0,
                borderpad=0, frameon=False, fontsize="small",
            )  # fmt: skip
            if max(width_of(line) for label in labels for line in label.split("\n")) > _MEASURED:
                box = legend.get_window_extent(FigureCanvasAgg(figure).get_renderer())
                columns[-1] = max(panel, _ROUNDING * box.width / figure.dpi)
    width, height = sum(left_margins) + sum(columns) + len(panels) * _MARGIN, bottom + panel + top
    figure.set_size_inches(width, height)
    figure.suptitle(title, y=1 - 0.5 * _MARGIN / height, fontsize="medium")
    left = 0.0
    for axes, left_margin, column in zip(panels, left_margins, columns, strict=True):
        left += left_margin
        axes.set_position((left / width, bottom / height, panel / width, panel / height))
        left += column + _MARGIN
