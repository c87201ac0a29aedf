"""The activation functions of the course, as formulas and as a plot."""

from collections.abc import Callable

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lit_classify.plots.layout import lay_out, make_panels
from lit_classify.plots.style import class_color

FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "ReLU": lambda x: x * (x > 0),
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": lambda x: 1 - 2 / (torch.exp(2 * x) + 1),
}
_LABELS = {
    "identity": ("f(x) = x", "f'(x) = 1"),
    "ReLU": ("f(x) = max(0, x)", "f'(x) = 1 if x > 0, else 0"),
    "sigmoid": ("f(x) = 1 / (1 + exp(-x))", "f'(x) = f(x) (1 - f(x))"),
    "tanh": ("f(x) = 1 - 2 / (exp(2x) + 1)", "f'(x) = 1 - f(x)²"),
}
_LIMIT = 4.0


def activation_functions() -> Figure:
    """Plot identity, ReLU, sigmoid and tanh, and their derivatives (course, section 7).

    They are computed by ``FORMULAS``. All panels have the same axes, so that slopes can be compared.

    Examples:
        >>> [axes.get_title() for axes in activation_functions().axes]
        ['identity', 'ReLU', 'sigmoid', 'tanh']
    """
    x = torch.linspace(-_LIMIT, _LIMIT, 401, requires_grad=True)
    figure, panels = make_panels(len(FORMULAS))
    for axes, (name, formula) in zip(panels, FORMULAS.items(), strict=True):
        output = formula(x)
        (derivative,) = torch.autograd.grad(output.sum(), x)
        label, derivative_label = _LABELS[name]
        axes.plot(x.detach(), output.detach(), color=class_color(1), linewidth=2.4, label=label)
        axes.plot(x.detach(), derivative, "--", color=class_color(0), label=derivative_label)
        axes.set(title=name, xlabel="input x", xlim=(-_LIMIT, _LIMIT), ylim=(-_LIMIT, _LIMIT))
        axes.axhline(0, color="grey", linewidth=0.6)
        axes.axvline(0, color="grey", linewidth=0.6)
        axes.grid(alpha=0.3)
    lay_out(figure, panels, "Activation functions and their derivatives", panel=2.6)
    return figure
