"""The sections of a script that build and train the model."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lit_classify.eject.checks import check_arguments, refuse
from lit_classify.eject.code import call, keywords, layers, literal
from lit_classify.eject.run import Run
from lit_classify.eject.template import fill
from lit_classify.errors import UserError
from lit_classify.losses import LOSSES
from lit_classify.modules import BinaryClassifier, LitModule, MulticlassClassifier, Regressor

_COMMON = {
    *("in_features", "out_features", "class_names", "label_names", "numeric_columns", "members", "hidden"),
    *("activation", "dropout", "optimizer", "lr", "weight_decay", "optimizer_args", "lr_scheduler"),
    *("lr_scheduler_args", "inputs", "loss", "loss_args"),
}


@dataclass(frozen=True)
class Task:
    """How a task is written.

    Args:
        dtype: dtype of the targets.
        loss: the loss function.
        logits: the outputs for the features ``{}``.
        labels: the predicted labels for the logits ``{}``; None for values.
    """

    dtype: str
    loss: str
    logits: str
    labels: str | None

    @classmethod
    def of(cls, model: LitModule) -> "Task":
        """Return the task of a model.

        Raises:
            UserError: a script does not reproduce the model; names the option.

        Examples:
            >>> print(Task.of(BinaryClassifier(2)).loss)
            nn.BCEWithLogitsLoss()
        """
        given, own = model.hparams, set[str]()
        if type(model) is BinaryClassifier:
            own, limit = {"threshold"}, given["threshold"]
            rounded = "torch.round(torch.sigmoid({}))"
            labels = rounded if limit == 0.5 else f"(torch.sigmoid({{}}) > {limit}).float()"
            task = cls("torch.float", _loss(model, {}), "model({}).squeeze(dim=1)", labels)
        elif type(model) is MulticlassClassifier:
            own, smoothing = {"label_smoothing"}, given["label_smoothing"]
            loss = _loss(model, {"label_smoothing": smoothing} if smoothing else {})
            task = cls("torch.long", loss, "model({})", "torch.softmax({}, dim=1).argmax(dim=1)")
        elif type(model) is Regressor:
            task = cls("torch.float", _loss(model, {}), "model({}).squeeze(dim=1)", None)
        else:
            raise UserError(f"eject cannot write the module {type(model).__name__} into a script")
        check_arguments("model", model, _COMMON | own)
        if model.members > 1:
            refuse("model.members", model.members)
        return task


def describe(run: Run, task: Task) -> tuple[dict[str, Any], set[str]]:
    """Return the values of the placeholders of the templates, and their flags."""
    data, trainer, split = run.data, run.config["trainer"], run.held_out
    every, epochs = run.config["log_every_n_epochs"], trainer["max_epochs"]
    num_rows = len(data.split("train").y)
    size = min(data.batch_size or num_rows, num_rows)
    used = num_rows - num_rows % size if data.drop_last else num_rows
    optimizer, scheduler = _optimizer(run.model), _scheduler(run.model)
    is_set = {
        "accuracy": task.labels,
        "batches": used > size or used < num_rows,
        "shuffle": data.shuffle,
        "random": _draws_random_numbers(run.model.network, data.split("train").x),
        "clip": trainer["gradient_clip_val"],
        "scheduler": scheduler,
        "plateau": "ReduceLROnPlateau" in scheduler,
        "val": split == "val",
        "one_thread": run.one_thread,
    }
    flags = {name for name, value in is_set.items() if value}
    rows = "batch" if "batches" in flags else "train"
    values = {
        "device": '"cpu"'
        if trainer["accelerator"] == "cpu"
        else '"cuda" if torch.cuda.is_available() else "cpu"',
        "seed": run.config["seed_everything"],
        "network": layers(run.model.network),
        "loss": task.loss,
        "optimizer": optimizer,
        "scheduler": scheduler,
        "clip": _clip(trainer),
        "epochs": epochs,
        "width": len(str(epochs - 1)),
        "split": split,
        "Split": split.capitalize(),
        "Testing": "Testing" if split == "test" else "Validation",
        "random_state": data.random_state,
        "used": f"[:{used}]" if used < num_rows else "",
        "batch_size": size,
        "step": f"epoch * {-(-used // size)} + step" if "batches" in flags else "epoch",
        "rows": rows,
        "train_logits": task.logits.format(f"X_{rows}"),
        "split_logits": task.logits.format(f"X_{split}"),
        "grid_logits": task.logits.format("grid.to(device)"),
        "grid_labels": (task.labels or "").format("y_logits"),
        "train_labels": (task.labels or "").format("y_logits"),
        "split_labels": (task.labels or "").format(f"{split}_logits"),
        "curves": literal(f"{run.name}_loss_curves.png"),
        "plot": literal(f"{run.name}_predictions.png"),
    }
    values["training"] = fill("training", values, flags)
    values["printing"] = _every(_print_interval(run), fill("printing", values, flags))
    values["testing"] = _every(every, fill("testing", values, flags))
    return values, flags


def _every(interval: int, code: str) -> str:
    """Return code that runs in every so many epochs, and in the last."""
    if interval == 1:
        return code
    return f"if epoch % {interval} == 0 or epoch == epochs - 1:\n{textwrap.indent(code, '    ')}"


def _print_interval(run: Run) -> int:
    """Return in how many epochs a line of the epoch log is printed; 1 if all are."""
    every, printed = (run.config[f"{word}_every_n_epochs"] for word in ("log", "print"))
    if printed > every and printed % every:
        refuse("print_every_n_epochs", printed)
    return int(printed) if printed > every else 1


def _loss(model: LitModule, arguments: Mapping[str, Any]) -> str:
    """Return the call that builds the loss function.

    Args:
        model: the model.
        arguments: those of the task's own loss.

    Raises:
        UserError: the loss is not one of torch for the targets as they are.
    """
    chosen = model.row_loss
    if chosen is None:
        return call(f"nn.{model.losses[0]}(", keywords(arguments))
    name = type(chosen.mean).__name__
    if LOSSES.get(name) is not type(chosen.mean) or chosen.signed:
        refuse("model.loss", model.hparams["loss"])
    return call(f"nn.{name}(", keywords(model.hparams["loss_args"] or {}))


def _optimizer(model: LitModule) -> str:
    """Return the call that builds the optimizer.

    Raises:
        UserError: it is not one of torch, or evaluates a batch several times in a step.
    """
    configured: Any = model.configure_optimizers()
    optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
    name = type(optimizer).__name__
    if getattr(torch.optim, name, None) is not type(optimizer) or name == "LBFGS":
        refuse("model.optimizer", name)
    given = {"lr": model.lr, **(model.hparams["optimizer_args"] or {})}
    if model.hparams["weight_decay"] is not None:
        given["weight_decay"] = model.hparams["weight_decay"]
    if optimizer.defaults.get("fused"):
        given["fused"] = True
    head = f"optimizer = torch.optim.{name}("
    return call(head, ["model.parameters()", *keywords(given)])


def _scheduler(model: LitModule) -> str:
    """Return the call that builds the learning-rate scheduler; an empty text without one."""
    name = model.hparams["lr_scheduler"]
    if name is None:
        return ""
    if not hasattr(torch.optim.lr_scheduler, name):
        refuse("model.lr_scheduler", name)
    given = keywords(model.hparams["lr_scheduler_args"] or {})
    return call(f"scheduler = torch.optim.lr_scheduler.{name}(", ["optimizer", *given])


def _clip(trainer: Mapping[str, Any]) -> str:
    kind = "value" if trainer["gradient_clip_algorithm"] == "value" else "norm"
    return f"nn.utils.clip_grad_{kind}_(model.parameters(), {trainer['gradient_clip_val']})"


def _draws_random_numbers(network: nn.Module, x: torch.Tensor) -> bool:
    """Return whether a network draws random numbers in training."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = torch.get_rng_state()
        network.train()(x[:2])
        return not torch.equal(before, torch.get_rng_state())
