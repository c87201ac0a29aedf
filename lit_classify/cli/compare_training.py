"""Train a configuration with many seeds: at once as members of one network if possible, or one by one.

Data, split and the order of batches are the same for all seeds: they depend on ``data.random_state``, which
is the configuration's own ``seed_everything`` if it is not given. A seed determines the initial weights, and
the random numbers of the training.

Legend: K members, S seeds, R learning rates.
"""

import io
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from itertools import product
from tempfile import TemporaryDirectory
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from lit_classify._lightning.trainer import RunTrainer
from lit_classify.allocator import keep_freed_memory
from lit_classify.callbacks.parallel_runs import ParallelRuns
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.compare_configurations import NO_CHECKPOINTS, QUIET, PreparedFit
from lit_classify.cli.fit import FitCLI
from lit_classify.cli.warning_filters import without_notes
from lit_classify.errors import DivergedError, UserError
from lit_classify.evaluation.member_metrics import member_metrics
from lit_classify.modules import LitModule
from lit_classify.networks import as_members, evaluating, in_single_precision, select_members
from lit_classify.report.comparison import Configuration, SeedRun
from lit_classify.threads import limit_threads

_MAX_ACTIVATIONS = 50_000_000  # of all members and rows of a batch
_MIN_VALIDATIONS = 25  # points of a curve; validations do not affect the training of members


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
            checkpoint = Checkpoint.read(self._best.best_model_path)
            _ = self.test_best(checkpoint) if split == "test" else self.validate_best(checkpoint)
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


def _surface(model: LitModule, logits: Tensor) -> Tensor:
    """Return the probabilities or values that a plot shows, from the logits of a grid."""
    return model.relative_probabilities(model.probabilities(logits)).cpu()


def train_sequentially(config: Configuration, seed: int) -> None:
    """Train a configuration with a seed as ``fit`` does, and add the run to it."""
    start = time.monotonic()
    with TemporaryDirectory() as folder, _quiet():
        checkpoint_options = ["--trainer.default_root_dir", folder] if config.uses_best else NO_CHECKPOINTS
        arguments = ["fit", *config.arguments, *QUIET, *checkpoint_options, "--seed_everything", str(seed)]
        try:
            run = _evaluate(SeedFit(arguments), config, seed)
        except DivergedError as error:
            epoch = re.search(r"epoch (\d+)", str(error))
            run = SeedRun(seed, None, None, int(epoch[1]) if epoch else -1, {}, None)
    config.runs.append(run)
    config.seconds += time.monotonic() - start


def _evaluate(cli: SeedFit, config: Configuration, seed: int) -> SeedRun:
    """Return the result of a finished fit."""
    metrics, surface = cli.evaluate(config.split, config.uses_best), None
    metric = metrics.get(config.metric)  # absent if outputs are not finite
    if config.plot_data is not None and metric is not None:
        with evaluating(cli.model):
            model = in_single_precision(cli.model)
            surface = _surface(model, model(config.plot_data.inputs.to(model.device)))
    diverged = -1 if metric is None else None
    return SeedRun(seed, metric, metrics.get("loss"), diverged, cli.curves.values, surface)


def train_at_once(configurations: Sequence[Configuration], seeds: Sequence[int]) -> None:
    """Train configurations of one shape with ascending seeds as members of one network, and add the runs.

    The members are those of the first learning rate, one for each seed, then those of the second.
    """
    start = time.monotonic()
    with _quiet():
        cli, runs = _build_members(configurations, seeds)
        model, data = cli.model, cli.datamodule
        keep_freed_memory()
        with limit_threads(model, cli.rows_per_step()), suppress(DivergedError):  # of all members
            cli.trainer.fit(**cli.fit_arguments)
        batches = data.test_dataloader() if configurations[0].split == "test" else data.val_dataloader()
        losses, metrics = (values.tolist() for values in member_metrics(model, batches))
        surfaces: list[Tensor | None] = [None] * model.members
        if (plot_data := configurations[0].plot_data) is not None:
            with evaluating(model):
                surfaces = [
                    _surface(model, logits) for logits in model.network(plot_data.inputs.to(model.device))
                ]
    all_curves = {
        name: {epoch: values.tolist() for epoch, values in curve.items()}
        for name, curve in runs.curves.items()
    }
    for member, (config, seed) in enumerate(product(configurations, seeds)):
        curves = {
            name: {epoch: values[member] for epoch, values in curve.items()}
            for name, curve in all_curves.items()
        }
        diverged = runs.diverged.get(member, None if math.isfinite(metrics[member]) else -1)
        if diverged is None:
            metric, loss = _rounded(metrics[member]), _rounded(losses[member])
            run = SeedRun(seed, metric, loss, None, curves, surfaces[member])
        else:
            run = SeedRun(seed, None, None, diverged, curves, None)
        config.runs.append(run)
        config.seconds += (time.monotonic() - start) / model.members


def _build_members(
    configurations: Sequence[Configuration], seeds: Sequence[int]
) -> tuple[PreparedFit, ParallelRuns]:
    """Return a fit of one network whose members are the runs, and the callback that records these."""
    rates = [config.lr for config in configurations]
    first, last = seeds[0], seeds[-1]  # member k of a network of the first seed has the weights of seed + k
    options = ["--seed_everything", str(first), "--model.members", str(last - first + 1)]
    options += ["--model.lr", repr(max(rates))]
    cli = PreparedFit(["fit", *configurations[0].arguments, *QUIET, *NO_CHECKPOINTS, *options])
    interval = max((cli.trainer.max_epochs or 0) // _MIN_VALIDATIONS, 1)  # from one validation to the next
    cli.epoch_log.every_n_epochs = min(cli.epoch_log.every_n_epochs, interval)
    network = cli.model.network if last > first else as_members([cli.model.network])
    cli.model.network = select_members(network, [seed - first for seed in seeds] * len(rates))
    cli.model.members = len(rates) * len(seeds)
    runs = ParallelRuns([rate for rate in rates for _ in seeds])
    cli.trainer.callbacks.append(runs)
    return cli, runs


def _rounded(value: float) -> float:
    """Return a metric without the rounding errors of single precision, so that equal ones are equal."""
    return round(value, 7)


def chunks(configurations: Sequence[Configuration], seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield the seeds that fit into memory at once with the learning rates of configurations."""
    size = max(_MAX_ACTIVATIONS // (max(configurations[0].num_activations, 1) * len(configurations)), 1)
    for start in range(0, len(seeds), size):
        yield seeds[start : start + size]


@contextmanager
def _quiet() -> Iterator[None]:
    """Print no epoch logs and, again, no notes on the data."""
    with redirect_stdout(io.StringIO()), without_notes():
        yield
