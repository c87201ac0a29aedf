"""What ``test`` and ``validate`` print: metrics, tables of the task, and baselines."""

import warnings

import numpy as np
from numpy.typing import NDArray

from lit_classify.data import InMemoryDataModule
from lit_classify.messages import escape_control
from lit_classify.metrics.base import Metrics
from lit_classify.modules import LitModule

_MAX_BASELINE_ROWS = 100_000


def evaluation_text(model: LitModule, data: InMemoryDataModule) -> str:
    """Return the tables and baselines on the rows that the model was tested on last.

    Examples:
        >>> from lit_classify import LineDataModule, Regressor
        >>> print(evaluation_text(Regressor(1), LineDataModule()))
        baselines on the same rows, R²
          mean                 -75.18794
          linear regression    1.00000
    """
    return "\n\n".join([*task_tables(model), "\n".join(baseline_lines(model, data))])


def task_tables(model: LitModule) -> list[str]:
    """Return the tables of the task on the rows that the model was evaluated on last."""
    evaluation = model.evaluation  # absent after a custom step
    if evaluation is None or not evaluation.metrics.values:  # empty if outputs are NaN
        return []
    return model.evaluation_tables(evaluation.logits.to(model.device), evaluation.y)


def metric_lines(metrics: Metrics) -> list[str]:
    r"""Return a line for each metric: its value, or why it is undefined.

    Examples:
        >>> metrics = Metrics({"loss": 0.25}, {"r2": "undefined: there is only one row"})
        >>> print("\n".join(metric_lines(metrics)))
          loss  0.25000
          r2    undefined: there is only one row
    """
    values, notes = metrics
    width = max(map(len, [*values, *notes]))
    lines = []
    for name in dict.fromkeys([*values, *notes]):
        text = notes.get(name, "")
        if name in values:
            text = f"{values[name]:.5f}{text and f'  ({text})'}"
        lines.append(f"  {name:<{width}}  {escape_control(text, is_name=True)}")
    return lines


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
        text = "cannot learn these labels" if value is None else f"{value:.5f}"
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
    x, y = _features(data, "train")[:_MAX_BASELINE_ROWS], data.sample("train").y[:_MAX_BASELINE_ROWS].numpy()
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
    first = x.shape[1] - len(data.num_categories)
    parts = [x[:, :first]]
    for column, count in enumerate(data.num_categories, first):
        parts.append(np.eye(count, dtype=np.float32)[x[:, column].astype(int)])
    return np.concatenate(parts, axis=1)
