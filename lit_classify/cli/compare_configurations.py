"""Build a configuration of fit without training it, and decide whether its seeds can be trained at once."""

import inspect
import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch import Trainer
from torch import nn

from lit_classify._lightning.configure_optimizers import optimizers_and_schedulers
from lit_classify.callbacks.member_early_stopping import stops_members
from lit_classify.cli.fit import FitCLI
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.errors import UserError
from lit_classify.model_plots.boundary import select_features
from lit_classify.modules import LitModule
from lit_classify.networks import as_members
from lit_classify.optimizers import rates_are_proportional, steps_are_proportional
from lit_classify.report.comparison import Configuration, PlotData
from lit_classify.report.settings import flat_settings

QUIET = ["--plots", "none", "--trainer.logger", "false", "--ckpt_path", "null"]
NO_CHECKPOINTS = ["--trainer.enable_checkpointing", "false"]
_MAX_EVALUATED = 8192  # rows of a validation batch, unless all are one batch
# options of fit that apply to members as they do to a single run, or do not change what a run learns
_TRAINER_OPTIONS = {
    *("max_epochs", "max_steps", "accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm"),
    *("accelerator", "devices", "limit_train_batches", "check_val_every_n_epoch", "log_every_n_steps"),
    *("num_sanity_val_steps", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"),
    *("logger", "default_root_dir", "deterministic", "benchmark"),
}
_OPTIONS = {
    *("config", "recipe", "seed_everything", "trainer", "model", "data", "plots", "log_every_n_epochs"),
    *("print_every_n_epochs", "report", "ckpt_path"),
}


class PreparedFit(FitCLI):
    """A fit that is built and checked, but not started."""

    def parse_arguments(self, parser: Any, args: Any) -> None:  # noqa: ANN401 - Lightning's
        """Write no report of a run."""
        super().parse_arguments(parser, args)
        self.config.fit.report = False

    def fit(self, **kwargs: Any) -> None:
        """Keep the arguments of ``Trainer.fit``."""
        self.fit_arguments = kwargs

    def find_lr(self) -> None:
        """Skip the range test: each run has its own."""

    def unknown_options(self) -> list[str]:
        """Return the options that are set, and not known to apply to members."""
        config, defaults = self.config.fit.as_dict(), inspect.signature(Trainer).parameters
        options = [
            name
            for name, value in config.items()
            if name not in _OPTIONS and value != self._options.get_default(name)
        ]
        return options + [
            f"trainer.{name}"
            for name, value in config["trainer"].items()
            if name not in _TRAINER_OPTIONS and value not in (None, defaults[name].default)
        ]


def prepare(name: str, arguments: Sequence[str]) -> Configuration:
    """Build a configuration without training it.

    Args:
        name: its name in tables.
        arguments: its options of ``fit``.

    Raises:
        UserError: an option is wrong, or the data cannot be read.
    """
    cli = PreparedFit(["fit", *arguments, *QUIET, *NO_CHECKPOINTS])
    if cli.trainer.world_size > 1:
        raise UserError("compare trains in one process; leave --trainer.devices out")
    config, model, data = cli.config.fit, cli.model, cli.datamodule
    split = "test" if data.has_split("test") else "val"
    settings = config.as_dict()
    training_options = ("model", "data", "trainer", "log_every_n_epochs")
    same_training = deepcopy({name: settings[name] for name in training_options})
    if rates_are_proportional(model.hparams["lr_scheduler"], model.hparams["lr_scheduler_args"]):
        del same_training["model"]["init_args"]["lr"]
    higher_is_better = model.make_metric().higher_is_better
    return Configuration(
        name=name,
        arguments=[*arguments, *_fixed_random_state(config, data)],
        settings={key: value for key, value in flat_settings(settings).items() if key != "seed_everything"},
        lr=model.lr,
        same_training_key=json.dumps(same_training, sort_keys=True, default=str),
        sequential_reason=_sequential_reason(cli),
        uses_best=bool(config.test_best or config.tune_threshold or stops_members(cli.trainer)),
        num_activations=_num_activations(cli),
        members=model.members,
        parameters=sum(weight.numel() for weight in model.parameters()),
        metric=model.metric_name,
        higher_is_better=bool(higher_is_better),
        split=split,
        targets=data.split(split).y,
        plot_data=_plot_data(model, data, split),
    )


def _fixed_random_state(config: Namespace, data: InMemoryDataModule) -> list[str]:
    """Return the option that gives every seed the same data, split and order of batches."""
    has_option = "random_state" in config.data.init_args
    return ["--data.random_state", str(data.random_state)] if has_option else []


def _sequential_reason(cli: PreparedFit) -> str:
    """Return why the runs of a configuration cannot be trained at once; empty if they can."""
    model, data = cli.model, cli.datamodule
    if data.folds or model.members > 1:
        return "each run has several members"
    for instance in (model, data):
        if not type(instance).__module__.startswith("lit_classify."):
            return f"{type(instance).__name__} is a class of your own"
    if options := cli.unknown_options():
        return f"--{options[0]} is set"
    (optimizer,), _ = optimizers_and_schedulers(model.configure_optimizers())
    if not steps_are_proportional(optimizer):
        return f"members cannot share the optimizer {type(optimizer).__name__}"
    scheduler = model.hparams["lr_scheduler"]
    if scheduler == "ReduceLROnPlateau" or "." in str(scheduler):
        return f"members cannot share the scheduler {scheduler}"
    if "." in str(model.hparams["loss"]):
        return "the loss is a function of your own"
    if any(not name.startswith("network.") for name, _ in model.named_parameters()):
        return f"{type(model).__name__} has parameters besides those of its network"
    network = deepcopy(model.network).train()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        state = torch.get_rng_state()
        network(torch.zeros(2, data.in_features))
        if not torch.equal(state, torch.get_rng_state()):
            return "the network draws random numbers, such as those of dropout"
    try:
        as_members([network, network])
    except UserError as error:
        return str(error).partition(",")[0]
    return ""


def _plot_data(model: LitModule, data: InMemoryDataModule, split: str) -> PlotData | None:
    """Return the data of a plot of predictions over one or two features; None for other features."""
    features = data.numeric_features
    if data.in_features != len(features) or not data.has_split("train"):
        return None
    x, y = data.split(split)
    if model.boundary_plot == "plane" and len(features) == 2:
        from lit_classify.plots import extent_of, grid

        features = select_features(data)
        columns = [feature.column for feature in features]
        splits = {name: data.split(name) for name in {"train", split}}
        equal = not isinstance(data, TableDataModule)
        extent = extent_of({name: (x[:, columns], y) for name, (x, y) in splits.items()}, equal)
        inputs = torch.empty(len(grid(extent)), 2)
        inputs[:, columns] = grid(extent)
        return PlotData(x[:, columns], y, model.class_names, features, inputs, extent, equal)
    if model.boundary_plot == "line" and len(features) == 1:
        splits = {name: data.split(name) for name in ("train", split)}
        all_x, all_y = (torch.cat(tensors) for tensors in zip(*splits.values(), strict=True))
        inputs = torch.linspace(float(all_x.min()), float(all_x.max()), 200).unsqueeze(1)
        return PlotData(all_x, all_y, None, features, inputs, None)
    return None


def _num_activations(cli: PreparedFit) -> int:
    """Return the number of activations of all layers of a network for the rows of a batch."""
    widths = [layer.out_features for layer in cli.model.network.modules() if isinstance(layer, nn.Linear)]
    num_val = len(cli.datamodule.split("val").y)
    return sum(widths) * max(cli.rows_per_step(), min(num_val, _MAX_EVALUATED))
