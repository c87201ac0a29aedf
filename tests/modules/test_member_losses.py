"""Members against single networks that are trained by a plain loop."""

from typing import Any

import pytest
import torch
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
from lit_classify.modules.member_losses import validation_losses
from tests import training
from tests.folds import Folds, K, fit, make


def test_each_member_is_trained_as_a_plain_loop_trains_a_network_without_its_fold() -> None:
    data, weights = Folds(batch_size=7), [1.0, 2.0, 5.0]
    model = make(folds=K, class_weight=weights)
    fit(model, data, gradient_clip_val=0.5)
    x, y, fold = data.batch_tensors("train")
    for member in range(K):
        torch.manual_seed(5 + member)
        network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.05)
        for _ in range(20):
            for rows in torch.split(torch.arange(45), 7):
                learned = rows[fold[rows] != member]
                loss = F.cross_entropy(network(x[learned]), y[learned], torch.tensor(weights))
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                nn.utils.clip_grad_norm_(network.parameters(), 0.5)
                optimizer.step()
        assert torch.allclose(model.network(x)[member], network(x), atol=1e-4)


def test_a_member_without_rows_in_a_batch_contributes_nothing() -> None:
    model, data = make(folds=K), Folds()
    fit(model, data, max_epochs=1)
    x, y, fold = (tensor[::K] for tensor in data.batch_tensors("train"))  # of fold 0 only
    model.zero_grad()
    loss, _ = model.training_loss(model.network(x), y, fold)
    torch.autograd.backward(loss)
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert bool(loss.isfinite())
    assert not any(bool(gradient[0].any()) for gradient in gradients)
    assert all(bool(gradient[1:].any()) for gradient in gradients)


def test_each_row_is_validated_by_the_member_that_was_not_trained_on_it() -> None:
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
    assert validation_losses(model).tolist() == pytest.approx(losses)


def test_without_folds_all_members_learn_from_and_are_validated_on_all_rows() -> None:
    model, data = make(members=K), Folds(with_folds=False)
    fitted = fit(model, data)
    fitted.validate(model, data, verbose=False)
    x, y = data.split("val")
    outputs = model.network(x).detach()
    losses = [float(F.cross_entropy(logits, y)) for logits in outputs]
    assert validation_losses(model).tolist() == pytest.approx(losses)
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


@pytest.mark.parametrize("folds", [0, 2, 4])
def test_a_model_with_fewer_or_more_members_than_folds_is_refused(folds: int) -> None:
    with pytest.raises(
        DataError, match=r"in 3 cross-validation folds, but .*; build it with folds=data.folds"
    ):
        fit(make(folds=folds), Folds())


def test_a_parameter_that_members_would_share_is_refused() -> None:
    model = make(folds=K)
    model.temperature = nn.Parameter(torch.ones(()))
    with pytest.raises(UserError, match="the parameter temperature is not one of the network"):
        fit(model, Folds(), max_epochs=1)


def test_a_training_step_that_may_learn_from_all_folds_causes_a_warning() -> None:
    class OwnTraining(MulticlassClassifier):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            return self.loss(self(batch[0]), batch[1])

    with pytest.warns(
        UserWarning, match="OwnTraining has its own training_step: metrics are out-of-fold only"
    ):
        fit(OwnTraining(4, 3, ["a", "b", "c"], folds=K), Folds(), max_epochs=1)


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("class_weight", [None, [1.0, 5.0]])
def test_a_weighted_row_counts_as_often_as_a_repeated_one(
    members: int, class_weight: list[float] | None
) -> None:
    x, y = training.rows()
    counts = torch.arange(len(x)) % 4  # some are 0
    weighted, repeated = (
        BinaryClassifier(2, hidden=[4], members=members, class_weight=class_weight) for _ in range(2)
    )
    repeated.load_state_dict(weighted.state_dict())
    metrics = []
    for model, columns in (
        (weighted, (x, y, counts.float())),
        (repeated, (x.repeat_interleave(counts, dim=0), y.repeat_interleave(counts))),
    ):
        made = training.trainer(max_epochs=20)
        batches = training.loader(*columns, batch_size=len(columns[0]))
        made.fit(model, batches, batches)
        metrics.append({name: float(made.callback_metrics[name]) for name in ("train/loss", "val/loss")})
    assert metrics[0] == pytest.approx(metrics[1], abs=1e-6)
    for weight, expected in zip(weighted.parameters(), repeated.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("task", [MulticlassClassifier, MultilabelClassifier, Regressor])
def test_every_task_weights_the_losses_of_rows(task: type[LitModule]) -> None:
    model = task(2, 1 if task is Regressor else 3)
    x, weight = torch.randn(5, 2), torch.tensor([0.0, 1.0, 2.0, 0.5, 3.0])
    y = {
        MulticlassClassifier: torch.tensor([0, 1, 2, 1, 0]),
        MultilabelClassifier: torch.ones(5, 3),
        Regressor: torch.ones(5),
    }[task]
    logits = model.network(x)
    losses = torch.stack([model.loss(logits[n : n + 1], y[n : n + 1]) for n in range(5)])
    loss, counts = model.training_loss(logits, y, weight=weight)
    torch.testing.assert_close(loss, (losses * weight).sum() / weight.sum())
    assert float(counts[1]) == 6.5
