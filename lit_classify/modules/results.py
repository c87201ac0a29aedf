"""Results of a task: an evaluation, baselines, and errors of single rows.

Legend: N rows, O outputs, L labels.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray
from torch import Tensor

from lit_classify.metrics.base import Metrics


class Evaluation(NamedTuple):
    """Result of a test, or of a validation outside a fit, over the rows of all processes, on the CPU.

    Attributes:
        logits: network outputs, ``(N, O)``.
        y: targets, ``(N,)`` or ``(N, L)``.
        metrics: the loss and all metrics.
        fold: with cross-validation, the fold of each validation row, ``(N,)``.
        num_rows: number of all rows, to which loss and the metric of the epoch log refer; N is smaller if the
            data limits how many rows are kept.
    """

    logits: Tensor
    y: Tensor
    metrics: Metrics
    fold: Tensor | None = None
    num_rows: int = 0


class Baselines(NamedTuple):
    """Simple models to compare a model with.

    Attributes:
        metric: name of the metric of the comparison.
        score: computes it from true and predicted targets.
        estimators: unfitted scikit-learn estimators by name.
    """

    metric: str
    score: Callable[[NDArray[Any], NDArray[Any]], float]
    estimators: dict[str, Any]


class RowErrors(NamedTuple):
    """Errors of single rows.

    Attributes:
        errors: the larger, the worse the prediction, ``(N,)``.
        actual: the target of each row as text.
        predicted: the prediction for each row as text.
    """

    errors: Tensor
    actual: list[str]
    predicted: list[str]
