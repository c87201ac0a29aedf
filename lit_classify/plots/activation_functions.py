"""The activation functions of the course, as formulas and as a plot."""

from collections.abc import Callable

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lit_classify.plots.style import class_color

FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "ReLU": lambda x: x * (x > 0),
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": lambda x: 1 - 2 / (torch.exp(2 * x) + 1),
}


def activation_functions() -> Figure:
    """Plot identity, ReLU, sigmoid and tanh from -10 to 10, computed by ``FORMULAS`` (course, section 7).

    Examples:
        >>> [axes.get_title() for axes in activation_functions().axes]
        ['identity', 'ReLU', 'sigmoid', 'tanh']
    """
    x = torch.linspace(-10, 10, 401)
    figure = Figure(figsize=(9, 7), layout="constrained")
    figure.suptitle("Activation functions")
    for number, (name, formula) in enumerate(FORMULAS.items()):
        axes = figure.add_subplot(2, 2, number + 1)
        axes.plot(x, formula(x), color=class_color(1), linewidth=2)
        axes.set(title=name, xlabel="input", ylabel="output")
        axes.axhline(0, color="grey", linewidth=0.6)
        axes.axvline(0, color="grey", linewidth=0.6)
        axes.grid(alpha=0.3)
    return figure
