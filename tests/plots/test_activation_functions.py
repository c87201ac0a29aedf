"""The plotted activation functions equal those of torch."""

import pytest
import torch
from torch import nn

from lit_classify.plots import FORMULAS, activation_functions

MODULES = [("identity", nn.Identity()), ("ReLU", nn.ReLU()), ("sigmoid", nn.Sigmoid()), ("tanh", nn.Tanh())]


@pytest.mark.parametrize(("name", "module"), MODULES)
def test_formulas_equal_the_activations_of_torch(name: str, module: nn.Module) -> None:
    x = torch.linspace(-10, 10, 401)
    torch.testing.assert_close(FORMULAS[name](x), module(x))


def test_functions_and_derivatives_are_drawn_in_equal_axes() -> None:
    figure = activation_functions()
    for axes, (name, module) in zip(figure.axes, MODULES, strict=True):
        x = torch.tensor(axes.lines[0].get_xdata(), dtype=torch.float32, requires_grad=True)
        output = module(x)
        (slope,) = torch.autograd.grad(output.sum(), x)
        for line, expected in zip(axes.lines, (output, slope), strict=False):
            drawn = torch.tensor(line.get_ydata(), dtype=torch.float32)
            torch.testing.assert_close(drawn, expected.detach(), msg=f"{name}: {line.get_label()}")
        assert [str(line.get_label())[:5] for line in axes.lines[:2]] == ["f(x) ", "f'(x)"]
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}) == 1
