"""Multilabel classification: thresholds, and settings that are refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from lit_classify import (
    MultilabelClassifier,
    TableDataModule,
)
from lit_classify.errors import UserError
from lit_classify.modules import (
    AutoModule,
    LitModule,
)
from tests.example_tables import write
from tests.training import trainer

auto: Callable[..., LitModule] = AutoModule  # returns an instance of another class


@pytest.mark.filterwarnings("ignore:.*rows also occur in train")
def test_several_labels_are_learned_together() -> None:
    torch.manual_seed(0)
    rows = [f"{n % 7},{n % 5},{int(n % 7 > 3)},{int(n % 5 > 2)}" for n in range(400)]
    data = TableDataModule(str(write("\n".join(["a,b,p,q", *rows]))), ["p", "q"])
    model = auto(2, 2, label_names=data.label_names, optimizer="Adam", lr=0.01)
    assert type(model) is MultilabelClassifier
    runner = trainer(max_epochs=60)
    runner.fit(model, data)
    (metrics,) = runner.test(model, data, verbose=False)
    assert metrics["test/exact_match"] > 0.95
    x, y = data.split("test")
    expected = F.binary_cross_entropy_with_logits(model(x), y)
    torch.testing.assert_close(model.loss(model(x), y), expected)


def test_each_label_has_its_own_threshold() -> None:
    model = MultilabelClassifier(2, 3, thresholds=[0.1, 0.5, 0.9])
    p = torch.tensor([[0.2, 0.5, 0.95], [0.05, 0.6, 0.8]])
    assert model.labels(p).tolist() == [[1, 0, 1], [0, 1, 0]]
    y = torch.tensor([[1.0, 1, 1], [0, 1, 1]])
    assert float(model.metric_sum(p.logit(), y)) == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MultilabelClassifier(2, 2, class_names=["a", "b"]), "2 classes; use BinaryClassifier"),
        (lambda: MultilabelClassifier(2, 1), "data has a number; use Regressor"),
        (lambda: MultilabelClassifier(2, 2, label_names=["a"]), "2 logits for 1 labels"),
        (
            lambda: MultilabelClassifier(2, 2, thresholds=[0.5, 1.5]),
            r"for each of 2 labels, but is \[0.5, 1.5",
        ),
        (lambda: MultilabelClassifier(2, 2, thresholds=[0.5]), "for each of 2 labels"),
    ],
)
def test_settings_of_another_task_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
