"""Train a configuration with many seeds: at once as members of one network if possible, or one by one.

Data, split and the order of batches are the same for all seeds: they depend on ``data.random_state``, which
is the configuration's own ``seed_everything`` if it is not given. A seed determines the initial weights, and
the random numbers of the training.

Legend: K members, S seeds, R learning rates.
"""

import inspect
import io
import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from copy import deepcopy
from itertools import product
from tempfile import TemporaryDirectory
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from lit_classify._lightning.configure_optimizers import optimizers_and_schedulers
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.allocator import keep_freed_memory
from lit_classify.callbacks.boundary_plots import select_features
from lit_classify.callbacks.independent_members import IndependentMembers
from lit_classify.callbacks.member_early_stopping import stops_members
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.fit import FitCLI
from lit_classify.cli.warning_filters import without_notes
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.errors import DivergedError, UserError
from lit_classify.evaluation.member_metrics import member_metrics
from lit_classify.modules import LitModule
from lit_classify.networks import as_members, evaluating, select_members
from lit_classify.optimizers import rates_are_proportional, steps_are_proportional
from lit_classify.report.comparison import Configuration, PlotData, SeedRun
from lit_classify.report.summary import flat_settings
from lit_classify.threads import limit_threads

_QUIET = ["--plots", "none", "--trainer.logger", "false", "--ckpt_path", "null"]
_NO_CHECKPOINTS = ["--trainer.enable_checkpointing", "false"]
_MAX_ACTIVATIONS = 50_000_000  # numbers of all members and rows of a batch
_MIN_VALIDATIONS = 25  # for curves; of members they do not affect the training
_MAX_EVALUATED = 8192  # rows of a validation batch, unless all are one batch
# options of fit that are right for members, or do not change what a run learns
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
        """Find no learning rate: each run does."""

    def unknown_options(self) -> list[str]:
        """Return the options that are set, and not known to be right for members."""
        given, defaults = self.config.fit.as_dict(), inspect.signature(Trainer).parameters
        options = [
            name
            for name, value in given.items()
            if name not in _OPTIONS and value != self._options.get_default(name)
        ]
        return options + [
            f"trainer.{name}"
            for name, value in given["trainer"].items()
            if name not in _TRAINER_OPTIONS and value not in (None, defaults[name].default)
        ]


class SeedFit(PreparedFit):
    """A fit of one seed, whose curves are recorded."""

    def instantiate_trainer(self, **kwargs: Any) -> RunTrainer:
        """Record the metrics."""
        trainer = super().instantiate_trainer(**kwargs)
        self.curves = _Curves()
        trainer.callbacks.append(self.curves)
        return trainer

    def find_lr(self) -> None:
        """Find the learning rate as fit does."""
        FitCLI.find_lr(self)

    def fit(self, **kwargs: Any) -> None:
        """Train as fit does."""
        FitCLI.fit(self, **kwargs)

    def evaluate(self, split: str, uses_best: bool) -> Mapping[str, float]:
        """Return the metrics of the last weights, or the best, on the rows of a split.

        Raises:
            UserError: the module has a step of its own.
        """
        if uses_best:
            kept = Checkpoint.read(self._best.best_model_path)
            _ = self.test_best(kept) if split == "test" else self.validate_best(kept)
        else:
            run = self.trainer.test if split == "test" else self.trainer.validate
            run(self.model, self.datamodule, verbose=False)
        if self.model.evaluation is None:
            raise UserError(f"{type(self.model).__name__} has its own {split}_step, which returns no metrics")
        return {name: _rounded(value) for name, value in self.model.evaluation.metrics.values.items()}


class _Curves(Callback):
    """Record the metrics of each epoch and validation."""

    def __init__(self) -> None:
        self.values: dict[str, dict[int, float]] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the training loss."""
        assert isinstance(pl_module, LitModule)
        self._record(trainer, {"train/loss": pl_module.epoch_metrics("train")["train/loss"]})

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the loss and the metric of the validation."""
        assert isinstance(pl_module, LitModule)
        if trainer.state.fn == "fit":
            names = ("val/loss", f"val/{pl_module.metric_name}")
            metrics = trainer.callback_metrics
            self._record(trainer, {name: metrics[name] for name in names if name in metrics})

    def _record(self, trainer: Trainer, metrics: Mapping[str, Tensor]) -> None:
        for name, value in metrics.items():
            self.values.setdefault(name, {})[trainer.current_epoch] = float(value)


def prepare(name: str, arguments: Sequence[str]) -> Configuration:
    """Build a configuration without training it.

    Args:
        name: its name in tables.
        arguments: the options of ``fit`` that give it.

    Raises:
        UserError: an option is wrong, or the data cannot be read.
    """
    cli = PreparedFit(["fit", *arguments, *_QUIET, *_NO_CHECKPOINTS])
    if cli.trainer.world_size > 1:
        raise UserError("compare trains in one process; leave --trainer.devices out")
    given, model, data = cli.config.fit, cli.model, cli.datamodule
    split = "test" if data.has_split("test") else "val"
    settings = given.as_dict()
    shape = deepcopy({part: settings[part] for part in ("model", "data", "trainer", "log_every_n_epochs")})
    if rates_are_proportional(model.hparams["lr_scheduler"], model.hparams["lr_scheduler_args"]):
        del shape["model"]["init_args"]["lr"]
    higher_is_better = model.make_metric().higher_is_better
    return Configuration(
        name=name,
        arguments=[*arguments, *_fixed_random_state(given, data)],
        settings={key: value for key, value in flat_settings(settings).items() if key != "seed_everything"},
        lr=model.lr,
        shape=json.dumps(shape, sort_keys=True, default=str),
        sequential_reason=_sequential_reason(cli),
        uses_best=bool(given.test_best or given.tune_threshold or stops_members(cli.trainer)),
        activations=_activations(model, data),
        members=model.members,
        parameters=sum(weight.numel() for weight in model.parameters()),
        metric=model.metric_name,
        higher_is_better=bool(higher_is_better),
        split=split,
        targets=data.split(split).y,
        plot_data=_plot_data(model, data, split),
    )


def _fixed_random_state(given: Namespace, data: InMemoryDataModule) -> list[str]:
    """Return the option that gives every seed the same data, split and order of batches."""
    has_option = "random_state" in given.data.init_args
    return ["--data.random_state", str(data.random_state)] if has_option else []


def _sequential_reason(cli: PreparedFit) -> str:
    """Return why the runs of a configuration cannot be trained at once; empty if they can."""
    model, data = cli.model, cli.datamodule
    if data.folds or model.members > 1:
        return "each run has several members"
    for part in (model, data):
        if not type(part).__module__.startswith("lit_classify."):
            return f"{type(part).__name__} is a class of your own"
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
        before = torch.get_rng_state()
        network(torch.zeros(2, data.in_features))
        if not torch.equal(before, torch.get_rng_state()):
            return "the network draws random numbers, such as those of dropout"
    try:
        as_members([network, network])
    except UserError as error:
        return str(error).partition(",")[0]
    return ""


def _plot_data(model: LitModule, data: InMemoryDataModule, split: str) -> PlotData | None:
    """Return what a plot of predictions over one or two features needs; None if there are others."""
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
        all_x, all_y = (torch.cat(parts) for parts in zip(*splits.values(), strict=True))
        inputs = torch.linspace(float(all_x.min()), float(all_x.max()), 200).unsqueeze(1)
        return PlotData(all_x, all_y, None, features, inputs, None)
    return None


def _surface(model: LitModule, logits: Tensor) -> Tensor:
    """Return what a plot shows of the logits of a grid."""
    return model.relative_probabilities(model.probabilities(logits)).cpu()


def train_sequentially(part: Configuration, seed: int) -> None:
    """Train a configuration with a seed as ``fit`` does, and add the run to it."""
    start = time.monotonic()
    with TemporaryDirectory() as folder, _quiet():
        where = ["--trainer.default_root_dir", folder] if part.uses_best else _NO_CHECKPOINTS
        arguments = ["fit", *part.arguments, *_QUIET, *where, "--seed_everything", str(seed)]
        try:
            run = _evaluate(SeedFit(arguments), part, seed)
        except DivergedError as error:
            epoch = re.search(r"epoch (\d+)", str(error))
            run = SeedRun(seed, None, None, int(epoch[1]) if epoch else -1, {}, None)
    part.runs.append(run)
    part.seconds += time.monotonic() - start


def _evaluate(cli: SeedFit, part: Configuration, seed: int) -> SeedRun:
    """Return the result of a finished fit."""
    metrics, surface = cli.evaluate(part.split, part.uses_best), None
    metric = metrics.get(part.metric)  # absent if outputs are not finite
    if part.plot_data is not None and metric is not None:
        with evaluating(cli.model):
            surface = _surface(cli.model, cli.model(part.plot_data.inputs.to(cli.model.device)))
    diverged = -1 if metric is None else None
    return SeedRun(seed, metric, metrics.get("loss"), diverged, cli.curves.values, surface)


def train_at_once(parts: Sequence[Configuration], seeds: Sequence[int]) -> None:
    """Train configurations of one shape with ascending seeds as members of one network, and add the runs.

    The members are those of the first learning rate, one for each seed, then those of the second.
    """
    start = time.monotonic()
    rates = [part.lr for part in parts]
    numbers = [seed - seeds[0] for seed in seeds]  # of the members: number k has the weights of seed k
    options = ["--seed_everything", str(seeds[0]), "--model.members", str(numbers[-1] + 1)]
    with _quiet():
        arguments = [*parts[0].arguments, *_QUIET, *_NO_CHECKPOINTS, *options, "--model.lr", repr(max(rates))]
        cli = PreparedFit(["fit", *arguments])
        most = max((cli.trainer.max_epochs or 0) // _MIN_VALIDATIONS, 1)  # epochs from one to the next
        cli.epoch_log.every_n_epochs = min(cli.epoch_log.every_n_epochs, most)
        model, data = cli.model, cli.datamodule
        network = model.network if numbers[-1] else as_members([model.network])
        model.network = select_members(network, numbers * len(rates))
        model.members = len(rates) * len(seeds)
        recorded = IndependentMembers([rate for rate in rates for _ in seeds])
        cli.trainer.callbacks.append(recorded)
        keep_freed_memory()
        with limit_threads(model, _rows_per_step(data)), suppress(DivergedError):  # of all members
            cli.trainer.fit(**cli.fit_arguments)
        batches = data.test_dataloader() if parts[0].split == "test" else data.val_dataloader()
        losses, metrics = (values.tolist() for values in member_metrics(model, batches))
        surfaces: list[Tensor | None] = [None] * model.members
        if (plot_data := parts[0].plot_data) is not None:
            with evaluating(model):
                surfaces = [
                    _surface(model, logits) for logits in model.network(plot_data.inputs.to(model.device))
                ]
    all_curves = {
        name: {epoch: values.tolist() for epoch, values in curve.items()}
        for name, curve in recorded.curves.items()
    }
    for number, (part, seed) in enumerate(product(parts, seeds)):
        curves = {
            name: {epoch: values[number] for epoch, values in curve.items()}
            for name, curve in all_curves.items()
        }
        diverged = recorded.diverged.get(number, None if math.isfinite(metrics[number]) else -1)
        if diverged is None:
            metric, loss = _rounded(metrics[number]), _rounded(losses[number])
            run = SeedRun(seed, metric, loss, None, curves, surfaces[number])
        else:
            run = SeedRun(seed, None, None, diverged, curves, None)
        part.runs.append(run)
        part.seconds += (time.monotonic() - start) / model.members


def _rounded(value: float) -> float:
    """Return a metric without the rounding errors of single precision, so that equal ones are equal."""
    return round(value, 7)


def chunks(parts: Sequence[Configuration], seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield the seeds that fit into memory at once with the learning rates of configurations."""
    size = max(_MAX_ACTIVATIONS // (max(parts[0].activations, 1) * len(parts)), 1)
    for first in range(0, len(seeds), size):
        yield seeds[first : first + size]


def _rows_per_step(data: InMemoryDataModule) -> int:
    return data.batch_size or len(data.split("train").y)


def _activations(model: LitModule, data: InMemoryDataModule) -> int:
    """Return how many numbers the layers of a network return for the rows of a batch."""
    widths = [layer.out_features for layer in model.network.modules() if isinstance(layer, nn.Linear)]
    return sum(widths) * max(_rows_per_step(data), min(len(data.split("val").y), _MAX_EVALUATED))


@contextmanager
def _quiet() -> Iterator[None]:
    """Print no epoch logs and, again, no notes on the data."""
    with redirect_stdout(io.StringIO()), without_notes():
        yield
