"""Loss and metrics over the training steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from lit_classify.plots.layout import LEGEND_WIDTH, lay_out, make_panels, round_ticks
from lit_classify.plots.style import class_color, wrap

Bands = Mapping[str, Mapping[str, Sequence[float]]]
Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def learning_curves(metrics: Mapping[str, Series], title: str) -> Figure:
    """Plot each metric over the training steps, with a line for each stage, of one color in all panels.

    The loss is in the first panel.

    Args:
        metrics: metric name to stage name to ``(steps, values)``.
        title: title of the figure.

    Examples:
        >>> figure = learning_curves({"loss": {"train": ([0, 1], [0.7, 0.6])}}, "circles/version_0")
        >>> figure.axes[0].get_title()
        'loss'
    """
    metrics = dict(sorted(metrics.items(), key=lambda item: item[0] != "loss"))  # the loss first
    stages = sorted({stage for series in metrics.values() for stage in series})  # train before val
    figure, panels = make_panels(len(metrics))
    for axes, (name, series) in zip(panels, metrics.items(), strict=True):
        for stage, (steps, values) in sorted(series.items()):
            index = stages.index(stage)
            color = class_color(1 - index if index < 2 else index)
            axes.plot(steps, values, color=color, label=stage, **_markers(steps))
        axes.set(title=name, xlabel="training step", ylabel=name)
        axes.xaxis.set_major_locator(round_ticks(integer=True))
        axes.grid(alpha=0.3)
    lay_out(figure, panels, title)
    return figure


def curve_bands(metrics: Mapping[str, Bands], title: str = "") -> Figure:
    """Plot the mean of each metric over the epochs, with a band of its spread, for each configuration.

    Args:
        metrics: title of a panel to name of a configuration to ``epoch``, ``mean``, ``low`` and ``high``.
        title: title of the figure.

    Examples:
        >>> band = {"epoch": [0, 1], "mean": [0.7, 0.6], "low": [0.6, 0.5], "high": [0.8, 0.7]}
        >>> figure = curve_bands({"training loss": {"circles": band}})
        >>> figure.axes[0].get_title()
        'training loss'
    """
    figure, panels = make_panels(len(metrics))
    names = list(dict.fromkeys(name for bands in metrics.values() for name in bands))
    for axes, (metric, bands) in zip(panels, metrics.items(), strict=True):
        for name, band in bands.items():
            color = class_color(names.index(name))
            label, markers = wrap(name, LEGEND_WIDTH), _markers(band["epoch"])
            axes.plot(band["epoch"], band["mean"], color=color, label=label, **markers)
            axes.fill_between(band["epoch"], band["low"], band["high"], color=color, alpha=0.18, linewidth=0)
        axes.set(title=metric, xlabel="epoch")
        axes.xaxis.set_major_locator(round_ticks(integer=True))
        axes.grid(alpha=0.3)
    lay_out(figure, panels, title)
    return figure


def _markers(x: Sequence[float]) -> dict[str, Any]:
    """Return the style of a curve: the points of short ones are marked, as a single point has no line."""
    return {"marker": "o", "markersize": 3} if len(x) < 30 else {}
