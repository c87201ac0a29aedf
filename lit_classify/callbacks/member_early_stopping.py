"""Early stopping of each member of an ensemble.

Legend: K members.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, WeightAveraging
from torch import Tensor

from lit_classify.errors import UserError, check_at_least
from lit_classify.modules import LitModule
from lit_classify.modules.member_losses import validation_losses

BEST_LOSS = "val/best_loss"


def stops_members(trainer: Trainer) -> bool:
    """Return whether MemberEarlyStopping is one of the trainer's callbacks."""
    return any(isinstance(callback, MemberEarlyStopping) for callback in trainer.callbacks)  # type: ignore[attr-defined]  # set in its constructor


@contextmanager
def best_weights(trainer: Trainer, module: LightningModule) -> Iterator[None]:
    """Give a model the best weights of its members within the context, if a callback keeps them."""
    best: dict[str, Tensor] = {}
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set in its constructor
        best |= callback.best if isinstance(callback, MemberEarlyStopping) else {}
    original = {name: module.get_parameter(name).data for name in best}
    for name, weight in best.items():
        module.get_parameter(name).data = weight
    try:
        yield
    finally:
        for name, weight in original.items():
            module.get_parameter(name).data = weight


class MemberEarlyStopping(EarlyStopping):
    """Keep the weights with each member's lowest validation loss; stop when no member improves.

    With cross-validation, the validation rows of a member are those of the fold that it holds out. The mean
    of the lowest losses is logged as ``val/best_loss``, which improves as long as any member does. The
    weights of a single network are not kept: those of its best epoch are in best.ckpt.

    Args:
        patience: number of validations without improvement after which a member keeps its best weights.

    Examples:
        >>> MemberEarlyStopping(patience=8).monitor
        'val/best_loss'
    """

    def __init__(self, patience: int = 16) -> None:
        check_at_least("patience", patience, 1)
        super().__init__(BEST_LOSS, patience=patience, check_on_train_epoch_end=False)
        self._reset(0)

    def _reset(self, members: int) -> None:
        self.best_losses = torch.full((members,), torch.inf, dtype=torch.float64)  # lowest so far
        self.wait_counts = torch.zeros(members, dtype=torch.long)  # validations since then
        self.best: dict[str, Tensor] = {}  # the best weights so far, (K, ...) each
        # what checkpoints save: the same, without an extra last validation that a longer run would not have
        self.weights = self.best

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse averaged weights: a checkpoint would hold their last average instead of the best weights.

        Raises:
            UserError: the trainer averages weights.
        """
        super().setup(trainer, pl_module, stage)
        assert isinstance(pl_module, LitModule)
        for callback in trainer.callbacks:  # type: ignore[attr-defined]  # as above
            if pl_module.members > 1 and isinstance(callback, WeightAveraging):
                raise UserError(
                    f"{type(callback).__name__} averages weights, but MemberEarlyStopping keeps the best of "
                    "each member; leave one of them out"
                )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the state of an earlier fit, or move that of a resumed run to the device."""
        super().on_train_start(trainer, pl_module)
        assert isinstance(pl_module, LitModule)
        has_no_state = len(self.best_losses) != pl_module.members  # resumed from a run without this callback
        if trainer.global_step == 0 or has_no_state:
            self._reset(pl_module.members)
        self.best = {name: weight.to(pl_module.device) for name, weight in self.weights.items()}
        self.weights = self.best

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights of the members that have improved."""
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        assert isinstance(pl_module, LitModule)
        losses = validation_losses(pl_module).cpu()
        improved = (losses < self.best_losses) & (self.wait_counts < self.patience)
        self.wait_counts = torch.where(improved, 0, self.wait_counts + 1)
        self.best_losses = torch.where(improved, losses, self.best_losses)
        if pl_module.members > 1:
            new = {name: weight.detach().clone() for name, weight in pl_module.named_parameters()}
            keeps_old = ~improved & self.best_losses.isfinite()  # not without validation rows: the latest
            for name, weight in self.weights.items():  # restored after extra validations, as best_losses are
                new[name][keeps_old] = weight[keeps_old]
            self.best = self.weights = new
        is_known = self.best_losses.isfinite()  # some may have had no validation rows
        best = self.best_losses[is_known].mean()
        pl_module.log(BEST_LOSS, best.float(), sync_dist=trainer.world_size > 1)

    def state_dict(self) -> dict[str, Any]:
        """Return the losses and weights."""
        state = {"best_losses": self.best_losses, "wait_counts": self.wait_counts, "weights": self.weights}
        return {**super().state_dict(), **state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the losses and weights.

        Raises:
            ValueError: they are not of the same members, or a loss is NaN.
        """
        super().load_state_dict(state_dict)
        self.best_losses = state_dict["best_losses"].clone()
        self.wait_counts = state_dict["wait_counts"].clone()
        self.weights = {name: weight.clone() for name, weight in state_dict["weights"].items()}
        sizes = {tensor.shape[:1] for tensor in (self.best_losses, self.wait_counts, *self.weights.values())}
        if len(sizes) > 1 or bool(self.best_losses.isnan().any()):
            raise ValueError("the losses and weights of members do not fit together")
