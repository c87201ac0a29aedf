"""Losses of several networks that are trained as one.

Each member has the gradients that it would have alone. With cross-validation, member k learns from the rows
whose fold is not k, and is validated on the others.

Legend: K members, N rows, O outputs.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lit_classify.errors import UserError

if TYPE_CHECKING:
    from lit_classify.modules.base import LitModule

Counts = tuple[Tensor, int | Tensor, Tensor | None, int | Tensor]  # as RunningMean.update takes them


def training_loss(
    task: "LitModule", logits: Tensor, y: Tensor, fold: Tensor | None, weight: Tensor | None
) -> tuple[Tensor, Counts]:
    """Return the sum of the members' mean losses, and the values to count.

    A member without rows in the batch contributes nothing. With several processes, each mean is over the
    rows of all processes, times their number, since DDP averages gradients.

    Args:
        task: the module that defines loss and metric.
        logits: logits ``(K, N, O)``.
        y: targets ``(N,)`` or ``(N, L)``.
        fold: the fold of each row, ``(N,)``; None if all members learn from all rows.
        weight: the sample weight of each row, ``(N,)``; None for equal weights.
    """
    (losses, weights), learned = losses_and_weights(task, logits, y, weight), logits.detach()
    if fold is not None:
        members = torch.arange(len(logits), device=fold.device).unsqueeze(1)
        learns = fold != members  # (K, N)
        losses, weights = torch.where(learns, losses, 0.0), torch.where(learns, weights, 0.0)
        others = (fold + members[1:]) % len(logits)  # the members that learn from a row, (K - 1, N)
        learned = learned[others, torch.arange(len(y), device=y.device)]
    losses, weights = losses.sum(dim=1), weights.sum(dim=1)
    totals, tiny = weights, torch.finfo(weights.dtype).tiny
    if task.trainer.world_size > 1:
        totals = task.trainer.strategy.reduce(weights.clone(), reduce_op="mean")
    means = losses / totals.clamp_min(tiny)
    task.batch_losses = means.detach()
    total = weights.sum()
    mean = losses.detach().sum() / total.clamp_min(tiny)
    if not task.counts_train_metric:
        return means.sum(), (mean, total, None, 0)
    metric_sum = task.metric_sum(learned.flatten(0, 1), _repeat(y, len(learned)))
    return means.sum(), (mean, total, metric_sum, len(learned) * len(y))


def weighted_mean(
    task: "LitModule",
    logits: Tensor,
    y: Tensor,
    weight: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the mean loss of rows with sample weights ``(N,)``, and the sum of all weights in it."""
    losses, weights = losses_and_weights(task, logits.unsqueeze(0), y, weight)
    total = weights.sum()
    return losses.sum() / total.clamp_min(torch.finfo(total.dtype).tiny), total


def validation_logits(
    task: "LitModule", x: Tensor, y: Tensor, fold: Tensor | None, weight: Tensor | None
) -> Tensor:
    """Return the logits ``(N, O)`` of a validation batch and add its losses to ``task.member_sums``.

    A row that belongs to a fold is predicted by the member that was not trained on it, any other row by all
    members.
    """
    if fold is None:
        logits = task.network(x)
        sums = torch.stack([values.sum(dim=1) for values in losses_and_weights(task, logits, y, weight)])
        task.member_sums = task.member_sums + sums.to(task.member_sums.dtype)
        return task.mean_logits(logits)
    held_out = held_out_logits(task.network, x, fold, task.members)
    losses, weights = losses_and_weights(task, held_out.unsqueeze(0), y, weight)
    sums = torch.cat([losses, weights]).to(task.member_sums.dtype)
    task.member_sums = task.member_sums.index_add(1, fold, sums)
    return held_out


def validation_losses(task: "LitModule") -> Tensor:
    """Return each member's mean loss over its validation rows so far, of all processes, ``(K,)``.

    Raises:
        UserError: a subclass has overridden ``validation_step``, and does not count losses.
    """
    losses: Tensor | None = None
    if task.members == 1:
        losses = task.epoch_metrics("val").get("val/loss")
    elif (sums := task.trainer.strategy.reduce(task.member_sums.clone(), reduce_op="sum")).any():
        losses = sums[0] / sums[1]
    if losses is None:
        raise UserError(
            f"{type(task).__name__} has its own validation_step, without the losses of members; call "
            "that of LitModule in it, or leave MemberEarlyStopping out with --trainer.callbacks null"
        )
    return losses.double().view(task.members)


def held_out_logits(network: nn.Module, x: Tensor, fold: Tensor, members: int) -> Tensor:
    """Return, for each row, the logits of the member that holds out its fold, ``(N, O)``.

    Each member computes only the rows of its fold.

    Args:
        network: maps ``(K, R, F)`` to ``(K, R, O)``.
        x: features ``(N, F)``.
        fold: the fold of each row, ``(N,)``.
        members: number of members, K.
    """
    order = fold.argsort(stable=True)
    counts = torch.bincount(fold, minlength=members)
    position = torch.arange(len(x), device=x.device) - (counts.cumsum(0) - counts)[fold[order]]
    rows = order.new_zeros(members, int(counts.max()))  # of each member, padded with row 0
    rows[fold[order], position] = order
    logits: Tensor = network(x[rows])[fold[order], position]
    return logits[order.argsort()]


def losses_and_weights(
    task: "LitModule", logits: Tensor, y: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the weighted loss and the weight of each row for each member, ``(K, N)``."""
    size = logits.shape[:2]
    losses = task.loss(logits.flatten(0, 1), _repeat(y, len(logits)), reduction="none").view(size)
    weights = task.row_weights(y)
    weights = torch.ones_like(losses) if weights is None else weights.expand(size)
    return (losses, weights) if weight is None else (losses * weight, weights * weight)


def _repeat(y: Tensor, members: int) -> Tensor:
    """Return the targets of all members' rows, ``(K N,)`` or ``(K N, L)``."""
    return y.expand(members, *y.shape).flatten(0, 1)


def clip_gradient_norms(parameters: list[Tensor], max_norm: float) -> None:
    """Scale the gradients of each member to a norm of at most ``max_norm``, as torch does for a network.

    Args:
        parameters: parameters ``(K, ...)``.
        max_norm: the largest norm.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    scales = (max_norm / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scales.view(-1, *[1] * (gradient.ndim - 1)))
