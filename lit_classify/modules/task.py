"""What a task says of itself; the loop asks, and never which task it is.

Legend: N rows, O outputs (logits per row), C classes, L labels that may hold together.
"""

from abc import abstractmethod

from torch import Tensor
from torchmetrics import Metric, MetricCollection

from lit_classify.modules.lean import LeanModule

Figures = dict[str, Metric | MetricCollection]


class Task(LeanModule):
    """The questions that each final class answers: its loss, its probabilities, its figures."""

    class_names: list[str] | None
    label_names: list[str] | None

    @abstractmethod
    def check_task(self, out_features: int) -> None:
        """Raise UserError if this task cannot have so many outputs or such class names."""

    @abstractmethod
    def check_targets(self, y: Tensor) -> None:
        """Raise DataError if these targets are none of this task's."""

    @abstractmethod
    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss, a scalar, of logits ``(N, O)`` against targets ``(N,)`` or ``(N, L)``."""

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """Turn logits ``(N, O)`` into probabilities, ``(N, C)`` or ``(N, L)``, or values ``(N,)``."""

    @abstractmethod
    def labels(self, probabilities: Tensor) -> Tensor:
        """Turn probabilities into class numbers ``(N,)`` or labels ``(N, L)``; values stay as they are."""

    @abstractmethod
    def hits(self, logits: Tensor, y: Tensor) -> Tensor | None:
        """Count the right answers, a scalar; None where there is no right or wrong."""

    @abstractmethod
    def metrics(self) -> Figures:
        """Return the figures of every validation, besides the loss."""

    @abstractmethod
    def test_figures(self) -> Figures:
        """Return the figures of the test, besides the loss."""

    @abstractmethod
    def scored(self, probabilities: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return predictions and targets in the form that the metrics take."""
