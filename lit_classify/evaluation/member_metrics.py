"""Loss and metric of each member on the rows of a split.

Legend: K members, O outputs.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from lit_classify.modules import LitModule
from lit_classify.modules.base import Batch
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
    sums = torch.zeros(model.members, 4, dtype=torch.float64)  # weighted loss, weight, metric, rows
    with evaluating(model.network):
        for batch in batches:
            x, y, _, weight = model.unpack(batch)
            for member, logits in enumerate(model.network(x)):
                loss, total = model.mean_loss(logits, y, weight)
                metric = model.metric_sum(logits, y)
                if not bool(logits.isfinite().all()):
                    metric = metric * torch.nan
                parts = (float(loss) * float(total), float(total), float(metric), len(y))
                sums[member] += torch.tensor(parts, dtype=torch.float64)
    return sums[:, 0] / sums[:, 1], sums[:, 2] / sums[:, 3]
