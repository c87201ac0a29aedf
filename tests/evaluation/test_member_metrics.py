"""Metrics of each member equal those of single networks."""

import torch
from torch.nn import functional as F

from lit_classify.evaluation.member_metrics import member_metrics
from tests.folds import Folds, make


def test_losses_and_metrics_are_those_of_each_member() -> None:
    model = make(members=3)
    data = Folds(with_folds=False)
    losses, accuracies = member_metrics(model, data.test_dataloader())
    x, y = data.split("test")
    with torch.no_grad():
        logits = model.network(x)
    for member in range(3):
        assert torch.isclose(losses[member], F.cross_entropy(logits[member], y).double())
        assert accuracies[member] == (logits[member].argmax(dim=1) == y).double().mean()


def test_batches_are_weighted_by_their_rows() -> None:
    model = make(members=2)
    data = Folds(with_folds=False)
    x, y = data.split("test")
    batches = [(x[:4], y[:4]), (x[4:], y[4:])]
    expected = member_metrics(model, data.test_dataloader())
    for values, whole in zip(member_metrics(model, batches), expected, strict=True):
        assert torch.allclose(values, whole)


def test_the_metric_is_nan_if_an_output_is() -> None:
    model = make(members=2)
    for weight in model.network.parameters():
        weight.data[1] = torch.nan
    _, accuracies = member_metrics(model, Folds(with_folds=False).test_dataloader())
    assert accuracies.isnan().tolist() == [False, True]
