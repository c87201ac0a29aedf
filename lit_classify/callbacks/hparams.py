"""Settings and best epoch of a run, on TensorBoard's HParams page."""

import math
import time
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.tensorboard.summary import hparams

from lit_classify.callbacks.member_early_stopping import stops_members
from lit_classify.data import InMemoryDataModule
from lit_classify.loggers import Scalars, run_loggers
from lit_classify.modules import LitModule


class HParams(Callback):
    """Add the run to TensorBoard's HParams page: the same settings for every run, and its best epoch.

    The page shows the last value of each declared tag, and hides runs that lack one of them. A run therefore
    declares only what it will log. The best epoch by val/loss has its own tags: ``best/epoch``,
    ``best/val_loss`` and so on. Without validation the metrics are those of the last epoch. Where each member
    has a best epoch of its own, ``show_best`` writes the metrics after the fit.

    Args:
        tests_best: whether the best weights are evaluated on the test rows after the fit; adds test metrics.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> options = {"accelerator": "cpu", "enable_checkpointing": False, **quiet}
        >>> callback = HParams()
        >>> trainer = Trainer(max_epochs=2, callbacks=[callback], **options)
        >>> trainer.fit(BinaryClassifier(2), CirclesDataModule())
        >>> sorted(callback.state_dict())
        ['best/epoch', 'best/train_accuracy', 'best/train_loss', 'best/val_accuracy', 'best/val_loss']
    """

    def __init__(self, tests_best: bool = False) -> None:
        self.tests_best = tests_best
        self._best: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch's metrics."""
        return dict(self._best)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best epoch of a resumed run."""
        self._best = dict(state_dict)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the settings, and declare the metrics to show beside them."""
        assert isinstance(pl_module, LitModule)
        data = getattr(trainer, "datamodule", None)
        if trainer.current_epoch == 0 and trainer.global_step == 0:
            self._best = {}  # left by an earlier fit
        metrics = ["loss", pl_module.metric_name]
        tags = [f"train/{name}" for name in metrics]
        if trainer.enable_validation:
            stages = ("val",) if stops_members(trainer) else ("val", "train")
            tags = ["best/epoch", *(f"best/{stage}_{name}" for stage in stages for name in metrics)]
        if trainer.enable_validation and self.tests_best and not (data and data.validates_on_test):
            tags += [f"test/{name}" for name in metrics]
        shown = settings(trainer, pl_module, data), dict.fromkeys(tags, 0.0)
        experiment, start, self._end = hparams(*shown)  # type: ignore[no-untyped-call]
        for logger in run_loggers(trainer):
            logger.log_summary(experiment, start)
        self._log(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the metrics of an epoch with a new lowest val/loss."""
        assert isinstance(pl_module, LitModule)
        loss = trainer.callback_metrics.get("val/loss")
        if trainer.state.fn != "fit" or trainer.sanity_checking or loss is None or stops_members(trainer):
            return
        if not float(loss) < self._best.get("best/val_loss", math.inf):
            return
        metrics = {**trainer.callback_metrics, **pl_module.epoch_metrics("train")}
        tags = [f"{stage}/{name}" for stage in ("val", "train") for name in ("loss", pl_module.metric_name)]
        best = {f"best/{tag.replace('/', '_')}": float(metrics[tag]) for tag in tags if tag in metrics}
        self._best = {"best/epoch": float(trainer.current_epoch), **best}
        self._log(trainer)

    def show_best(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the validation metrics of the best weights; ``epoch`` is that of their last improvement."""
        best = {"best/epoch": float(epoch), **{f"best/val_{name}": metrics[name] for name in metrics}}
        for logger in run_loggers(trainer):
            logger.log_metrics(best, max(trainer.global_step - 1, 0))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write that the run has ended."""
        for logger in run_loggers(trainer):
            logger.log_summary(self._end)

    def _log(self, trainer: Trainer) -> None:
        for logger in run_loggers(trainer):
            if self._best:
                step, epoch = max(trainer.global_step - 1, 0), trainer.current_epoch
                logger.log_scalars([Scalars(step, epoch, self._best, time.time())])


def settings(trainer: Trainer, model: LitModule, data: InMemoryDataModule | None) -> dict[str, Any]:
    """Return the settings by which runs are compared; each has the same type in every run.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> trainer = Trainer(max_epochs=5, accelerator="cpu", logger=False)
        >>> found = settings(trainer, BinaryClassifier(2, lr=0.5), CirclesDataModule())
        >>> found["task"], found["lr"], found["parameters"]
        ('BinaryClassifier', 0.5, 151)
    """
    given = model.hparams
    return {
        "task": type(model).__name__,
        "data": type(data).__name__.removesuffix("DataModule") if data else "",
        "features": int(given["in_features"]),
        "network": str(given.get("network") or "MLP"),
        "hidden": str(list(given.get("hidden", ()))),
        "activation": str(given.get("activation")),
        "members": model.members,
        "dropout": float(given.get("dropout", 0.0)),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "optimizer": str(given.get("optimizer")),
        "lr": float(given.get("lr", 0.0)),
        "lr_scheduler": str(given.get("lr_scheduler")),
        "batch_size": int(data.batch_size or 0) if data else 0,  # 0: all rows at once
        "train_rows": len(data.split("train").y) if data else 0,
        "data_seed": int(data.random_state) if data else 0,
        "max_epochs": int(trainer.max_epochs if trainer.max_epochs is not None else -1),
    }
