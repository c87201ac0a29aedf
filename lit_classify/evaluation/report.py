"""What ``test`` says: the metrics, then every class, the mistakes, and what simpler models reach.

All metrics are those of ``lit_classify.metrics``, on the rows that were tested; the simpler models learn from
the same training rows. Legend: N rows, C classes, L labels.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_classify import metrics
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import escape_control
from lit_classify.modules import Evaluation, LitModule

_MOST_ROWS = 100_000  # that a simpler model learns from


def report(model: LitModule, data: InMemoryDataModule) -> str:
    """Return the whole report on the rows that the model was tested on, for classes, labels or values."""
    found = model.evaluation
    lines: list[str] = []
    if found is None or not found.metrics.values:  # a test_step of one's own, or outputs that are NaN
        pass
    elif model.label_names is not None:
        lines = [*table("label", *_predicted(model, found), _names(model.label_names), "micro"), ""]
    elif model.class_names is not None:
        (y, predicted), names = _predicted(model, found), _names(model.class_names)
        lines = [*table("class", y, predicted, names, "weighted"), "", *confusion(y, predicted, names), ""]
    return "\n".join([*lines, *baselines(data)])


def scores(found: metrics.Metrics) -> list[str]:
    """Return metrics, one to a line, and of those that are undefined why."""
    values, notes = found
    width = max(map(len, [*values, *notes]))
    lines = []
    for name in dict.fromkeys([*values, *notes]):
        note = notes.get(name, "")
        if name in values:
            note = f"{values[name]:.5f}{note and f'  ({note})'}"
        lines.append(f"  {name:<{width}}  {escape_control(note, is_name=True)}")
    return lines


def _names(names: Sequence[str]) -> list[str]:
    return [escape_control(name, is_name=True) for name in names]


def _predicted(model: LitModule, found: Evaluation) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what was true and what was predicted: class numbers ``(N,)``, or 0 and 1 of ``(N, L)``."""
    predicted = model.labels(model.probabilities(found.logits.to(model.device)))
    return found.y.long().numpy(), predicted.cpu().numpy()


def table(
    what: str, y: NDArray[Any], predicted: NDArray[Any], names: Sequence[str], second: str
) -> list[str]:
    """Return precision, recall, F1 and support of each class or label, and means; a dash is undefined.

    Args:
        what: class or label.
        y: class numbers ``(N,)``, or 0 and 1 of shape ``(N, L)``.
        predicted: the same of the predictions.
        names: of the classes or labels.
        second: the average beside the macro average.
    """
    of_each = zip(*metrics.scores_of_each(y, predicted, range(len(names))), strict=True)
    rows = [(name, *cells) for name, cells in zip(names, of_each, strict=True)]
    for average in ("macro", second):
        rows.append((f"{average} average", *metrics.mean_scores(y, predicted, average), len(y)))
    width = max(len(row[0]) for row in rows)
    lines = [f"{what:<{width}}  precision   recall       f1  support"]
    for name, *scores, support in rows:
        lines.append(f"{name:<{width}}  " + "".join(map(_cell, scores)) + f"{int(support):>9,}")
    if any(np.isnan(score) for _, *scores, _ in rows for score in scores):
        of = {"class": "is of the class", "label": "has the label"}[what]
        lines.append(f"-: undefined, because no row {of}, or none is predicted to")
        lines.append(f"averages: over each {what} that rows or predictions have; undefined counts as 0 there")
    return lines


def _cell(score: float) -> str:
    return f"{'-' if np.isnan(score) else f'{score:.4f}':>9}"


def confusion(y: NDArray[Any], predicted: NDArray[Any], names: Sequence[str]) -> list[str]:
    """Return how many rows of each true class are predicted as each class."""
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (y, predicted), 1)
    width = max(*map(len, names), len(f"{counts.max():,}"), 4)
    head = "  ".join(f"{name:>{width}}" for name in names)
    lines = [f"confusion: a row for each true class, a column for each predicted one\n{'':<{width}}  {head}"]
    for name, row in zip(names, counts, strict=True):
        lines.append(f"{name:<{width}}  " + "  ".join(f"{count:>{width},}" for count in row))
    return lines


def baselines(data: InMemoryDataModule) -> list[str]:
    """Return what the majority class (the mean) and a logistic (linear) model reach on the same rows."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier

    if not data.has_split("train"):
        return ["no simpler models for comparison: the rows that were learned from are not here"]
    train, test = data.split("train"), data.split("test")
    x, y = _features(data, "train")[:_MOST_ROWS], train.y[:_MOST_ROWS].numpy()
    classes = data.label_names is not None or data.class_names is not None
    logistic = LogisticRegression(max_iter=1000)
    if data.label_names is not None:
        figure, models = (
            "share of right labels",
            {
                "majority": MultiOutputClassifier(DummyClassifier()),
                "logistic model": MultiOutputClassifier(logistic),
            },
        )
    elif data.class_names is not None:
        figure, models = "accuracy", {"majority class": DummyClassifier(), "logistic model": logistic}
    else:
        figure, models = "R²", {"mean": DummyRegressor(), "linear model": LinearRegression()}
    lines = [f"for comparison, {figure} on the same rows"]
    for name, model in models.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # close enough for a comparison
            try:
                model.fit(x, y)
            except ValueError:  # a label that holds in all training rows or in none
                lines.append(f"  {name:<14}  cannot learn these labels")
                continue
        predicted, true = model.predict(_features(data, "test")), test.y.numpy()
        score = (predicted == true).mean() if classes else metrics.r2(true.astype(float), predicted)
        lines.append(f"  {name:<14}  {'undefined' if np.isnan(score) else f'{score:.5f}'}")
    return lines


def _features(data: InMemoryDataModule, split: str) -> NDArray[np.float32]:
    """Return features as a simpler model takes them: a column for each category that is a number here."""
    x = data.split(split).x.numpy()
    first = x.shape[1] - len(data.num_categories)
    parts = [x[:, :first]]
    for column, count in enumerate(data.num_categories, first):
        parts.append(np.eye(count, dtype=np.float32)[x[:, column].astype(int)])
    return np.concatenate(parts, axis=1)
