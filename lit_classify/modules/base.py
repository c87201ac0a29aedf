"""The abstract module that all tasks share: the loop, once.

Legend: N rows, F features, O outputs (logits per row), C classes.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.data import extract_batch_size
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import Metric

from lit_classify import __version__
from lit_classify._lightning.exact_resume import ExactResume
from lit_classify._lightning.hooks import with_signature
from lit_classify.errors import UserError
from lit_classify.import_policy import named_by_a_file
from lit_classify.loggers import ScalarBuffer
from lit_classify.metrics import Metrics
from lit_classify.modules.fit_callbacks import shows_metrics
from lit_classify.modules.running_mean import RunningMean, means_from_sums
from lit_classify.modules.steps import gradient_share
from lit_classify.modules.target_checks import unpack_batch
from lit_classify.modules.task import Task
from lit_classify.networks import ACTIVATIONS, MLP, Activation, Embedded, Network, check_output, make_network
from lit_classify.optimizers import (
    OPTIMIZERS,
    SCHEDULERS,
    Optimizer,
    Scheduler,
    check_optimizer,
    make_optimizer,
    make_scheduler,
)
from lit_classify.serialization import plain, record

Batch = tuple[Tensor, Tensor]
KNOWN: dict[str, Mapping[str, type]] = {
    "activation": ACTIVATIONS,
    "optimizer": OPTIMIZERS,
    "lr_scheduler": SCHEDULERS,
}


class Evaluation(NamedTuple):
    """What a test found, of the rows of all ranks and on the CPU: logits ``(N, O)``, targets, metrics."""

    logits: Tensor
    y: Tensor
    metrics: Metrics


class LitModule(Task):
    """The loop, once: train, validate, test, predict and optimise. Its final classes are the tasks.

    Args:
        in_features: features per row, F; LightningCLI takes it from the data.
        out_features: outputs per row, O; LightningCLI takes it from the data.
        class_names: the classes in the order of their numbers; LightningCLI takes them from the data.
        label_names: the labels that may hold together; LightningCLI takes them from the data.
        num_categories: how many categories each of the last features numbers, each of which gets a vector
            that is learned (an embedding); LightningCLI takes them from the data.
        hidden: width of each hidden layer; an empty list gives a logistic or linear regression.
        activation: a class of torch.nn by name, such as ReLU, Tanh or GELU, or the import path of a class of
            your own; none for straight lines. From Python also a class or an instance.
        dropout: share of hidden answers that is zeroed while training, from 0 to below 1.
        network: import path of a network of your own instead of the layers above; it is called with
            in_features, out_features and network_args. From Python also a class, a function or an instance.
        network_args: further arguments of that network.
        optimizer: a class of torch.optim by name, such as SGD or AdamW, or the import path of a class of your
            own. From Python also a class.
        lr: learning rate.
        optimizer_args: further arguments of the optimizer, such as {momentum: 0.9}.
        lr_scheduler: a class of torch.optim.lr_scheduler by name, or what optimizer may be too; stepped after
            every epoch, ReduceLROnPlateau after every validation by val/loss.
        lr_scheduler_args: further arguments of the scheduler.

    Raises:
        UserError: a name, size or class count that does not fit; the message says what would.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int = 1,
        class_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        num_categories: Sequence[int] = (),
        hidden: Sequence[int] = (10, 10),
        activation: Activation | None = "ReLU",
        dropout: float = 0.0,
        network: Network | None = None,
        network_args: Mapping[str, Any] | None = None,
        optimizer: Optimizer = "SGD",
        lr: float = 0.1,
        optimizer_args: Mapping[str, Any] | None = None,
        lr_scheduler: Scheduler | None = None,
        lr_scheduler_args: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        given = {
            "activation": activation,
            "network": type(network) if isinstance(network, nn.Module) else network,
            "network_args": network_args,
            "optimizer": optimizer,
            "optimizer_args": optimizer_args,
            "lr_scheduler": lr_scheduler,
            "lr_scheduler_args": lr_scheduler_args,
        }
        self.save_hyperparameters(logger=False, ignore=list(given))  # it would copy instances
        self.hparams.update({name: plain(value, KNOWN.get(name)) for name, value in given.items()})
        self.class_names = None if class_names is None else list(class_names)
        self.label_names = None if label_names is None else list(label_names)
        self.check_outputs(out_features)
        self._optimizer, self._optimizer_args = optimizer, optimizer_args
        self._lr_scheduler, self._lr_scheduler_args = lr_scheduler, lr_scheduler_args
        check_optimizer(optimizer, lr, optimizer_args, lr_scheduler, lr_scheduler_args)
        if network is None and network_args:
            raise UserError("network_args are the arguments of a network of your own, but network names none")
        embedded = Embedded(num_categories) if num_categories else None
        seen = in_features + (embedded.more_features if embedded else 0)
        if network is None:
            self.network: nn.Module = MLP(seen, out_features, hidden, activation, dropout)
        else:
            self.network = make_network(network, seen, out_features, network_args or {})
        if embedded:
            self.network = nn.Sequential(embedded, self.network)
        check_output(self.network, in_features, out_features)
        self.evaluation: Evaluation | None = None
        self.val_metric, self.test_metric = self.make_metric(), self.make_metric()
        self._tallies = {stage: RunningMean() for stage in ("train", "val", "test")}
        self._tested: list[Batch] = []
        self._scalars = ScalarBuffer()
        self._seen_by_callbacks: dict[str, Tensor] = {}
        self.extra_metrics: dict[str, Tensor] = {}
        self._several = self._targets_checked = False
        self._own_step = getattr(self.training_step, "__func__", None) is not LitModule.training_step
        self._gradient_share: Tensor | None = None
        self._resume = ExactResume()
        self.validation_is_extra = False  # whether a longer run would not have the validation that comes next

    @property
    def lr(self) -> float:
        """The learning rate; Lightning's tuner sets it before a fit."""
        return float(self.hparams["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        self.hparams["lr"] = value

    @classmethod
    def load_from_checkpoint(cls, *args: Any, **kwargs: Any) -> Self:
        """Build the module that wrote a checkpoint, with its weights, as Lightning does.

        A network or activation of your own must be given again: a file never names code to import by itself.
        """
        with named_by_a_file():
            loaded: Self = super().load_from_checkpoint(*args, **{"weights_only": True, **kwargs})
        return loaded

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(N, O)`` for rows ``(N, F)``."""
        logits: Tensor = self.network(x)
        return logits

    def predict(self, x: Tensor) -> Tensor:
        """Return probabilities ``(N, C)``, or values ``(N,)``, for rows ``(N, F)``."""
        return self.probabilities(self(x))

    @with_signature
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the batch's mean loss and count what the epoch's figures need."""
        x, y = self._rows(batch)
        if not self._targets_checked:
            self._check_targets_once(y)
        tally = self._tallies["train"]
        if seen := tally.last_batch is batch:  # some optimizers, such as LBFGS, look at a batch many times
            self._resume.reseed()
        logits = self.network(x)
        loss, weight = self.loss(logits, y), self.loss_weight(y)
        if self._several:
            self._gradient_share = gradient_share(self.trainer, weight)
        if not seen:
            tally.last_batch = batch
            tally.add_metric(self.metric_sum(logits.detach(), y), len(y))
            if not self._own_step:  # whose own loss counts
                tally.add_loss(loss, weight)
        return loss

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Compute gradients; on several ranks this one's rows count by their share in the mean over all."""
        share, self._gradient_share = self._gradient_share, None
        super().backward(loss if share is None else loss * share.to(loss.dtype), *args, **kwargs)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Take a validation batch into the metrics."""
        self._evaluate(self._rows(batch), "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Take a test batch into the metrics."""
        x, y = self._rows(batch)
        self._tested.append((self._evaluate((x, y), "test").cpu(), y.cpu()))

    def predict_step(self, batch: Tensor | Sequence[Tensor], batch_idx: int) -> Tensor:
        """Return probabilities ``(N, C)``, or values ``(N,)``, for a batch ``x`` or ``(x, ...)``."""
        return self.predict(batch if isinstance(batch, Tensor) else batch[0])

    def _evaluate(self, rows: Batch, stage: str) -> Tensor:
        x, y = rows
        logits: Tensor = self(x)
        if len(y):  # a rank may be without rows
            if not self._targets_checked:
                self._check_targets_once(y)
            self._tallies[stage].add_loss(self.loss(logits, y), self.loss_weight(y))
            self._metric(stage).update(*self.metric_inputs(logits, y))
        return logits

    def _metric(self, stage: str) -> Metric:
        return self.val_metric if stage == "val" else self.test_metric

    def _rows(self, batch: Batch) -> Batch:
        """Return a batch's features and targets, in the task's own form."""
        x, y = unpack_batch(batch)
        return x, self.prepare_targets(y)

    def _check_targets_once(self, y: Tensor) -> None:
        self.check_targets(y)
        self._targets_checked = True

    # What is reported.

    def epoch_metrics(self, stage: str) -> dict[str, Tensor]:
        """Return the mean loss and metric of an epoch's rows so far, on all ranks, where steps told them."""
        tally = self._tallies[stage]
        if self.trainer.world_size > 1:
            means = means_from_sums(
                self.trainer.strategy.reduce(tally.sums().to(self.device, copy=True), reduce_op="sum")
            )
        else:
            means = tally.means()
        if stage != "train" and means[0] is not None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The ``compute`` method")  # of a rank without rows
                means = means[0], self._metric(stage).compute()
        names = (f"{stage}/loss", f"{stage}/{self.metric_name}")
        return {name: mean for name, mean in zip(names, means, strict=True) if mean is not None}

    def configure_callbacks(self) -> list[Callback]:
        """Bring along what makes a resume exact and counts the losses of a training_step of one's own."""
        given = getattr(self.trainer, "callbacks", ())
        more: list[Callback] = [] if self._resume in given else [self._resume]
        if self._own_step and not any(isinstance(callback, ReturnedLoss) for callback in given):
            more.append(ReturnedLoss())
        return [*super().configure_callbacks(), *more]

    def count_returned_loss(self, loss: Tensor, batch: Any) -> None:  # noqa: ANN401 - of one's own
        """Take the mean loss that a training_step of one's own returned for a batch."""
        pair = isinstance(batch, tuple | list) and len(batch) == 2
        self._tallies["train"].add_loss(
            loss, self.loss_weight(batch[1]) if pair else extract_batch_size(batch)
        )

    def train_sums(self) -> dict[str, Any]:
        """Return the running sums of the training epoch on this process, as plain data."""
        return self._tallies["train"].state_dict()

    def load_train_sums(self, sums: Mapping[str, Any]) -> None:
        """Restore the running sums of the training epoch that is resumed."""
        self._tallies["train"].load_state_dict(sums, self.device)

    def on_train_start(self) -> None:
        """Find where callbacks look for figures."""
        self._several = self.trainer.world_size > 1
        self.skip_what_is_unused()
        self._seen_by_callbacks = self.trainer.callback_metrics

    def on_train_epoch_start(self) -> None:
        """Begin the epoch's sums."""
        self._tallies["train"] = RunningMean()
        self.extra_metrics = {}  # what callbacks find out about the epoch, to be logged with its own

    def on_train_epoch_end(self) -> None:
        """Report the epoch's loss and accuracy, taken before each step.

        ``self.log`` would cost more than the step of a small network, so callbacks see the figures at once
        and loggers get them many epochs at a time.
        """
        self._seen_by_callbacks.update(figures := self.epoch_metrics("train") | self.extra_metrics)
        step, epoch = self.trainer.global_step - 1, self.trainer.current_epoch
        if figures and self._scalars.add(step, epoch, figures, self.trainer.loggers):
            self.flush_scalars()

    def on_train_end(self) -> None:
        """Give the loggers the last figures."""
        self.flush_scalars()

    def flush_scalars(self) -> None:
        """Give the loggers the figures that still wait."""
        self._scalars.flush(self.trainer.loggers)

    def on_validation_model_zero_grad(self) -> None:
        """Keep the last step's gradients, whose norm callbacks log after the validation."""

    def on_validation_epoch_start(self) -> None:
        """Begin the validation's sums."""
        self._tallies["val"] = RunningMean()
        self.val_metric.reset()

    def on_test_epoch_start(self) -> None:
        """Begin the test's sums."""
        self._tallies["test"] = RunningMean()
        self.test_metric.reset()
        self._tested, self.evaluation = [], None

    def on_validation_epoch_end(self) -> None:
        """Log the validation's loss and metric; every rank has those of all."""
        # all ranks have the same; sync_dist keeps Lightning from advising what is done already
        several, on_bar = self.trainer.world_size > 1, shows_metrics(self.trainer)
        self.log_dict(self.epoch_metrics("val"), prog_bar=on_bar, sync_dist=several)

    def on_test_epoch_end(self) -> None:
        """Log the test's loss and metrics, computed from the logits of all ranks' rows."""
        if not self._tested:  # by a test_step of one's own
            return
        shares = [self._tested] * self.trainer.world_size
        if len(shares) > 1:
            torch.distributed.all_gather_object(shares, self._tested)
        logits, y = map(torch.cat, zip(*(batch for share in shares for batch in share), strict=True))
        self._tested = []
        metrics = self._measure(logits.to(self.device), y.to(self.device), self.epoch_metrics("test"))
        self.evaluation = Evaluation(logits, y, metrics)
        found = {f"test/{name}": value for name, value in metrics.values.items()}
        self.log_dict(found, sync_dist=self.trainer.world_size > 1)

    def _measure(self, logits: Tensor, y: Tensor, means: Mapping[str, Tensor]) -> Metrics:
        """Return the loss and metrics of a test; where there is none of a number, why."""
        wrong = int((~self.probabilities(logits).isfinite()).reshape(len(y), -1).any(dim=1).sum())
        if wrong:
            reason = f"undefined: the outputs for {wrong:,} of {len(y):,} rows are NaN or infinite"
            return Metrics({}, {"loss": reason})
        loss = means["test/loss"]
        further, notes = self.test_metrics(logits, y)
        values = {self.metric_name: float(means[f"test/{self.metric_name}"]), **further}
        if not math.isfinite(loss):
            return Metrics(values, {"loss": "undefined: it is beyond single precision", **notes})
        return Metrics({"loss": float(loss), **values}, notes)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write beside the weights what builds the model and its data again, as plain data."""
        written: dict[str, Any] = {"version": __version__, "model": record(self), "seed": self._resume.seed}
        datamodule = getattr(self.trainer, "datamodule", None)
        if datamodule is not None:
            written["data"] = record(datamodule)
        checkpoint["lit_classify"] = written
        for key in (self.CHECKPOINT_HYPER_PARAMS_KEY, "datamodule_hyper_parameters"):
            if key in checkpoint:
                checkpoint[key] = plain(checkpoint[key])

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Resume with the seed that the run began with."""
        self._resume.seed = checkpoint["lit_classify"].get("seed", 0)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build the optimizer and, if asked for, the scheduler from their names.

        Raises:
            UserError: torch refuses the arguments.
        """
        optimizer = make_optimizer(
            self._optimizer,
            self.parameters(),
            self.lr,
            self._optimizer_args,
            fused=self.has_plain_precision(),
        )
        if self._lr_scheduler is None:
            return optimizer
        scheduler = make_scheduler(self._lr_scheduler, optimizer, self._lr_scheduler_args)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "monitor": "val/loss", "strict": False},
        }


class ReturnedLoss(Callback):
    """Let the loss that a training_step of one's own returns be the one that is logged."""

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - whatever the step returned
        batch: Any,  # noqa: ANN401 - whatever the loader gave
        batch_idx: int,
    ) -> None:
        """Hand the step's loss to the module; Lightning has divided it by the batches of an accumulation."""
        assert isinstance(pl_module, LitModule)
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if isinstance(loss, Tensor):
            pl_module.count_returned_loss(loss * trainer.accumulate_grad_batches, batch)
