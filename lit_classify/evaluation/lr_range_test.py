"""A learning rate for a model and its data, from a range test (Smith, arXiv 1506.01186).

Lightning's own finder is not used: the smoothed losses of Lightning 2.6 begin at half of the loss, so that a
loss that falls slowly seems to rise, and it suggests the steepest slope over the rate itself, which favors
small rates. On the recipe blobs it suggests 0.0027, which ends with a loss of 0.40; 0.1 ends with 0.02.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any, NamedTuple

from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch import Trainer
from lightning.pytorch.utilities.seed import isolate_rng
from torch import optim

from lit_classify._lightning.configure_optimizers import optimizers_and_schedulers
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError
from lit_classify.modules import LitModule

_SMOOTHING = 0.9  # weight of the earlier losses in the mean
_DIVERGED = 4.0  # times the lowest loss, at which the test ends, as in Lightning's finder
_OWN_RATES = {  # optimizers and schedulers that ignore or change the rates of the test
    optim.LBFGS: "searches along a line in each step",
    optim.Rprop: "adapts a rate for each weight",
    optim.lr_scheduler.OneCycleLR: "sets the rates of its own max_lr",
    optim.lr_scheduler.CyclicLR: "sets the rates of its own max_lr",
}


class RangeTest(NamedTuple):
    """The losses of a training whose learning rate grows from step to step.

    Attributes:
        rates: the learning rate of each step.
        losses: exponential moving average of the losses before each step.

    Examples:
        >>> print(RangeTest([0.001, 0.01, 0.1, 1.0, 10.0], [0.7, 0.6, 0.4, 0.3, 0.9]))
        Learning rate 0.1: a tenth of the one with the lowest loss in 5 steps from 0.001 to 10
    """

    rates: list[float]
    losses: list[float]

    @property
    def suggestion(self) -> float:
        """A tenth of the rate with the lowest loss, rounded to two digits so that it can be typed."""
        lowest = self.rates[self.losses.index(min(self.losses))]
        return float(f"{lowest / 10:.2g}")

    def __str__(self) -> str:
        """Name the suggestion and how it was found."""
        return (
            f"Learning rate {self.suggestion:g}: a tenth of the one with the lowest loss in "
            f"{len(self.rates)} steps from {self.rates[0]:g} to {self.rates[-1]:.2g}"
        )


def range_test(
    model: LitModule,
    data: InMemoryDataModule,
    trainer: Trainer,
    min_lr: float = 1e-6,
    max_lr: float = 10.0,
    num_steps: int = 100,
) -> RangeTest:
    """Train a copy of a model for some steps, with a learning rate that grows exponentially.

    The model and all random states are unchanged. The test ends early if the loss diverges.

    Args:
        model: the model, before its fit.
        data: its data.
        trainer: the trainer of the fit, for its device, gradient clipping and accumulation.
        min_lr: the first learning rate.
        max_lr: the last learning rate.
        num_steps: number of steps.

    Raises:
        UserError: the optimizer or scheduler sets its own rates, the steps cannot be run, or the loss never
            falls.

    Examples:
        >>> from lightning.pytorch import seed_everything
        >>> from lit_classify import BinaryClassifier, MoonsDataModule
        >>> _ = seed_everything(0, verbose=False)
        >>> trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        >>> test = range_test(BinaryClassifier(2), MoonsDataModule(), trainer)
        >>> 0.1 < test.suggestion < 1.5
        True
    """
    optimizers, schedulers = optimizers_and_schedulers(model.configure_optimizers())
    schedulers = [config["scheduler"] if isinstance(config, dict) else config for config in schedulers]
    for optimizer_or_scheduler in [*optimizers, *schedulers]:
        for cls, reason in _OWN_RATES.items():
            if isinstance(optimizer_or_scheduler, cls):
                raise UserError(f"no learning rate can be found for {cls.__name__}, which {reason}")
    if trainer.world_size > 1:
        raise UserError("a learning rate is found by a single process; set --trainer.devices 1")
    rates, losses = [], list[float]()
    try:
        for rate, loss in _steps(model, data, trainer, min_lr, max_lr, num_steps):
            mean = _SMOOTHING * (losses[-1] if losses else loss) + (1 - _SMOOTHING) * loss
            if not math.isfinite(mean) or mean > _DIVERGED * min(losses, default=mean):
                break
            rates.append(rate)
            losses.append(mean)
    except UserError:
        raise
    except Exception as error:  # user code may raise any type
        reason = (str(error) or repr(error)).splitlines()[0]
        raise UserError(
            f"no learning rate can be found: {type(model).__name__} cannot be trained outside a fit: {reason}"
        ) from error
    if len(losses) < 2 or min(losses) >= losses[0]:
        raise UserError(
            f"no learning rate can be found: the loss does not fall in {max(len(losses), 1)} steps; give "
            "--model.lr instead"
        )
    return RangeTest(rates, losses)


def _steps(
    model: LitModule, data: InMemoryDataModule, trainer: Trainer, min_lr: float, max_lr: float, num_steps: int
) -> Iterator[tuple[float, float]]:
    """Yield the learning rate of each training step of a copy of the model, and the loss before the step."""
    device, num_batches = trainer.strategy.root_device, trainer.accumulate_grad_batches
    with isolate_rng():
        copy = deepcopy(model).to(device).train()
        trainer.datamodule = data  # type: ignore[attr-defined]  # as a fit sets it
        copy.trainer = trainer
        (optimizer,), _ = optimizers_and_schedulers(copy.configure_optimizers())
        copy.on_fit_start()
        batches = _batches(data)
        for step in range(num_steps):
            rate = min_lr * (max_lr / min_lr) ** (step / (num_steps - 1))
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            total = 0.0
            for index in range(num_batches):
                batch = move_data_to_device(next(batches), device)
                loss = copy.training_step(batch, step * num_batches + index) / num_batches
                loss.backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
            yield rate, total
            copy.configure_gradient_clipping(
                optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm
            )
            optimizer.step()


def _batches(data: InMemoryDataModule) -> Iterator[Any]:
    """Yield the training batches of epoch after epoch."""
    loader = data.train_dataloader()
    for epoch in count():
        loader.set_epoch(epoch)
        yield from loader
