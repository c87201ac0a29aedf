"""Loss and metrics over the training steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from lit_classify.plots.layout import lay_out, make_panels, round_ticks
from lit_classify.plots.style import class_color

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
            markers: dict[str, Any] = {"marker": "o", "markersize": 3} if len(steps) < 30 else {}
            number = stages.index(stage)
            color = class_color(1 - number if number < 2 else number)
            axes.plot(steps, values, color=color, label=stage, **markers)
        axes.set(title=name, xlabel="training step", ylabel=name)
        axes.xaxis.set_major_locator(round_ticks(integer=True))
        axes.grid(alpha=0.3)
    lay_out(figure, panels, title)
    return figure
