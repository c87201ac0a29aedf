"""Compare the recipe ``table`` with scikit-learn's models on the same rows, features and splits.

Each table is split five times. Every model is trained on the same training rows and scored on the same test
rows. Prints the mean accuracy over the splits of

- logistic: LogisticRegression,
- mlp: MLPClassifier,
- boosting: HistGradientBoostingClassifier,
- table: the best checkpoint of ``lit-classify fit --config table`` with default options,

and the difference between the last and the best of the others.

Usage: python scripts/benchmark_accuracy.py [FILE:TARGET[:IGNORE,IGNORE...] ...] [--seeds 5]; without files,
scikit-learn's breast cancer, wine and digits tables are used.
"""

import argparse
import contextlib
import io
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from lit_classify import TableDataModule, load
from lit_classify.cli.main import main as lit_classify
from lit_classify.errors import DataWarning

BUNDLED = {"breast_cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}
BEST = "lightning_logs/table/version_0/checkpoints/best.ckpt"


def bundled(folder: Path) -> Iterator[tuple[str, Path, str, list[str]]]:
    """Write scikit-learn's bundled tables as CSV files."""
    for name, read in BUNDLED.items():
        whole = read()
        table = pl.DataFrame(whole.data, schema=list(map(str, whole.feature_names)))
        path = folder / f"{name}.csv"
        table.with_columns(target=whole.target).write_csv(path)
        yield name, path, "target", []


def ours(path: Path, target: str, ignore: list[str], seed: int, data: TableDataModule) -> float:
    """Return the test accuracy of the recipe's best checkpoint."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            options = ["--data.path", str(path), "--data.target", target, "--data.ignore", str(ignore)]
            seeds = ["--data.random_state", str(seed), "--seed_everything", str(seed)]
            code = lit_classify(["fit", "--config", "table", *options, *seeds])
        if code:
            raise SystemExit(said.getvalue())
        model = load(BEST)
    test = data.split("test")
    with torch.no_grad():
        return float((model.labels(model.predict(test.x)) == test.y).double().mean())


def compare(path: Path, target: str, ignore: list[str], seeds: int) -> dict[str, list[float]]:
    """Return each model's test accuracy on each split."""
    scores: dict[str, list[float]] = {}
    for seed in range(seeds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            data = TableDataModule(str(path), target, ignore=ignore, random_state=seed)
        train, test = data.split("train"), data.split("test")
        models = {
            "logistic": LogisticRegression(max_iter=2000),
            "mlp": MLPClassifier(max_iter=500, random_state=seed),
            "boosting": HistGradientBoostingClassifier(random_state=seed),
        }
        for name, model in models.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # close enough for a comparison
                model.fit(train.x.numpy(), train.y.numpy())
            scores.setdefault(name, []).append(float(model.score(test.x.numpy(), test.y.numpy())))
        scores.setdefault("table", []).append(ours(path, target, ignore, seed, data))
    return scores


def main() -> None:
    """Print a line for each table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="FILE:TARGET[:IGNORE,...]")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        tables = [
            (Path(path).stem, Path(path).resolve(), target, ignore.split(",") if ignore else [])
            for path, target, ignore in ((*table.split(":"), "")[:3] for table in given.tables)
        ] or list(bundled(Path(folder)))
        print(f"{'table':<16}{'logistic':>10}{'mlp':>10}{'boosting':>10}{'recipe':>10}{'against best':>14}")
        for name, path, target, ignore in tables:
            means = {
                model: float(np.mean(score))
                for model, score in compare(path, target, ignore, given.seeds).items()
            }
            best = max(score for model, score in means.items() if model != "table")
            shown = "".join(f"{score:>10.4f}" for score in means.values())
            print(f"{name:<16}{shown}{means['table'] - best:>+14.4f}", flush=True)


if __name__ == "__main__":
    main()
