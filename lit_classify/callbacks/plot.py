"""What callbacks that draw have in common: when they draw, what of, and where it goes."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_classify.data import InMemoryDataModule
from lit_classify.errors import warn
from lit_classify.loggers import RunLogger
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating


@contextmanager
def left_out_on_error(name: str) -> Iterator[None]:
    """Leave a plot out with a note if it cannot be drawn: no plot is worth a run."""
    try:
        yield
    except Exception as error:  # matplotlib and scikit-learn raise many kinds for numbers they cannot draw
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        warn(f"plot {name} left out: {reason}")


class PlotCallback(Callback, ABC):
    """Draw at epochs 0, 1, 2, 4, 8, ... and after the last, on one process, without a trace on the model.

    Args:
        only_at_end: draw after the last epoch alone.
    """

    def __init__(self, only_at_end: bool = False) -> None:
        self.only_at_end = only_at_end
        self._drawn_at = -1
        self._failed = False

    @abstractmethod
    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Draw the model as it is after an epoch; it is in evaluation mode, without gradients."""

    def finish(self, trainer: Trainer, model: LitModule) -> None:
        """Do what remains after the last epoch."""

    def is_due(self, epoch: int) -> bool:
        """Whether to draw after an epoch that may not be the last."""
        return not self.only_at_end and epoch & (epoch - 1) == 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget an earlier fit."""
        self._drawn_at, self._failed = -1, False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw a due epoch."""
        if self.is_due(trainer.current_epoch):
            self._draw(trainer, pl_module, trainer.current_epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the last epoch."""
        epoch = trainer.current_epoch - 1
        if epoch >= 0 and epoch != self._drawn_at:
            self._draw(trainer, pl_module, epoch)
        if trainer.is_global_zero and self._drawn_at >= 0 and not self._failed:
            assert isinstance(pl_module, LitModule)
            with left_out_on_error(self._name):
                self.finish(trainer, pl_module)

    def _draw(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        self._drawn_at = epoch
        data = getattr(trainer, "datamodule", None)
        if not trainer.is_global_zero or not isinstance(data, InMemoryDataModule) or self._failed:
            return
        assert isinstance(pl_module, LitModule)
        self._failed = True  # one that failed once would fail again, and say so again
        with left_out_on_error(self._name), evaluating(pl_module):
            self.draw(trainer, pl_module, data, epoch)
            self._failed = False

    @property
    def _name(self) -> str:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(self).__name__).lower()


def log(trainer: Trainer, tag: str, picture: Any, step: int | None = None) -> None:  # noqa: ANN401 - a matplotlib Figure, or its pixels
    """Write a figure or its pixels to the run's events, by default at the step that was trained last."""
    from matplotlib.figure import Figure

    from lit_classify.plots.images import pixels, png

    picture = pixels(picture) if isinstance(picture, Figure) else picture
    height, width, _ = picture.shape
    log_packed(trainer, tag, png(picture), height, width, step)


def log_packed(
    trainer: Trainer, tag: str, packed: bytes, height: int, width: int, step: int | None = None
) -> None:
    """Write a PNG or GIF to the run's events."""
    step = max(trainer.global_step - 1, 0) if step is None else step
    for logger in trainer.loggers:
        if isinstance(logger, RunLogger):
            logger.log_picture(tag, step, packed, height, width)


def validation_name(data: InMemoryDataModule) -> str:
    """Return what the rows that validation looks at are called."""
    return "Test" if data.validates_on_test else "Validation"
