"""Means over the rows of an epoch do not depend on its batches."""

from typing import Any

import pytest
import torch

from lit_classify import (
    BinaryClassifier,
    MulticlassClassifier,
    Regressor,
    TensorLoader,
)
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule
from tests.training import TASKS, trainer


@pytest.mark.parametrize(("task", "arguments", "data"), TASKS)
def test_epoch_metrics_are_over_all_rows_if_the_last_batch_is_short(
    task: type[LitModule], arguments: dict[str, Any], data: type[InMemoryDataModule]
) -> None:
    model = task(**arguments, lr=1e-30)  # so small that the weights do not change
    fitted = trainer(max_epochs=1)
    made = data(batch_size=7)  # type: ignore[call-arg]  # all of them take a batch size
    fitted.fit(model, made)
    x, y = made.split("train")
    with torch.no_grad():
        logits = model(x)
    assert float(fitted.callback_metrics["train/loss"]) == pytest.approx(
        float(model.loss(logits, y)), rel=1e-6
    )
    if not isinstance(model, Regressor):
        right = (model.labels(model.probabilities(logits)) == y).double().mean()
        assert float(fitted.callback_metrics["train/accuracy"]) == float(right)


WEIGHTED: list[tuple[type[LitModule], dict[str, Any]]] = [
    (BinaryClassifier, {"out_features": 1, "class_weight": [1.0, 7.5]}),
    (MulticlassClassifier, {"out_features": 3, "class_weight": [0.2, 1.0, 9.0]}),
]


@pytest.mark.reliability(42)
@pytest.mark.parametrize("batch_size", [60, 7, 1])
@pytest.mark.parametrize(("task", "settings"), WEIGHTED)
def test_a_weighted_loss_is_the_weighted_mean_of_all_rows_for_any_batches(
    task: type[LitModule], settings: dict[str, Any], batch_size: int
) -> None:
    torch.manual_seed(3)
    x, y = torch.randn(60, 4), torch.randint(0, max(settings["out_features"], 2), (60,))
    model = task(4, lr=1e-30, **settings)  # so small that the weights do not change
    loader = TensorLoader((x, y), batch_size=batch_size, even=False)
    fitted = trainer(max_epochs=1)
    fitted.fit(model, loader, loader)
    logits = model(x).detach().double()
    logits = logits if logits.shape[1] > 1 else torch.cat([torch.zeros_like(logits), logits], dim=1)
    weight = torch.tensor(settings["class_weight"], dtype=torch.float64)[y]
    rows = -torch.log_softmax(logits, dim=1)[torch.arange(60), y]
    expected = float((weight * rows).sum() / weight.sum())
    (metrics,) = trainer().test(model, loader, verbose=False)
    assert float(fitted.callback_metrics["train/loss"]) == pytest.approx(expected, rel=1e-6)
    assert float(fitted.callback_metrics["val/loss"]) == pytest.approx(expected, rel=1e-6)
    assert metrics["test/loss"] == pytest.approx(expected, rel=1e-6)
