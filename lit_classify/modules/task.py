"""What a task says of itself; the loop asks, and never which task it is.

Legend: N rows, O outputs (logits per row), C classes, L labels that may hold together.
"""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor
from torchmetrics import Metric

from lit_classify._lightning.hooks import LeanModule
from lit_classify.metrics import Metrics


class Task(LeanModule):
    """The questions that each final class answers: its loss, its probabilities, its metrics."""

    metric_name: ClassVar[str] = "accuracy"  # of every epoch and validation, besides the loss

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
