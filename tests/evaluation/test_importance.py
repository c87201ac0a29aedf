"""Permutation importance equals that of scikit-learn; the rows it uses, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.inspection import permutation_importance as sklearn_importance

from lit_classify import BinaryClassifier, DataError, MulticlassClassifier, Regressor, UserError
from lit_classify.data import InMemoryDataModule
from lit_classify.data.splits import Split
from lit_classify.evaluation.importance import Importance, importance_text, permutation_importance
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating
from tests.example_tables import table

NUM_REPEATS = 100


class Numbers(InMemoryDataModule):
    """Random numbers, of which the first matter more."""

    in_features = 4

    def __init__(self, num_classes: int = 0, num_rows: int = 300, folds: int = 0) -> None:
        super().__init__(batch_size=None, shuffle=False, drop_last=False, random_state=0)
        self.class_names = [str(index) for index in range(num_classes)] or None
        self.out_features = num_classes if num_classes > 2 else 1
        self.num_rows, self.folds = num_rows, folds

    def load(self) -> dict[str, Split]:
        x = torch.randn(self.num_rows, 4, generator=torch.Generator().manual_seed(0))
        y = x @ torch.tensor([2.0, 1.0, 0.5, 0.0])
        classes = (y > 0).long() + (y > 1).long() * (self.out_features > 2)
        split = Split(x, y if self.class_names is None else classes)
        if self.folds:
            self.fold = torch.arange(self.num_rows) % self.folds
            return {"train": split, "val": split}
        return dict.fromkeys(("train", "val", "test"), split)


class Estimator:
    """A model as an estimator of scikit-learn; a column after the features holds the fold of each row."""

    def __init__(self, model: LitModule) -> None:
        self.model = model

    def fit(self) -> None:
        pass

    def probabilities(self, x: NDArray[Any]) -> NDArray[Any]:
        features = torch.from_numpy(x[:, :4]).float()
        with evaluating(self.model):
            if x.shape[1] == 4:
                return self.model.predict(features).numpy()
            members = self.model.network(features)
            logits = members[torch.from_numpy(x[:, 4]).long(), torch.arange(len(x))]
            return self.model.probabilities(logits).numpy()


def accuracy(estimator: Estimator, x: NDArray[Any], y: NDArray[Any]) -> float:
    return float(metrics.accuracy_score(y, estimator.probabilities(x).argmax(axis=1)))


def log_loss(estimator: Estimator, x: NDArray[Any], y: NDArray[Any]) -> float:
    p = estimator.probabilities(x).astype(float)
    return -float(metrics.log_loss(y, p / p.sum(axis=1, keepdims=True)))


def mean_absolute_error(estimator: Estimator, x: NDArray[Any], y: NDArray[Any]) -> float:
    return -float(metrics.mean_absolute_error(y, estimator.probabilities(x)))


Score = Callable[[Estimator, NDArray[Any], NDArray[Any]], float]
THREE = {"out_features": 3}
Case = tuple[type[LitModule], dict[str, Any], Numbers, str | None, Score, str]
CASES: dict[str, Case] = {
    "two classes": (BinaryClassifier, {}, Numbers(2), None, accuracy, "decrease of accuracy"),
    "loss": (BinaryClassifier, {}, Numbers(2), "loss", log_loss, "increase of loss"),
    "many classes": (
        MulticlassClassifier,
        {"out_features": 3},
        Numbers(3),
        None,
        accuracy,
        "decrease of accuracy",
    ),
    "members": (BinaryClassifier, {"members": 3}, Numbers(2), None, accuracy, "decrease of accuracy"),
    "folds": (BinaryClassifier, {"folds": 3}, Numbers(2, folds=3), "loss", log_loss, "increase of loss"),
    "a number": (Regressor, {}, Numbers(), None, mean_absolute_error, "increase of mae"),
}


def train(model: LitModule, data: InMemoryDataModule) -> None:
    """Learn a little, so that columns differ in importance."""
    x, y = data.split("train")
    for _ in range(20):
        logits = model.network(x)
        outputs = logits if model.members > 1 else [logits]
        loss = sum((model.loss(output, y) for output in outputs), torch.zeros(()))
        parameters = list(model.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.data -= 0.5 * gradient


@pytest.mark.parametrize("case", CASES)
def test_importance_equals_that_of_scikit_learn(case: str) -> None:
    task, options, data, metric, score, measure = CASES[case]
    torch.manual_seed(0)
    model = task(4, **options)
    train(model, data)
    result = permutation_importance(model, data, metric, NUM_REPEATS)
    assert result.measure == measure
    x, y, *fold = data.batch_tensors("train")
    columns = np.column_stack([x.numpy(), *(tensor.numpy() for tensor in fold)])
    expected = sklearn_importance(
        Estimator(model), columns, y.numpy(), scoring=score, n_repeats=NUM_REPEATS, random_state=0
    )
    order = [int(name[1:]) - 1 for name in result.columns]
    means, deviations = expected.importances_mean[order], expected.importances_std[order]
    assert result.means[0] > 0.02
    assert np.abs(result.means - means).max() < 5 * deviations.max() / np.sqrt(NUM_REPEATS)
    assert result.deviations == pytest.approx(deviations, rel=0.4, abs=0.05 * deviations.max())
    assert list(result.means) == sorted(result.means, reverse=True)


def test_a_column_that_the_model_does_not_use_has_no_importance() -> None:
    model, data = BinaryClassifier(4, hidden=[]), Numbers(2)
    with torch.no_grad():
        next(model.parameters())[:, 1] = 0
    result = permutation_importance(model, data, "loss")
    position = result.columns.index("x2")
    assert result.means[position] == result.deviations[position] == 0
    assert (np.delete(result.deviations, position) > 0).all()


def test_all_features_of_a_column_are_permuted_together() -> None:
    rows = [f"{n if n % 9 else ''},{'abc'[n % 3]},{-n},{'ab'[n % 2]}" for n in range(90)]
    data = table(rows, "x,color,z,target")
    model = BinaryClassifier(data.in_features)
    seen: list[torch.Tensor] = []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    assert sorted(permutation_importance(model, data, repeats=2).columns) == ["color", "x", "z"]
    original, *permuted = seen
    for index, features in enumerate([[0, 1], [2, 3, 4, 5], [6]]):  # x and its indicator, color, z
        others = [feature for feature in range(7) if feature not in features]
        for x in permuted[2 * index : 2 * index + 2]:
            assert torch.equal(x[:, others], original[:, others])
            assert not torch.equal(x[:, features], original[:, features])
            assert sorted(x[:, features].tolist()) == sorted(original[:, features].tolist())


def test_the_rows_are_the_test_rows_if_there_are_any() -> None:
    rows = [f"{n % 7},{n % 5},{'ab'[n % 2]}" for n in range(60)]
    for options, expected in (
        ({}, "12 test rows"),
        ({"test_fraction": 0.0}, "12 validation rows"),
        ({"test_fraction": 0.0, "folds": 3}, "60 out-of-fold rows"),
        ({"folds": 3}, "12 test rows"),
    ):
        data = table(rows, "a,b,target", **options)
        model = BinaryClassifier(data.in_features, folds=data.folds)
        assert permutation_importance(model, data).basis.startswith(f"{expected}, accuracy ")


def test_the_metric_of_out_of_fold_rows_is_that_of_the_cross_validation() -> None:
    model, data = BinaryClassifier(4, folds=3), Numbers(2, folds=3)
    x, y, fold = data.batch_tensors("train")
    with torch.no_grad():
        predicted = model.labels(model.probabilities(model.held_out_logits(x, fold)))
    expected = float((predicted == y).float().mean())
    assert f"out-of-fold rows, accuracy {expected:.5f}," in permutation_importance(model, data).basis


def test_of_many_rows_some_are_chosen_by_the_seed() -> None:
    model, data = BinaryClassifier(4, folds=3), Numbers(2, folds=3)
    sample, repeated, other = (
        permutation_importance(model, data, max_rows=50, seed=seed) for seed in (1, 1, 2)
    )
    assert sample.basis.startswith("50 of 300 out-of-fold rows, ")
    assert sample.columns == repeated.columns
    assert np.array_equal(sample.means, repeated.means)
    assert sample.basis != other.basis


def test_unusable_arguments_are_refused() -> None:
    model, data = BinaryClassifier(4), Numbers(2)
    with pytest.raises(UserError, match="unknown metric 'acuracy': did you mean 'accuracy'"):
        permutation_importance(model, data, "acuracy")
    for arguments, message in (
        ((0, 100, 0), "repeats must be at least 1"),
        ((5, 1, 0), "max_rows must be at least 2"),
        ((5, 100, -1), "seed must be at least 0"),
    ):
        with pytest.raises(UserError, match=message):
            permutation_importance(model, data, "loss", *arguments)
    with pytest.raises(DataError, match="at least two rows"):
        permutation_importance(model, Numbers(2, num_rows=1))


def test_an_infinite_metric_is_refused() -> None:
    model, data = Regressor(4, loss="MSE"), Numbers()
    with torch.no_grad():
        next(model.parameters()).mul_(1e25)
    with pytest.raises(UserError, match="the loss of the 300 test rows is NaN or infinite"):
        permutation_importance(model, data, "loss")


def test_at_most_forty_columns_are_printed() -> None:
    numbers = np.arange(45.0)[::-1] - 1e-9
    names = [f"column\n{index}" for index in range(45)]
    lines = importance_text(
        Importance(names, numbers, numbers, "increase of mae", "9 test rows")
    ).splitlines()
    assert len(lines) == 3 + 1 + 40 + 1
    assert lines[4] == r"column\n0   44.00000  44.00000"
    assert lines[-1] == "and 5 less important columns"
