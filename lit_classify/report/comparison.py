"""Summarize the runs of several configurations as plain data, which the renderers show.

Legend: R configurations, S seeds, G points of a grid, C classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lit_classify import __version__
from lit_classify.data_interface import NumericFeature
from lit_classify.evaluation.paired_tests import LEVEL, enough_seeds, paired_tests
from lit_classify.messages import plural
from lit_classify.metrics.base import clear_rounding_errors
from lit_classify.report.settings import differing_settings

_MAX_POINTS = 200  # of a curve
_SPREAD = (0.1, 0.9)  # quantiles that end the band of a curve


@dataclass
class SeedRun:
    """A finished run of one seed.

    Args:
        seed: the seed.
        metric: the task's metric; None if the run has diverged.
        loss: the loss on the same rows.
        diverged_in: the epoch in which the loss was NaN or infinite; -1 if only the outputs are.
        curves: values by metric and epoch.
        surface: predictions over the plane ``(G, C)`` or line ``(G,)`` of a plot.
    """

    seed: int
    metric: float | None
    loss: float | None
    diverged_in: int | None
    curves: Mapping[str, Mapping[int, float]]
    surface: Tensor | None


@dataclass
class PlotData:
    """What a plot of predictions needs besides them.

    Args:
        x: the features that are axes, of the evaluated rows, ``(N, F)``.
        y: their targets, ``(N,)``.
        class_names: names of the classes; None for values.
        features: the features of the axes.
        inputs: the points of the plane or line, ``(G, F)``.
        extent: ``(left, right, bottom, top)`` of the plane in the network's inputs; None for a line.
        equal: whether the axes of the plane have one scale.
    """

    x: Tensor
    y: Tensor
    class_names: list[str] | None
    features: Sequence[NumericFeature]
    inputs: Tensor
    extent: tuple[float, float, float, float] | None
    equal: bool = True


@dataclass
class Configuration:
    """A configuration to compare, with its runs.

    Args:
        name: what it is called in tables.
        arguments: its options of ``fit``.
        settings: its settings by dotted name.
        lr: its learning rate.
        same_training_key: what must be equal for runs to be trained at once.
        sequential_reason: why its runs are trained one by one; empty if they are trained at once.
        uses_best: whether the weights of the best epoch are evaluated, instead of the last.
        num_activations: number of activations of a batch, of all layers.
        members: number of networks in a run.
        parameters: number of parameters in a run.
        metric: name of the task's metric.
        higher_is_better: whether a high metric is good.
        split: the evaluated split, ``test`` or ``val``.
        targets: targets of the evaluated rows.
        plot_data: the data of a plot of predictions, if there is one.
        runs: the finished runs.
        seconds: how long they took; runs that are trained at once share the time.
    """

    name: str
    arguments: list[str]
    settings: Mapping[str, Any]
    lr: float
    same_training_key: str
    sequential_reason: str
    uses_best: bool
    num_activations: int
    members: int
    parameters: int
    metric: str
    higher_is_better: bool
    split: str
    targets: Tensor
    plot_data: PlotData | None
    runs: list[SeedRun] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows(self) -> str:
        """The evaluated rows, such as "200 test rows"."""
        name = "test" if self.split == "test" else "validation"
        return plural(len(self.targets), f"{name} row")


def summarize_comparison(configurations: Sequence[Configuration], seeds: Sequence[int]) -> dict[str, Any]:
    """Return a summary as plain data that can be written as JSON.

    Args:
        configurations: those that have at least one finished run.
        seeds: the seeds that were asked for.
    """
    first = configurations[0]
    values = np.full((len(configurations), len(seeds)), np.nan)
    for row, config in enumerate(configurations):
        for run in config.runs:
            if run.metric is not None:
                values[row, seeds.index(run.seed)] = run.metric
    tests = paired_tests(values)
    names = [config.name for config in configurations]
    return {
        "version": __version__,
        "metric": first.metric,
        "higher_is_better": first.higher_is_better,
        "rows": list(dict.fromkeys(config.rows for config in configurations)),
        "seeds": list(seeds),
        "configurations": [
            _summarize(config, times_best, differing)
            for config, times_best, differing in zip(
                configurations,
                _times_best(values, first.higher_is_better),
                _differing(configurations),
                strict=True,
            )
        ],
        "tests": [
            {
                "first": names[test.first],
                "second": names[test.second],
                "num_pairs": test.num_pairs,
                "difference": float(clear_rounding_errors(test.difference, values[np.isfinite(values)])),
                "p": test.p,
                "p_corrected": test.p_corrected,
                "significant": test.p_corrected < LEVEL,
            }
            for test in tests
        ],
        "notes": _notes(configurations, seeds, len(tests)),
    }


def _summarize(config: Configuration, times_best: int, differing: Mapping[str, Any]) -> dict[str, Any]:
    finite = [run for run in config.runs if run.metric is not None]
    values = np.array([run.metric for run in finite])
    best, worst = (np.max, np.min) if config.higher_is_better else (np.min, np.max)
    return {
        "name": config.name,
        "differs": dict(differing),
        "parameters": config.parameters,
        "rows": config.rows,
        "weights": "best epoch" if config.uses_best else "last epoch",
        "trained": f"one by one: {config.sequential_reason}" if config.sequential_reason else "at once",
        "mean": float(values.mean()) if len(values) else None,
        "std": float(clear_rounding_errors(values.std(ddof=1), values)) if len(values) > 1 else None,
        "best": float(best(values)) if len(values) else None,
        "worst": float(worst(values)) if len(values) else None,
        "times_best": times_best,
        "num_runs": len(config.runs),
        "seconds": config.seconds,
        "runs": [
            {"seed": run.seed, "metric": run.metric, "loss": run.loss, "diverged_in": run.diverged_in}
            for run in config.runs
        ],
        "curves": _bands(finite),
    }


def _times_best(values: NDArray[np.float64], higher_is_better: bool) -> list[int]:
    """Return how often each configuration is the best of its seed; equal ones all count."""
    scores = np.where(np.isnan(values), -np.inf, values if higher_is_better else -values)
    is_best = (scores == scores.max(axis=0)) & np.isfinite(scores)
    return [int(count) for count in is_best.sum(axis=1)]


def _differing(configurations: Sequence[Configuration]) -> list[dict[str, Any]]:
    """Return, for each configuration, the settings that are not the same in all."""
    differing = differing_settings([config.settings for config in configurations])
    return [{key: config.settings.get(key) for key in differing} for config in configurations]


def _bands(runs: Sequence[SeedRun]) -> dict[str, dict[str, Sequence[float]]]:
    """Return mean and spread over the seeds of each curve."""
    bands: dict[str, dict[str, Sequence[float]]] = {}
    for name in dict.fromkeys(name for run in runs for name in run.curves):
        epochs = sorted({epoch for run in runs for epoch in run.curves.get(name, {})})
        epochs = [*epochs[:: math.ceil(len(epochs) / _MAX_POINTS)][:-1], epochs[-1]]
        columns = [
            [run.curves[name][epoch] for run in runs if epoch in run.curves.get(name, {})] for epoch in epochs
        ]
        quantiles = [np.quantile(column, _SPREAD).tolist() for column in columns]
        bands[name] = {
            "epoch": epochs,
            "mean": [float(np.mean(column)) for column in columns],
            "low": [low for low, _ in quantiles],
            "high": [high for _, high in quantiles],
        }
    return bands


def _notes(configurations: Sequence[Configuration], seeds: Sequence[int], num_tests: int) -> list[str]:
    notes = []
    if num_tests:
        comparisons = plural(num_tests, "comparison")
        notes.append(
            f"Differences are tested on runs of equal seeds (Wilcoxon's signed-rank test, Holm's correction "
            f"for {comparisons}): over seeds, not over data. Other rows could give another order."
        )
        if len(seeds) < (needed := enough_seeds(num_tests)):
            notes.append(
                f"With {plural(len(seeds), 'seed')} no difference can be significant: use "
                f"--seeds {needed} or more."
            )
    if len(configurations) > 1 and any(
        config.split != configurations[0].split
        or len(config.targets) != len(configurations[0].targets)
        or bool((config.targets != configurations[0].targets).any())
        for config in configurations
    ):
        notes.append("The configurations are evaluated on different rows.")
    for config in configurations:
        diverged = [run for run in config.runs if run.metric is None]
        if diverged:
            epochs = sorted({run.diverged_in for run in diverged if run.diverged_in is not None})
            first = f", the first in epoch {epochs[0]}" if epochs and epochs[0] >= 0 else ""
            others = "; mean and tests are of the others" if len(diverged) < len(config.runs) else ""
            runs = plural(len(config.runs), "run")
            notes.append(f"{config.name}: {len(diverged)} of {runs} diverged{first}{others}.")
    if (step := seeds[1] - seeds[0] if len(seeds) > 1 else 1) > 1:
        notes.append(f"The seeds are {step} apart: runs of consecutive seeds would share networks.")
    for reason in dict.fromkeys(
        config.sequential_reason for config in configurations if config.sequential_reason
    ):
        affected = [config for config in configurations if config.sequential_reason == reason]
        notes.append(f"{_names(affected, configurations)}: trained one by one, {reason}.")
    if affected := [config for config in configurations if config.uses_best]:
        notes.append(f"{_names(affected, configurations)}: of the weights of the best epoch.")
    for config in configurations:
        if len(config.runs) < len(seeds):
            notes.append(f"{config.name}: interrupted after {len(config.runs)} of {len(seeds)} runs.")
    return notes


def _names(affected: Sequence[Configuration], configurations: Sequence[Configuration]) -> str:
    """Return which configurations a note is about."""
    if len(affected) == len(configurations) > 1:
        return "All configurations"
    return ", ".join(config.name for config in affected)
