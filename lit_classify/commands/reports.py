"""What ``test`` says beyond the first figures: every class, the mistakes, and what simpler models reach.

All figures are scikit-learn's, on the test rows; the simpler models learn from the same training rows.
Legend: N rows, C classes, L labels.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_classify.data import InMemoryDataModule
from lit_classify.errors import visible
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating

Numbers = NDArray[np.float64]
Row = tuple[str, float, float, float, int]
_MOST_ROWS = 100_000  # that a simpler model learns from


def report(model: LitModule, data: InMemoryDataModule) -> str:
    """Return the whole report on the test rows, for classes, labels or values."""
    x, y = data.split("test")
    with evaluating(model):
        answers = model.predict(x.to(model.device))
    said, p = model.labels(answers).cpu().numpy(), answers.cpu().double().numpy()
    if model.label_names is not None:
        lines = labels_report(y.numpy().astype(int), p, said, _names(model.label_names))
    elif model.class_names is not None:
        lines = classes_report(y.numpy(), p, _names(model.class_names))
    else:
        lines = values_report(y.numpy(), p)
    return "\n".join([*lines, "", *baselines(data)])


def _names(names: Sequence[str]) -> list[str]:
    return [visible(name, is_name=True) for name in names]


def classes_report(y: NDArray[np.int64], p: Numbers, names: Sequence[str]) -> list[str]:
    """Return precision, recall, F1 and support of each class, averages, ranking scores and the confusion."""
    from sklearn import metrics

    labels, predicted = list(range(len(names))), p.argmax(axis=1)
    lines = _table("class", class_rows(y, predicted, names), "macro", "weighted", y, predicted, labels)
    lines += ["", *(f"{name:<17}  {value:.5f}" for name, value in ranking_scores(y, p).items())]
    return [*lines, "", *_confusion(metrics.confusion_matrix(y, predicted, labels=labels), names)]


def class_rows(y: NDArray[Any], predicted: NDArray[Any], names: Sequence[str]) -> list[Row]:
    """Return precision, recall, F1 and support of each class or label."""
    from sklearn import metrics

    parts = metrics.precision_recall_fscore_support(
        y, predicted, labels=list(range(len(names))), zero_division=0
    )
    return [(name, *(part[number] for part in parts)) for number, name in enumerate(names)]


def average_row(average: str, y: NDArray[Any], predicted: NDArray[Any], labels: Sequence[int]) -> Row:
    """Return the mean precision, recall and F1, and the rows they are about."""
    from sklearn import metrics

    means = metrics.precision_recall_fscore_support(
        y, predicted, labels=labels, average=average, zero_division=0
    )
    return (f"{average} average", *means[:3], len(y))


def ranking_scores(y: NDArray[np.int64], p: Numbers) -> dict[str, float]:
    """Return balanced accuracy, AUROC and average precision (means over classes) and the log loss."""
    from sklearn import metrics

    num_classes = p.shape[1]
    scores = {"balanced accuracy": float(metrics.balanced_accuracy_score(y, p.argmax(axis=1)))}
    if len(np.unique(y)) == num_classes:
        of_class = np.eye(num_classes)[y]
        both = (y, p[:, 1]) if num_classes == 2 else (of_class, p)
        scores["AUROC"] = float(metrics.roc_auc_score(*both, average="macro"))
        scores["average precision"] = float(metrics.average_precision_score(*both, average="macro"))
    share = p / p.sum(axis=1, keepdims=True)  # sums to 1 in double precision too
    scores["log loss"] = float(metrics.log_loss(y, share, labels=list(range(num_classes))))
    return scores


def labels_report(
    y: NDArray[np.int64], p: Numbers, predicted: NDArray[np.int64], names: Sequence[str]
) -> list[str]:
    """Return precision, recall, F1 and support of each label, averages and ranking scores."""
    from sklearn import metrics

    labels = list(range(len(names)))
    lines = _table("label", class_rows(y, predicted, names), "macro", "micro", y, predicted, labels)
    lines += ["", f"Hamming loss       {metrics.hamming_loss(y, predicted):.5f}"]
    if all(len(np.unique(column)) == 2 for column in y.T):
        lines.append(f"AUROC              {metrics.roc_auc_score(y, p, average='macro'):.5f}")
        lines.append(f"average precision  {metrics.average_precision_score(y, p, average='macro'):.5f}")
    return lines


def _table(
    what: str,
    rows: list[Row],
    first: str,
    second: str,
    y: NDArray[Any],
    predicted: NDArray[Any],
    labels: Sequence[int],
) -> list[str]:
    rows = [*rows, *(average_row(average, y, predicted, labels) for average in (first, second))]
    width = max(len(row[0]) for row in rows)
    lines = [f"{what:<{width}}  precision   recall       f1  support"]
    return lines + [f"{name:<{width}}  {a:9.4f}{b:9.4f}{c:9.4f}{int(n):>9,}" for name, a, b, c, n in rows]


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


def baselines(data: InMemoryDataModule) -> list[str]:
    """Return what the majority class (the mean) and a logistic (linear) model reach on the same rows."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier

    if not data.has("train"):
        return ["no simpler models for comparison: the rows that were learned from are not here"]
    train, test = data.split("train"), data.split("test")
    x, y = _features(data, "train")[:_MOST_ROWS], train.y[:_MOST_ROWS].numpy()
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
        if data.label_names is None:
            score = model.score(_features(data, "test"), test.y.numpy())
        else:
            score = (model.predict(_features(data, "test")) == test.y.numpy()).mean()
        lines.append(f"  {name:<14}  {score:.5f}")
    return lines


def _features(data: InMemoryDataModule, split: str) -> NDArray[np.float32]:
    """Return features as a simpler model takes them: a column for each category that is a number here."""
    x = data.split(split).x.numpy()
    first = x.shape[1] - len(data.num_categories)
    parts = [x[:, :first]]
    for column, count in enumerate(data.num_categories, first):
        parts.append(np.eye(count, dtype=np.float32)[x[:, column].astype(int)])
    return np.concatenate(parts, axis=1)
