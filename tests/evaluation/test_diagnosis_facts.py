"""Facts about runs, compared with scikit-learn and autograd."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn

from lit_classify import (
    BinaryClassifier,
    BlobsDataModule,
    CirclesDataModule,
    LitModule,
    MoonsDataModule,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
)
from lit_classify.data.synthetic import Points
from lit_classify.errors import DataWarning
from lit_classify.evaluation.diagnosis_facts import (
    collect_facts,
    gradient_norm,
    is_linear,
    neighbor_predictions,
)
from tests.example_tables import table
from tests.training import trainer

ENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "round": torch.round,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
}


class Ends(nn.Module):
    def __init__(self, in_features: int, out_features: int, end: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(in_features, 8), nn.ReLU(), nn.Linear(8, out_features))
        self.end = end

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        if self.end == "softmax":
            return torch.softmax(logits, dim=1)
        return logits if self.end == "logits" else ENDS[self.end](logits)


@pytest.mark.parametrize(
    ("end", "probabilities", "integers"),
    [
        ("sigmoid", True, False),
        ("softmax", True, False),
        ("round", False, True),
        ("relu", False, False),
        ("logits", False, False),
    ],
)
def test_the_end_of_a_custom_network_is_recognized(end: str, probabilities: bool, integers: bool) -> None:
    torch.manual_seed(0)
    names = ["0", "1", "2", "3"]
    model = MulticlassClassifier(2, 4, names, network=Ends, network_args={"end": end})
    facts = collect_facts(model, BlobsDataModule())
    assert (facts.has_probabilities, facts.has_integers) == (probabilities, integers)


def test_the_neighbors_are_those_of_scikit_learn() -> None:
    x, y = MoonsDataModule(num_samples=200, noise=0.3).split("train")
    targets = nn.functional.one_hot(y, 2).float()
    scaled = StandardScaler().fit_transform(x.numpy())
    expected = []
    for row in range(len(y)):
        others = np.arange(len(y)) != row
        neighbors = KNeighborsClassifier(5).fit(scaled[others], y.numpy()[others])
        expected.append(neighbors.predict_proba(scaled[[row]])[0])
    assert neighbor_predictions(x, targets).numpy() == pytest.approx(np.array(expected))


def test_the_gradient_norm_is_that_of_backward_and_leaves_gradients_alone() -> None:
    x, y = CirclesDataModule().split("train")
    model = BinaryClassifier(2)
    norm = gradient_norm(model, x, y)
    assert all(weight.grad is None for weight in model.parameters())
    model.loss(model(x), y).backward()  # type: ignore[no-untyped-call]
    expected = torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])
    assert norm == pytest.approx(float(expected.norm()))


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(("activation", "linear"), [(None, True), ("ReLU", False), ("Identity", True)])
def test_a_linear_network_is_recognized(members: int, activation: str | None, linear: bool) -> None:
    model = Regressor(5, activation=activation, members=members)
    assert is_linear(model, torch.randn(100, 5)) == linear


def test_a_network_on_derived_inputs_is_compared_with_linear_models_of_them() -> None:
    data = CirclesDataModule(inputs=["x1^2", "x2^2"])
    model = BinaryClassifier(2, hidden=[], inputs=data.inputs)
    facts = collect_facts(model, data)
    assert facts.is_linear
    assert facts.linear_score > 0.99
    blobs = MulticlassClassifier(2, 4, ["0", "1", "2", "3"], inputs=["x1", "x2^2"], lr=1e-9)
    unscaled = collect_facts(blobs, BlobsDataModule()).unscaled
    assert unscaled is not None
    squares = BlobsDataModule().split("train").x[:, 1] ** 2
    assert (unscaled.name, unscaled.is_derived) == ("x2^2", True)
    assert unscaled.mean == pytest.approx(float(squares.mean()))


def test_the_best_weights_count_if_they_are_better() -> None:
    data = CirclesDataModule()
    model = BinaryClassifier(2)
    good = {name: value.clone() for name, value in model.state_dict().items()}
    y = data.split("train").y
    score = collect_facts(model, data).score
    with torch.no_grad():
        model.network[-1].bias.fill_(100.0)  # type: ignore[index]
    worse = float((y == 1).float().mean())
    assert collect_facts(model, data).score == pytest.approx(worse)
    assert collect_facts(model, data, best=lambda: good).score == pytest.approx(max(score, worse))


@pytest.mark.parametrize("members", [1, 2])
def test_the_best_weights_may_embed_categories(members: int) -> None:
    rows = [f"{n * 37 % 997}.5,town {n % 40},{'ab'[n // 40 % 2]}" for n in range(800)]
    data = table(rows, "x,town,y", "y")
    assert data.num_categories
    model = BinaryClassifier(data.in_features, num_categories=data.num_categories, members=members)
    assert collect_facts(model, data, best=model.state_dict).score == collect_facts(model, data).score < 0.8


def test_curves_are_in_order_and_a_resumed_run_is_recognized() -> None:
    model, data = BinaryClassifier(2), CirclesDataModule()
    scalars = [("train/loss", step, 1.0 - step / 10) for step in (3, 1, 0, 2)] + [("train/accuracy", 3, 0.7)]
    facts = collect_facts(model, data, scalars)
    assert facts.loss == [1.0, 0.9, 0.8, 0.7]
    assert facts.from_start
    assert facts.train_accuracy == 0.7
    assert not collect_facts(model, data, [("train/loss", step, 1.0) for step in (40, 41)]).from_start


@pytest.mark.parametrize("task", [Regressor, BinaryClassifier, MultilabelClassifier])
def test_every_task_has_facts(task: type[LitModule]) -> None:
    targets: dict[type, str | list[str]] = {
        Regressor: "value",
        BinaryClassifier: "kind",
        MultilabelClassifier: ["a", "b"],
    }
    rows = [f"{n * 37 % 60}.5,{n * 0.5},{'xy'[n % 2]},{n % 2},{n // 2 % 2}" for n in range(60)]
    data = table(rows, "x,value,kind,a,b", targets[task], features=["x"])
    names = {"class_names": data.class_names, "label_names": data.label_names}
    arguments: dict[str, Any] = {name: value for name, value in names.items() if value is not None}
    facts = collect_facts(task(data.in_features, data.out_features, **arguments), data)
    assert facts.score < 0.8
    assert facts.neighbors_score is not None


def test_a_column_that_determines_the_class_is_found() -> None:
    rows = [f"{n * 37 % 100},{'uv'[n % 2]},{'no' if n % 2 else 'yes'}" for n in range(100)]
    with pytest.warns(DataWarning, match="possible target leakage: outcome"):
        data = table(rows, "size,outcome,target")
    model = BinaryClassifier(
        data.in_features, class_names=data.class_names, num_categories=data.num_categories
    )
    assert collect_facts(model, data).leaking == ["outcome"]


class Shifted(CirclesDataModule):
    def generate(self) -> Points:
        x, y = super().generate()
        return x * [1.0, 1e5], y


def test_an_unscaled_input_is_named() -> None:
    unscaled = collect_facts(BinaryClassifier(2), Shifted()).unscaled
    assert unscaled is not None
    assert unscaled.name == "x2"
    assert unscaled.deviation > 1e4


def test_only_a_rare_class_is_reported_as_never_predicted() -> None:
    rows = [f"{n},{'rare' if n < 40 else 'common'}" for n in range(400)]
    data = table(rows)
    model = BinaryClassifier(data.in_features, class_names=data.class_names)
    rare = data.class_names.index("rare") if data.class_names else -1
    with torch.no_grad():
        model.network[-1].bias.fill_(100.0 if rare == 0 else -100.0)  # type: ignore[index]
        facts = collect_facts(model, data)
        assert facts.never_predicted["rare"] > 0.8
        model.network[-1].bias.fill_(-100.0 if rare == 0 else 100.0)  # type: ignore[index]
        assert collect_facts(model, data).never_predicted == {}


class Seen(Callback):
    """The features of the training batches."""

    def __init__(self) -> None:
        self.x: list[Tensor] = []

    def on_train_batch_end(self, *arguments: Any) -> None:
        x, *_ = arguments[3]
        self.x.append(x)


@pytest.mark.parametrize(("overfit_batches", "num_batches"), [(2, 2), (0.5, 4)])
def test_the_rows_of_overfitted_batches_are_those_of_the_trainer(
    overfit_batches: float, num_batches: int
) -> None:
    data, model, seen = CirclesDataModule(batch_size=100), BinaryClassifier(2), Seen()
    trainer(max_epochs=1, overfit_batches=overfit_batches, callbacks=[seen]).fit(model, data)
    facts = collect_facts(model, CirclesDataModule(batch_size=100), overfit_batches=overfit_batches)
    x, y = torch.cat(seen.x), data.split("train").y[: 100 * num_batches]
    assert (facts.overfit_batches, facts.num_rows) == (num_batches, len(x))
    assert facts.score == pytest.approx(float(((model.network(x)[:, 0] > 0) == y).float().mean()))
    assert facts.neighbors_score == 1.0
    facts = collect_facts(model, CirclesDataModule(batch_size=100), overfit_batches=50)  # more than there are
    assert (facts.overfit_batches, facts.num_rows) == (8, 800)


@pytest.mark.filterwarnings("ignore:.* also occur in")
def test_rows_with_equal_features_cannot_be_told_apart() -> None:
    rows = [f"{n % 2},{'aab'[n % 3]}" for n in range(60)]
    data = table(rows, "x,target", "target", numeric="x", batch_size=None)
    facts = collect_facts(BinaryClassifier(data.in_features), data, overfit_batches=1)
    tree = DecisionTreeClassifier().fit(*data.split("train"))
    assert tree.score(*data.split("train")) < 0.8
    assert facts.neighbors_score == pytest.approx(tree.score(*data.split("train")))
