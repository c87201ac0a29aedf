"""Custom losses as users write them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Focal(nn.Module):
    """The focal loss of logits of two classes, a loss for each row."""

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return (1 - torch.exp(-losses)) ** self.gamma * losses


class MeanOnly(nn.Module):
    """A loss that is a mean over rows only."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return (logits - targets).abs().mean()


class Scaled(nn.MSELoss):
    """A loss that takes a reduction, as those of torch.nn do."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return 3 * super().forward(outputs, targets)
