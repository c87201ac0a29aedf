"""Settings and best epoch of a run, on TensorBoard's HParams page."""

import math
import time
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard.summary import hparams

from lit_classify.callbacks.member_early_stopping import stops_members
from lit_classify.data import InMemoryDataModule
from lit_classify.loggers import Scalars, run_loggers
from lit_classify.modules import LitModule

_FIRST = {"activation", "batch_size", "hidden", "lr", "optimizer"}  # the page shows the first five


class HParams(Callback):
    """Add the run to TensorBoard's HParams page: the same settings for every run, and its best epoch.

    The page shows the metrics that one of the runs declares, and its plots omit runs that lack one of them.
    A run therefore declares only what it will log, and every run of a task logs the same: the number of the
    best epoch by val/loss, the metrics of that epoch, and those on the test rows if it is tested, as
    ``summary/epoch``, ``summary/val_loss``, ``summary/test_loss`` and so on. In course mode the validation
    rows are the test rows. Without validation the metrics are those of the last epoch. Where each member has
    a best epoch of its own, ``show_best`` writes the metrics after the fit.

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
        ['epoch', 'test_accuracy', 'test_loss', 'val_accuracy', 'val_loss']
    """

    def __init__(self, tests_best: bool = False) -> None:
        self.tests_best = tests_best
        self._best: dict[str, float] = {}
        self._validated_on = ["val"]

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch's metrics."""
        return dict(self._best)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best epoch of a resumed run; earlier releases saved ``best/val_loss``."""
        self._best = {name.removeprefix("best/"): value for name, value in state_dict.items()}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the settings, and declare the metrics to show beside them."""
        assert isinstance(pl_module, LitModule)
        data = getattr(trainer, "datamodule", None)
        if trainer.current_epoch == 0 and trainer.global_step == 0:
            self._best = {}  # left by an earlier fit
        course_mode = data is not None and data.validates_on_test
        self._validated_on = ["val", "test"] if course_mode else ["val"]
        stages = ["train"]
        if trainer.enable_validation:
            stages = ["val", "test"] if self.tests_best or course_mode else ["val"]
        names = [f"{stage}_{name}" for stage in stages for name in _shown(pl_module)]
        names = ["epoch", *names] if trainer.enable_validation else names
        shown = settings(trainer, pl_module, data), {f"summary/{name}": 0.0 for name in names}
        experiment, start, self._end = hparams(*shown)  # type: ignore[no-untyped-call]
        for logger in run_loggers(trainer):
            logger.log_summary(_sorted(experiment), start)
        self._log(trainer, self._best)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the metrics of an epoch with a new lowest val/loss."""
        assert isinstance(pl_module, LitModule)
        loss = trainer.callback_metrics.get("val/loss")
        if trainer.state.fn != "fit" or trainer.sanity_checking or loss is None or stops_members(trainer):
            return
        if float(loss) < self._best.get("val_loss", math.inf):
            metrics = _metrics(trainer.callback_metrics, "val", pl_module)
            self.show_best(trainer, trainer.current_epoch, metrics)

    def show_best(self, trainer: Trainer, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the validation metrics of the best weights; ``epoch`` is that of their last improvement."""
        named = {f"{stage}_{name}": value for stage in self._validated_on for name, value in metrics.items()}
        self._best = {"epoch": float(epoch), **named}
        self._log(trainer, self._best)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the test metrics of the best weights."""
        assert isinstance(pl_module, LitModule)
        if self.tests_best:
            metrics = _metrics(trainer.callback_metrics, "test", pl_module)
            self._log(trainer, {f"test_{name}": value for name, value in metrics.items()})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write that the run has ended."""
        assert isinstance(pl_module, LitModule)
        if not trainer.enable_validation:
            metrics = _metrics(pl_module.epoch_metrics("train"), "train", pl_module)
            self._log(trainer, {f"train_{name}": value for name, value in metrics.items()})
        for logger in run_loggers(trainer):
            logger.log_summary(self._end)

    def _log(self, trainer: Trainer, metrics: Mapping[str, float]) -> None:
        step, epoch = max(trainer.global_step - 1, 0), trainer.current_epoch
        tags = {f"summary/{name}": value for name, value in metrics.items()}
        if not tags:
            return
        for logger in run_loggers(trainer):
            logger.log_scalars([Scalars(step, epoch, tags, time.time())])


def _shown(model: LitModule) -> list[str]:
    return ["loss", model.metric_name]


def _metrics(metrics: Mapping[str, Any], stage: str, model: LitModule) -> dict[str, float]:
    """Return the metrics of a stage that the page shows, by their names."""
    tags = {name: f"{stage}/{name}" for name in _shown(model)}
    return {name: float(metrics[tag]) for name, tag in tags.items() if tag in metrics}


def _sorted(experiment: Summary) -> Summary:
    """Mark the settings to show first; the page sorts the marked ones, then the others, by name."""
    plugin = experiment.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(plugin.content)
    for info in content.experiment.hparam_infos:
        info.differs = info.name in _FIRST
    plugin.content = content.SerializeToString()
    return experiment


def settings(trainer: Trainer, model: LitModule, data: InMemoryDataModule | None) -> dict[str, Any]:
    """Return the settings by which runs are compared; each has the same type in every run.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> trainer = Trainer(max_epochs=5, accelerator="cpu", logger=False)
        >>> shown = settings(trainer, BinaryClassifier(2, lr=0.5), CirclesDataModule())
        >>> shown["task"], shown["lr"], shown["parameters"], shown["batch_size"]
        ('BinaryClassifier', 0.5, 151, 'full')
    """
    arguments = model.hparams
    return {
        "task": type(model).__name__,
        "data": type(data).__name__.removesuffix("DataModule") if data else "",
        "features": int(arguments["in_features"]),
        "network": str(arguments.get("network") or "MLP"),
        "hidden": str(list(arguments.get("hidden", ()))),
        "activation": str(arguments.get("activation")),
        "members": model.members,
        "dropout": float(arguments.get("dropout", 0.0)),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "loss": str(arguments.get("loss") or next(iter(model.losses), "")),
        "optimizer": str(arguments.get("optimizer")),
        "lr": float(arguments.get("lr", 0.0)),
        "lr_scheduler": str(arguments.get("lr_scheduler")),
        "init_from": str((model.initialization or {}).get("path", "")),
        "freeze": ", ".join(arguments.get("freeze", ())),
        "batch_size": str((data and data.batch_size) or "full"),
        "train_rows": len(data.split("train").y) if data else 0,
        "data_seed": int(data.random_state) if data else 0,
        "max_epochs": int(trainer.max_epochs if trainer.max_epochs is not None else -1),
    }
