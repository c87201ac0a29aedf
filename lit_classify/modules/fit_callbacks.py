"""Callbacks that every LitModule adds, so that its steps stay simple.

A tuner that replaces the callbacks, such as Lightning's learning-rate finder, sees losses diverge as it
expects to.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.data import extract_batch_size
from torch import Tensor

from lit_classify._lightning.precision import uses_plain_precision
from lit_classify.errors import DivergedError
from lit_classify.loggers import ScalarBuffer
from lit_classify.modules.running_mean import accumulation_dtype

if TYPE_CHECKING:
    from lit_classify.modules.base import LitModule


class GradientShare(Callback):
    """Weight the loss of each process by its rows, so that gradients are those of the mean over all rows.

    DDP averages gradients as if all processes had rows of the same weight. A loss that is multiplied by the
    process's share of the weight, times the number of processes, counts as much as its rows do.
    """

    def on_before_backward(  # type: ignore[override]
        self, trainer: Trainer, pl_module: "LitModule", loss: Tensor
    ) -> None:
        """Multiply the gradient of the loss by the share, if LitModule's step has computed the loss."""
        mean = pl_module.means["train"]
        weight, mean.last_weight = mean.last_weight, None
        if weight is not None:
            local_weight = torch.as_tensor(weight, dtype=accumulation_dtype(loss.device), device=loss.device)
            total = trainer.strategy.reduce(local_weight.clone(), reduce_op="sum")  # in place
            tiny = torch.finfo(total.dtype).tiny  # the rows of a step may have no weight
            share = (trainer.world_size * local_weight / total.clamp_min(tiny)).to(loss.dtype)
            loss.register_hook(lambda gradient: gradient * share)  # type: ignore[no-untyped-call]


class ReturnedLoss(Callback):
    """Count the loss that an overridden ``training_step`` returns."""

    def on_train_start(self, trainer: Trainer, pl_module: "LitModule") -> None:  # type: ignore[override]
        """Ignore the loss that LitModule's step computes, if a subclass calls it."""
        pl_module.means["train"].counts_loss = False

    def on_train_batch_end(  # type: ignore[override]
        self,
        trainer: Trainer,
        pl_module: "LitModule",
        outputs: object,
        batch: Any,  # noqa: ANN401 - of any form
        batch_idx: int,
    ) -> None:
        """Count the loss, which Lightning has divided by the number of accumulated batches."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if isinstance(loss, Tensor):
            pair = isinstance(batch, tuple | list) and len(batch) in (2, 3, 4)
            weight = pl_module.loss_weight(batch[1]) if pair else extract_batch_size(batch)
            pl_module.means["train"].add_loss(loss * trainer.accumulate_grad_batches, weight)


class DivergenceCheck(Callback):
    """Stop at a loss that is NaN or infinite, before it reaches the weights, in all processes at once.

    Args:
        every: number of steps between two checks. By default 1 on a CPU, and 16 on other devices, which
            would have to finish each step before the next one is prepared. In between, the kernels of fused
            optimizers skip the updates from the first such loss on; for other optimizers it is 1.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> trainer = Trainer(max_epochs=5, accelerator="cpu", enable_checkpointing=False, **quiet)
        >>> _ = torch.manual_seed(0)
        >>> trainer.fit(BinaryClassifier(2, lr=1e30), CirclesDataModule())  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.DivergedError: the loss is ... at step 1, epoch 1, learning rate 1e+30; ...
    """

    def __init__(self, every: int | None = None) -> None:
        self._requested_every = every
        self._every, self._diverged = 1, torch.tensor(False)
        self._steps: list[tuple[int, float, Tensor, Tensor]] = []  # since the last check

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose how often losses are checked."""
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        can_skip = uses_plain_precision(pl_module) and all(group.get("fused") for group in groups)
        every = self._requested_every or (1 if pl_module.device.type == "cpu" else 16)
        self._every, self._steps = every if can_skip else 1, []
        self._diverged = torch.tensor(False, device=pl_module.device)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Check the loss of a step, or make the optimizer skip its update if it is not finite.

        Raises:
            DivergedError: the loss is not finite; names the step, the epoch and the learning rate.
        """
        loss = checked = loss.detach()
        if trainer.world_size > 1:  # of all processes: 0, or NaN if a loss is not finite
            checked = cast(Tensor, trainer.strategy.reduce(loss * 0, reduce_op="sum"))
        if self._every == 1 and math.isfinite(checked.item()):
            return
        self._steps.append((trainer.global_step, trainer.optimizers[0].param_groups[0]["lr"], loss, checked))
        if len(self._steps) >= self._every:
            self._check(trainer)
        self._diverged = self._diverged | ~checked.isfinite()
        for optimizer in trainer.optimizers:  # fused ones skip the update if it is 1, as a GradScaler sets it
            vars(optimizer)["found_inf"] = self._diverged.float()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the losses so far before weights are evaluated."""
        self._check(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the losses of the last steps."""
        self._check(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Check the losses so far before weights are saved."""
        self._check(trainer)

    def _check(self, trainer: Trainer) -> None:
        steps, self._steps = self._steps, []
        if not steps:
            return
        losses = torch.stack([torch.stack(step[2:]) for step in steps]).tolist()
        for (step, rate, *_), (loss, checked) in zip(steps, losses, strict=True):
            if not math.isfinite(checked):
                loss = math.nan if math.isfinite(loss) else loss
                clipping = (
                    ", or --trainer.gradient_clip_val 1" if rate <= 1 else ""
                )  # of no use for huge ones
                raise DivergedError(
                    f"the loss is {loss} at step {step}, epoch {trainer.current_epoch}, "
                    f"learning rate {rate:g}; try a smaller one, such as --model.lr "
                    f"{min(rate, 1) / 10:g}{clipping}"
                )


class ProgressBarMetrics(Callback):
    """Show the training loss and metric on Lightning's progress bars.

    Every ``log_every_n_steps`` steps, and before a bar is drawn for the last time in an epoch.
    """

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, pl_module: "LitModule", outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Update the metrics of the epoch so far."""
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set in its constructor
        if trainer.is_last_batch or (every and not (batch_idx + 1) % every):
            metrics = {tag: float(value) for tag, value in pl_module.epoch_metrics("train").items()}
            trainer.progress_bar_metrics.update(metrics)


class EpochMetrics(Callback):
    """Publish the training metrics of every epoch: to callbacks at once, to loggers many epochs at a time.

    ``self.log`` would take longer than the step of a small network.
    """

    def __init__(self) -> None:
        self._scalars = ScalarBuffer()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Store the metrics that callbacks read, as Lightning takes some time to look them up."""
        self._callback_metrics = trainer.callback_metrics

    def on_train_epoch_end(self, trainer: Trainer, pl_module: "LitModule") -> None:  # type: ignore[override]
        """Publish the means over the epoch's rows, and the metrics that other callbacks measured."""
        metrics = pl_module.epoch_metrics("train") | pl_module.extra_metrics
        self._callback_metrics.update(metrics)
        step, epoch = trainer.global_step - 1, trainer.current_epoch
        if metrics and self._scalars.add(step, epoch, metrics, trainer.loggers):
            self._scalars.flush(trainer.loggers)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics of the last epochs."""
        self._scalars.flush(trainer.loggers)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Log the metrics of the last epochs."""
        self._scalars.flush(trainer.loggers)


def fit_callbacks(trainer: Trainer, module: "LitModule", has_own_step: bool) -> list[Callback]:
    """Return the callbacks that a trainer does not have yet.

    Args:
        trainer: the trainer.
        module: the module that is attached to it.
        has_own_step: whether a subclass has overridden ``training_step``.
    """
    is_needed: dict[type[Callback], bool] = {
        DivergenceCheck: True,
        ReturnedLoss: has_own_step,
        GradientShare: trainer.world_size > 1 and module.members == 1,
        ProgressBarMetrics: shows_metrics(trainer),
        EpochMetrics: True,
    }
    present: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # as above
    missing = {cls for cls in is_needed if not any(isinstance(callback, cls) for callback in present)}
    return [cls() for cls, needed in is_needed.items() if needed and cls in missing]


def shows_metrics(trainer: Trainer) -> bool:
    """Return whether a trainer's progress bar shows metrics; that of the command line does not."""
    return bool(getattr(trainer, "shows_metrics", True))
