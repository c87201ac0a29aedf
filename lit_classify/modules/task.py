"""What a task says of itself; the loop asks, and never which task it is.

Legend: N rows, O outputs (logits per row), C classes, L labels that may hold together.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from lit_classify._lightning.hooks import LeanModule
from lit_classify.metrics import Metrics

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


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


class Task(LeanModule):
    """The questions that each final class answers: its loss, its probabilities, its metrics."""

    metric_name: ClassVar[str] = "accuracy"  # of every epoch and validation, besides the loss

    # The plot of a fit: decision regions in the plane of two features, or a line over a single one.
    boundary_plot: ClassVar[Literal["plane", "line"] | None] = None

    class_names: list[str] | None
    label_names: list[str] | None

    @abstractmethod
    def check_outputs(self, out_features: int) -> None:
        """Raise UserError if this task cannot have so many outputs or such class names."""

    @abstractmethod
    def check_targets(self, y: Tensor) -> None:
        """Raise DataError if these targets are none of this task's."""

    def prepare_targets(self, y: Tensor) -> Tensor:
        """Return a batch's targets as the task counts with them; other forms may be converted.

        Raises:
            DataError: they cannot be.
        """
        return y

    @abstractmethod
    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss, a scalar, of logits ``(N, O)`` against targets ``(N,)`` or ``(N, L)``."""

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """Turn logits ``(N, O)`` into probabilities, ``(N, C)`` or ``(N, L)``, or values ``(N,)``."""

    @abstractmethod
    def labels(self, probabilities: Tensor) -> Tensor:
        """Turn probabilities into class numbers ``(N,)`` or labels ``(N, L)``; values stay as they are."""

    def loss_weight(self, y: Tensor) -> int | Tensor:
        """Return how much the rows of a batch count together in a mean loss: their number, or a scalar."""
        return len(y)

    @abstractmethod
    def metric_sum(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the sum of ``metric_name`` over rows, a scalar: how many are right, or their errors."""

    @abstractmethod
    def make_metric(self) -> Metric:
        """Return torchmetrics' ``metric_name``, which validation and test update with every batch."""

    def metric_inputs(self, logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return predictions and targets as ``make_metric``'s metric takes them."""
        return self.labels(self.probabilities(logits)), y

    @abstractmethod
    def test_metrics(self, logits: Tensor, y: Tensor) -> Metrics:
        """Return further metrics of a test, of all its logits ``(N, O)`` and targets."""

    @property
    @abstractmethod
    def output_names(self) -> list[str]:
        """Return a name for each of the O outputs."""

    @abstractmethod
    def report(self, logits: Tensor, y: Tensor) -> list[str]:
        """Return tables on a test beyond its metrics, as text, for its logits ``(N, O)`` and targets."""

    @abstractmethod
    def baselines(self) -> Baselines:
        """Return simple models to compare a test with."""

    @abstractmethod
    def prediction_columns(self, probabilities: Tensor) -> "dict[str, pl.Series]":
        """Return the columns of a table of predictions, from what ``probabilities`` returns."""

    @abstractmethod
    def evaluation_plots(
        self, logits: Tensor, y: Tensor, title: str, curves: bool = False
    ) -> "Mapping[str, Callable[[], Figure]]":
        """Return functions that plot an evaluation, by the plots' names.

        Args:
            logits: logits ``(N, O)``.
            y: targets ``(N,)`` or ``(N, L)``.
            title: title of the figures.
            curves: include ROC, precision-recall and calibration curves.
        """

    def one_vs_rest(self, logits: Tensor, y: Tensor) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
        """Return targets 0 and 1, and probabilities, of each class or label, ``(N,)`` each.

        Of two classes, only the second is included.
        """
        return {}

    def row_errors(self, logits: Tensor, y: Tensor) -> RowErrors | None:
        """Return the error of each row; None for tasks without an order of rows by error."""
        return None
