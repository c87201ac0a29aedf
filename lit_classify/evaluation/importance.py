"""Permutation importance of the columns of a table.

Legend: N rows, F features, K columns, R repeats.
"""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.data import InMemoryDataModule
from lit_classify.errors import DataError, UserError, check_at_least
from lit_classify.messages import escape_control, format_metric, pad, plural, shorten, unknown_name, width_of
from lit_classify.metrics.base import clear_rounding_errors
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating

NUM_REPEATS = 5  # permutations of each column by default
_BATCH_SIZE = 512  # rows at a time; allocating the activations of larger batches takes longer
_MAX_PRINTED = 40
_MAX_NAME = 50  # characters


class Importance(NamedTuple):
    """Permutation importance of columns, the most important first.

    Attributes:
        columns: names of the columns.
        means: how much worse the metric is on average after a permutation of each column, ``(K,)``.
        deviations: standard deviation over the repeats, with R as its divisor as in scikit-learn, ``(K,)``.
        measure: the meaning of the means, such as "decrease of accuracy".
        basis: the rows used, their metric and the number of repeats, as text.
    """

    columns: list[str]
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    measure: str
    basis: str


def permutation_importance(
    model: LitModule,
    data: InMemoryDataModule,
    metric: str | None = None,
    repeats: int = NUM_REPEATS,
    max_rows: int = 10_000,
    seed: int = 42,
) -> Importance:
    """Return how much worse a metric is when the values of a column are permuted (Breiman, 2001).

    All features of a column are permuted together, such as the one-hot encoding of a category, or a number
    and its missing-value indicator. A positive value means that the model uses the column.

    The rows are the test rows. Without test rows, they are the training rows of a cross-validation, each
    predicted by the member that was not trained on it, or else the validation rows.

    Args:
        model: a trained model.
        data: the data it was trained on, or other rows of the same columns.
        metric: the task's metric (accuracy or mae, the default) or loss.
        repeats: permutations of each column, R.
        max_rows: maximum number of rows; if there are more, a random sample is used.
        seed: seed of the permutations and of that sample.

    Raises:
        UserError: an argument is out of range, or the metric is unknown or not finite.
        DataError: there are fewer than two rows.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> result = permutation_importance(BinaryClassifier(2), CirclesDataModule(), repeats=3)
        >>> sorted(result.columns), result.measure, result.basis[:13]
        (['x1', 'x2'], 'decrease of accuracy', '200 test rows')
    """
    metric = model.metric_name if metric is None else metric
    if metric not in (model.metric_name, "loss"):
        raise UserError(unknown_name("metric", metric, (model.metric_name, "loss")))
    for name, value, minimum in (("repeats", repeats, 1), ("max_rows", max_rows, 2), ("seed", seed, 0)):
        check_at_least(name, value, minimum)
    generator = torch.Generator().manual_seed(seed)
    rows, (x, y, *fold) = _select_rows(data, max_rows, generator)
    x, y, *fold = (tensor.to(model.device) for tensor in (x, model.prepare_targets(y), *fold))
    permutations = [torch.randperm(len(x), generator=generator).to(x.device) for _ in range(repeats)]
    columns, scores = data.column_features, []
    with evaluating(model):
        baseline = _score(model, metric, x, y, fold)
        permuted = x.clone()
        for features in columns.values():
            original = x[:, features]
            for permutation in permutations:
                permuted[:, features] = original[permutation]
                scores.append(_score(model, metric, permuted, y, fold))
            permuted[:, features] = original
    if not np.isfinite([baseline, *scores]).all():
        raise UserError(f"the {metric} of the {rows} is NaN or infinite")
    decreases = metric != "loss" and bool(model.val_metric.higher_is_better)
    table = np.array(scores).reshape(-1, repeats)
    degradation = baseline - table if decreases else table - baseline
    means = clear_rounding_errors(degradation.mean(axis=1), table)
    deviations = clear_rounding_errors(degradation.std(axis=1), table)
    names = list(columns)
    ranking = np.argsort(-means, kind="stable")
    permutations_text = plural(repeats, "permutation")
    return Importance(
        [names[index] for index in ranking],
        means[ranking],
        deviations[ranking],
        f"{'decrease' if decreases else 'increase'} of {metric}",
        f"{rows}, {metric} {format_metric(baseline)}, {permutations_text} of each column",
    )


def _select_rows(
    data: InMemoryDataModule, max_rows: int, generator: torch.Generator
) -> tuple[str, list[Tensor]]:
    """Return a description of the rows to use, and their features, targets and, if any, folds."""
    has_test = data.has_split("test")
    rows = data.batch_tensors("test" if has_test else "val")  # with folds, the training rows are val
    total = len(rows[0])
    if total < 2:
        raise DataError("permutation importance needs at least two rows")
    count = f"{total:,}"
    if total > max_rows:
        selected = torch.randperm(total, generator=generator)[:max_rows]
        rows, count = [tensor[selected] for tensor in rows], f"{max_rows:,} of {total:,}"
    kind = "test" if has_test else "out-of-fold" if len(rows) > 2 else "validation"
    return f"{count} {kind} rows", rows


def _score(model: LitModule, metric: str, x: Tensor, y: Tensor, fold: Sequence[Tensor]) -> float:
    """Return the metric of rows; those with a fold are predicted by the member that holds it out."""
    batches = zip(*(torch.split(tensor, _BATCH_SIZE) for tensor in (x, *fold)), strict=True)
    predict = model.held_out_logits if fold else model
    logits = torch.cat([predict(*batch) for batch in batches])
    if metric == "loss":
        return float(model.loss(logits, y))
    return float(model.metric_sum(logits, y)) / len(y)


def importance_table(importance: Importance) -> pl.DataFrame:
    """Return the table of an importance: column, and mean and standard deviation over the repeats.

    Examples:
        >>> importance = Importance(["age"], np.array([0.2]), np.array([0.1]), "decrease of accuracy", "")
        >>> importance_table(importance).rows()
        [('age', 0.2, 0.1)]
    """
    names = pl.Series(importance.columns, dtype=pl.String)
    return pl.DataFrame({"column": names, "mean": importance.means, "std": importance.deviations})


def importance_text(importance: Importance) -> str:
    """Return an importance as text, with at most 40 columns.

    Examples:
        >>> text = "decrease of accuracy", "60 test rows"
        >>> print(importance_text(Importance(["age"], np.array([0.2]), np.array([0.1]), *text)))
        decrease of accuracy when a column is permuted
        60 test rows
        <BLANKLINE>
        column     mean      std
        age     0.20000  0.10000
    """
    values = zip(importance.columns, importance.means, importance.deviations, strict=True)
    cells = [("column", "mean", "std")]
    for name, mean, std in islice(values, _MAX_PRINTED):
        shown = shorten(escape_control(name, is_name=True), _MAX_NAME)
        cells.append((shown, format_metric(mean, sign="z"), format_metric(std)))
    name_width, mean_width, std_width = (max(map(width_of, column)) for column in zip(*cells, strict=True))
    lines = [f"{importance.measure} when a column is permuted", importance.basis, ""]
    lines += [f"{pad(a, name_width)}  {b:>{mean_width}}  {c:>{std_width}}" for a, b, c in cells]
    if len(importance.columns) > _MAX_PRINTED:
        lines.append(f"and {len(importance.columns) - _MAX_PRINTED:,} less important columns")
    return "\n".join(lines)
