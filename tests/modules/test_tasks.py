"""What single tasks have of their own: labels that hold together, weights of classes, scales, embeddings."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from lit_classify import (
    BinaryClassifier,
    DataError,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
    TableDataModule,
    TensorLoader,
    UserError,
)
from lit_classify.modules import AutoModule, LitModule
from tests.example_tables import write
from tests.modules.test_base import trainer

fitting: Callable[..., LitModule] = AutoModule  # builds another class


def imbalanced() -> TableDataModule:
    rows = [f"{number},{'abc'[min(number % 50, 2)]}" for number in range(500)]
    return TableDataModule(str(write("\n".join(["x,target", *rows]))), "target")


@pytest.mark.reliability(25)
def test_balanced_weights_are_scikit_learn_s_and_travel_in_checkpoints() -> None:
    data = imbalanced()
    model = MulticlassClassifier(1, 3, data.class_names, class_weight="balanced")
    runner = trainer(max_epochs=1)
    runner.fit(model, data)
    y = data.split("train").y.numpy()
    expected = torch.tensor(compute_class_weight("balanced", classes=np.arange(3), y=y)).float()
    torch.testing.assert_close(model.class_weight, expected)
    runner.save_checkpoint("t.ckpt")
    again = MulticlassClassifier(1, 3, data.class_names, class_weight="balanced")
    again.load_state_dict(torch.load("t.ckpt", weights_only=True)["state_dict"])
    assert torch.equal(again.class_weight, expected)  # type: ignore[arg-type]  # there is one


@pytest.mark.reliability(25)
def test_weighted_losses_are_torch_s_weighted_means() -> None:
    logits, y = torch.randn(40, 1), torch.randint(0, 2, (40,))
    two = BinaryClassifier(3, class_names=["no", "yes"], class_weight={"yes": 5.0})
    both = torch.cat([torch.zeros(40, 1), logits], dim=1)  # the same probabilities with two logits
    expected = F.cross_entropy(both, y, torch.tensor([1.0, 5.0]))
    torch.testing.assert_close(two.loss(logits, y), expected)
    logits = torch.randn(40, 3)
    many = MulticlassClassifier(3, 3, class_weight=[1.0, 2.0, 3.0])
    expected = F.cross_entropy(logits, y, torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(many.loss(logits, y), expected)


@pytest.mark.filterwarnings("ignore:.*rows stand in train too")
def test_labels_are_learned_together_and_tested() -> None:
    torch.manual_seed(0)
    rows = [f"{n % 7},{n % 5},{int(n % 7 > 3)},{int(n % 5 > 2)}" for n in range(400)]
    data = TableDataModule(str(write("\n".join(["a,b,p,q", *rows]))), ["p", "q"])
    model = fitting(2, 2, label_names=data.label_names, optimizer="Adam", lr=0.01)
    assert type(model) is MultilabelClassifier
    runner = trainer(max_epochs=60)
    runner.fit(model, data)
    (figures,) = runner.test(model, data, verbose=False)
    assert figures["test/exact_match"] > 0.95
    x, y = data.split("test")
    expected = F.binary_cross_entropy_with_logits(model(x), y)
    torch.testing.assert_close(model.loss(model(x), y), expected)


def test_each_label_has_its_own_threshold() -> None:
    model = MultilabelClassifier(2, 3, thresholds=[0.1, 0.5, 0.9])
    p = torch.tensor([[0.2, 0.5, 0.95], [0.05, 0.6, 0.8]])
    assert model.labels(p).tolist() == [[1, 0, 1], [0, 1, 0]]
    y = torch.tensor([[1.0, 1, 1], [0, 1, 1]])
    assert float(model.metric_sum(p.logit(), y)) == pytest.approx(4 / 3)


def test_targets_of_thousands_are_within_reach() -> None:
    torch.manual_seed(0)
    rows = [f"{n / 300},{200_000 + 1000 * n + 5000 * (n % 5)}" for n in range(300)]
    data = TableDataModule(str(write("\n".join(["x,price", *rows]))), "price", features=["x"])
    model = fitting(1, optimizer="Adam", lr=0.01)
    assert type(model) is Regressor
    runner = trainer(max_epochs=40)
    runner.fit(model, data)
    (figures,) = runner.test(model, data, verbose=False)
    assert figures["test/r2"] > 0.98


@pytest.mark.filterwarnings("ignore:.*rows stand in train too")
def test_an_embedding_tells_categories_apart() -> None:
    torch.manual_seed(0)
    rows = [f"town {n % 40},{n % 3},{'ab'[n % 40 % 2]}" for n in range(1200)]
    data = TableDataModule(str(write("\n".join(["town,noise,target", *rows]))), "target")
    assert (data.in_features, data.num_categories) == (2, [42])
    model = BinaryClassifier(2, num_categories=data.num_categories, optimizer="Adam", lr=0.01)
    runner = trainer(max_epochs=30)
    runner.fit(model, data)
    (figures,) = runner.test(model, data, verbose=False)
    assert figures["test/accuracy"] > 0.98
    own = BinaryClassifier(2, num_categories=[42], network="tests.custom_networks.Narrow")
    assert own(torch.tensor([[0.0, 41.0]])).shape == (1, 1)


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
        (lambda: BinaryClassifier(2, 1, label_names=["a", "b"]), "use MultilabelClassifier"),
        (lambda: MulticlassClassifier(2, 3, label_names=["a", "b"]), "use MultilabelClassifier"),
        (lambda: Regressor(2, 2, label_names=["a", "b"]), "use MultilabelClassifier"),
        (lambda: BinaryClassifier(2, class_weight=[1.0]), r"for each of 2 classes \(0, 1\)"),
        (lambda: BinaryClassifier(2, class_weight=[1.0, -1.0]), "a positive number for each"),
        (lambda: BinaryClassifier(2, class_weight={"2": 1.0}), "unknown class in class_weight '2'"),
        (lambda: fitting(2, loss="MSE", class_names=["a", "b"]), "loss is a setting for numbers"),
        (lambda: fitting(2, class_weight="balanced"), "class_weight is a setting for classes"),
    ],
)
def test_what_does_not_fit_is_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


def test_balanced_weights_need_to_know_the_classes_rows() -> None:
    loader = TensorLoader((torch.ones(4, 1), torch.tensor([0, 1, 1, 1])))
    with pytest.raises(UserError, match="needs a data module with class_counts"):
        trainer(max_epochs=1).fit(BinaryClassifier(1, class_weight="balanced"), loader, loader)


@pytest.mark.reliability(19)
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            torch.zeros(4, 3),
            r"2 labels per row, float32 of shape \(N, 2\), but the targets are float32 of shape",
        ),
        (torch.zeros(4, 2).long(), "but the targets are int64"),
        (torch.tensor([[0.0, 1.0], [1.0, 2.0]]), "label 1 of row 1 is 2.0"),
    ],
)
def test_labels_are_zeros_and_ones(y: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        MultilabelClassifier(1, 2).check_targets(y)
