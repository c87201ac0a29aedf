"""Class weights and category embeddings."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from lit_classify import (
    BinaryClassifier,
    BlobsDataModule,
    MulticlassClassifier,
    TableDataModule,
    TensorLoader,
    UserError,
)
from tests.example_tables import write
from tests.training import trainer


def imbalanced() -> TableDataModule:
    rows = [f"{row},{'abc'[min(row % 50, 2)]}" for row in range(500)]
    return TableDataModule(str(write("\n".join(["x,target", *rows]))), "target")


@pytest.mark.reliability(25)
def test_balanced_weights_equal_those_of_scikit_learn_and_are_saved_in_checkpoints() -> None:
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
    assert torch.equal(again.class_weight, expected)  # type: ignore[arg-type]  # not None


@pytest.mark.reliability(25)
def test_weighted_losses_equal_those_of_torch() -> None:
    logits, y = torch.randn(40, 1), torch.randint(0, 2, (40,))
    two = BinaryClassifier(3, class_names=["no", "yes"], class_weight={"yes": 5.0})
    both = torch.cat([torch.zeros(40, 1), logits], dim=1)  # the same probabilities with two logits
    expected = F.cross_entropy(both, y, torch.tensor([1.0, 5.0]))
    torch.testing.assert_close(two.loss(logits, y), expected)
    logits = torch.randn(40, 3)
    many = MulticlassClassifier(3, 3, class_weight=np.array([1.0, 2.0, 3.0]))  # type: ignore[arg-type]
    expected = F.cross_entropy(logits, y, torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(many.loss(logits, y), expected)


def test_balanced_weights_need_rows_of_every_class() -> None:
    data = BlobsDataModule(num_samples=12, num_classes=6, test_fraction=0.7)
    counts = torch.bincount(data.split("train").y, minlength=6).tolist()
    names = ", ".join(str(label) for label, count in enumerate(counts) if not count)
    with pytest.raises(ValueError, match="classes should have valid labels"):
        compute_class_weight("balanced", classes=np.arange(6), y=data.split("train").y.numpy())
    model = MulticlassClassifier(2, 6, class_weight="balanced")
    with pytest.raises(UserError, match=f"class_weight balanced needs training rows of {names}, but there"):
        trainer(max_epochs=1).fit(model, data)


def test_balanced_weights_require_class_counts() -> None:
    loader = TensorLoader((torch.ones(4, 1), torch.tensor([0, 1, 1, 1])))
    with pytest.raises(UserError, match="needs a data module with class_counts"):
        trainer(max_epochs=1).fit(BinaryClassifier(1, class_weight="balanced"), loader, loader)


@pytest.mark.filterwarnings("ignore:.*rows also occur in train")
def test_an_embedding_separates_categories() -> None:
    torch.manual_seed(0)
    rows = [f"town {n % 40},{n % 3},{'ab'[n % 40 % 2]}" for n in range(1200)]
    data = TableDataModule(str(write("\n".join(["town,noise,target", *rows]))), "target")
    assert (data.in_features, data.num_categories) == (2, [42])
    model = BinaryClassifier(2, num_categories=data.num_categories, optimizer="Adam", lr=0.01)
    runner = trainer(max_epochs=30)
    runner.fit(model, data)
    (metrics,) = runner.test(model, data, verbose=False)
    assert metrics["test/accuracy"] > 0.98
    custom = BinaryClassifier(2, num_categories=[42], network="tests.custom_networks.Narrow")
    assert custom(torch.tensor([[0.0, 41.0]])).shape == (1, 1)


@given(logits=st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=30))
def test_two_classes_have_two_columns_that_sum_to_one(logits: list[float]) -> None:
    p = BinaryClassifier(2).probabilities(torch.tensor(logits)[:, None])
    assert p.shape == (len(logits), 2)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(len(logits)))
    torch.testing.assert_close(p[:, 1], torch.sigmoid(torch.tensor(logits)))


def test_labels_are_rounded_probabilities() -> None:
    logits = torch.cat([torch.randn(1000), torch.tensor([0.0, 1e-9, -1e-9])])[:, None]
    model = BinaryClassifier(2)
    labels = model.labels(model.probabilities(logits))
    assert torch.equal(labels, torch.round(torch.sigmoid(logits.squeeze())).long())
    assert model.metric_sum(logits, labels) == len(labels)


def test_a_constant_added_to_all_logits_does_not_change_the_softmax() -> None:
    model, logits = MulticlassClassifier(2, 3), torch.randn(20, 3)
    torch.testing.assert_close(model.probabilities(logits), model.probabilities(logits + 7))


@pytest.mark.reliability(60)
def test_a_small_probability_of_the_first_class_is_not_rounded_to_zero() -> None:
    p = BinaryClassifier(2).probabilities(torch.tensor([[30.0]]))
    assert float(p[0, 0]) == pytest.approx(1 / (1 + np.exp(30.0)), rel=1e-6, abs=0)


@pytest.mark.reliability(20)
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, 4), "has 4 classes; use MulticlassClassifier"),
        (lambda: MulticlassClassifier(2, 1), "use BinaryClassifier"),
        (lambda: MulticlassClassifier(2, 3, ["a", "b"]), "3 logits for 2 classes"),
    ],
)
def test_numbers_of_classes_that_do_not_fit_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, 1, label_names=["a", "b"]), "use MultilabelClassifier"),
        (lambda: MulticlassClassifier(2, 3, label_names=["a", "b"]), "use MultilabelClassifier"),
        (lambda: BinaryClassifier(2, class_weight=[1.0]), r"for each of 2 classes \(0, 1\)"),
        (lambda: BinaryClassifier(2, class_weight=[1.0, -1.0]), "a positive number for each"),
        (lambda: BinaryClassifier(2, class_names=["a"]), r"the names of two classes, but gets \['a'\]"),
        (lambda: BinaryClassifier(2, class_weight="balance"), "or balanced, but is 'balance'"),
        (lambda: BinaryClassifier(2, class_weight=3), "for each of 2 classes .* but is 3"),
        (lambda: BinaryClassifier(2, class_weight=np.ones((2, 2))), "for each of 2 classes"),
        (lambda: BinaryClassifier(2, class_weight={"2": 1.0}), "unknown class in class_weight '2'"),
    ],
)
def test_unsuitable_class_weights_and_labels_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_a_threshold_decides_labels_metrics_and_plots_alike(threshold: float) -> None:
    model = BinaryClassifier(2, threshold=threshold)
    logits, y = torch.linspace(-4, 4, 50).unsqueeze(1), torch.arange(50) % 2
    p = model.probabilities(logits)
    expected = (p[:, 1] > threshold).long()
    assert torch.equal(model.labels(p), expected)
    assert torch.equal(model.relative_probabilities(p).argmax(dim=1), expected)
    assert int(model.metric_sum(logits, y)) == int((expected == y).sum())
    metric = model.make_metric()
    metric.update(*model.metric_inputs(logits, y))
    assert float(metric.compute()) == pytest.approx(float((expected == y).float().mean()))


def test_label_smoothing_is_that_of_cross_entropy() -> None:
    logits, y = torch.randn(20, 3), torch.arange(20) % 3
    smoothed = MulticlassClassifier(2, 3, label_smoothing=0.2)
    torch.testing.assert_close(smoothed.loss(logits, y), F.cross_entropy(logits, y, label_smoothing=0.2))
    logit, y = torch.randn(20, 1), torch.arange(20) % 2
    binary = BinaryClassifier(2, label_smoothing=0.2, class_weight=[1.0, 3.0])
    pair = torch.cat([torch.zeros_like(logit), logit], dim=1)  # softmax of these is the sigmoid
    losses = F.cross_entropy(pair, y, label_smoothing=0.2, reduction="none")
    weights = torch.tensor([1.0, 3.0])[y]
    torch.testing.assert_close(binary.loss(logit, y), (losses * weights).sum() / weights.sum())
    torch.testing.assert_close(binary.loss(logit, y, "none"), losses * weights)
    with pytest.raises(UserError, match="label_smoothing must be at least 0 and below 1, but is 1"):
        BinaryClassifier(2, label_smoothing=1.0)


def test_weight_decay_is_an_argument_of_the_optimizer() -> None:
    for optimizer in ("SGD", "AdamW"):
        model = BinaryClassifier(2, optimizer=optimizer, weight_decay=0.3, optimizer_args={"foreach": False})
        configured: Any = model.configure_optimizers()
        assert configured.param_groups[0]["weight_decay"] == 0.3
        assert not configured.param_groups[0]["foreach"]
    default: Any = BinaryClassifier(2, optimizer="AdamW").configure_optimizers()
    assert default.param_groups[0]["weight_decay"] == 0.01
    with pytest.raises(UserError, match="unknown argument of Rprop 'weight_decay'"):
        BinaryClassifier(2, optimizer="Rprop", weight_decay=0.3)
    with pytest.raises(UserError, match="weight_decay must be at least 0"):
        BinaryClassifier(2, weight_decay=-1.0)
