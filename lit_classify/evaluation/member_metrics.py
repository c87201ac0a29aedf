"""Loss and metric of each member on the rows of a split.

Legend: K members, O outputs.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from lit_classify.modules import LitModule
from lit_classify.modules.base import Batch
from lit_classify.modules.member_losses import losses_and_weights
from lit_classify.networks import evaluating


def member_metrics(model: LitModule, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """Return each member's mean loss and metric, ``(K,)`` float64; NaN if an output is not finite.

    Args:
        model: a model of several members.
        batches: the batches of a split, as the data module yields them.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> data = CirclesDataModule()
        >>> losses, accuracies = member_metrics(BinaryClassifier(2, members=3), data.test_dataloader())
        >>> losses.shape, accuracies.shape
        (torch.Size([3]), torch.Size([3]))
    """
    sums = torch.zeros(4, model.members, dtype=torch.float64)  # losses, weights, metric and rows
    metric_sums = torch.vmap(model.metric_sum, in_dims=(0, None))
    with evaluating(model.network):
        for batch in batches:
            x, y, _, weight = model.unpack(batch)
            logits = model.network(x)  # (K, N, O)
            losses, weights = losses_and_weights(model, logits, y, weight)
            is_finite = logits.isfinite().flatten(1).all(dim=1)
            metrics = torch.where(is_finite, metric_sums(logits, y).double(), torch.nan)
            rows = torch.full_like(metrics, len(y))
            sums += torch.stack([losses.sum(dim=1), weights.sum(dim=1), metrics, rows]).cpu()
    return sums[0] / sums[1], sums[2] / sums[3]
