"""Simple models on the same rows, to compare a model with."""

import warnings

import numpy as np
from numpy.typing import NDArray

from lit_classify.data import InMemoryDataModule
from lit_classify.messages import format_metric
from lit_classify.modules import LitModule

_MAX_ROWS = 100_000  # that a baseline is fitted to


def baseline_lines(model: LitModule, data: InMemoryDataModule) -> list[str]:
    """Return a line for each baseline of the model's task: its metric on the test rows.

    Examples:
        >>> from lit_classify import BlobsDataModule, MulticlassClassifier
        >>> lines = baseline_lines(MulticlassClassifier(2, 4), BlobsDataModule())
        >>> [line.split()[:2] for line in lines[1:]]
        [['majority', 'class'], ['logistic', 'regression']]
    """
    if not data.has_split("train"):
        return ["no baselines: the training rows are not available"]
    metric, scores = baseline_scores(model, data, "test")
    sampled, rows = len(data.sample("test").y), "the same rows"
    if sampled < len(data.split("test").y):
        rows = f"a random sample of {sampled:,} of them"
    lines = [f"baselines on {rows}, {metric}"]
    for name, value in scores.items():
        text = "cannot learn these labels" if value is None else format_metric(value)
        lines.append(f"  {name:<19}  {'undefined' if text == 'nan' else text}")
    return lines


def baseline_scores(
    model: LitModule, data: InMemoryDataModule, split: str
) -> tuple[str, dict[str, float | None]]:
    """Return the metric of the task's baselines, and its value for each on the rows of a split.

    A baseline that cannot learn the training rows has the value None.

    Examples:
        >>> from lit_classify import LineDataModule, Regressor
        >>> metric, scores = baseline_scores(Regressor(1), LineDataModule(), "test")
        >>> metric, round(scores["linear regression"], 5)
        ('R²', 1.0)
    """
    from sklearn.exceptions import ConvergenceWarning

    metric, score, estimators = model.baselines()
    x, y = _features(data, "train")[:_MAX_ROWS], data.sample("train").y[:_MAX_ROWS].numpy()
    scores: dict[str, float | None] = {}
    for name, estimator in estimators.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # accurate enough for a comparison
            try:
                estimator.fit(x, y)
            except ValueError:  # a label without positive or without negative training rows
                scores[name] = None
                continue
        scores[name] = score(data.sample(split).y.numpy(), estimator.predict(_features(data, split)))
    return metric, scores


def _features(data: InMemoryDataModule, split: str) -> NDArray[np.float32]:
    """Return features for scikit-learn: category numbers are one-hot encoded."""
    x = data.sample(split).x.numpy()
    first_code = x.shape[1] - len(data.num_categories)
    arrays = [x[:, :first_code]]
    for column, count in enumerate(data.num_categories, first_code):
        arrays.append(np.eye(count, dtype=np.float32)[x[:, column].astype(int)])
    return np.concatenate(arrays, axis=1)
