"""Which checkpoints a run keeps: the best by validation, and the last."""

import math
import shutil
import signal
import time
import warnings
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_classify import files
from lit_classify.checkpoints.io import stop_now


class BestCheckpoint(ModelCheckpoint):
    """Keep ``checkpoints/best.ckpt``, the weights with the lowest validation loss.

    Args:
        monitor: the figure that must not rise.
        mode: min or max.
    """

    def __init__(self, monitor: str = "val/loss", mode: str = "min") -> None:
        super().__init__(
            filename="best",
            monitor=monitor,
            mode=mode,
            save_on_train_epoch_end=False,
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        self._waits = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find the folder; that it holds checkpoints already is no news to who goes on there."""
        if stage == "fit" and self.dirpath is None:
            self.dirpath = str(directory(trainer))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Checkpoint directory")
            super().setup(trainer, pl_module, stage)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the best of the run that goes on along into the new run's folder."""
        earlier, score = Path(state_dict["best_model_path"]), state_dict["best_model_score"]
        if score is not None and not math.isfinite(score):
            raise ValueError(f"best_model_score is {score}")
        if score is None or self.dirpath is None or not earlier.is_file():
            return
        best = Path(self.dirpath) / earlier.name
        best.parent.mkdir(parents=True, exist_ok=True)
        if not best.is_file():
            with files.atomic_write(best) as unfinished:
                shutil.copyfile(earlier, unfinished)
        self.best_model_path = self.kth_best_model_path = str(best)
        self.best_model_score = self.current_score = self.kth_value = score
        self.best_k_models = {str(best): score}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Pass over a figure that is no number; let an epoch end before its weights are written.

        A checkpoint from within the last batch would lack the scheduler's step, and go on a step too far.
        """
        figure = trainer.callback_metrics.get(str(self.monitor))
        if figure is not None and not bool(figure.isfinite()):
            return
        self._waits = bool(trainer.fit_loop.epoch_loop.batch_progress.is_last_batch)
        if not self._waits:
            super().on_validation_end(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what waits."""
        if self._waits:
            self._waits = False
            super().on_validation_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what waits."""
        self.on_train_epoch_start(trainer, pl_module)
        super().on_train_end(trainer, pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write what waits."""
        if stopped(trainer, exception):
            self.on_train_epoch_start(trainer, pl_module)
        super().on_exception(trainer, pl_module, exception)


class LastCheckpoint(Checkpoint):
    """Keep ``checkpoints/last.ckpt``, from which the run can go on.

    Written after the first epoch, now and then, and at the end.

    Args:
        every_n_seconds: time from one write to the next, after an epoch.
    """

    def __init__(self, every_n_seconds: float = 60.0) -> None:
        self.every_n_seconds = every_n_seconds
        self.path: Path | None = None
        self._saved_at = -math.inf

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget an earlier fit."""
        self._saved_at = -math.inf

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epoch before if it is time, on all ranks or none: saving is a matter of all."""
        due = trainer.global_step > 0 and time.monotonic() - self._saved_at > self.every_n_seconds
        if trainer.world_size > 1:
            due = trainer.strategy.broadcast(due)
        if due:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the end of the run."""
        self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write what there is if the run was told to stop; an error may have left nonsense in the weights."""
        if stopped(trainer, exception):
            signal.signal(signal.SIGINT, stop_now)  # now that it is being saved, the second Ctrl-C ends it
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        self._saved_at = time.monotonic()
        self.path = directory(trainer) / "last.ckpt"
        trainer.save_checkpoint(self.path)


def directory(trainer: Trainer) -> Path:
    """Return where a run's checkpoints go, the same on all processes, whatever the loggers."""
    return Path(trainer.log_dir or trainer.default_root_dir) / "checkpoints"


def stopped(trainer: Trainer, exception: BaseException) -> bool:
    """Whether a run was told to stop where it can go on; several processes of other trainers cannot."""
    asked = isinstance(exception, KeyboardInterrupt | SIGTERMException)
    together = trainer.world_size == 1 or getattr(trainer, "stops_together", False)
    return asked and together and trainer.global_step > 0
