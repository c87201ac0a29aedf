"""Classification into labels that are not mutually exclusive.

Legend: N rows, L labels.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchmetrics.classification import MultilabelAccuracy

from lit_classify.data_interface import HasSplits
from lit_classify.errors import UserError
from lit_classify.losses import Reduction
from lit_classify.metrics.base import Metrics
from lit_classify.metrics.classification import accuracy, multilabel_metrics
from lit_classify.modules.base import Arrays, Columns, LitModule, Plotters
from lit_classify.modules.class_tables import score_table
from lit_classify.modules.pos_weight import PosWeight, as_pos_weight, balanced_pos_weight
from lit_classify.modules.results import Baselines
from lit_classify.modules.target_checks import check_labels, check_shapes


class MultilabelClassifier(LitModule):
    """Labels that are not mutually exclusive, one logit each, binary cross entropy.

    Args:
        thresholds: probability above which a label is predicted: one for all labels, or one for each.
        pos_weight: factor of the loss of a label where it is 1, as in torch.nn.BCEWithLogitsLoss: one for all
            labels, one for each, or ``balanced`` for the number of training rows without the label divided by
            that of rows with it.
        **kwargs: arguments of ``LitModule``.

    Examples:
        >>> model = MultilabelClassifier(4, 2, label_names=["urgent", "spam"], thresholds=[0.5, 0.9])
        >>> model.labels(torch.tensor([[0.8, 0.8]]))
        tensor([[1, 0]])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int = 2,
        *,
        thresholds: float | list[float] = 0.5,
        pos_weight: PosWeight | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_features, out_features, **kwargs)
        values = [thresholds] * out_features if isinstance(thresholds, float | int) else list(thresholds)
        if len(values) != out_features or not all(0 < threshold < 1 for threshold in values):
            raise UserError(
                f"thresholds needs a number between 0 and 1 for each of {out_features} labels, "
                f"but is {values}"
            )
        self.register_buffer("_thresholds", torch.tensor([float(threshold) for threshold in values]))
        self._balances_positives = pos_weight == "balanced"
        self.register_buffer("pos_weight", as_pos_weight(pos_weight, self.label_names, self.row_loss))

    losses = ("BCEWithLogitsLoss", "MultiLabelSoftMarginLoss", "SoftMarginLoss")
    label_names: list[str]
    pos_weight: Tensor | None
    _thresholds: Tensor

    def on_fit_start(self) -> None:
        """Compute balanced weights of the labels from the training rows.

        Raises:
            UserError: the data module does not provide the rows.
        """
        super().on_fit_start()
        if not self._balances_positives:
            return
        data = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, HasSplits):
            raise UserError("pos_weight balanced needs a data module with splits; give the weights")
        y = data.split("train").y
        weights = balanced_pos_weight(y.sum(dim=0).long().tolist(), len(y), self.label_names)
        self.pos_weight = weights.to(self.device)

    def check_outputs(self, out_features: int) -> None:
        """Raise UserError unless there are at least two logits, and as many labels."""
        if self.class_names is not None:
            task = "BinaryClassifier" if len(self.class_names) == 2 else "MulticlassClassifier"
            raise UserError(
                f"MultilabelClassifier predicts labels that are not mutually exclusive, but the data has "
                f"{len(self.class_names)} classes; use {task}"
            )
        if self.label_names is None:
            if out_features == 1:
                raise UserError(
                    "MultilabelClassifier needs two labels or more, but the data has a number; use Regressor"
                )
            self.label_names = [str(label) for label in range(out_features)]
        if out_features != len(self.label_names):
            raise UserError(
                f"MultilabelClassifier gives one logit per label, but has {out_features} logits "
                f"for {len(self.label_names)} labels"
            )

    def check_targets(self, y: Tensor) -> None:
        """Raise DataError unless targets are 0 or 1, of the module's precision and of shape ``(N, L)``."""
        check_labels(type(self).__name__, y, len(self.label_names), self.dtype)

    def loss(self, logits: Tensor, y: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean loss, by default the cross entropy, of logits ``(N, L)`` and labels ``(N, L)``."""
        check_shapes(logits, y)
        if self.row_loss is not None:
            return self.row_loss(logits, y, None, reduction)
        loss = F.binary_cross_entropy_with_logits(logits, y, pos_weight=self.pos_weight, reduction=reduction)
        return loss if reduction == "mean" else loss.mean(dim=1)

    def mean_logits(self, logits: Tensor) -> Tensor:
        """Return the logits of the means of the members' probabilities, ``(N, L)``."""
        return F.logsigmoid(logits).logsumexp(dim=0) - F.logsigmoid(-logits).logsumexp(dim=0)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the sigmoid of each logit, ``(N, L)``."""
        return torch.sigmoid(logits)

    def labels(self, probabilities: Tensor) -> Tensor:
        """Return 1 for predicted labels, else 0, ``(N, L)`` int64."""
        return (probabilities > self._thresholds.to(probabilities.device)).long()

    def metric_sum(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the number of correct labels, divided by L."""
        return (self.labels(torch.sigmoid(logits)) == y).sum() / y.shape[1]

    def make_metric(self) -> Metric:
        """Return the accuracy over all labels."""
        return MultilabelAccuracy(len(self.label_names), average="micro", validate_args=False)

    def test_metrics(self, logits: Tensor, y: Tensor) -> Metrics:
        """Return metrics of a test: the fraction of rows with all labels correct, and means over labels."""
        return multilabel_metrics(logits, y, self.labels(self.probabilities(logits)))

    @property
    def thresholds(self) -> list[float]:
        """The threshold of each label."""
        return self._thresholds.tolist()

    @property
    def output_names(self) -> list[str]:
        """Names of the labels."""
        return self.label_names

    def evaluation_tables(self, logits: Tensor, y: Tensor) -> list[str]:
        """Return precision, recall and F1 of each label."""
        true, predicted = y.long().cpu().numpy(), self.labels(self.probabilities(logits)).cpu().numpy()
        return [score_table("label", true, predicted, self.label_names, "micro")]

    def baselines(self) -> Baselines:
        """Return the majority and a logistic regression for each label, to compare by accuracy."""
        from sklearn.dummy import DummyClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.multioutput import MultiOutputClassifier

        estimators = {
            "majority": MultiOutputClassifier(DummyClassifier()),
            "logistic regression": MultiOutputClassifier(LogisticRegression(max_iter=1000)),
        }
        return Baselines("accuracy", accuracy, estimators)

    def prediction_columns(self, probabilities: Tensor) -> Columns:
        """Return the names of the predicted labels, separated by semicolons, and all probabilities."""
        import polars as pl

        rows = self.labels(probabilities).tolist()
        predicted = [
            ";".join(name for name, is_predicted in zip(self.label_names, row, strict=True) if is_predicted)
            for row in rows
        ]
        columns = zip(self.probability_columns.values(), probabilities.numpy().T, strict=True)
        return {
            "prediction": pl.Series(predicted, dtype=pl.String),
            **{name: pl.Series(column) for name, column in columns},
        }

    def evaluation_plots(self, logits: Tensor, y: Tensor, title: str, curves: bool = False) -> Plotters:
        """Return functions that plot ROC and precision-recall curves, and calibration curves."""
        from lit_classify import plots

        p = self.exact_probabilities(logits)
        arguments = y.long().cpu().numpy(), p.numpy(), self.label_names, title
        thresholds = list(dict.fromkeys(f"{value:.3g}" for value in self._thresholds.tolist()))
        decision = f"threshold{'s' * (len(thresholds) > 1)} {', '.join(thresholds[:4])}"
        decision += ", ..." * (len(thresholds) > 4)
        plotters = {
            "roc_and_precision_recall": partial(
                plots.roc_and_precision_recall, *arguments, self.labels(p).numpy(), decision
            )
        }
        if curves:
            plotters["calibration_curve"] = partial(plots.calibration_curve, *arguments)
        return plotters

    def one_vs_rest(self, logits: Tensor, y: Tensor) -> dict[str, Arrays]:
        """Return, for each label, whether each row has it, and its probabilities."""
        columns = zip(y.cpu().numpy().T, self.exact_probabilities(logits).numpy().T, strict=True)
        return dict(zip(self.label_names, columns, strict=True))
