"""Summarize finished runs as plain data, which the renderers show without computing anything.

Legend: N rows, F features, O outputs, S snapshots, C classes.
"""

import math
import os
import platform
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor

from lit_classify import __version__
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.custom_classes import CustomClasses
from lit_classify.checkpoints.search import find_checkpoint
from lit_classify.checkpoints.transfer import recorded_preprocessing
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.diagnosis import diagnose
from lit_classify.errors import DataError, UserError
from lit_classify.evaluation.baselines import baseline_scores
from lit_classify.evaluation.diagnosis_facts import read_facts
from lit_classify.evaluation.evaluated_rows import evaluate_rows, find_worst_rows
from lit_classify.evaluation.importance import permutation_importance
from lit_classify.loggers import read_config
from lit_classify.metrics.base import Indicators, Numbers
from lit_classify.metrics.calibration import calibration_bins
from lit_classify.metrics.confidence_intervals import bootstrap_intervals, wilson_interval
from lit_classify.metrics.confusion_matrix import confusion_counts, threshold_counts
from lit_classify.modules import LitModule, Regressor
from lit_classify.networks import evaluating
from lit_classify.report.curves import read_curves
from lit_classify.report.network_data import UnsupportedNetwork
from lit_classify.report.player_data import player_data, round_number
from lit_classify.report.settings import flat_settings
from lit_classify.report.what_if_data import what_if_data
from lit_classify.threads import limit_threads

_MAX_ROWS = 2000  # of values
_MAX_WORST_ROWS = 20
_MAX_CLASSES = 20  # of a confusion matrix
_NAMES = {"val": "validation", "test": "test"}  # of the evaluated splits
_PROPORTIONS = ("accuracy", "exact_match")  # metrics that are fractions of correct rows


_NO_CUSTOM_CLASSES = CustomClasses()


def summarize(
    runs: Sequence[str | Path],
    rows: bool = True,
    custom: CustomClasses = _NO_CUSTOM_CLASSES,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a summary of runs as plain data that can be written as JSON.

    Args:
        runs: directories of runs, or checkpoints in them.
        rows: include raw rows and rare categories of the data.
        custom: the custom classes of the runs.
        settings: arguments that replace those of the data modules.

    Raises:
        UserError: a run has no checkpoint or is given twice, or its data cannot be read.
    """
    paths = [Path(find_checkpoint(str(run))) for run in runs]
    for index, path in enumerate(paths):
        if os.path.realpath(path) in map(os.path.realpath, paths[:index]):
            raise UserError(f"{path} is given twice")
    summaries = []
    for path in paths:
        try:
            summaries.append(_summarize_run(path, rows, custom, settings or {}))
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
    names = Counter(run["name"] for run in summaries)
    for path, run in zip(paths, summaries, strict=True):
        if names[run["name"]] > 1:  # checkpoints of one run, or runs in different places
            run["name"] = str(path)
    contains = [
        "counts of predictions",
        "ranges of numbers",
        "names of classes, columns and frequent categories",
    ]
    if rows:
        contains += ["data points, values or the rows with the largest errors", "rare categories"]
    return {"version": __version__, "contains": contains, "has_rows": rows, "runs": summaries}


def _summarize_run(
    path: Path, rows: bool, custom: CustomClasses, settings: Mapping[str, Any]
) -> dict[str, Any]:
    checkpoint = Checkpoint.read(path)
    folder = path.parent.parent.resolve()
    config_path = str(path.parent.parent / "config.yaml")
    config = read_config(folder)
    model = custom.build_model(checkpoint)
    data = _build_data(checkpoint, custom, settings)
    data.setup("test")
    last = _last_checkpoint(path, checkpoint)
    split = "test" if data.has_split("test") else "val"
    findings = diagnose(read_facts(last, custom.build_model(last), data)) if data.has_split("train") else []
    player, reason = None, None
    with evaluating(model), limit_threads(model, 1000):
        logits, y = evaluate_rows(model, data, split)
        try:
            player = player_data(model, data, folder, rows)
        except UnsupportedNetwork as error:
            reason = str(error)
        return {
            "name": f"{folder.parent.name}/{folder.name}",
            "purpose": (config.get("recipe") or {}).get("purpose"),
            "command": shlex.join(["lit-classify", "fit", "--config", config_path]),
            "settings": flat_settings(config),
            "versions": {
                "lit_classify": __version__,
                "torch": torch.__version__,
                "lightning": lightning.__version__,
                "Python": platform.python_version(),
            },
            "task": type(model).__name__,
            "class_names": model.class_names,
            "label_names": model.label_names,
            "parameters": sum(weights.numel() for weights in model.parameters()),
            "members": model.members,
            "epochs": last.epochs,
            "best_epoch": checkpoint.epochs - 1 if path.name == "best.ckpt" else None,
            "data": _describe_data(data),
            "curves": read_curves(folder, checkpoint.content["global_step"] / max(checkpoint.epochs, 1)),
            "problems": [
                f"{finding.verdict}: {finding.evidence}. Try: {finding.advice}" for finding in findings
            ],
            "evaluation": _evaluation(model, data, split, logits, y),
            "predictions": summarize_predictions(model, logits, y, rows),
            "player": player,
            "not_replayed": reason,
            "what_if": what_if_data(model, data, rows),
            **_importance(model, data),
            "worst_rows": _worst_rows(model, data, split, logits, y) if rows else None,
        }


def _build_data(
    checkpoint: Checkpoint, custom: CustomClasses, settings: Mapping[str, Any]
) -> InMemoryDataModule:
    """Build the data module; a table that has not changed since the training is described again."""
    data = custom.build_data(checkpoint, settings)
    if isinstance(data, TableDataModule) and not data.is_new_table and not data.absent_files:
        keeps = checkpoint.content["lit_classify"].get("initialization", {}).get("preprocessing")
        kept = recorded_preprocessing(checkpoint) if keeps else None
        return custom.build_data(checkpoint, {**settings, "fitted_state": None, "preprocessing": kept})
    return data


def _last_checkpoint(path: Path, checkpoint: Checkpoint) -> Checkpoint:
    last = path.with_name("last.ckpt")
    return Checkpoint.read(last) if last != path and last.is_file() else checkpoint


def _describe_data(data: InMemoryDataModule) -> dict[str, Any]:
    names, counts = data.class_names, data.class_counts if data.has_split("train") else None
    columns, notes = (data.columns, data.notes) if isinstance(data, TableDataModule) else ([], [])
    absent = data.absent_files if isinstance(data, TableDataModule) else {}
    left_out = [
        f"the {_NAMES[split]} rows and the table of columns are left out: {reason}"
        for split, reason in absent.items()
    ]
    return {
        "name": type(data).__name__,
        "rows": {
            split: len(data.split(split).y)
            for split in ("train", "val", "test")
            if data.has_split(split) and not (split == "val" and (data.folds or data.validates_on_test))
        },
        "folds": data.folds,
        "class_counts": dict(zip(names, counts, strict=True)) if names and counts else None,
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "missing": column.missing,
                "distinct": column.distinct,
                "use": column.use,
            }
            for column in columns
        ],
        "notes": [*notes, *left_out],
    }


def _evaluation(
    model: LitModule, data: InMemoryDataModule, split: str, logits: Tensor, y: Tensor
) -> dict[str, Any]:
    measured = model.measure(logits, y)
    intervals = bootstrap_intervals(lambda *rows: model.measure(*rows).values, logits, y)
    for name in set(_PROPORTIONS) & set(measured.values):
        low, high = wilson_interval(np.array(measured.values[name] * len(y)), np.array(len(y)))
        intervals[name] = float(low), float(high)
    baselines = None
    if data.has_split("train") and not (data.folds and split == "val"):
        metric, scores = baseline_scores(model, data, split)
        baselines = {"metric": metric, "scores": {name: _plain(score) for name, score in scores.items()}}
    return {
        "split": "out-of-fold" if data.folds and split == "val" else _NAMES[split],
        "num_rows": len(y),
        "metrics": {
            name: {"value": _plain(value), "low": None, "high": None}
            | (dict(zip(("low", "high"), intervals[name], strict=True)) if name in intervals else {})
            for name, value in measured.values.items()
        },
        "undefined": {name: note for name, note in measured.notes.items() if name not in measured.values},
        "baselines": baselines,
    }


def summarize_predictions(model: LitModule, logits: Tensor, y: Tensor, rows: bool = True) -> dict[str, Any]:
    """Summarize the predictions of evaluated rows.

    Args:
        model: the model.
        logits: its logits, ``(N, O)``.
        y: targets, ``(N,)`` or ``(N, L)``.
        rows: include the values of a regression.

    Returns:
        Of classes, the confusion counts; of classes or labels, calibration curves and metrics by threshold;
        of a regression, at most 2,000 pairs of actual and predicted values.
    """
    confusion, values, names = None, None, model.class_names
    if names and 2 < len(names) <= _MAX_CLASSES:
        predicted = model.labels(model.exact_probabilities(logits)).numpy()
        counts = confusion_counts(y.numpy(), predicted, len(names))
        rates = [_fractions(row, row.sum().repeat(len(row))) for row in counts]  # of the rows of a class
        confusion = {"counts": counts.tolist(), "rates": rates}
    if isinstance(model, Regressor) and rows:
        pairs = zip(y[:_MAX_ROWS].tolist(), model.probabilities(logits[:_MAX_ROWS]).tolist(), strict=True)
        values = [[round_number(actual), round_number(predicted)] for actual, predicted in pairs]
    outputs = model.one_vs_rest(logits, y)
    thresholded = zip(outputs.items(), model.thresholds, strict=True) if model.thresholds else ()
    return {
        "confusion": confusion,
        "calibration": [_calibration(name, *output) for name, output in outputs.items()],
        "thresholds": [_thresholds(name, *output, threshold) for (name, output), threshold in thresholded],
        "values": values,
    }


def _calibration(name: str, y: Indicators, p: Numbers) -> dict[str, Any]:
    """Return the calibration curve of a class or label."""
    bins = calibration_bins(y, p)
    low, high = wilson_interval(bins.actual * bins.counts, bins.counts)
    columns = {"predicted": bins.predicted, "actual": bins.actual, "low": low, "high": high}
    rounded = {key: [round_number(value) for value in column.tolist()] for key, column in columns.items()}
    return {"name": name, "ece": bins.error, **rounded, "rows": bins.counts.tolist()}


def _thresholds(name: str, y: Indicators, p: Numbers, threshold: float) -> dict[str, Any]:
    """Return counts and metrics of a class or label at its own threshold and 0, 0.01, ..., 1."""
    thresholds = np.union1d(np.arange(101) / 100, threshold)
    (tn, fp), (fn, tp) = threshold_counts(y, p, thresholds).transpose(1, 2, 0)
    return {
        "name": name,
        "threshold": threshold,
        "thresholds": thresholds.tolist(),
        "counts": {"tn": tn.tolist(), "fp": fp.tolist(), "fn": fn.tolist(), "tp": tp.tolist()},
        "metrics": {
            "accuracy": _fractions(tn + tp, tn + fp + fn + tp),
            "precision": _fractions(tp, tp + fp),
            "recall": _fractions(tp, tp + fn),
            "specificity": _fractions(tn, tn + fp),
            "false_positive_rate": _fractions(fp, tn + fp),
            "false_negative_rate": _fractions(fn, tp + fn),
        },
    }


def _fractions(counts: Indicators, totals: Indicators) -> list[float | None]:
    """Return fractions; None, for undefined, where the total is zero."""
    return [
        round_number(count / total) if total else None
        for count, total in zip(counts.tolist(), totals.tolist(), strict=True)
    ]


def _importance(model: LitModule, data: InMemoryDataModule) -> dict[str, Any]:
    if not isinstance(data, TableDataModule):
        return {"importance": None, "importance_metric": None, "no_importance": None}
    try:
        result = permutation_importance(model, data, repeats=3, max_rows=1000)
    except UserError as error:  # a single row, or a metric that is not finite
        return {"importance": None, "importance_metric": None, "no_importance": str(error)}
    ranked = zip(result.columns, result.means.tolist(), result.deviations.tolist(), strict=True)
    columns = [{"column": name, "drop": mean, "deviation": deviation} for name, mean, deviation in ranked]
    return {"importance": columns, "importance_metric": result.measure, "no_importance": None}


def _worst_rows(
    model: LitModule, data: InMemoryDataModule, split: str, logits: Tensor, y: Tensor
) -> dict[str, Any] | None:
    """Return the rows of a table with the largest errors; None for other data."""
    worst = find_worst_rows(model, data, split, logits, y, _MAX_WORST_ROWS)
    if worst is None:
        return None
    table, errors = worst
    return {
        "columns": table.columns,
        "rows": [[None if cell is None else str(cell) for cell in row] for row in table.rows()],
        "actual": errors.actual,
        "predicted": errors.predicted,
        "errors": [_plain(error) for error in errors.errors.tolist()],
    }


def _plain(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
