"""The sections of a script that build and train the model.

A plain run is written as in the course: one network, and a loss function and labels of torch. Any other run,
such as one of several members or with class weights, calls the task as the package defines it.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from lit_classify.data import TableDataModule
from lit_classify.eject.checks import check_arguments, refuse
from lit_classify.eject.python_code import SOURCE_WIDTH, WIDTH, call, keywords, layers_code, lines, literal
from lit_classify.eject.run import Run
from lit_classify.eject.template import fill
from lit_classify.errors import UserError
from lit_classify.losses import LOSSES
from lit_classify.modules import (
    BinaryClassifier,
    LitModule,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
)
from lit_classify.networks import FeatureEmbedding

_COMMON = {
    *("in_features", "out_features", "class_names", "label_names", "num_categories", "numeric_columns"),
    *("folds", "inputs", "members", "numeric_embedding", "hidden", "activation", "dropout", "loss"),
    *("loss_args", "optimizer", "lr", "weight_decay", "optimizer_args", "lr_scheduler", "lr_scheduler_args"),
    "freeze",
}
_TASK_OPTIONS: dict[type[LitModule], set[str]] = {
    BinaryClassifier: {"threshold", "class_weight", "pos_weight", "label_smoothing"},
    MulticlassClassifier: {"class_weight", "label_smoothing"},
    MultilabelClassifier: {"thresholds", "pos_weight"},
    Regressor: set(),
}


@dataclass(frozen=True)
class PlainExpressions:
    """The expressions of a plain run.

    Args:
        dtype: dtype of the targets.
        loss: the loss function.
        logits: the outputs for the features ``{}``.
        labels: the predicted labels for the logits ``{}``; empty for values.
    """

    dtype: str
    loss: str
    logits: str
    labels: str = ""


def check_model(model: LitModule) -> None:
    """Check that a script reproduces a model.

    Raises:
        UserError: it does not; names the module or the option.
    """
    if type(model) not in _TASK_OPTIONS:
        raise UserError(f"eject cannot write the module {type(model).__name__} into a script")
    check_arguments("model", model, _COMMON | _TASK_OPTIONS[type(model)])
    if model.row_loss is not None and type(model.row_loss.mean) not in LOSSES.values():
        refuse("model.loss", model.hparams["loss"])


def plain_expressions(run: Run) -> PlainExpressions | None:
    """Return the expressions of a run if it is plain, else None."""
    model, hparams = run.model, run.model.hparams
    options = ("class_weight", "pos_weight", "numeric_embedding")
    is_plain = model.members == 1 and all(hparams.get(name) is None for name in options)
    is_plain = is_plain and not (model.row_loss is not None and model.row_loss.signed)
    if not is_plain or isinstance(run.data, TableDataModule) or run.patience is not None:
        return None
    smoothing = {"label_smoothing": value} if (value := hparams.get("label_smoothing")) else {}
    if type(model) is MulticlassClassifier:
        labels = "torch.softmax({}, dim=1).argmax(dim=1)"
        return PlainExpressions("torch.long", _loss(model, smoothing), "model({})", labels)
    if smoothing or type(model) is MultilabelClassifier:
        return None
    labels = ""
    if type(model) is BinaryClassifier:
        threshold, labels = hparams["threshold"], "torch.round(torch.sigmoid({}))"
        labels = labels if threshold == 0.5 else f"(torch.sigmoid({{}}) > {threshold}).float()"
    return PlainExpressions("torch.float", _loss(model, {}), "model({}).squeeze(dim=1)", labels)


class _Batches(NamedTuple):
    """The batches of an epoch.

    Attributes:
        size: number of rows of a batch.
        num_rows: number of training rows.
        used: number of rows that are trained on in an epoch.
        limit: number of rows that ``overfit_batches`` leaves; 0 without it.
    """

    size: int
    num_rows: int
    used: int
    limit: int

    @classmethod
    def of(cls, run: Run) -> "_Batches":
        """Return the batches of a run."""
        num_rows = len(run.data.split("train").y)
        size = min(run.data.batch_size or num_rows, num_rows)
        used = num_rows - num_rows % size if run.data.drop_last else num_rows
        limit = (run.config["trainer"].get("overfit_batches") or 0) * size
        return cls(size, num_rows, min(used, limit or used), limit)

    @property
    def are_chosen(self) -> bool:
        """Whether a step takes some of the rows, so that they must be chosen."""
        return self.used > self.size or self.used < self.num_rows

    @property
    def num_steps(self) -> int:
        """Number of steps of an epoch."""
        return -(-self.used // self.size)


def template_values(run: Run, plain: PlainExpressions | None) -> tuple[dict[str, Any], set[str]]:
    """Return the values of the placeholders of the templates, and their flags.

    Args:
        run: the run.
        plain: its expressions, if it is plain.
    """
    batches, width, split = _Batches.of(run), WIDTH if plain else SOURCE_WIDTH, run.held_out
    is_limited = 0 < batches.limit < len(run.data.split(split).y)
    if batches.limit and (run.data.folds or (is_limited and plain is None)):
        refuse("trainer.overfit_batches", run.config["trainer"]["overfit_batches"])
    scheduler = _scheduler(run, width)
    flags = _flags(run, batches, scheduler) | ({"limited"} if is_limited else set())
    values = _values(run, batches, scheduler, width)
    if plain is not None:
        rows = "batch" if batches.are_chosen else "train"
        values |= {
            "loss": plain.loss,
            "rows": rows,
            "train_logits": plain.logits.format(f"X_{rows}"),
            "split_logits": plain.logits.format(f"X_{split}"),
            "grid_logits": plain.logits.format("grid.to(device)"),
            "train_labels": plain.labels.format("y_logits"),
            "split_labels": plain.labels.format(f"{split}_logits"),
            "grid_labels": plain.labels.format("y_logits"),
        }
        values["training"] = fill("training", values, flags)
    stopped = " or since == patience" if "stopping" in flags else ""
    values["printing"] = _every(_print_interval(run), fill("printing", values, flags), stopped)
    testing = fill("testing" if plain else "task_testing", values, flags)
    values["testing"] = _every(run.config["log_every_n_epochs"], testing)
    return values, flags


def _flags(run: Run, batches: _Batches, scheduler: str) -> set[str]:
    """Return the flags of the templates that are set for a run."""
    data, model = run.data, run.model
    is_set = {
        "accuracy": not isinstance(model, Regressor),
        "batches": batches.are_chosen,
        "shuffle": data.shuffle and not batches.limit,
        "random": _draws_random_numbers(model.network, data.split("train").x),
        "clip": run.config["trainer"]["gradient_clip_val"],
        "scheduler": scheduler,
        "plateau": "ReduceLROnPlateau" in scheduler,
        "val": run.held_out == "val" and not data.folds,
        "test": data.has_split("test"),
        "folds": data.folds,
        "members": model.members > 1,
        "embedding": any(isinstance(layer, FeatureEmbedding) for layer in model.network.modules()),
        "stopping": run.patience is not None,
        "weighted": data.sample_weights,
        "scaled": isinstance(model, Regressor) and isinstance(data, TableDataModule),
        "balanced_classes": model.hparams.get("class_weight") == "balanced",
        "balanced_positives": model.hparams.get("pos_weight") == "balanced",
        "one_thread": run.one_thread,
        "transferred": run.source,
        "frozen": model.hparams["freeze"],
    }
    return {name for name, value in is_set.items() if value}


def _values(run: Run, batches: _Batches, scheduler: str, width: int) -> dict[str, Any]:
    """Return the values of the placeholders that do not depend on how a run is written."""
    data, model, trainer, split = run.data, run.model, run.config["trainer"], run.held_out
    epochs, available = trainer["max_epochs"], '"cuda" if torch.cuda.is_available() else "cpu"'
    return {
        "device": '"cpu"' if trainer["accelerator"] == "cpu" else available,
        "seed": run.config["seed_everything"],
        "network": _network(run),
        "optimizer": _optimizer(run, width),
        "scheduler": scheduler,
        "clip": _clip(run),
        "epochs": epochs,
        "width": len(str(epochs - 1)),
        "split": split,
        "Split": split.capitalize(),
        "Testing": "Testing" if split == "test" else "Validation",
        "held_out": "train" if data.folds else split,
        "random_state": data.random_state,
        "batch_weights": "w_train[rows]" if data.sample_weights else None,
        "weights": f"w_{'train' if data.folds else split}" if data.sample_weights else None,
        "used": f"[:{batches.used}]" if batches.used < batches.num_rows else "",
        "limit": batches.limit,
        "batch_size": batches.size,
        "step": f"epoch * {batches.num_steps} + step" if batches.are_chosen else "epoch",
        "members": model.members,
        "in_features": data.in_features,
        "patience": run.patience,
        "task": type(model).__name__,
        "metric": model.metric_name,
        "source": literal(str(run.source.path)) if run.source else "",
        "taken": call("taken = [", [literal(name) for name in _taken(run)], "]", width=width),
        "frozen": literal(_frozen(model)),
        "curves": literal(f"{run.name}_loss_curves.png"),
        "plot": literal(f"{run.name}_predictions.png"),
    }


def _every(interval: int, code: str, condition: str = "") -> str:
    """Return code that runs every ``interval`` epochs, in the last epoch, and if ``condition`` holds."""
    if interval == 1:
        return code
    due = f"if epoch % {interval} == 0 or epoch == epochs - 1{condition}:"
    return f"{due}\n{textwrap.indent(code, '    ')}"


def _print_interval(run: Run) -> int:
    """Return the number of epochs between printed lines of the epoch log."""
    log_every, print_every = (run.config[f"{name}_every_n_epochs"] for name in ("log", "print"))
    if print_every > log_every and print_every % log_every:
        refuse("print_every_n_epochs", print_every)
    return int(print_every) if print_every > log_every else 1


def _taken(run: Run) -> list[str]:
    """Return the names of the weights that a run takes from another one.

    Raises:
        UserError: a script cannot take them by their names.
    """
    if run.source is None:
        return []
    layers = set((run.model.initialization or {})["layers"])
    weights = run.model.network.state_dict()
    taken = {name: tensor for name, tensor in weights.items() if name.rpartition(".")[0] in layers}
    state = {name.removeprefix("network."): tensor for name, tensor in run.source.weights.items()}
    by_name = all(name in state and torch.equal(tensor, state[name]) for name, tensor in taken.items())
    if not by_name or isinstance(run.data, TableDataModule):
        refuse("init_from", str(run.source.path))
    return list(taken)


def _frozen(model: LitModule) -> list[str]:
    """Return the names of the layers that are not trained."""
    names = [str(name) for name in model.hparams["freeze"]]
    for name in names:
        if name not in dict(model.network.named_modules()):
            refuse("freeze", name)
    return names


def _network(run: Run) -> str:
    """Return the code of a network; for several members, of each of them."""
    network, hparams = run.model.network, run.model.hparams
    if not (isinstance(network, nn.Sequential) and isinstance(network[0], FeatureEmbedding)):
        return layers_code(network)
    names = ("in_features", "numeric_columns", "numeric_embedding", "num_categories")
    arguments = keywords({name: hparams[name] for name in names})
    embedding = call("FeatureEmbedding(", arguments, width=SOURCE_WIDTH - 9)
    return lines("nn.Sequential(", [embedding, layers_code(network[1])])


def _loss(model: LitModule, arguments: Mapping[str, Any]) -> str:
    """Return the call that builds the loss function of a plain run.

    Args:
        model: the model.
        arguments: the arguments of the task's default loss.
    """
    if model.row_loss is None:
        return call(f"nn.{model.losses[0]}(", keywords(arguments))
    return call(f"nn.{type(model.row_loss.mean).__name__}(", keywords(model.hparams["loss_args"] or {}))


def _optimizer(run: Run, width: int) -> str:
    """Return the statement that builds the optimizer.

    Raises:
        UserError: it is not one of torch, or evaluates a batch several times in a step.
    """
    configured: Any = run.model.configure_optimizers()
    optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
    name, hparams = type(optimizer).__name__, run.model.hparams
    if getattr(torch.optim, name, None) is not type(optimizer) or name == "LBFGS":
        refuse("model.optimizer", name)
    settings = {"lr": run.model.lr, **(hparams["optimizer_args"] or {})}
    if hparams["weight_decay"] is not None:
        settings["weight_decay"] = hparams["weight_decay"]
    if optimizer.defaults.get("fused"):
        settings["fused"] = True
    arguments = ["model.parameters()", *keywords(settings)]
    return call(f"optimizer = torch.optim.{name}(", arguments, width=width)


def _scheduler(run: Run, width: int) -> str:
    """Return the statement that builds the learning-rate scheduler; empty if there is none."""
    name = run.model.hparams["lr_scheduler"]
    if name is None:
        return ""
    if not hasattr(torch.optim.lr_scheduler, name):
        refuse("model.lr_scheduler", name)
    arguments = keywords(run.model.hparams["lr_scheduler_args"] or {})
    head = f"scheduler = torch.optim.lr_scheduler.{name}("
    return call(head, ["optimizer", *arguments], width=width)


def _clip(run: Run) -> str:
    """Return the call that clips gradients, for each member as for a single network."""
    limit = run.config["trainer"]["gradient_clip_val"]
    if run.config["trainer"]["gradient_clip_algorithm"] == "value":
        return f"nn.utils.clip_grad_value_(model.parameters(), {limit})"
    if run.model.members > 1:
        return f"clip_gradient_norms(list(model.parameters()), {limit})"
    return f"nn.utils.clip_grad_norm_(model.parameters(), {limit})"


def _draws_random_numbers(network: nn.Module, x: torch.Tensor) -> bool:
    """Return whether a network draws random numbers in training."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        state = torch.get_rng_state()
        network.train()(x[:2])
        return not torch.equal(state, torch.get_rng_state())
