"""Base class of the callbacks that plot, and functions that log images to TensorBoard."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_classify.callbacks.member_early_stopping import best_weights
from lit_classify.data import InMemoryDataModule
from lit_classify.loggers import run_loggers
from lit_classify.messages import warn
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating, in_single_precision

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def skip_on_error(name: str) -> Iterator[None]:
    """Turn an error while drawing a plot into a warning: a failed plot must not stop a run.

    Examples:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as issued:
        ...     warnings.simplefilter("always")
        ...     with skip_on_error("confusion_matrix"):
        ...         raise ValueError("no rows")
        ...
        >>> str(issued[0].message)
        'plot confusion_matrix skipped: no rows'
    """
    try:
        yield
    except Exception as error:  # matplotlib and scikit-learn raise many kinds of errors
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        warn(f"plot {name} skipped: {reason}")


class PlotCallback(Callback, ABC):
    """Plot after epochs 0, 1, 2, 4, 8, ... and after the last one, on the first process.

    The model is in evaluation mode without gradients while it is plotted, and has the best weights of its
    members; weights, mode and random states are restored.

    Args:
        only_at_end: plot after the last epoch only.

    Examples:
        >>> class Plot(PlotCallback):
        ...     def draw(self, trainer, model, data, epoch):
        ...         print(f"plot of epoch {epoch}")
        ...
        >>> [epoch for epoch in range(20) if Plot().is_due(epoch)]
        [0, 1, 2, 4, 8, 16]
    """

    def __init__(self, only_at_end: bool = False) -> None:
        self.only_at_end = only_at_end
        self._last_epoch = -1
        self._failed = False

    @abstractmethod
    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Plot the model after an epoch."""

    def finish(self, trainer: Trainer, model: LitModule) -> None:
        """Complete the plots after the last epoch."""

    def is_due(self, epoch: int) -> bool:
        """Return whether to plot after an epoch other than the last."""
        return not self.only_at_end and epoch & (epoch - 1) == 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the state of an earlier fit."""
        self._last_epoch, self._failed = -1, False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Plot if a plot is due."""
        if self.is_due(trainer.current_epoch):
            self._draw(trainer, pl_module, trainer.current_epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Plot the last epoch."""
        epoch = trainer.current_epoch - 1
        if epoch >= 0 and epoch != self._last_epoch:
            self._draw(trainer, pl_module, epoch)
        if trainer.is_global_zero and self._last_epoch >= 0 and not self._failed:
            assert isinstance(pl_module, LitModule)
            with skip_on_error(self._name):
                self.finish(trainer, pl_module)

    def _draw(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        self._last_epoch = epoch
        data = getattr(trainer, "datamodule", None)
        if not trainer.is_global_zero or not isinstance(data, InMemoryDataModule) or self._failed:
            return
        assert isinstance(pl_module, LitModule)
        self._failed = True  # until the plot succeeds, so that a failure is reported only once
        with skip_on_error(self._name), best_weights(trainer, pl_module), evaluating(pl_module):
            self.draw(trainer, in_single_precision(pl_module), data, epoch)
            self._failed = False

    @property
    def _name(self) -> str:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(self).__name__).lower()


def log_figure(trainer: Trainer, tag: str, figure: "Figure") -> None:
    """Log a figure at the last training step."""
    from lit_classify.plots import to_pixels

    log_pixels(trainer, tag, to_pixels(figure))


def log_pixels(trainer: Trainer, tag: str, pixels: Any, step: int | None = None) -> None:  # noqa: ANN401 - an array; numpy is imported lazily
    """Log pixels ``(height, width, 3)`` at a step, by default the last training step."""
    from lit_classify.plots import encode_png

    height, width, _ = pixels.shape
    log_encoded(trainer, tag, encode_png(pixels), height, width, step)


def log_encoded(
    trainer: Trainer, tag: str, content: bytes, height: int, width: int, step: int | None = None
) -> None:
    """Log a PNG or GIF at a step, by default the last training step."""
    step = max(trainer.global_step - 1, 0) if step is None else step
    for logger in run_loggers(trainer):
        logger.log_image(tag, step, content, height, width)
