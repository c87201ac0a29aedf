"""Weights of positive targets; torch's BCEWithLogitsLoss is the oracle."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lit_classify import BinaryClassifier, CirclesDataModule, MultilabelClassifier, TableDataModule
from lit_classify.errors import UserError
from tests.example_tables import write
from tests.training import loader, trainer


def test_pos_weight_is_that_of_torch() -> None:
    torch.manual_seed(0)
    logits = torch.randn(30, 3)
    labels = (torch.rand(30, 3) > 0.7).float()
    weights = torch.tensor([2.0, 0.5, 7.0])
    many = MultilabelClassifier(2, 3, pos_weight=weights.tolist())
    assert torch.equal(many.loss(logits, labels), nn.BCEWithLogitsLoss(pos_weight=weights)(logits, labels))
    each = nn.BCEWithLogitsLoss(pos_weight=weights, reduction="none")(logits, labels).mean(dim=1)
    assert torch.equal(many.loss(logits, labels, "none"), each)

    arrays: list[Any] = [weights, weights.numpy()]
    for array in arrays:
        assert torch.equal(MultilabelClassifier(2, 3, pos_weight=array).pos_weight, weights)  # type: ignore[arg-type]

    two = BinaryClassifier(2, pos_weight=3.0)
    oracle = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
    assert torch.equal(two.loss(logits[:, :1], labels[:, 0].long()), oracle(logits[:, 0], labels[:, 0]))


def test_balanced_weights_are_negatives_per_positive_of_the_training_rows() -> None:
    rows = [f"{n},{int(n % 3 == 0)},{int(n % 10 == 0)}" for n in range(90)]
    data = TableDataModule(str(write("\n".join(["x,often,rare", *rows]))), ["often", "rare"], features=["x"])
    model = MultilabelClassifier(1, 2, label_names=data.label_names, pos_weight="balanced")
    trainer(max_epochs=1).fit(model, data)
    y = data.split("train").y
    assert model.pos_weight is not None
    torch.testing.assert_close(model.pos_weight, (1 - y).sum(dim=0) / y.sum(dim=0))

    two = BinaryClassifier(2, pos_weight="balanced")
    circles = CirclesDataModule()
    trainer(max_epochs=1).fit(two, circles)
    negative, positive = torch.bincount(circles.split("train").y).tolist()
    torch.testing.assert_close(two.pos_weight, torch.tensor([negative / positive]))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, pos_weight=0.0), "a positive number for 1, or balanced, but is 0.0"),
        (lambda: BinaryClassifier(2, pos_weight=[1.0, 2.0]), r"a positive number for 1, .* is \[1.0, 2.0\]"),
        (lambda: MultilabelClassifier(2, 2, pos_weight="balance"), "for 0, 1, or balanced, but is 'balance'"),  # type: ignore[arg-type]
        (lambda: MultilabelClassifier(2, 2, pos_weight=np.ones(3)), "number for 0, 1"),  # type: ignore[arg-type]
        (lambda: MultilabelClassifier(2, 2, pos_weight=[[1.0, 2.0]]), "number for 0, 1"),  # type: ignore[list-item]
        (
            lambda: BinaryClassifier(2, pos_weight=2.0, class_weight=[1.0, 2.0]),
            "both weight the second class",
        ),
    ],
)
def test_unsuitable_weights_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


def test_balanced_weights_need_rows_of_both_classes() -> None:
    x = torch.randn(20, 2)
    rows = loader(x, torch.zeros(20, dtype=torch.long))
    with pytest.raises(UserError, match="pos_weight balanced needs a data module with class_counts"):
        trainer(max_epochs=1).fit(BinaryClassifier(2, pos_weight="balanced"), rows, rows)
    many, rows = MultilabelClassifier(2, 2, pos_weight="balanced"), loader(x, torch.zeros(20, 2))
    with pytest.raises(UserError, match="pos_weight balanced needs a data module with splits"):
        trainer(max_epochs=1).fit(many, rows, rows)
    data = CirclesDataModule()
    train = data.split("train")
    train.y.zero_()
    with pytest.raises(UserError, match="pos_weight balanced needs training rows of 1, but there are none"):
        trainer(max_epochs=1).fit(BinaryClassifier(2, pos_weight="balanced"), data)
