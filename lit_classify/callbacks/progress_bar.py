"""A progress bar over epochs, for a terminal."""

import sys
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm

from lit_classify.modules import LitModule

_FORMAT = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} epochs [{elapsed}<{remaining}{postfix}]"
_LOSSES = {"train/loss": "loss", "val/loss": "val loss"}


class EpochProgressBar(ProgressBar):
    """One bar for all epochs of a fit, with the losses, drawn about ten times a second below the epoch log.

    Lightning's bars count the batches of an epoch, of which small data has only one.

    Examples:
        >>> quiet = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
        >>> trainer = Trainer(max_epochs=2, accelerator="cpu", callbacks=[EpochProgressBar()], **quiet)
        >>> type(trainer.progress_bar_callback).__name__
        'EpochProgressBar'
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm[Any] | None = None
        self._enabled = True

    @property
    def is_enabled(self) -> bool:
        """Whether the bar is drawn."""
        return self._enabled

    def disable(self) -> None:
        """Stop drawing."""
        self._enabled = False

    def enable(self) -> None:
        """Resume drawing."""
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Create the bar at the first epoch of this fit."""
        super().on_train_start(trainer, pl_module)
        if self._enabled:
            total = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
            options: dict[str, Any] = {"leave": False, "file": sys.stderr, "bar_format": _FORMAT}
            self._bar = tqdm(total=total, initial=trainer.current_epoch, **options)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count an epoch, and show the losses whenever the bar is drawn."""
        assert isinstance(pl_module, LitModule)
        if self._bar is not None and self._bar.update():
            metrics = {**trainer.callback_metrics, **pl_module.epoch_metrics("train")}
            losses = [f"{name} {float(metrics[tag]):.4f}" for tag, name in _LOSSES.items() if tag in metrics]
            self._bar.set_postfix_str(", ".join(losses))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the bar."""
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remove the bar before the error message is printed."""
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
