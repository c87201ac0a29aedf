"""What a run is, in words and as a row among others."""

import math
import platform
import shlex
import sys
import time
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.tensorboard.summary import hparams, text

from lit_classify import __version__
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.errors import escape_markdown
from lit_classify.loggers import RunLogger, Scalars
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating


class RunSummary(Callback):
    """Tell TensorBoard's text page what the run is for, of, and made with.

    Args:
        name: the recipe.
        why: what it teaches.
        command: what was typed.
    """

    def __init__(self, name: str, why: str | None, command: list[str]) -> None:
        self.name = name
        self.why = why
        self.command = command

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the texts."""
        assert isinstance(pl_module, LitModule)
        data = getattr(trainer, "datamodule", None)
        texts = {
            "why": self.why or f"{self.name}: no why was given.",
            "command": f"    {shlex.join(['lit-classify', *self.command])}",
            "versions": versions(),
            "network": summary(pl_module),
        }
        if isinstance(data, InMemoryDataModule):
            texts["data"] = counts(data)
        for logger in _loggers(trainer):
            logger.log_summary(*(text(f"about/{tag}", words) for tag, words in texts.items()))


class HParams(Callback):
    """Put the run on TensorBoard's HParams page: the same typed keys for every run, and its best epoch.

    The page shows the last value of each declared tag, and hides a run that lacks one of them. So the run
    declares what it will log, and the best epoch by val/loss has tags of its own: ``best/epoch``,
    ``best/val_loss`` and so on. Without validation the metrics are those of the last epoch.

    Args:
        tests_best: the best weights are scored on the test rows after the fit, whose metrics are shown too.
    """

    def __init__(self, tests_best: bool = False) -> None:
        self.tests_best = tests_best
        self._best: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch's metrics, for a run that is resumed."""
        return dict(self._best)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best epoch of the run that is resumed."""
        self._best = dict(state_dict)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the settings, and which metrics to show beside them."""
        assert isinstance(pl_module, LitModule)
        data = getattr(trainer, "datamodule", None)
        if trainer.current_epoch == 0 and trainer.global_step == 0:
            self._best = {}  # of an earlier fit
        metrics = ["loss", pl_module.metric_name]
        tags = [f"train/{name}" for name in metrics]
        if trainer.enable_validation:
            tags = ["best/epoch", *(f"best/{stage}_{name}" for stage in ("val", "train") for name in metrics)]
        if trainer.enable_validation and self.tests_best and not (data and data.validates_on_test):
            tags += [f"test/{name}" for name in metrics]
        experiment, start, self._end = hparams(settings(trainer, pl_module, data), dict.fromkeys(tags, 0.0))
        for logger in _loggers(trainer):
            logger.log_summary(experiment, start)
        self._log(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the metrics of an epoch that is better than all before it."""
        assert isinstance(pl_module, LitModule)
        loss = trainer.callback_metrics.get("val/loss")
        if trainer.state.fn != "fit" or trainer.sanity_checking or loss is None:
            return
        if not float(loss) < self._best.get("best/val_loss", math.inf):
            return
        found = {**trainer.callback_metrics, **pl_module.epoch_metrics("train")}
        tags = [f"{stage}/{name}" for stage in ("val", "train") for name in ("loss", pl_module.metric_name)]
        best = {f"best/{tag.replace('/', '_')}": float(found[tag]) for tag in tags if tag in found}
        self._best = {"best/epoch": float(trainer.current_epoch), **best}
        self._log(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that the run has come to its end."""
        for logger in _loggers(trainer):
            logger.log_summary(self._end)

    def _log(self, trainer: Trainer) -> None:
        for logger in _loggers(trainer):
            if self._best:
                step, epoch = max(trainer.global_step - 1, 0), trainer.current_epoch
                logger.log_scalars([Scalars(step, epoch, self._best, time.time())])


def settings(trainer: Trainer, model: LitModule, data: InMemoryDataModule | None) -> dict[str, Any]:
    """Return what runs are compared by; a value is of the same type in every run."""
    given = model.hparams
    return {
        "task": type(model).__name__,
        "data": type(data).__name__.removesuffix("DataModule") if data else "",
        "features": int(given["in_features"]),
        "network": str(given.get("network") or "MLP"),
        "hidden": str(list(given.get("hidden", ()))),
        "activation": str(given.get("activation")),
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


def counts(data: InMemoryDataModule) -> str:
    """Return the rows of each split, and of each class in it, as Markdown."""
    names = [escape_markdown(name) for name in data.class_names or []]
    lines = ["| split | rows | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for split in ("train", "val", "test"):
        y = data.split(split).y
        each = torch.bincount(y, minlength=len(names)).tolist() if names else []
        lines.append(f"| {split} | {len(y):,} | " + " | ".join(f"{count:,}" for count in each) + " |")
    if data.validates_on_test:
        lines.append("\nCourse mode: validation looks at the test rows.")
    if isinstance(data, TableDataModule) and data.columns:
        lines += ["", *(f"    {line}" for line in data.describe().splitlines())]
    return "\n".join(lines)


def summary(model: LitModule) -> str:
    """Return the network's layers with the shape of their answer to a row, as Markdown."""
    lines = ["| layer | shape of its answer | parameters |", "|---|---|---|"]

    def note(layer: nn.Module, _: object, answer: object) -> None:
        shape = tuple(answer.shape) if isinstance(answer, Tensor) else ()
        size = ("N", *shape[1:])
        weights = sum(weight.numel() for weight in layer.parameters(recurse=False))
        lines.append(f"| {layer} | ({', '.join(map(str, size))}) | {weights:,} |")

    leaves = [layer for layer in model.network.modules() if not list(layer.children())]
    handles = [layer.register_forward_hook(note) for layer in leaves]
    try:
        with evaluating(model), torch.random.fork_rng(devices=[]):
            model.network(torch.zeros(1, int(model.hparams["in_features"]), device=model.device))
    finally:
        for handle in handles:
            handle.remove()
    total = sum(weight.numel() for weight in model.parameters())
    return "\n".join([*lines, f"\n{type(model).__name__}: {total:,} parameters"])


def versions() -> str:
    """Return what the run was made with, as Markdown."""
    import lightning

    found: Mapping[str, str] = {
        "lit_classify": __version__,
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "Python": sys.version.split()[0],
        "system": platform.platform(),
    }
    return "\n".join(f"- {name} {version}" for name, version in found.items())


def _loggers(trainer: Trainer) -> list[RunLogger]:
    return [logger for logger in trainer.loggers if isinstance(logger, RunLogger)]
