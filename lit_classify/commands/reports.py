"""What ``test`` says beyond the first figures: every class, the mistakes, and what simpler models reach.

All figures are scikit-learn's, on the test rows; the simpler models learn from the same training rows.
Legend: N rows, C classes.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating

Numbers = NDArray[np.float64]
_MOST_ROWS = 100_000  # that a simpler model learns from


def report(model: LitModule, data: InMemoryDataModule) -> str:
    """Return the whole report on the test rows, for classes or for values."""
    x, y = data.split("test")
    with evaluating(model):
        answers = model.predict(x.to(model.device)).cpu().double().numpy()
    names = model.class_names
    lines = values_report(y.numpy(), answers) if names is None else classes_report(y.numpy(), answers, names)
    return "\n".join([*lines, "", *baselines(data, names is not None)])


def classes_report(y: NDArray[np.int64], p: Numbers, names: Sequence[str]) -> list[str]:
    """Return precision, recall, F1 and support of each class, averages, ranking scores and the confusion."""
    from sklearn import metrics

    labels, predicted = list(range(len(names))), p.argmax(axis=1)
    by_class = metrics.precision_recall_fscore_support(y, predicted, labels=labels, zero_division=0)
    rows = [(name, *(part[number] for part in by_class)) for number, name in enumerate(names)]
    for average in ("macro", "weighted"):
        means = metrics.precision_recall_fscore_support(
            y, predicted, labels=labels, average=average, zero_division=0
        )
        rows.append((f"{average} average", *means[:3], len(y)))
    width = max(len(row[0]) for row in rows)
    lines = [f"{'class':<{width}}  precision   recall       f1  support"]
    lines += [f"{name:<{width}}  {a:9.4f}{b:9.4f}{c:9.4f}{int(n):>9,}" for name, a, b, c, n in rows]
    lines += ["", f"balanced accuracy  {metrics.balanced_accuracy_score(y, predicted):.5f}"]
    if len(np.unique(y)) == len(names):
        one_hot = np.eye(len(names))[y]
        auroc = metrics.roc_auc_score(one_hot, p, average="macro")
        precision = metrics.average_precision_score(y, p[:, 1]) if len(names) == 2 else None
        precision = precision or metrics.average_precision_score(one_hot, p, average="macro")
        lines += [f"AUROC              {auroc:.5f}", f"average precision  {precision:.5f}"]
    lines += [
        f"log loss           {metrics.log_loss(y, p / p.sum(axis=1, keepdims=True), labels=labels):.5f}"
    ]
    return [*lines, "", *_confusion(metrics.confusion_matrix(y, predicted, labels=labels), names)]


def _confusion(counts: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    width = max(*map(len, names), len(f"{counts.max():,}"), 4)
    head = "  ".join(f"{name:>{width}}" for name in names)
    lines = [f"confusion: a row for each true class, a column for each predicted one\n{'':<{width}}  {head}"]
    for name, row in zip(names, counts, strict=True):
        lines.append(f"{name:<{width}}  " + "  ".join(f"{count:>{width},}" for count in row))
    return lines


def values_report(y: Numbers, predicted: Numbers) -> list[str]:
    """Return the largest error and the range of the targets, beside the figures that are printed first."""
    from sklearn import metrics

    return [
        f"largest error  {metrics.max_error(y, predicted):.5f}",
        f"targets        {y.min():g} to {y.max():g}",
    ]


def baselines(data: InMemoryDataModule, classes: bool) -> list[str]:
    """Return what the majority class (the mean) and a logistic (linear) model reach on the same rows."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LinearRegression, LogisticRegression

    train, test = data.split("train"), data.split("test")
    x, y = train.x[:_MOST_ROWS].numpy(), train.y[:_MOST_ROWS].numpy()
    models = {
        "majority class" if classes else "mean": DummyClassifier() if classes else DummyRegressor(),
        "logistic model" if classes else "linear model": (
            LogisticRegression(max_iter=1000) if classes else LinearRegression()
        ),
    }
    figure = "accuracy" if classes else "R²"
    lines = [f"for comparison, {figure} on the same rows"]
    for name, model in models.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # close enough for a comparison
            score = model.fit(x, y).score(test.x.numpy(), test.y.numpy())
        lines.append(f"  {name:<14}  {score:.5f}")
    return lines
