"""What makes single steps trustworthy: random numbers that come again, and epochs that are counted once."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from lit_classify.tallies import exact


def draws(module: nn.Module) -> bool:
    """Whether a layer of the module draws random numbers while it trains."""
    return any(isinstance(layer, _DropoutNd) and layer.p > 0 for layer in module.modules())


def reseed(seed: int, step: int) -> None:
    """Let a step draw the same numbers whether the run began before it or goes on at it."""
    torch.manual_seed((seed * 1_000_003 + step) % 2**63)


def leave_epoch_open(checkpoint: dict[str, Any], num_batches: float) -> None:
    """Say in a checkpoint written within an epoch that the epoch is not at its end, but not before its start.

    Lightning takes an epoch that ``max_steps`` broke off for complete, and would pass over its last batches;
    and one that has not begun it would count twice.
    """
    loop = checkpoint.get("loops", {}).get("fit_loop")
    if loop is None:
        return
    batches = loop["epoch_loop.batch_progress"]["current"]["completed"]
    for progress in loop["epoch_progress"].values():
        if 0 < batches < num_batches:
            progress["processed"] = progress["completed"] = progress["started"] - 1
        elif not batches:
            progress["started"] = progress["completed"]
        progress["ready"] = progress["started"]


def begin_next_epoch(trainer: Trainer | None) -> None:
    """Let a run that goes on after a whole epoch begin the next one at once.

    With ``max_steps`` Lightning would count an epoch without batches first, and all later epochs would have
    another number, and so another order.
    """
    if trainer is not None:
        trainer.fit_loop._iteration_based_training = lambda: False  # type: ignore[method-assign]


def gradient_share(trainer: Trainer, weight: int | Tensor) -> Tensor:
    """Return the factor by which a rank's loss must count, so that gradients are those of all rows' mean.

    DDP averages the ranks' gradients as if each had rows of the same weight. A rank whose loss is multiplied
    by its share of the weight, times the number of ranks, counts as much as its rows do.

    Args:
        trainer: of several processes.
        weight: the sum of the weights of this rank's rows.
    """
    device = trainer.strategy.root_device
    own = torch.as_tensor(weight, dtype=exact(device), device=device)
    return trainer.world_size * own / trainer.strategy.reduce(own.clone(), reduce_op="sum")  # it writes on it
