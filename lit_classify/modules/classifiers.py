"""Classification into mutually exclusive classes.

Legend: N rows, C classes.
"""

import math
from abc import ABC
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.classification import BinaryAccuracy, MulticlassAccuracy

from lit_classify.data_interface import HasClassCounts
from lit_classify.errors import UserError
from lit_classify.losses import Reduction
from lit_classify.messages import unknown_name
from lit_classify.metrics.base import Metrics
from lit_classify.metrics.classification import accuracy, binary_metrics, multiclass_metrics
from lit_classify.metrics.confusion_matrix import confusion_counts
from lit_classify.modules.base import Arrays, Columns, LitModule, Plotters
from lit_classify.modules.class_tables import confusion_table, score_table
from lit_classify.modules.pos_weight import (
    PosWeight,
    are_positive,
    as_numbers,
    as_pos_weight,
    balanced_pos_weight,
)
from lit_classify.modules.results import Baselines, RowErrors
from lit_classify.modules.target_checks import check_classes, check_shapes, to_class_indices


class Classifier(LitModule, ABC):
    """Base class of binary and multiclass classification.

    Args:
        class_weight: weight of the rows of each class in the loss: ``balanced`` for N / (C n), where n of the
            N training rows are of the class (scikit-learn's definition), a list, or a mapping from class
            names to weights. The loss is the weighted sum over rows divided by the sum of their weights: over
            the batches of all processes in an optimizer step, over all rows in logged metrics. With gradient
            accumulation every batch of a step has the same weight, as without class weights.
        label_smoothing: fraction of each target that is spread evenly over the classes, from 0 to below 1, as
            in torch.nn.CrossEntropyLoss; in all losses, but not in the log loss of a test.
        **kwargs: arguments of ``LitModule``.
    """

    boundary_plot = "plane"
    class_names: list[str]
    class_weight: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int = 1,
        class_names: Sequence[str] | None = None,
        *,
        class_weight: Literal["balanced"] | list[float] | dict[str, float] | None = None,
        label_smoothing: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_features, out_features, class_names, **kwargs)
        if not 0 <= label_smoothing < 1:
            raise UserError(f"label_smoothing must be at least 0 and below 1, but is {label_smoothing}")
        if label_smoothing and self.row_loss is not None:
            raise UserError(f"label_smoothing requires {self.losses[0]}, the default loss")
        self.label_smoothing = label_smoothing
        self._balanced = isinstance(class_weight, str) and class_weight == "balanced"
        names = self.class_names
        if class_weight is None:
            self.register_buffer("class_weight", None)
        else:
            weights = [1.0] * len(names) if self._balanced else class_weight
            self.register_buffer("class_weight", torch.tensor(_weights(weights, names)))

    def on_fit_start(self) -> None:
        """Compute balanced class weights from the training rows.

        Raises:
            UserError: the data module does not provide the number of rows of each class, or a class has none.
        """
        super().on_fit_start()
        if self._balanced:
            counts = self._class_counts("class_weight")
            if missing := [name for name, count in zip(self.class_names, counts, strict=True) if not count]:
                raise UserError(
                    f"class_weight balanced needs training rows of {', '.join(missing)}, but there are none"
                )
            rows = torch.tensor(counts, dtype=torch.float64)
            self.class_weight = (rows.sum() / (len(rows) * rows)).float().to(self.device)

    def _class_counts(self, option: str) -> list[int]:
        """Return the number of training rows of each class, for an option that is ``balanced``."""
        data = getattr(self.trainer, "datamodule", None)
        counts = data.class_counts if isinstance(data, HasClassCounts) else None
        if counts is None:
            raise UserError(f"{option} balanced needs a data module with class_counts; give the weights")
        return counts

    def check_targets(self, y: Tensor) -> None:
        """Check that targets are classes 0 .. C-1.

        Raises:
            DataError: targets that are not int64 of shape ``(N,)``, or outside 0 .. C-1.
        """
        check_classes(type(self).__name__, self.prepare_targets(y), len(self.class_names))

    def labels(self, probabilities: Tensor) -> Tensor:
        """Return the most probable class, ``(N,)``; of equally probable classes the first."""
        return probabilities.argmax(dim=1)

    def row_weights(self, y: Tensor) -> Tensor | None:
        """Return the weights of the rows' classes, ``(N,)``; None without class weights."""
        return None if self.class_weight is None else self.class_weight[y.long()]

    @property
    def output_names(self) -> list[str]:
        """Names of the classes that have a logit."""
        return self.class_names

    @property
    def decision_rule(self) -> str:
        """How a class is chosen from the probabilities, as shown in plots."""
        return "most probable class"

    def evaluation_tables(self, logits: Tensor, y: Tensor) -> list[str]:
        """Return precision, recall and F1 of each class, and the confusion matrix."""
        true, predicted = y.cpu().numpy(), self.labels(self.probabilities(logits)).cpu().numpy()
        return [
            score_table("class", true, predicted, self.class_names, "weighted"),
            confusion_table(true, predicted, self.class_names),
        ]

    def baselines(self) -> Baselines:
        """Return the most frequent class and a logistic regression, to compare by accuracy."""
        from sklearn.dummy import DummyClassifier
        from sklearn.linear_model import LogisticRegression

        estimators = {
            "majority class": DummyClassifier(),
            "logistic regression": LogisticRegression(max_iter=1000),
        }
        return Baselines("accuracy", accuracy, estimators)

    def prediction_columns(self, probabilities: Tensor) -> Columns:
        """Return the name of the predicted class, and the probability of each class."""
        import polars as pl

        predicted = pl.Series(self.class_names, dtype=pl.String).gather(self.labels(probabilities).numpy())
        columns = zip(self.probability_columns.values(), probabilities.numpy().T, strict=True)
        return {"prediction": predicted, **{name: pl.Series(column) for name, column in columns}}

    def evaluation_plots(self, logits: Tensor, y: Tensor, title: str, curves: bool = False) -> Plotters:
        """Return functions that plot the confusion matrix and curves."""
        from lit_classify import plots

        p, names = self.exact_probabilities(logits), self.class_names
        true, predicted = y.cpu().numpy(), self.labels(p).numpy()
        counts = confusion_counts(true, predicted, len(names))
        plotters = {"confusion_matrix": partial(plots.confusion_matrix, counts, names, title)}
        if curves:
            arguments = F.one_hot(y.cpu(), len(names)).numpy(), p.numpy(), names, title
            indicators = F.one_hot(self.labels(p), len(names)).numpy()
            plotters |= {
                "roc_and_precision_recall": partial(
                    plots.roc_and_precision_recall, *arguments, indicators, self.decision_rule
                ),
                "calibration_curve": partial(plots.calibration_curve, *arguments),
            }
        return plotters

    def one_vs_rest(self, logits: Tensor, y: Tensor) -> dict[str, Arrays]:
        """Return, for each class, whether each row is of it, and its probabilities."""
        true, p = y.cpu().numpy(), self.exact_probabilities(logits).numpy()
        indices = range(len(self.class_names) == 2, len(self.class_names))
        return {self.class_names[index]: (true == index, p[:, index]) for index in indices}

    def row_errors(self, logits: Tensor, y: Tensor) -> RowErrors:
        """Return the negative predicted probability of each row's true class, and both classes."""
        p, y = self.exact_probabilities(logits), y.cpu()
        actual = [self.class_names[index] for index in y.tolist()]
        predicted = [self.class_names[index] for index in self.labels(p).tolist()]
        return RowErrors(-p[torch.arange(len(y)), y], actual, predicted)


class BinaryClassifier(Classifier):
    """Two classes, one logit, binary cross entropy (course, sections 2 to 6).

    Args:
        threshold: probability of the second class above which it is predicted.
        pos_weight: factor of the loss of the rows of the second class, as in torch.nn.BCEWithLogitsLoss, or
            ``balanced`` for the number of the other training rows divided by theirs.
        **kwargs: arguments of ``Classifier``.

    Examples:
        >>> model = BinaryClassifier(2, class_names=["inner", "outer"])
        >>> model.predict(torch.zeros(5, 2)).shape
        torch.Size([5, 2])
    """

    losses = ("BCEWithLogitsLoss", "SoftMarginLoss")
    pos_weight: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int = 1,
        class_names: Sequence[str] | None = None,
        *,
        threshold: float = 0.5,
        pos_weight: PosWeight | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_features, out_features, class_names, **kwargs)
        if not 0 < threshold < 1:
            raise UserError(f"threshold must be between 0 and 1, but is {threshold}")
        self.threshold = threshold
        if pos_weight is not None and self.class_weight is not None:
            raise UserError("pos_weight and class_weight both weight the second class; give one of them")
        self._balances_positives = pos_weight == "balanced"
        self.register_buffer("pos_weight", as_pos_weight(pos_weight, self.output_names, self.row_loss))

    def on_fit_start(self) -> None:
        """Compute a balanced weight of the second class, or balanced class weights, from the training rows.

        Raises:
            UserError: the data module does not provide the number of rows of each class.
        """
        super().on_fit_start()
        if self._balances_positives:
            counts = self._class_counts("pos_weight")
            self.pos_weight = balanced_pos_weight(counts[1:], sum(counts), self.output_names).to(self.device)

    def check_outputs(self, out_features: int) -> None:
        """Raise UserError unless there are one logit and two classes."""
        _refuse_labels(self)
        if self.class_names is None:
            self.class_names = ["0", "1"]
        if len(self.class_names) < 2:
            raise UserError(f"BinaryClassifier needs the names of two classes, but gets {self.class_names}")
        if out_features != 1 or len(self.class_names) != 2:
            num_classes = max(out_features, len(self.class_names))
            raise UserError(
                f"BinaryClassifier gives one logit for two classes, but the data has {num_classes} classes; "
                "use MulticlassClassifier"
            )

    def prepare_targets(self, y: Tensor) -> Tensor:
        """Convert the targets 0.0 and 1.0 of the course to the classes 0 and 1.

        Raises:
            DataError: floats of another shape, or other values.
        """
        return to_class_indices(type(self).__name__, y) if y.is_floating_point() else y

    def loss(self, logits: Tensor, y: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean loss, by default the cross entropy, of logits ``(N, 1)`` and classes ``(N,)``."""
        logit = logits.squeeze(1)
        check_shapes(logit, y)
        weight, target = self.row_weights(y), y.float()
        if self.row_loss is not None:
            return self.row_loss(logit, target, weight, reduction)
        if self.label_smoothing:
            target = target * (1 - self.label_smoothing) + self.label_smoothing / 2
        cross_entropy = partial(F.binary_cross_entropy_with_logits, logit, target, weight)
        if weight is None or reduction == "none":
            return cross_entropy(pos_weight=self.pos_weight, reduction=reduction)
        # a weighted mean, as in cross_entropy; there is no pos_weight
        total = cross_entropy(reduction="sum")
        return total / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)

    @property
    def output_names(self) -> list[str]:
        """Name of class 1, whose logit is the output."""
        return self.class_names[1:]

    @property
    def thresholds(self) -> list[float]:
        """The threshold of class 1."""
        return [self.threshold]

    @property
    def decision_rule(self) -> str:
        """The threshold of class 1."""
        return f"threshold {self.threshold:.3g}"

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return ``[1 - p, p]`` with p = sigmoid(logit), shape ``(N, 2)``; small probabilities are exact."""
        return torch.sigmoid(torch.cat([-logits, logits], dim=1))

    def labels(self, probabilities: Tensor) -> Tensor:
        """Return class 1 where its probability is above the threshold, else class 0, ``(N,)``."""
        return (probabilities[:, 1] > self.threshold).long()

    def mean_logits(self, logits: Tensor) -> Tensor:
        """Return the logit of the mean of the members' probabilities, ``(N, 1)``."""
        return F.logsigmoid(logits).logsumexp(dim=0) - F.logsigmoid(-logits).logsumexp(dim=0)

    def relative_probabilities(self, probabilities: Tensor) -> Tensor:
        """Return the probabilities with their odds divided by those of the threshold, ``(N, 2)``.

        Examples:
            >>> model = BinaryClassifier(2, threshold=0.2)
            >>> model.relative_probabilities(torch.tensor([[0.8, 0.2]]))
            tensor([[0.5000, 0.5000]])
        """
        if self.threshold == 0.5:
            return probabilities
        weighted = probabilities * probabilities.new_tensor([self.threshold, 1 - self.threshold])
        return weighted / weighted.sum(dim=1, keepdim=True)

    def metric_sum(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the number of correctly classified rows."""
        return ((torch.sigmoid(logits.squeeze(1)) > self.threshold) == y).sum()

    def make_metric(self) -> Metric:
        """Return the accuracy."""
        return BinaryAccuracy(validate_args=False)

    def test_metrics(self, logits: Tensor, y: Tensor) -> Metrics:
        """Return metrics of a test; precision, recall, F1 and ranking metrics are those of class 1."""
        predicted = self.labels(self.probabilities(logits))
        return binary_metrics(logits.squeeze(1), y, predicted, self.class_names)


class MulticlassClassifier(Classifier):
    """Several classes, one logit each, cross entropy (course, section 8).

    Examples:
        >>> model = MulticlassClassifier(4, 3, class_names=["setosa", "versicolor", "virginica"])
        >>> model.predict(torch.zeros(5, 4)).shape
        torch.Size([5, 3])
    """

    losses = ("CrossEntropyLoss", "MultiMarginLoss")

    def check_outputs(self, out_features: int) -> None:
        """Raise UserError unless there are at least two logits, and as many classes."""
        _refuse_labels(self)
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

    def loss(self, logits: Tensor, y: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean loss, by default the cross entropy, of logits ``(N, C)`` and classes ``(N,)``."""
        check_shapes(logits[:, 0], y)
        if self.row_loss is not None:
            return self.row_loss(logits, y, self.row_weights(y), reduction)
        return F.cross_entropy(
            logits, y, self.class_weight, reduction=reduction, label_smoothing=self.label_smoothing
        )

    def mean_logits(self, logits: Tensor) -> Tensor:
        """Return the logarithm of the mean of the members' probabilities, ``(N, C)``."""
        return torch.log_softmax(logits, dim=-1).logsumexp(dim=0) - math.log(len(logits))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the softmax of the logits, ``(N, C)``."""
        return torch.softmax(logits, dim=1)

    def metric_sum(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the number of correctly classified rows."""
        return (logits.argmax(dim=1) == y).sum()

    def make_metric(self) -> Metric:
        """Return the accuracy over all rows."""
        return MulticlassAccuracy(len(self.class_names), average="micro", validate_args=False)

    def test_metrics(self, logits: Tensor, y: Tensor) -> Metrics:
        """Return metrics of a test, means over the classes."""
        predicted = self.labels(self.probabilities(logits))
        return multiclass_metrics(logits, y, predicted, self.class_names)


def _refuse_labels(task: Classifier) -> None:
    if task.label_names is not None:
        raise UserError(
            f"{type(task).__name__} predicts one class per row, but the data has {len(task.label_names)} "
            "labels that are not mutually exclusive; use MultilabelClassifier"
        )


def _weights(weights: Any, names: Sequence[str]) -> list[float]:  # noqa: ANN401 - numbers of any kind
    """Return the weight of each class, in the order of the names."""
    if isinstance(weights, Mapping):
        for name in weights:
            if str(name) not in names:
                raise UserError(unknown_name("class in class_weight", str(name), names))
        by_name = {str(name): weight for name, weight in weights.items()}
        weights = [by_name.get(name, 1.0) for name in names]
    numbers = as_numbers(weights)
    if isinstance(numbers, float) or len(numbers) != len(names) or not are_positive(numbers):
        raise UserError(
            f"class_weight needs a positive number for each of {len(names)} classes ({', '.join(names)}), "
            f"or balanced, but is {weights!r}"
        )
    return numbers
