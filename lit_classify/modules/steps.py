"""How the steps of several processes come together."""

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from lit_classify.modules.running_mean import accumulation_dtype


def gradient_share(trainer: Trainer, weight: int | Tensor) -> Tensor:
    """Return the factor by which a rank's loss must count, so that gradients are those of all rows' mean.

    DDP averages the ranks' gradients as if each had rows of the same weight. A rank whose loss is multiplied
    by its share of the weight, times the number of ranks, counts as much as its rows do.

    Args:
        trainer: of several processes.
        weight: the sum of the weights of this rank's rows.
    """
    device = trainer.strategy.root_device
    own = torch.as_tensor(weight, dtype=accumulation_dtype(device), device=device)
    return trainer.world_size * own / trainer.strategy.reduce(own.clone(), reduce_op="sum")  # it writes on it
