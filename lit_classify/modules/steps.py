"""What makes single steps trustworthy: random numbers that come again, and a stop where the loss is none."""

import math
from typing import Any, NoReturn

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from lit_classify.errors import DivergedError


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


def worst(trainer: Trainer, loss: Tensor) -> float:
    """Return a number that is none if the loss is none on any rank, so that all stop at the same step."""
    return float(trainer.strategy.reduce(loss.detach() * 0, reduce_op="sum"))


def stop_diverged(trainer: Trainer, loss: float) -> NoReturn:
    """Stop at a loss that is no number, before it gets into the weights.

    Raises:
        DivergedError: names the step, the epoch and the learning rate.
    """
    loss = math.nan if math.isfinite(loss) else loss  # it is on another rank that it is none
    rate = trainer.optimizers[0].param_groups[0]["lr"]
    raise DivergedError(
        f"the loss is {loss} at step {trainer.global_step}, epoch {trainer.current_epoch}, learning rate "
        f"{rate:g}; try a smaller one, such as --model.lr {rate / 10:g}, or --trainer.gradient_clip_val 1"
    )
