"""The checkpoints of a run: the best by a validation metric, and the last."""

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

from lit_classify.atomic_write import atomic_write
from lit_classify.callbacks.member_early_stopping import BEST_LOSS, best_weights, stops_members
from lit_classify.checkpoints.io import stop_now


class BestCheckpoint(ModelCheckpoint):
    """Keep ``checkpoints/best.ckpt``, the weights with the lowest validation loss.

    With MemberEarlyStopping, these are the best weights of each member, by its own validation loss.

    Args:
        monitor: the metric to compare.
        mode: whether the lowest (min) or highest (max) value is the best.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> options = {"accelerator": "cpu", "callbacks": [BestCheckpoint(), LastCheckpoint()], **quiet}
        >>> with TemporaryDirectory() as directory:
        ...     trainer = Trainer(max_epochs=2, default_root_dir=directory, **options)
        ...     trainer.fit(BinaryClassifier(2), CirclesDataModule())
        ...     sorted(path.name for path in Path(directory).rglob("*.ckpt"))
        ...
        ['best.ckpt', 'last.ckpt']
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
        self._is_pending = False
        self._resumed: Path | None = None  # checkpoint

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set the directory, without Lightning's warning about checkpoints in it: a resumed run has some."""
        if self.monitor == "val/loss" and stops_members(trainer):
            self.monitor = BEST_LOSS
        if stage == "fit" and self.dirpath is None:
            self.dirpath = str(directory(trainer))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Checkpoint directory")
            super().setup(trainer, pl_module, stage)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Remember which checkpoint is resumed, before the state is loaded."""
        self._resumed = Path(trainer.ckpt_path) if trainer.ckpt_path else None

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Copy the best checkpoint of a resumed run into the directory of the new run."""
        earlier, score = Path(state_dict["best_model_path"]), state_dict["best_model_score"]
        if score is not None and not math.isfinite(score):
            raise ValueError(f"best_model_score is {score}")
        if score is None or self.dirpath is None:
            return
        if self._resumed and not earlier.is_file():  # the run has been moved
            earlier = self._resumed.with_name(earlier.name)
        if not earlier.is_file():
            return
        best = Path(self.dirpath) / earlier.name
        best.parent.mkdir(parents=True, exist_ok=True)
        if not best.is_file():
            with atomic_write(best) as unfinished:
                shutil.copyfile(earlier, unfinished)
        self.best_model_path = self.kth_best_model_path = str(best)
        self.best_model_score = self.current_score = self.kth_value = score
        self.best_k_models = {str(best): score}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Skip NaN and infinity; after an epoch's last batch, wait for the end of the epoch before saving.

        A checkpoint from within the last batch would lack the scheduler's step of this epoch.
        """
        score = trainer.callback_metrics.get(str(self.monitor))
        if score is not None and not bool(score.isfinite()):
            return
        self._is_pending = bool(trainer.fit_loop.epoch_loop.batch_progress.is_last_batch)
        if not self._is_pending:
            self._save_if_best(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save a pending checkpoint."""
        if self._is_pending:
            self._is_pending = False
            self._save_if_best(trainer, pl_module)

    def _save_if_best(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the weights, for members the best ones of each, if the metric has improved."""
        with best_weights(trainer, pl_module):
            super().on_validation_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save a pending checkpoint."""
        self.on_train_epoch_start(trainer, pl_module)
        super().on_train_end(trainer, pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save a pending checkpoint."""
        if was_stopped(trainer, exception):
            self.on_train_epoch_start(trainer, pl_module)
        super().on_exception(trainer, pl_module, exception)


class LastCheckpoint(Checkpoint):
    """Keep ``checkpoints/last.ckpt``, from which the run can be resumed.

    Saved after the first epoch, at intervals, and at the end.

    Args:
        every_n_seconds: minimum time between two saves; each follows the end of an epoch.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> last = LastCheckpoint(every_n_seconds=600.0)
        >>> with TemporaryDirectory() as directory:
        ...     options = {"accelerator": "cpu", "default_root_dir": directory, **quiet}
        ...     trainer = Trainer(max_epochs=2, callbacks=[last], **options)
        ...     trainer.fit(BinaryClassifier(2), CirclesDataModule())
        ...     last.path.relative_to(directory).as_posix()
        ...
        'checkpoints/last.ckpt'
    """

    def __init__(self, every_n_seconds: float = 60.0) -> None:
        self.every_n_seconds = every_n_seconds
        self.path: Path | None = None
        self._saved_at = -math.inf

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the state of an earlier fit."""
        self._saved_at = -math.inf

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the previous epoch if the interval has passed, on all ranks or none."""
        due = trainer.global_step > 0 and time.monotonic() - self._saved_at > self.every_n_seconds
        if trainer.world_size > 1:
            due = trainer.strategy.broadcast(due)
        if due:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the final state."""
        self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save if a signal stopped the run; after an error the weights may be invalid."""
        if was_stopped(trainer, exception):
            signal.signal(signal.SIGINT, stop_now)  # a second Ctrl-C while saving ends the run
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        self._saved_at = time.monotonic()
        self.path = directory(trainer) / "last.ckpt"
        trainer.save_checkpoint(self.path)


def directory(trainer: Trainer) -> Path:
    """Return the directory of a run's checkpoints, the same on all processes."""
    return Path(trainer.log_dir or trainer.default_root_dir) / "checkpoints"


def was_stopped(trainer: Trainer, exception: BaseException) -> bool:
    """Return whether a signal stopped a run in a resumable state.

    Trainers other than that of the command line do not stop several processes at the same step.
    """
    by_signal = isinstance(exception, KeyboardInterrupt | SIGTERMException)
    together = trainer.world_size == 1 or getattr(trainer, "stops_together", False)
    return by_signal and together and trainer.global_step > 0
