"""What every fit of a LitModule brings along as callbacks.

A stop where the loss diverges, scalars that outlive an error, and metrics on a progress bar. Because they are
callbacks, a tuner that puts its own callbacks in place, such as Lightning's learning-rate finder, sees losses
explode as it expects to.
"""

import math
from abc import abstractmethod

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor

from lit_classify.errors import DivergedError


class DivergenceGuard(Callback):
    """Stop at a loss that is NaN or infinite, before it reaches the weights, on all processes at once."""

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Look at the loss of a step.

        Raises:
            DivergedError: names the step, the epoch and the learning rate.
        """
        value = seen = loss.item()
        if trainer.world_size > 1:  # not finite anywhere, so that all stop at the same step
            seen = float(trainer.strategy.reduce(loss.detach() * 0, reduce_op="sum"))
        if math.isfinite(seen):
            return
        value = math.nan if math.isfinite(value) else value
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        raise DivergedError(
            f"the loss is {value} at step {trainer.global_step}, epoch {trainer.current_epoch}, "
            f"learning rate {rate:g}; try a smaller one, such as --model.lr {rate / 10:g}, "
            "or --trainer.gradient_clip_val 1"
        )

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the loggers the scalars that still wait."""
        assert isinstance(pl_module, GuardedModule)
        pl_module.flush_scalars()


class ProgressBarMetrics(Callback):
    """Show the training loss, and for classes the accuracy, on Lightning's progress bars.

    Every ``log_every_n_steps`` steps, and at the epoch's end before a bar is drawn for the last time.
    """

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Hand the epoch's metrics so far to the trainer."""
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set in its constructor
        if trainer.is_last_batch or (every and not (batch_idx + 1) % every):
            assert isinstance(pl_module, GuardedModule)
            metrics = {tag: float(value) for tag, value in pl_module.epoch_metrics("train").items()}
            trainer.progress_bar_metrics.update(metrics)


class GuardedModule(LightningModule):
    """A LightningModule that brings these callbacks along."""

    @abstractmethod
    def flush_scalars(self) -> None:
        """Give the loggers the scalars that still wait."""

    @abstractmethod
    def epoch_metrics(self, stage: str) -> dict[str, Tensor]:
        """Return the metrics of an epoch's rows so far, on all processes."""

    def configure_callbacks(self) -> list[Callback]:
        """Bring the callbacks along, each once for each trainer."""
        wanted: list[type[Callback]] = [
            DivergenceGuard,
            *([ProgressBarMetrics] if shows_metrics(self.trainer) else []),
        ]
        there = {type(callback) for callback in getattr(self.trainer, "callbacks", ())}
        return [kind() for kind in wanted if kind not in there]


def shows_metrics(trainer: Trainer) -> bool:
    """Whether a trainer's progress bar shows metrics; the command line's own does not."""
    return bool(getattr(trainer, "shows_metrics", True))
