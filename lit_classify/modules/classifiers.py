"""The tasks whose targets are classes.

Legend: N rows, C classes.
"""

from abc import ABC

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryF1Score,
    BinaryPrecision,
    BinaryRecall,
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from lit_classify.errors import UserError
from lit_classify.modules.base import LitModule
from lit_classify.modules.targets import check_classes
from lit_classify.modules.task import Figures


class Classifier(LitModule, ABC):
    """What two classes and many have in common."""

    def check_targets(self, y: Tensor) -> None:
        """Hold targets against the classes 0 .. C-1.

        Raises:
            DataError: targets that are not int64 of shape ``(N,)``, or outside 0 .. C-1.
        """
        check_classes(type(self).__name__, y, len(self.class_names or ()))

    def labels(self, probabilities: Tensor) -> Tensor:
        """Return the most probable class ``(N,)``; a tie goes to the lower number."""
        return probabilities.argmax(dim=1)


class BinaryClassifier(Classifier):
    """Two classes, one logit, BCEWithLogits (course, sections 2 to 6)."""

    def check_task(self, out_features: int) -> None:
        """Raise UserError unless there is one logit for two classes."""
        if self.class_names is None:
            self.class_names = ["0", "1"]
        if out_features != 1 or len(self.class_names) != 2:
            num_classes = max(out_features, len(self.class_names))
            raise UserError(
                f"BinaryClassifier gives one logit for two classes, but the data has {num_classes} classes; "
                "use MulticlassClassifier"
            )

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the mean binary cross entropy of logits ``(N, 1)`` against classes ``(N,)``."""
        return F.binary_cross_entropy_with_logits(logits.squeeze(1), y.float())

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return ``[1 - p, p]`` with p = sigmoid(logit), shape ``(N, 2)``."""
        p = torch.sigmoid(logits)
        return torch.cat([1 - p, p], dim=1)

    def hits(self, logits: Tensor, y: Tensor) -> Tensor:
        """Count the rows whose rounded probability is their class."""
        return ((torch.sigmoid(logits.squeeze(1)) > 0.5) == y).sum()

    def scored(self, probabilities: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probability of class 1, ``(N,)``, and the classes."""
        return probabilities[:, 1], y

    def metrics(self) -> Figures:
        """Return accuracy."""
        return {"accuracy": BinaryAccuracy(validate_args=False)}

    def test_figures(self) -> Figures:
        """Return accuracy, and precision, recall, F1 and AUROC of class 1."""
        return {
            "accuracy": BinaryAccuracy(validate_args=False),
            "precision": BinaryPrecision(validate_args=False),
            "recall": BinaryRecall(validate_args=False),
            "f1": BinaryF1Score(validate_args=False),
            "auroc": BinaryAUROC(validate_args=False),
        }


class MulticlassClassifier(Classifier):
    """Many classes, one logit each, CrossEntropy (course, section 8)."""

    def check_task(self, out_features: int) -> None:
        """Raise UserError unless there are as many logits as classes, at least two."""
        if self.class_names is None:
            self.class_names = [str(label) for label in range(out_features)]
        num_classes = len(self.class_names)
        if out_features == 1:
            raise UserError(
                "MulticlassClassifier gives one logit per class, at least two, but the data asks for one; "
                "use BinaryClassifier for two classes, Regressor for a number"
            )
        if out_features != num_classes:
            raise UserError(
                f"MulticlassClassifier gives one logit per class, but has {out_features} logits "
                f"for {num_classes} classes"
            )

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the mean cross entropy of logits ``(N, C)`` against classes ``(N,)``."""
        return F.cross_entropy(logits, y)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the softmax of the logits, ``(N, C)``."""
        return torch.softmax(logits, dim=1)

    def hits(self, logits: Tensor, y: Tensor) -> Tensor:
        """Count the rows whose largest logit is their class's."""
        return (logits.argmax(dim=1) == y).sum()

    def scored(self, probabilities: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probabilities, ``(N, C)``, and the classes."""
        return probabilities, y

    def metrics(self) -> Figures:
        """Return accuracy over all rows."""
        return {"accuracy": MulticlassAccuracy(self._num_classes, average="micro", validate_args=False)}

    def test_figures(self) -> Figures:
        """Return accuracy over all rows, and precision, recall and F1 as means of the classes'."""
        num_classes = self._num_classes
        return {
            **self.metrics(),
            "precision": MulticlassPrecision(num_classes, validate_args=False),
            "recall": MulticlassRecall(num_classes, validate_args=False),
            "f1": MulticlassF1Score(num_classes, validate_args=False),
        }

    @property
    def _num_classes(self) -> int:
        return len(self.class_names or ())
