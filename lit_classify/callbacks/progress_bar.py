"""A progress bar over epochs, for a terminal."""

import sys
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm


class EpochProgressBar(ProgressBar):
    """One bar for the whole fit, drawn at most ten times a second, below the rows.

    Lightning's own bars count the batches of an epoch, which here is often a single one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm[Any] | None = None
        self._enabled = True

    @property
    def is_enabled(self) -> bool:
        """Whether the bar is drawn; Lightning asks before it prints."""
        return self._enabled

    def disable(self) -> None:
        """Draw nothing any more."""
        self._enabled = False

    def enable(self) -> None:
        """Draw again."""
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar at the epoch where training begins."""
        super().on_train_start(trainer, pl_module)
        if self._enabled:
            total = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
            self._bar = tqdm(
                total=total, initial=trainer.current_epoch, unit="epoch", leave=False, file=sys.stderr
            )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count an epoch."""
        if self._bar is not None:
            self._bar.update()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away."""
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Take the bar away before the message comes."""
        self._close()

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print a line above the bar."""
        if self._bar is None:
            print(*args, **kwargs)
        else:
            self._bar.clear()
            print(*args, **kwargs, flush=True)
            self._bar.refresh()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
