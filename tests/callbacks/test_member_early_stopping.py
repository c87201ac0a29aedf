"""Early stopping of members: the weights that are kept, saved and plotted."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor

from lit_classify import LitModule, MulticlassClassifier, UserError
from lit_classify.callbacks import BestCheckpoint, EpochLog, MemberEarlyStopping
from lit_classify.callbacks.plot_callback import PlotCallback
from lit_classify.data import InMemoryDataModule
from lit_classify.data.splits import Split
from lit_classify.modules.member_losses import validation_losses
from tests.folds import Folds, K, fit, make


class Recorder(Callback):
    """Record the weights and fold losses of every validation."""

    def __init__(self) -> None:
        self.weights: list[list[Tensor]] = []
        self.losses: list[Tensor] = []

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LitModule) -> None:  # type: ignore[override]
        self.weights.append([parameter.detach().clone() for parameter in pl_module.parameters()])
        self.losses.append(validation_losses(pl_module))


@pytest.mark.parametrize("patience", [2, 100])
def test_best_members_keeps_each_member_s_best_epoch_until_its_patience_ends(patience: int) -> None:
    model, recorder, best = make(folds=K, lr=0.3), Recorder(), MemberEarlyStopping(patience)
    fit(model, Folds(), recorder, best, max_epochs=30)
    for member in range(K):
        losses = [float(epoch_losses[member]) for epoch_losses in recorder.losses]
        chosen = 0
        for epoch, loss in enumerate(losses):
            if loss < losses[chosen] and epoch - chosen <= patience:
                chosen = epoch
        expected = [weight[member] for weight in recorder.weights[chosen]]
        assert all(map(torch.equal, [weight[member] for weight in best.weights.values()], expected))
        assert float(best.best_losses[member]) == losses[chosen]


class Kept(Callback):
    """Record the best weights and losses of members after every validation."""

    def __init__(self, best: MemberEarlyStopping) -> None:
        self.of, self.weights, self.losses = best, list[list[Tensor]](), list[Tensor]()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LitModule) -> None:  # type: ignore[override]
        self.weights.append([weight.clone() for weight in self.of.best.values()])
        self.losses.append(self.of.best_losses)


def test_best_weights_belong_to_the_best_losses_in_each_extra_validation_of_an_epoch() -> None:
    recorder, best = Recorder(), MemberEarlyStopping(100)
    kept, every_5 = Kept(best), EpochLog(every_n_epochs=5)
    options = {"max_epochs": 3, "val_check_interval": 1 / 9}
    fit(make(folds=K, lr=0.3), Folds(batch_size=5), every_5, recorder, best, kept, **options)
    assert len(kept.losses) == 2 * 9  # of the first epoch, and the extra ones of the last
    for weights, losses in zip(kept.weights, kept.losses, strict=True):
        for member, loss in enumerate(losses):
            validation = next(index for index, each in enumerate(recorder.losses) if each[member] == loss)
            expected = [weight[member] for weight in recorder.weights[validation]]
            assert all(map(torch.equal, [weight[member] for weight in weights], expected))


class OwnValidation(MulticlassClassifier):
    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Count nothing."""


@pytest.mark.parametrize("folds", [0, K])
def test_members_of_a_module_with_its_own_validation_cannot_be_stopped(folds: int) -> None:
    model = OwnValidation(4, 3, ["a", "b", "c"], folds=folds)
    with pytest.raises(UserError, match="OwnValidation has its own validation_step, without the losses"):
        fit(model, Folds(with_folds=bool(folds)), MemberEarlyStopping(), max_epochs=1)


def test_a_member_that_is_never_validated_keeps_its_latest_weights() -> None:
    class FoldByFold(Folds):
        def load(self) -> dict[str, Split]:
            splits = super().load()
            self.fold = torch.arange(45) // 15
            return splits

    model, best = make(folds=K), MemberEarlyStopping()
    fit(model, FoldByFold(batch_size=15), best, limit_val_batches=1)
    for name, parameter in model.named_parameters():
        assert torch.equal(best.weights[name][1:], parameter[1:])
    assert best.best_losses.isfinite().tolist() == [True, False, False]


def test_an_average_of_weights_beside_the_best_of_each_member_is_refused() -> None:
    with pytest.raises(UserError, match="EMAWeightAveraging averages weights, but MemberEarlyStopping"):
        fit(make(folds=K), Folds(), EMAWeightAveraging(), MemberEarlyStopping(), max_epochs=1)


class Drawn(PlotCallback):
    """Record the weights of the model that is plotted at the end."""

    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        self.weights = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def test_the_best_weights_of_each_member_are_saved_and_plotted() -> None:
    model, best, drawn = make(folds=K, lr=0.3), MemberEarlyStopping(100), Drawn(only_at_end=True)
    callbacks = drawn, best, BestCheckpoint()
    fit(model, Folds(), *callbacks, max_epochs=30, enable_checkpointing=True, log_every_n_steps=1)
    saved = torch.load(next(Path().rglob("best.ckpt")), weights_only=True)["state_dict"]
    for name, parameter in model.named_parameters():
        assert torch.equal(saved[name], best.weights[name])
        assert torch.equal(drawn.weights[name], best.weights[name])
        assert not torch.equal(parameter, best.weights[name])  # the fit leaves the last weights
