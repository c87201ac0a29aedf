"""Custom networks as users write them."""

import os
import random

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class Squares(nn.Module):
    """A linear model of the squared features, in which circles are linearly separable."""

    def __init__(self, in_features: int, out_features: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * in_features, width)
        self.out = nn.Linear(width, out_features)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.out(self.hidden(torch.cat([x, x**2], dim=1)))
        return output


class Narrow(nn.Linear):
    """A linear model for any number of features."""


class OwnTanh(nn.Module):
    """The network of the course's exercise."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x)


class Wide(nn.Linear):
    """A network with one output too many."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features + 1)


class Broken(nn.Linear):
    """A network whose forward raises an unusual exception."""

    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("x")


class NoNumberOutsideTraining(nn.Linear):
    """A network whose outputs are NaN in evaluation mode."""

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = super().forward(x)
        return output if self.training else output * float("nan")


class FailsOnSecond(nn.Linear):
    """A network that raises in training on the second process only."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and torch.is_grad_enabled() and os.environ.get("LOCAL_RANK") == "1":
            raise KeyError("second")
        return super().forward(x)


class Draws(nn.Module):
    """A network that draws random numbers in training by other means than a dropout layer."""

    def __init__(self, in_features: int, out_features: int, how: str) -> None:
        super().__init__()
        self.how = how
        self.hidden = nn.Linear(in_features, 8)
        self.out = nn.Linear(8, out_features)
        self.random_relu = nn.RReLU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.hidden(x)
        if self.how == "RReLU":
            h = self.random_relu(h)
        elif self.how == "F.dropout":
            h = functional.dropout(h, 0.3, self.training)
        elif self.how == "rand_like":
            h = h + 0.3 * torch.rand_like(h)  # in evaluation too
        elif self.how == "numpy":
            h = h + 0.3 * torch.from_numpy(np.random.rand(*h.shape)).float()
        elif self.how == "random":
            h = h * random.random()
        output: Tensor = self.out(torch.tanh(h))
        return output
