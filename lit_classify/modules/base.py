"""The LightningModule that all tasks extend.

Legend: N rows, F features, O outputs (logits per row), C classes, L labels, K members.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import torch
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import Metric

from lit_classify import __version__
from lit_classify._lightning.exact_resume import ExactResume
from lit_classify._lightning.precision import uses_plain_precision
from lit_classify.allowed_imports import trusted_imports_only
from lit_classify.errors import UserError, check_at_least
from lit_classify.losses import LOSSES, Loss, Reduction, as_name, make_loss
from lit_classify.metrics.base import Metrics
from lit_classify.modules.batch_checks import BatchChecks, unpack_batch
from lit_classify.modules.epoch_metrics import epoch_metrics, gather_evaluation, measure
from lit_classify.modules.feature_checks import check_features, check_finite, to_features
from lit_classify.modules.fit_callbacks import fit_callbacks, shows_metrics
from lit_classify.modules.fit_checks import check_fit, fit_embeddings
from lit_classify.modules.member_losses import (
    Counts,
    clip_gradient_norms,
    held_out_logits,
    training_loss,
    validation_logits,
    weighted_mean,
)
from lit_classify.modules.module_card import module_card
from lit_classify.modules.output_buffer import OutputBuffer
from lit_classify.modules.results import Baselines, Evaluation, RowErrors
from lit_classify.modules.running_mean import RunningMean, accumulation_dtype
from lit_classify.networks import (
    ACTIVATIONS,
    Activation,
    Layers,
    Network,
    NumericEmbedding,
    as_names,
    build_network,
    check_inputs,
    freeze_layers,
)
from lit_classify.optimizers import (
    OPTIMIZERS,
    SCHEDULERS,
    Optimizer,
    Scheduler,
    check_optimizer,
    make_optimizer,
    make_scheduler,
)
from lit_classify.serialization import ClassSpec, plain

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor]  # (x, y), then the folds of a cross-validation, then sample weights, if any
Arrays = tuple[NDArray[Any], NDArray[Any]]  # targets 0 and 1, and probabilities, (N,) each
Columns = Mapping[str, "pl.Series"]  # by name
Plotters = Mapping[str, Callable[[], "Figure"]]  # by the name of the plot
NAMED_CLASSES: dict[str, Mapping[str, type]] = {
    "activation": ACTIVATIONS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "lr_scheduler": SCHEDULERS,
}


class LitModule(LightningModule, ABC):
    """A LightningModule with a network, an optimizer and metrics; subclasses define the task.

    A task defines its loss, probabilities, labels and metrics. This class trains, validates, tests and
    predicts.

    Args:
        in_features: number of features per row, F; LightningCLI takes it from the data.
        out_features: number of outputs per row, O; LightningCLI takes it from the data.
        class_names: names of the classes in the order of their indices; LightningCLI takes them from the
            data.
        label_names: names of the labels of a multilabel task; LightningCLI takes them from the data.
        num_categories: number of categories of each of the last features, which are categorical and get a
            learned embedding; LightningCLI takes it from the data.
        numeric_columns: the features that are numbers; LightningCLI takes them from the data.
        folds: number of cross-validation folds of the training rows, each held out by one member;
            LightningCLI takes it from the data.
        inputs: functions of two features that are the inputs of the network, such as x1^2; LightningCLI takes
            them from the data.
        members: number of networks that are trained as one and whose probabilities are averaged; with folds,
            there is one for each instead.
        numeric_embedding: learned functions of each number that the network receives in addition to it:
            periodic ones, piecewise linear ones, both or none.
        hidden: width of each hidden layer; an empty list gives a logistic or linear regression.
        activation: class of torch.nn by name, such as ReLU, Tanh or GELU, or the import path of a custom
            class; none for no activation. From Python also a class or an instance.
        dropout: probability of zeroing a hidden unit during training, from 0 to below 1.
        network: import path of a custom network instead of the layers above; it is called with in_features,
            out_features and network_args. From Python also a class, a function or an instance.
        network_args: further arguments of the custom network.
        loss: class of torch.nn that fits the task by name, such as HuberLoss, MSELoss or SmoothL1Loss for
            numbers, or the import path of a custom class, which is called with outputs and targets and
            returns a loss for each row; by default BCEWithLogitsLoss for two classes or labels,
            CrossEntropyLoss for more classes, L1Loss for numbers. From Python also a class, an instance or a
            function.
        loss_args: further arguments of the loss, such as '{delta: 2.0}'.
        optimizer: class of torch.optim by name, such as SGD or AdamW, or the import path of a custom class.
            From Python also a class.
        lr: learning rate.
        weight_decay: weight decay of the optimizer; by default its own, 0.01 for AdamW and 0 for most others.
        optimizer_args: further arguments of the optimizer, such as '{momentum: 0.9}'.
        lr_scheduler: class of torch.optim.lr_scheduler by name, or the import path of a custom class; stepped
            after every epoch, ReduceLROnPlateau after every validation with val/loss.
        lr_scheduler_args: further arguments of the scheduler.
        freeze: layers of the network that are not trained, by the names that a printed network shows, such as
            0, or 1.0 for a nested one. Running statistics of frozen layers do not change either.

    Raises:
        UserError: an unknown name, a size out of range or a number of classes that does not fit the task.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> module = BinaryClassifier(2, hidden=[8], optimizer="Adam", lr=0.01)
        >>> x, y = CirclesDataModule().split("train")
        >>> module.training_step((x, y), 0).shape
        torch.Size([])
        >>> type(module.configure_optimizers()).__name__
        'Adam'
    """

    metric_name: ClassVar[str] = "accuracy"  # reported for every epoch and validation, besides the loss
    output_buffers: ClassVar[Sequence[str]] = ()  # that belong to the weights of the last layer
    losses: ClassVar[Sequence[str]] = ()  # of torch.nn that fit the task; the first is its default
    # the plot of a fit: decision regions in the plane of two features, or a line over a single one
    boundary_plot: ClassVar[Literal["plane", "line"] | None] = None

    class_names: list[str] | None
    label_names: list[str] | None

    def __init__(
        self,
        in_features: int,
        out_features: int = 1,
        class_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        num_categories: Sequence[int] = (),
        numeric_columns: Sequence[int] = (),
        folds: int = 0,
        inputs: Sequence[str] = (),
        members: int = 1,
        numeric_embedding: NumericEmbedding | None = None,
        hidden: Sequence[int] = (10, 10),
        activation: Activation | None = "ReLU",
        dropout: float = 0.0,
        network: Network | None = None,
        network_args: Mapping[str, Any] | None = None,
        loss: Loss | None = None,
        loss_args: Mapping[str, Any] | None = None,
        optimizer: Optimizer = "SGD",
        lr: float = 0.1,
        weight_decay: float | None = None,
        optimizer_args: Mapping[str, Any] | None = None,
        lr_scheduler: Scheduler | None = None,
        lr_scheduler_args: Mapping[str, Any] | None = None,
        freeze: Layers = (),
    ) -> None:
        super().__init__()
        loss, loss_args = as_name(loss, loss_args)
        arguments = {
            "activation": activation,
            "network": f"{plain(type(network))}()" if isinstance(network, nn.Module) else network,
            "network_args": network_args,
            "loss": loss,
            "loss_args": loss_args,
            "optimizer": optimizer,
            "optimizer_args": optimizer_args,
            "lr_scheduler": lr_scheduler,
            "lr_scheduler_args": lr_scheduler_args,
            "freeze": as_names(freeze),
        }
        self.save_hyperparameters(
            logger=False, ignore=list(arguments)
        )  # save_hyperparameters would copy them
        self.hparams.update(
            {name: plain(value, NAMED_CLASSES.get(name)) for name, value in arguments.items()}
        )
        self.class_names = None if class_names is None else list(class_names)
        self.label_names = None if label_names is None else list(label_names)
        self.check_outputs(out_features)
        if weight_decay is not None:
            check_at_least("weight_decay", weight_decay, 0)
            optimizer_args = {**(optimizer_args or {}), "weight_decay": weight_decay}
        self._optimizer, self._optimizer_args = optimizer, optimizer_args
        self._lr_scheduler, self._lr_scheduler_args = lr_scheduler, lr_scheduler_args
        check_optimizer(optimizer, lr, optimizer_args, lr_scheduler, lr_scheduler_args)
        check_at_least("members", members, 1)
        self.members = folds or members
        self.inputs = check_inputs(inputs) if inputs else []
        self.network = build_network(
            in_features,
            out_features,
            hidden,
            activation,
            dropout,
            network=network,
            network_args=network_args,
            inputs=self.inputs,
            numeric_columns=numeric_columns,
            numeric_embedding=numeric_embedding,
            num_categories=num_categories,
            members=self.members,
        )
        frozen = freeze_layers(self.network, self.hparams["freeze"])
        modules = (module for layer in frozen for module in layer.modules())
        self._fixed_statistics = [
            module.eval() for module in modules if hasattr(module, "track_running_stats")
        ]
        self.row_loss = make_loss(type(self).__name__, self.losses, loss, loss_args)
        if self.row_loss is not None:
            self.row_loss.check(out_features, self.class_names is not None)
        self.val_metric, self.test_metric = self.make_metric(), self.make_metric()
        self.means = {stage: RunningMean() for stage in ("train", "val", "test")}
        self.extra_metrics: dict[str, Tensor] = {}  # of this epoch, from callbacks
        self.evaluation: Evaluation | None = None  # the last one
        self.initialization: dict[str, Any] | None = None  # what init_from took from a checkpoint
        self.predicts_spread = False  # whether predict_step returns the spread over members too
        self.validation_is_extra = False  # whether a longer run would skip the validation: set by EpochLog
        self.counts_train_metric = True  # false if the members are separate runs
        self.batch_losses = torch.zeros(self.members)  # each member's in the last training batch, (K,)
        self.member_sums = torch.zeros(2, self.members)  # losses and weights of the validation rows, (2, K)
        self._outputs = OutputBuffer()  # of the evaluation in progress
        self._checks = BatchChecks()
        self._resume = ExactResume()

    @property
    def lr(self) -> float:
        """The learning rate; Lightning's tuner sets it before a fit."""
        return float(self.hparams["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        self.hparams["lr"] = value

    def _repr_html_(self) -> str:
        """Return a card with the layers, the loss and the optimizer."""
        return module_card(self)

    def train(self, mode: bool = True) -> Self:
        """Set the training mode, except that frozen layers keep their running statistics."""
        super().train(mode)
        for layer in self._fixed_statistics:
            layer.eval()
        return self

    # Methods that a task defines.

    @abstractmethod
    def check_outputs(self, out_features: int) -> None:
        """Raise UserError if the task cannot have this number of outputs or these class names."""

    @abstractmethod
    def check_targets(self, y: Tensor) -> None:
        """Raise DataError if the targets are not valid for the task."""

    def prepare_targets(self, y: Tensor) -> Tensor:
        """Convert the targets of a batch to the form that the task expects.

        Raises:
            DataError: the targets cannot be converted.
        """
        return y

    @abstractmethod
    def loss(self, logits: Tensor, y: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean loss, a scalar, of logits ``(N, O)`` and targets ``(N,)`` or ``(N, L)``.

        With ``reduction="none"``, return the loss of each row times its weight, ``(N,)``.
        """

    def row_weights(self, y: Tensor) -> Tensor | None:
        """Return the weight of each row in the loss, ``(N,)``; None for equal weights."""
        return None

    def loss_weight(self, y: Tensor) -> int | Tensor:
        """Return the sum of the rows' weights in the mean loss."""
        weights = self.row_weights(y)
        return len(y) if weights is None else weights.sum(dtype=accumulation_dtype(y.device))

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """Convert logits ``(N, O)`` to probabilities, ``(N, C)`` or ``(N, L)``, or to values ``(N,)``."""

    @abstractmethod
    def labels(self, probabilities: Tensor) -> Tensor:
        """Convert probabilities to class indices ``(N,)`` or labels ``(N, L)``; values are unchanged."""

    def relative_probabilities(self, probabilities: Tensor) -> Tensor:
        """Return probabilities whose largest is that of the predicted class, for plots of the decision."""
        return probabilities

    @abstractmethod
    def mean_logits(self, logits: Tensor) -> Tensor:
        """Return the logits ``(N, O)`` of the mean of the members' probabilities, given ``(K, N, O)``."""

    @abstractmethod
    def metric_sum(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the sum of the task's metric over rows, a scalar, such as the number of correct rows."""

    @abstractmethod
    def make_metric(self) -> Metric:
        """Return the task's metric as a torchmetrics Metric, which validation and test update."""

    def metric_inputs(self, logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return predictions and targets in the form that the metric of ``make_metric`` expects."""
        return self.labels(self.probabilities(logits)), y

    @abstractmethod
    def test_metrics(self, logits: Tensor, y: Tensor) -> Metrics:
        """Return further metrics of a test from all its logits ``(N, O)`` and targets."""

    @property
    @abstractmethod
    def output_names(self) -> list[str]:
        """Return a name for each of the O outputs."""

    @abstractmethod
    def evaluation_tables(self, logits: Tensor, y: Tensor) -> list[str]:
        """Return tables on a test beyond its metrics, as text, for its logits ``(N, O)`` and targets."""

    @abstractmethod
    def baselines(self) -> Baselines:
        """Return simple models to compare a test with."""

    @property
    def probability_columns(self) -> dict[str, str]:
        """The column of each class or label in a table of predictions; empty for values."""
        return {name: f"p_{name}" for name in self.class_names or self.label_names or ()}

    @abstractmethod
    def prediction_columns(self, probabilities: Tensor) -> Columns:
        """Return the columns of a table of predictions, from the return value of ``probabilities``."""

    @abstractmethod
    def evaluation_plots(self, logits: Tensor, y: Tensor, title: str, curves: bool = False) -> Plotters:
        """Return functions that plot an evaluation, by the plots' names.

        Args:
            logits: logits ``(N, O)``.
            y: targets ``(N,)`` or ``(N, L)``.
            title: title of the figures.
            curves: include ROC, precision-recall and calibration curves.
        """

    def one_vs_rest(self, logits: Tensor, y: Tensor) -> dict[str, Arrays]:
        """Return targets 0 and 1, and probabilities, of each class or label, ``(N,)`` each.

        Of two classes, only the second is included.
        """
        return {}

    @property
    def thresholds(self) -> list[float]:
        """The probability above which each of ``one_vs_rest`` is predicted; empty if none has a threshold."""
        return []

    def row_errors(self, logits: Tensor, y: Tensor) -> RowErrors | None:
        """Return the error of each row; None for tasks without an order of rows by error."""
        return None

    def exact_probabilities(self, logits: Tensor) -> Tensor:
        """Return probabilities in double precision, in which those of large logits still differ from 1."""
        return self.probabilities(logits.cpu().double())

    # Steps.

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(N, O)`` for rows ``(N, F)``."""
        logits: Tensor = self.network(x)
        return logits if self.members == 1 else self.mean_logits(logits)

    def held_out_logits(self, x: Tensor, fold: Tensor) -> Tensor:
        """Return, for each training row, the logits ``(N, O)`` of the member that was not trained on it.

        Args:
            x: features ``(N, F)``.
            fold: the fold of each row, ``(N,)``.
        """
        return held_out_logits(self.network, x, fold, self.members)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean loss of a batch and count its loss and metric for the epoch."""
        x, y, fold, weight = self.unpack(batch)
        logits = self.network(x)
        loss, counts = self.training_loss(logits, y, fold, weight)
        self.means["train"].update(*counts)
        return loss

    def training_loss(
        self, logits: Tensor, y: Tensor, fold: Tensor | None = None, weight: Tensor | None = None
    ) -> tuple[Tensor, Counts]:
        """Return the loss of a batch, and its mean loss, weight, metric sum and number of rows.

        The loss of several members is the sum of their losses.
        """
        if self.members > 1:
            return training_loss(self, logits, y, fold, weight)
        loss, total = self.mean_loss(logits, y, weight)
        return loss, (loss, total, self.metric_sum(logits.detach(), y), len(y))

    def mean_loss(self, logits: Tensor, y: Tensor, weight: Tensor | None) -> tuple[Tensor, int | Tensor]:
        """Return the mean loss of rows with sample weights ``(N,)`` or None, and the sum of all weights."""
        if weight is None:
            return self.loss(logits, y), self.loss_weight(y)
        return weighted_mean(self, logits, y, weight)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count the loss and metric of a validation batch; outside a fit, keep its logits."""
        x, y, fold, weight = self.unpack(batch)
        logits = self.network(x) if self.members == 1 else validation_logits(self, x, y, fold, weight)
        self._evaluate(logits, y, weight, "val", self.val_metric)
        if self.trainer.state.fn == TrainerFn.VALIDATING:
            self._outputs.add(self.trainer, logits, y, *([] if fold is None else [fold]))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Count the loss and metric of a test batch and keep its logits for further metrics."""
        x, y, _, weight = self.unpack(batch)
        logits = self(x)
        self._evaluate(logits, y, weight, "test", self.test_metric)
        self._outputs.add(self.trainer, logits, y)

    def predict_step(self, batch: Tensor | Sequence[Tensor], batch_idx: int) -> Tensor:
        """Return probabilities ``(N, C)``, or values ``(N,)``, for a batch ``x`` or ``(x, ...)``.

        With ``self.predicts_spread``, a last dimension of two holds them and their standard deviation over
        the members.
        """
        x = batch if isinstance(batch, Tensor) else batch[0]
        if self.predicts_spread:
            return torch.stack([self.predict(x), self.spread(x)], dim=-1)
        return self.predict(x)

    def predict(self, x: Any) -> Tensor:  # noqa: ANN401 - any array
        """Return probabilities ``(N, C)``, or values ``(N,)``, for rows ``(N, F)``.

        Args:
            x: finite numbers of any type, as a tensor, an array of NumPy or lists.

        Raises:
            DataError: ``x`` is anything else, or has another number of features.
        """
        return self.probabilities(self(self._to_features(x)))

    def spread(self, x: Any) -> Tensor:  # noqa: ANN401 - any array
        """Return the standard deviation of predictions over members, of the shape that ``predict`` returns.

        Raises:
            DataError: as for ``predict``.
            UserError: the model is a single network.
        """
        if self.members == 1:
            raise UserError("the spread over members needs several, but the model is a single network")
        logits = self.network(self._to_features(x))
        return torch.stack([self.probabilities(member_logits) for member_logits in logits]).std(dim=0)

    def _to_features(self, x: Any) -> Tensor:  # noqa: ANN401 - any array
        """Return features as a tensor of the type and on the device of the weights."""
        features = to_features(x, self.dtype, self.device)
        if self.hparams["network"] is None:
            check_features(type(self).__name__, features, self.hparams["in_features"], self.dtype)
            check_finite(type(self).__name__, features)
        return features

    def unpack(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Return the features, prepared targets, folds and weights of a batch.

        The batches of the first epoch are checked.

        Raises:
            DataError: the batch is not ``(x, y)`` with folds, weights or both, or it is not valid; see
                ``BatchChecks``.
        """
        x, y, fold, weight = unpack_batch(batch)
        y = self.prepare_targets(y)
        self._checks.check(self, x, y, fold)
        return x, y, fold, weight

    def _evaluate(self, logits: Tensor, y: Tensor, weight: Tensor | None, stage: str, metric: Metric) -> None:
        if len(y):
            self.means[stage].add_loss(*self.mean_loss(logits, y, weight))
            metric.update(*self.metric_inputs(logits, y))

    # Optimizers.

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build the optimizer and, if given, the learning-rate scheduler.

        Raises:
            UserError: torch refuses the arguments.
        """
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        arguments = (self._optimizer, trained, self.lr, self._optimizer_args)
        optimizer = make_optimizer(*arguments, fused=uses_plain_precision(self))
        if self._lr_scheduler is None:
            return optimizer
        scheduler = make_scheduler(self._lr_scheduler, optimizer, self._lr_scheduler_args)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "monitor": "val/loss", "strict": False},
        }

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradients of each member as those of a single network."""
        if self.members == 1 or not gradient_clip_val or gradient_clip_algorithm == "value":
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        else:
            clip_gradient_norms(list(self.parameters()), gradient_clip_val)

    # Metrics.

    def epoch_metrics(self, stage: str) -> dict[str, Tensor]:
        """Return the mean loss and metric over the epoch's rows so far, of all processes."""
        return epoch_metrics(self, stage)

    def on_train_epoch_start(self) -> None:
        """Reset the metrics of the epoch."""
        self.means["train"].reset()
        self.extra_metrics = {}

    def on_train_epoch_end(self) -> None:
        """Stop checking training batches: the following epochs have the same rows."""
        self._checks.training = False

    def on_validation_epoch_start(self) -> None:
        """Reset the metrics of the validation."""
        if self.trainer.state.fn == TrainerFn.VALIDATING:
            self._checks.evaluation = True
        dtype = accumulation_dtype(self.device)
        self.member_sums = torch.zeros(2, self.members, dtype=dtype, device=self.device)
        self._begin_evaluation("val", self.val_metric)

    def on_test_epoch_start(self) -> None:
        """Reset the metrics of the test."""
        self._checks.evaluation = True
        self._begin_evaluation("test", self.test_metric)

    def _begin_evaluation(self, stage: str, metric: Metric) -> None:
        self.means[stage].reset()
        metric.reset()
        self._outputs, self.evaluation = OutputBuffer(), None

    def on_validation_epoch_end(self) -> None:
        """Log the loss and metric of the validation, which are those of all processes."""
        if not self.trainer.sanity_checking:
            self._checks.evaluation = False
        several, on_bar = self.trainer.world_size > 1, shows_metrics(self.trainer)
        metrics = self.epoch_metrics("val")
        self.log_dict(metrics, prog_bar=on_bar, sync_dist=several)
        self.evaluation = gather_evaluation(self, "val", self._outputs, metrics)

    def on_test_epoch_end(self) -> None:
        """Log the loss and all metrics of the test, computed from the logits of all processes."""
        self.evaluation = gather_evaluation(self, "test", self._outputs, self.epoch_metrics("test"))
        if self.evaluation is not None:
            logged = {f"test/{name}": value for name, value in self.evaluation.metrics.values.items()}
            self.log_dict(logged, sync_dist=self.trainer.world_size > 1)

    def measure(self, logits: Tensor, y: Tensor) -> Metrics:
        """Return the loss and metrics for logits ``(N, O)`` and targets, and reasons for undefined ones."""
        return measure(self, logits, y, self.loss(logits, y), self.metric_sum(logits, y) / len(y))

    # Fit.

    def on_fit_start(self) -> None:
        """Check that folds fit the model, and fit the embedding of numbers to the training rows.

        The targets of the first epoch and of the first validation are checked again.

        Raises:
            DataError: the numbers of members and folds differ.
            UserError: members would share a parameter, or the model does not have the inputs of the data.
        """
        self._checks = BatchChecks()
        data = getattr(self.trainer, "datamodule", None)
        check_fit(self, data, is_overridden("training_step", self, LitModule))
        fit_embeddings(self, data)

    def configure_callbacks(self) -> list[Callback]:
        """Return the callbacks that log metrics, check losses and make a resumed run exact."""
        has_own_step = is_overridden("training_step", self, LitModule)
        present = self._resume in self.trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
        return [*([] if present else [self._resume]), *fit_callbacks(self.trainer, self, has_own_step)]

    def on_validation_model_zero_grad(self) -> None:
        """Keep the gradients of the last step, whose norm callbacks log after the validation."""

    # Checkpoints.

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Record the classes and arguments of the model and its data, which ``Checkpoint`` reads."""
        model = ClassSpec.of(self).to_dict()
        record: dict[str, Any] = {"version": __version__, "model": model, "seed": self._resume.seed}
        if self.initialization is not None:
            record["initialization"] = self.initialization
        datamodule = getattr(self.trainer, "datamodule", None)
        if datamodule is not None:
            record["data"] = ClassSpec.of(datamodule).to_dict()
        checkpoint["lit_classify"] = record
        for key in (self.CHECKPOINT_HYPER_PARAMS_KEY, "datamodule_hyper_parameters"):
            if key in checkpoint:
                checkpoint[key] = plain(checkpoint[key])

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the seed of the run and the origin of its initial weights."""
        self._resume.seed = checkpoint["lit_classify"].get("seed", 0)
        self.initialization = checkpoint["lit_classify"].get("initialization")

    @classmethod
    def load_from_checkpoint(cls, *args: Any, **kwargs: Any) -> Self:
        """Build the module from a checkpoint, with its weights.

        A custom network or activation must be passed again: a checkpoint never names code to import.
        """
        with trusted_imports_only():
            loaded: Self = super().load_from_checkpoint(*args, **{"weights_only": True, **kwargs})
        return loaded
