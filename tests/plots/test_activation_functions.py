"""The plotted activation functions equal those of torch."""

import pytest
import torch
from torch import nn

from lit_classify.plots import (
    FORMULAS,
)


@pytest.mark.parametrize(
    ("name", "module"),
    [("identity", nn.Identity()), ("ReLU", nn.ReLU()), ("sigmoid", nn.Sigmoid()), ("tanh", nn.Tanh())],
)
def test_formulas_equal_the_activations_of_torch(name: str, module: nn.Module) -> None:
    x = torch.linspace(-10, 10, 401)
    torch.testing.assert_close(FORMULAS[name](x), module(x))
