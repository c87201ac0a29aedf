"""Members against single networks that are trained by a plain loop."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor, nn
from torch.nn import functional as F

from lit_classify import (
    BinaryClassifier,
    DataError,
    LitModule,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
    UserError,
)
from lit_classify.callbacks import MemberEarlyStopping
from lit_classify.data import InMemoryDataModule
from lit_classify.data.splits import Split
from tests.training import trainer

K = 3


class Folds(InMemoryDataModule):
    """Random rows of three classes, in folds."""

    in_features, out_features, class_names, folds = 4, 3, ["a", "b", "c"], K

    def __init__(self, batch_size: int | None = None, with_folds: bool = True) -> None:
        super().__init__(batch_size, shuffle=False, drop_last=False, random_state=0)
        self.with_folds = with_folds
        self.folds = K if with_folds else 0

    def load(self) -> dict[str, Split]:
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(60, 4, generator=generator)
        y = (x[:, :3] + 0.5 * torch.randn(60, 3, generator=generator)).argmax(dim=1)
        self.fold = torch.arange(45) % K if self.with_folds else None
        train, test = Split(x[:45], y[:45]), Split(x[45:], y[45:])
        return {"train": train, "val": train if self.with_folds else test, "test": test}


def make(**kwargs: Any) -> MulticlassClassifier:
    torch.manual_seed(5)
    settings = {"hidden": [8], "optimizer": "AdamW", "lr": 0.05, **kwargs}
    return MulticlassClassifier(4, 3, ["a", "b", "c"], **settings)


def fit(model: LitModule, data: InMemoryDataModule, *callbacks: Callback, **kwargs: Any) -> Trainer:
    made = trainer(callbacks=list(callbacks), **{"max_epochs": 20, "num_sanity_val_steps": 0, **kwargs})
    made.fit(model, data)
    return made


def test_each_member_is_trained_as_a_plain_loop_trains_a_network_without_its_fold() -> None:
    data, weights = Folds(batch_size=7), [1.0, 2.0, 5.0]
    model = make(folds=K, class_weight=weights)
    fit(model, data, gradient_clip_val=0.5)
    x, y, fold = data.batch_tensors("train")
    for number in range(K):
        torch.manual_seed(5 + number)
        network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.05)
        for _ in range(20):
            for rows in torch.split(torch.arange(45), 7):
                learned = rows[fold[rows] != number]
                loss = F.cross_entropy(network(x[learned]), y[learned], torch.tensor(weights))
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                nn.utils.clip_grad_norm_(network.parameters(), 0.5)
                optimizer.step()
        assert torch.allclose(model.network(x)[number], network(x), atol=1e-4)


def test_a_member_without_rows_in_a_batch_contributes_nothing() -> None:
    model, data = make(folds=K), Folds()
    fit(model, data, max_epochs=1)
    x, y, fold = (part[::K] for part in data.batch_tensors("train"))  # of fold 0 only
    model.zero_grad()
    loss, _ = model.training_loss(model.network(x), y, fold)
    torch.autograd.backward(loss)
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert bool(loss.isfinite())
    assert not any(bool(gradient[0].any()) for gradient in gradients)
    assert all(bool(gradient[1:].any()) for gradient in gradients)


def test_validation_takes_each_row_from_the_member_that_has_not_learned_from_it() -> None:
    model, data = make(folds=K), Folds()
    fitted = fit(model, data)
    x, y, fold = data.batch_tensors("val")
    fitted.validate(model, data, verbose=False)
    outputs = model.network(x).detach()
    logits = torch.stack([outputs[member, row] for row, member in enumerate(fold.tolist())])
    assert float(fitted.callback_metrics["val/loss"]) == pytest.approx(float(F.cross_entropy(logits, y)))
    assert float(fitted.callback_metrics["val/accuracy"]) == pytest.approx(
        float((logits.argmax(dim=1) == y).float().mean())
    )
    losses = [float(F.cross_entropy(logits[fold == k], y[fold == k])) for k in range(K)]
    assert model.member_losses().tolist() == pytest.approx(losses)


def test_without_folds_all_members_learn_from_and_are_validated_on_all_rows() -> None:
    model, data = make(members=K), Folds(with_folds=False)
    fitted = fit(model, data)
    fitted.validate(model, data, verbose=False)
    x, y = data.split("val")
    outputs = model.network(x).detach()
    losses = [float(F.cross_entropy(logits, y)) for logits in outputs]
    assert model.member_losses().tolist() == pytest.approx(losses)
    mean = outputs.softmax(dim=-1).mean(dim=0)
    assert float(fitted.callback_metrics["val/loss"]) == pytest.approx(float(F.nll_loss(mean.log(), y)))


@pytest.mark.parametrize(
    "model",
    [
        BinaryClassifier(2, members=4),
        MulticlassClassifier(2, 3, members=4),
        MultilabelClassifier(2, 3, members=4),
        Regressor(2, members=4),
    ],
    ids=lambda model: type(model).__name__,
)
def test_predictions_are_the_mean_of_the_members_probabilities(model: LitModule) -> None:
    x = torch.randn(6, 2) * 5
    expected = torch.stack([model.probabilities(logits) for logits in model.network(x)]).mean(dim=0)
    assert torch.allclose(model.predict(x), expected, atol=1e-6)
    assert model(x).shape == model.network(x).shape[1:]


def test_the_mean_of_saturated_probabilities_keeps_its_precision() -> None:
    model = BinaryClassifier(2, members=2)
    logits = torch.tensor([[[200.0]], [[300.0]]])
    assert float(model.mean_logits(logits)) == pytest.approx(200 + torch.log(torch.tensor(2.0)).item())


class Recorder(Callback):
    """Record the weights and fold losses of every validation."""

    def __init__(self) -> None:
        self.weights: list[list[Tensor]] = []
        self.losses: list[Tensor] = []

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LitModule) -> None:  # type: ignore[override]
        self.weights.append([parameter.detach().clone() for parameter in pl_module.parameters()])
        self.losses.append(pl_module.member_losses())


@pytest.mark.parametrize("patience", [2, 100])
def test_best_members_keeps_each_member_s_best_epoch_until_its_patience_ends(patience: int) -> None:
    model, recorder, best = make(folds=K, lr=0.3), Recorder(), MemberEarlyStopping(patience)
    fit(model, Folds(), recorder, best, max_epochs=30)
    for member in range(K):
        losses = [float(part[member]) for part in recorder.losses]
        chosen = 0
        for epoch, loss in enumerate(losses):
            if loss < losses[chosen] and epoch - chosen <= patience:
                chosen = epoch
        expected = [part[member] for part in recorder.weights[chosen]]
        assert all(map(torch.equal, [part[member] for part in best.weights.values()], expected))
        assert float(best.losses[member]) == losses[chosen]


@pytest.mark.parametrize("folds", [0, 2, 4])
def test_a_model_with_fewer_or_more_members_than_folds_is_refused(folds: int) -> None:
    with pytest.raises(
        DataError, match=r"in 3 cross-validation folds, but .*; build it with folds=data.folds"
    ):
        fit(make(folds=folds), Folds())


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
    assert best.losses.isfinite().tolist() == [True, False, False]


def test_an_average_of_weights_beside_the_best_of_each_member_is_refused() -> None:
    with pytest.raises(UserError, match="EMAWeightAveraging averages weights, but MemberEarlyStopping"):
        fit(make(folds=K), Folds(), EMAWeightAveraging(), MemberEarlyStopping(), max_epochs=1)


def test_a_parameter_that_members_would_share_is_refused() -> None:
    model = make(folds=K)
    model.temperature = nn.Parameter(torch.ones(()))
    with pytest.raises(UserError, match="the parameter temperature is not one of the network"):
        fit(model, Folds(), max_epochs=1)


def test_a_training_step_that_may_learn_from_all_folds_is_warned_of() -> None:
    class OwnTraining(MulticlassClassifier):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            return self.loss(self(batch[0]), batch[1])

    with pytest.warns(
        UserWarning, match="OwnTraining has its own training_step: metrics are out-of-fold only"
    ):
        fit(OwnTraining(4, 3, ["a", "b", "c"], folds=K), Folds(), max_epochs=1)
