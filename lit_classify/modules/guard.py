"""What every fit of a LitModule brings along: a stop where the loss diverges; scalars that outlive an error.

It is a callback, so a tuner that puts its own callbacks in place, such as Lightning's learning-rate finder,
sees losses explode as it expects to.
"""

import math
from abc import abstractmethod

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from lit_classify.errors import DivergedError


class FitGuard(Callback):
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
        pl_module.hand_over_scalars()


class GuardedModule(LightningModule):
    """A LightningModule that brings a FitGuard along."""

    @abstractmethod
    def hand_over_scalars(self) -> None:
        """Give the loggers the scalars that still wait."""

    def configure_callbacks(self) -> list[Callback]:
        """Bring the guard along, once for each trainer."""
        there = any(isinstance(callback, FitGuard) for callback in getattr(self.trainer, "callbacks", ()))
        return [] if there else [FitGuard()]
