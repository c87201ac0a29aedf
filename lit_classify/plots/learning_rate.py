"""The losses of a learning-rate range test."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from lit_classify.plots.layout import lay_out, make_panels
from lit_classify.plots.style import class_color


def learning_rate_curve(
    rates: Sequence[float], losses: Sequence[float], suggestion: float, title: str
) -> Figure:
    """Plot the loss of each step over its learning rate, and the suggested rate.

    Args:
        rates: learning rate of each step.
        losses: smoothed loss of each step.
        suggestion: the suggested rate.
        title: title of the figure.

    Examples:
        >>> figure = learning_rate_curve([0.01, 0.1, 1.0], [0.7, 0.5, 0.9], 0.01, "circles")
        >>> figure.axes[0].get_xscale()
        'log'
    """
    figure, (axes,) = make_panels(1)
    axes.plot(rates, losses, color=class_color(1))
    axes.axvline(suggestion, color=class_color(0), linestyle="--", label=f"suggested: {suggestion:g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss (smoothed)", title="learning-rate range test")
    axes.legend()
    axes.grid(alpha=0.3)
    lay_out(figure, [axes], title)
    return figure
