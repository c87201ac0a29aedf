"""Class weights, and embeddings of categories."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from lit_classify import (
    BinaryClassifier,
    MulticlassClassifier,
    TableDataModule,
    TensorLoader,
    UserError,
)
from tests.example_tables import write
from tests.modules.test_base import trainer


def imbalanced() -> TableDataModule:
    rows = [f"{number},{'abc'[min(number % 50, 2)]}" for number in range(500)]
    return TableDataModule(str(write("\n".join(["x,target", *rows]))), "target")


@pytest.mark.reliability(25)
def test_balanced_weights_equal_scikit_learns_and_are_saved_in_checkpoints() -> None:
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
def test_weighted_losses_equal_torchs_weighted_means() -> None:
    logits, y = torch.randn(40, 1), torch.randint(0, 2, (40,))
    two = BinaryClassifier(3, class_names=["no", "yes"], class_weight={"yes": 5.0})
    both = torch.cat([torch.zeros(40, 1), logits], dim=1)  # the same probabilities with two logits
    expected = F.cross_entropy(both, y, torch.tensor([1.0, 5.0]))
    torch.testing.assert_close(two.loss(logits, y), expected)
    logits = torch.randn(40, 3)
    many = MulticlassClassifier(3, 3, class_weight=[1.0, 2.0, 3.0])
    expected = F.cross_entropy(logits, y, torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(many.loss(logits, y), expected)


def test_balanced_weights_need_to_know_the_classes_rows() -> None:
    loader = TensorLoader((torch.ones(4, 1), torch.tensor([0, 1, 1, 1])))
    with pytest.raises(UserError, match="needs a data module with class_counts"):
        trainer(max_epochs=1).fit(BinaryClassifier(1, class_weight="balanced"), loader, loader)


@pytest.mark.filterwarnings("ignore:.*rows also occur in train")
def test_an_embedding_distinguishes_categories() -> None:
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
