"""Regression.

Legend: N rows.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import MeanAbsoluteError, Metric

from lit_classify.data_interface import HasTargetScale
from lit_classify.errors import UserError, check_at_least
from lit_classify.losses import Reduction
from lit_classify.metrics.base import Metrics
from lit_classify.metrics.regression import r2, regression_metrics
from lit_classify.modules.base import Columns, LitModule, Plotters
from lit_classify.modules.results import Baselines, RowErrors
from lit_classify.modules.running_mean import accumulation_dtype
from lit_classify.modules.target_checks import check_shapes, check_values


class Regressor(LitModule):
    """One value per row, L1 loss (course, section 5).

    Args:
        **kwargs: arguments of ``LitModule``.

    Examples:
        >>> Regressor(3, loss="MSE").predict(torch.zeros(5, 3)).shape
        torch.Size([5])
    """

    def __init__(self, in_features: int, out_features: int = 1, **kwargs: Any) -> None:
        super().__init__(in_features, out_features, **kwargs)
        self.register_buffer("_center", torch.zeros(()))
        self.register_buffer("_scale", torch.ones(()))

    metric_name = "mae"
    boundary_plot = "line"
    output_buffers = ("_center", "_scale")
    losses = ("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss")
    _center: Tensor
    _scale: Tensor

    def on_fit_start(self) -> None:
        """Scale the outputs by the mean and standard deviation of the targets, if the data module has them.

        Targets in the thousands are hard to learn for a network whose initial outputs are near zero.
        """
        super().on_fit_start()
        data = getattr(self.trainer, "datamodule", None)
        scale = data.target_scale if isinstance(data, HasTargetScale) else None
        # weights from a checkpoint are for the scale of its targets
        has_weights = self.initialization and self.initialization.get("outputs")
        if scale is not None and not has_weights:
            self._center.fill_(scale[0])
            self._scale.fill_(scale[1])

    def check_outputs(self, out_features: int) -> None:
        """Raise UserError unless there is one output and no classes."""
        check_at_least("out_features", out_features, 1)
        if self.label_names is not None:
            raise UserError("Regressor predicts a number, but the data has labels; use MultilabelClassifier")
        if self.class_names is not None:
            task = "BinaryClassifier" if len(self.class_names) == 2 else "MulticlassClassifier"
            raise UserError(
                f"Regressor predicts a number, but the data has {len(self.class_names)} classes; use {task}"
            )
        if out_features != 1:
            raise UserError(f"Regressor predicts one number per row, but has {out_features} outputs")

    def check_targets(self, y: Tensor) -> None:
        """Raise DataError unless targets are finite, of the module's precision and of shape ``(N,)``."""
        check_values(type(self).__name__, y, self.dtype)

    def loss(self, logits: Tensor, y: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean loss, by default the absolute error, in units of the scale of the targets."""
        outputs, targets = logits.squeeze(1), (y - self._center) / self._scale
        check_shapes(outputs, y)
        if self.row_loss is not None:
            return self.row_loss(outputs, targets, None, reduction)
        return F.l1_loss(outputs, targets, reduction=reduction)

    def mean_logits(self, logits: Tensor) -> Tensor:
        """Return the mean of the members' outputs, ``(N, 1)``."""
        return logits.mean(dim=0)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the predicted values, ``(N,)``."""
        return self._center + self._scale * logits.squeeze(1)

    def labels(self, probabilities: Tensor) -> Tensor:
        """Return the values unchanged, ``(N,)``."""
        return probabilities

    def metric_sum(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the sum of absolute errors."""
        return (self.probabilities(logits) - y).abs().sum()

    def make_metric(self) -> Metric:
        """Return the mean absolute error."""
        return MeanAbsoluteError()

    def metric_inputs(self, logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and targets in double precision, so that errors are summed in double precision."""
        return self.probabilities(logits).to(accumulation_dtype(y.device)), y.to(accumulation_dtype(y.device))

    def test_metrics(self, logits: Tensor, y: Tensor) -> Metrics:
        """Return metrics of a test: RMSE, R² and the largest error."""
        return regression_metrics(self.probabilities(logits), y)

    @property
    def output_names(self) -> list[str]:
        """The name of the single output."""
        return ["prediction"]

    def evaluation_tables(self, logits: Tensor, y: Tensor) -> list[str]:
        """Return nothing: the metrics describe a regression."""
        return []

    def baselines(self) -> Baselines:
        """Return the mean and a linear regression, to compare by R²."""
        from sklearn.dummy import DummyRegressor
        from sklearn.linear_model import LinearRegression

        return Baselines("R²", r2, {"mean": DummyRegressor(), "linear regression": LinearRegression()})

    def prediction_columns(self, probabilities: Tensor) -> Columns:
        """Return the predicted values."""
        import polars as pl

        return {"prediction": pl.Series(probabilities.numpy())}

    def evaluation_plots(self, logits: Tensor, y: Tensor, title: str, curves: bool = False) -> Plotters:
        """Return a function that plots predicted against actual values."""
        from lit_classify import plots

        predicted = self.probabilities(logits).cpu().double().numpy()
        plot = partial(plots.predicted_vs_actual, y.cpu().double().numpy(), predicted, title)
        return {"predicted_vs_actual": plot}

    def row_errors(self, logits: Tensor, y: Tensor) -> RowErrors:
        """Return the absolute error of each row."""
        predicted, y = self.probabilities(logits).cpu().double(), y.cpu()
        actual = [f"{value:g}" for value in y.tolist()]
        return RowErrors((predicted - y).abs(), actual, [f"{value:.5g}" for value in predicted.tolist()])
