"""Members as the runs of ``compare``: they differ in seed or learning rate, and are never averaged.

Legend: K members.
"""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from lit_classify.data import InMemoryDataModule
from lit_classify.evaluation.member_metrics import member_metrics
from lit_classify.modules import LitModule
from lit_classify.modules.fit_callbacks import DivergenceCheck


class ParallelRuns(DivergenceCheck):
    """Train each member at its own learning rate, and record its metrics and whether it has diverged.

    The optimizer runs at the largest rate; each member then moves only its fraction of the way. A diverged
    member does not affect the others, which continue training.

    Args:
        rates: the learning rate of each member; the optimizer must run at the largest.

    Attributes:
        curves: values of all members ``(K,)`` by metric and epoch.
        diverged: the epoch in which a member's loss was first NaN or infinite, by the member's index.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> runs = ParallelRuns([0.1, 0.01])
        >>> options = {"accelerator": "cpu", "enable_checkpointing": False, **quiet}
        >>> trainer = Trainer(max_epochs=3, callbacks=[runs], **options)
        >>> trainer.fit(BinaryClassifier(2, members=2, lr=0.1), CirclesDataModule())
        >>> sorted(runs.curves), runs.curves["val/loss"][2].shape
        (['train/loss', 'val/accuracy', 'val/loss'], torch.Size([2]))
    """

    def __init__(self, rates: Sequence[float]) -> None:
        super().__init__(every=1)
        self._rate_fractions = torch.tensor(rates, dtype=torch.float64) / max(rates)
        self.curves: dict[str, dict[int, Tensor]] = {}
        self.diverged: dict[int, int] = {}
        self._loss = torch.zeros(len(rates))
        self._weight: float | Tensor = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Scale the steps of the optimizer, unless all rates are equal."""
        super().on_train_start(trainer, pl_module)
        assert isinstance(pl_module, LitModule)
        pl_module.counts_train_metric = False
        if bool((self._rate_fractions < 1).any()):
            for optimizer in trainer.optimizers:
                _scale_steps(optimizer, self._rate_fractions)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Note which members' losses are not finite.

        Raises:
            DivergedError: all members have diverged.
        """
        assert isinstance(pl_module, LitModule)
        failed = ~pl_module.batch_losses.isfinite()
        for member in failed.nonzero().flatten().tolist():
            self.diverged.setdefault(member, trainer.current_epoch)
        if len(self.diverged) == len(failed):
            super().on_before_backward(trainer, pl_module, loss)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's
        batch: Any,  # noqa: ANN401 - Lightning's
        batch_idx: int,
    ) -> None:
        """Count the losses of a batch."""
        assert isinstance(pl_module, LitModule)
        weight = pl_module.means["train"].last_weight
        assert weight is not None
        self._loss = self._loss + weight * pl_module.batch_losses
        self._weight = self._weight + weight

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the mean losses of the epoch."""
        self._record("train/loss", trainer, self._loss / self._weight)
        self._loss, self._weight = torch.zeros_like(self._loss), 0.0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the loss and metric of the validation rows."""
        assert isinstance(pl_module, LitModule)
        data = getattr(trainer, "datamodule", None)
        if trainer.state.fn == "fit" and isinstance(data, InMemoryDataModule):
            loss, metric = member_metrics(pl_module, data.val_dataloader())
            self._record("val/loss", trainer, loss)
            self._record(f"val/{pl_module.metric_name}", trainer, metric)

    def _record(self, name: str, trainer: Trainer, values: Tensor) -> None:
        self.curves.setdefault(name, {})[trainer.current_epoch] = values.detach().cpu()


def _scale_steps(optimizer: Optimizer, fractions: Tensor) -> None:
    """Register hooks that scale each step of the optimizer by a fraction for each member, ``(K,)``."""
    weights: list[Tensor] = [weight for group in optimizer.param_groups for weight in group["params"]]
    previous: list[Tensor] = []

    def copy(*_: object) -> None:
        previous[:] = [weight.detach().clone() for weight in weights]

    def scale(*_: object) -> None:
        with torch.no_grad():
            for weight, old in zip(weights, previous, strict=True):
                fraction = fractions.to(weight).view(-1, *[1] * (weight.ndim - 1))
                weight.copy_(torch.lerp(old, weight, fraction))

    optimizer.register_step_pre_hook(copy)
    optimizer.register_step_post_hook(scale)
