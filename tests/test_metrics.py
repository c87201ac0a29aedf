"""Metrics: equal to those of scikit-learn, the same in every output, omitted with a reason if undefined."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import lightning.pytorch as L
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import metrics
from sklearn import metrics as reference
from sklearn.datasets import load_wine
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
    TensorLoader,
)
from lit_classify.cli.main import main
from lit_classify.data import InMemoryDataModule
from lit_classify.evaluation.console_output import evaluation_text, metric_lines
from lit_classify.modules import LitModule
from lit_classify.modules.class_tables import score_table
from tests.example_tables import bundled, write
from tests.training import TASKS, trainer


def score(model: LitModule, x: Tensor, y: Tensor, batch_size: int | None = None) -> dict[str, float]:
    loader = TensorLoader((x, y), batch_size=batch_size, even=False)
    (metrics,) = trainer().test(model, loader, verbose=False)
    return {name.removeprefix("test/"): value for name, value in metrics.items()}


def with_network(
    task: Callable[..., LitModule], num_outputs: int, network: nn.Module, **settings: Any
) -> LitModule:
    model = task(num_outputs, num_outputs, hidden=[], **settings)
    model.network = network
    return model


def identity(task: Callable[..., LitModule], num_outputs: int, **settings: Any) -> LitModule:
    """Return a module whose logits are its features."""
    return with_network(task, num_outputs, nn.Identity(), **settings)


class Logarithm(nn.Module):
    """A network whose outputs for negative features are NaN."""

    def forward(self, x: Tensor) -> Tensor:
        return x.log()


@pytest.mark.reliability(59)
@pytest.mark.parametrize("absent", ["from targets", "from both", "from predictions"])
def test_means_over_classes_equal_the_defaults_of_scikit_learn(absent: str) -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 4 if absent == "from predictions" else 3, 80)
    predicted = random.integers(0, 4 if absent == "from targets" else 3, 80)
    logits = torch.eye(4)[predicted] + 0.1 * torch.rand(80, 4)
    model = identity(MulticlassClassifier, 4)
    measured = score(model, logits, torch.from_numpy(y), batch_size=33)
    expected = {
        "precision": reference.precision_score(y, predicted, average="macro", zero_division=0),
        "recall": reference.recall_score(y, predicted, average="macro", zero_division=0),
        "f1": reference.f1_score(y, predicted, average="macro", zero_division=0),
        "balanced_accuracy": np.mean([np.mean(predicted[y == label] == label) for label in np.unique(y)]),
    }
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    data = CirclesDataModule()
    (row,) = (line for line in evaluation_text(model, data).splitlines() if line.startswith("macro average"))
    assert [float(cell) for cell in row.split()[2:5]] == pytest.approx(
        [expected[name] for name in ("precision", "recall", "f1")], abs=5e-5
    )


@pytest.mark.reliability(59)
def test_ranking_metrics_skip_a_class_without_rows_with_a_note() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(60, 3), torch.randint(0, 2, (60,))
    model = identity(MulticlassClassifier, 3)
    measured = score(model, x, y)
    p = torch.softmax(x.double(), dim=1).numpy()
    scores = [reference.roc_auc_score(y == column, p[:, column]) for column in (0, 1)]
    assert measured["auroc"] == pytest.approx(np.mean(scores), abs=1e-6)
    scores = [reference.average_precision_score(y == column, p[:, column]) for column in (0, 1)]
    assert measured["average_precision"] == pytest.approx(np.mean(scores), abs=1e-6)
    assert "(mean over the 2 of 3 classes that are positive in some rows and negative in others)" in printed(
        model
    )


@pytest.mark.reliability(59)
def test_means_skip_labels_without_positives_with_a_note() -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 4)
    y = torch.randint(0, 2, (50, 4)).float()
    y[:, 1], y[:, 3] = 0, 1
    x[:, 1] = -1  # neither present nor predicted
    model = identity(MultilabelClassifier, 4)
    measured = score(model, x, y)
    auroc = [reference.roc_auc_score(y[:, label], x[:, label]) for label in (0, 2)]
    assert measured["auroc"] == pytest.approx(np.mean(auroc), abs=1e-6)
    precision = [reference.average_precision_score(y[:, label], x[:, label]) for label in (0, 2, 3)]
    assert measured["average_precision"] == pytest.approx(np.mean(precision), abs=1e-6)
    occur = [0, 2, 3]
    expected = reference.f1_score(y, x > 0, labels=occur, average="macro")
    assert measured["f1"] == pytest.approx(expected, abs=1e-6)
    text = printed(model)
    assert "(mean over the 2 of 4 labels that are positive in some rows and negative in others)" in text
    assert "(mean over the 3 of 4 labels that occur)" in text


UNDEFINED: list[tuple[Callable[[], LitModule], Tensor, Tensor, dict[str, str]]] = [
    (
        lambda: identity(BinaryClassifier, 1, class_names=["no", "yes"]),
        torch.tensor([[-1.0], [-2.0]]),
        torch.tensor([0, 0]),
        {
            "auroc": "every row is of class no",
            "precision": "no row is predicted as yes",
            "recall": "no row is of class yes",
            "f1": "no row is of class yes, and none is predicted as it",
            "average_precision": "no row is of class yes",
        },
    ),
    (
        lambda: identity(BinaryClassifier, 1, class_names=["no", "yes"]),
        torch.tensor([[-1.0], [-2.0]]),
        torch.tensor([1, 1]),
        {"auroc": "every row is of class yes", "precision": "no row is predicted as yes"},
    ),
    (
        lambda: identity(MulticlassClassifier, 3),
        torch.eye(3),
        torch.tensor([1, 1, 1]),
        {"auroc": "every row is of the same class"},
    ),
    (
        lambda: identity(MultilabelClassifier, 2),
        torch.full((3, 2), -1.0),
        torch.zeros(3, 2),
        {
            "auroc": "each label is positive in all rows or in none",
            "average_precision": "each label is positive in all rows or in none",
            "precision": "no label is positive or predicted in any row",
            "recall": "no label is positive or predicted in any row",
            "f1": "no label is positive or predicted in any row",
        },
    ),
    (
        lambda: identity(Regressor, 1),
        torch.tensor([[1.0], [2.0]]),
        torch.tensor([5.0, 5.0]),
        {"r2": "all true values are equal"},
    ),
    (
        lambda: identity(Regressor, 1),
        torch.tensor([[1.0]]),
        torch.tensor([5.0]),
        {"r2": "there is only one row"},
    ),
    (
        lambda: with_network(BinaryClassifier, 1, Logarithm()),
        torch.tensor([[1.0], [-1.0]]),
        torch.tensor([0, 1]),
        {"loss": "the outputs for 1 of 2 rows are NaN or infinite"},
    ),
]


@pytest.mark.reliability(59)
@pytest.mark.parametrize(("build", "x", "y", "reasons"), UNDEFINED)
def test_an_undefined_metric_is_missing_and_its_reason_is_printed(
    build: Callable[[], LitModule], x: Tensor, y: Tensor, reasons: Mapping[str, str]
) -> None:
    model = build()
    measured = score(model, x, y)
    assert not set(reasons) & set(measured)
    assert all(np.isfinite(value) for value in measured.values())
    lines = printed(model).splitlines()
    undefined = {line.split()[0]: line.partition("undefined: ")[2] for line in lines if "undefined" in line}
    assert undefined == reasons


@pytest.mark.reliability(59)
def test_every_defined_metric_is_computed() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(40, 3), torch.arange(40) % 3
    shared = {"loss", "accuracy", "precision", "recall", "f1", "auroc", "average_precision"}
    assert set(score(identity(MulticlassClassifier, 3), x, y)) == shared | {
        "balanced_accuracy",
        "log_loss",
    }
    assert set(score(identity(BinaryClassifier, 1), x[:, :1], y % 2)) == shared | {
        "balanced_accuracy",
        "log_loss",
    }
    labels = torch.nn.functional.one_hot(y, 3).float()
    assert set(score(identity(MultilabelClassifier, 3), x, labels)) == shared | {
        "exact_match",
        "hamming_loss",
    }
    assert set(score(identity(Regressor, 1), x[:, :1], y.float())) == {
        "loss",
        "mae",
        "rmse",
        "r2",
        "max_error",
    }


def printed(model: LitModule) -> str:
    assert model.evaluation is not None
    return "\n".join(metric_lines(model.evaluation.metrics))


@pytest.mark.reliability(60)
def test_loss_and_log_loss_of_saturated_logits_agree_for_two_classes() -> None:
    x, y = torch.tensor([[200.0], [-200.0], [200.0], [-200.0]]), torch.tensor([1, 0, 0, 1])
    model = identity(BinaryClassifier, 1)
    measured = score(model, x, y)
    assert measured["loss"] == pytest.approx(100.0)
    assert measured["log_loss"] == pytest.approx(100.0)
    assert measured["accuracy"] == 0.5
    assert model.predict(x).tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


@pytest.mark.reliability(60)
def test_loss_and_log_loss_of_saturated_logits_agree_for_many_classes() -> None:
    x, y = 200 * torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 1, 2, 2])
    measured = score(identity(MulticlassClassifier, 3), x, y)
    assert measured["loss"] == pytest.approx(50.0)
    assert measured["log_loss"] == pytest.approx(50.0)
    assert measured["accuracy"] == 0.75


@pytest.mark.reliability(60)
def test_saturated_logits_are_ranked_though_their_probabilities_are_equal() -> None:
    logits = torch.tensor([20.0, 30.0, 40.0, 200.0])
    y = torch.tensor([0, 1, 0, 1])
    measured = score(identity(BinaryClassifier, 1), logits[:, None], y)
    assert measured["auroc"] == pytest.approx(reference.roc_auc_score(y, logits))
    assert measured["average_precision"] == pytest.approx(reference.average_precision_score(y, logits))
    many = torch.stack([logits, torch.zeros(4), -logits], dim=1)
    measured = score(identity(MulticlassClassifier, 3), many, 1 - y)
    scores = reference.roc_auc_score(y == 1, logits), reference.roc_auc_score(y == 0, -logits)
    assert measured["auroc"] == pytest.approx(np.mean(scores))


@pytest.mark.reliability(59)
def test_fit_test_and_tensorboard_show_the_same_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    assert main(["fit", "--config", "table", *wine, "--trainer.max_epochs", "5", "--plots", "none"]) == 0
    (best,) = re.findall(r"on the test rows: loss (\S+), accuracy (\S+)", capsys.readouterr().out)
    assert main(["test", "--ckpt_path", "lightning_logs/table/version_0/checkpoints/best.ckpt"]) == 0
    out = capsys.readouterr().out
    metrics = dict(re.findall(r"^  (\w+) +(\d\S+)$", out, re.MULTILINE))
    assert (metrics["loss"], metrics["accuracy"]) == best
    events = EventAccumulator("lightning_logs/table/version_0")
    events.Reload()
    for name, value in metrics.items():
        assert f"{events.Scalars(f'test/{name}')[-1].value:.5f}" == value, name
    (row,) = (line.split() for line in out.splitlines() if line.startswith("macro average"))
    assert row[2:5] == [f"{float(metrics[name]):.4f}" for name in ("precision", "recall", "f1")]


@pytest.mark.reliability(59)
def test_validate_and_test_agree_on_the_same_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "circles_v2", "--trainer.max_epochs", "9", "--plots", "none"]) == 0
    path = "lightning_logs/circles_v2/version_0/checkpoints/last.ckpt"
    tables = []
    for command in ("validate", "test"):
        capsys.readouterr()
        assert main([command, "--ckpt_path", path]) == 0
        tables.append(dict(re.findall(r"^  (\w+) +(\d\S+)$", capsys.readouterr().out, re.MULTILINE)))
    assert len(tables[0]) == 9
    assert tables[0] == tables[1]


@pytest.mark.reliability(59)
def test_a_test_of_one_class_prints_why_a_metric_is_undefined(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{n},{n % 7},{'no' if n % 2 else 'yes'}" for n in range(60)]
    write("\n".join(["a,b,y", *rows]), "all.csv")
    write("\n".join(["a,b,y", "1,2,no", "3,1,no"]), "no.csv")
    table = ["--data.path", "all.csv", "--data.test_path", "no.csv", "--data.target", "y"]
    assert main(["fit", "--config", "table", *table, "--trainer.max_epochs", "2", "--plots", "none"]) == 0
    capsys.readouterr()
    assert main(["test", "--ckpt_path", "lightning_logs/table/version_0/checkpoints/best.ckpt"]) == 0
    out = capsys.readouterr().out
    assert "auroc              undefined: every row is of class no" in out
    assert "nan" not in out
    assert re.search(r"^yes +(-|0\.0000) +- ", out, re.MULTILINE)
    assert "-: undefined, because no row is of the class" in out


@pytest.mark.parametrize(("task", "arguments", "data"), TASKS)
def test_metrics_of_each_task_equal_those_of_scikit_learn(
    task: type[LitModule], arguments: dict[str, Any], data: type[InMemoryDataModule]
) -> None:
    L.seed_everything(1, verbose=False)
    model = task(**arguments)
    data_module = data(batch_size=None)  # type: ignore[call-arg]  # all of them take a batch size
    x, y = data_module.split("test")
    with torch.no_grad():
        model.network[-1].bias -= model(x).median(dim=0).values  # type: ignore[index]  # so that each class is predicted
        p = model.predict(x)
    (metrics,) = trainer().test(model, data_module, verbose=False)
    if isinstance(model, Regressor):
        y, p = y.double(), p.double()
        expected = {
            "mae": reference.mean_absolute_error(y, p),
            "rmse": reference.root_mean_squared_error(y, p),
            "r2": reference.r2_score(y, p),
        }
    else:
        labels, average = p.argmax(dim=1), "binary" if p.shape[1] == 2 else "macro"
        scores = reference.precision_recall_fscore_support(y, labels, average=average, zero_division=0)
        expected = dict(zip(("precision", "recall", "f1"), scores[:3], strict=True))
        expected["accuracy"] = reference.accuracy_score(y, labels)
        if p.shape[1] == 2:
            expected["auroc"] = reference.roc_auc_score(y, p[:, 1])
    for name, value in expected.items():
        assert metrics[f"test/{name}"] == pytest.approx(value, rel=1e-6, abs=1e-6), name


@pytest.mark.reliability(25)
@pytest.mark.parametrize("num_classes", [2, 4])
def test_metrics_of_imbalanced_classes_equal_those_of_scikit_learn(num_classes: int) -> None:
    random = np.random.default_rng(0)
    rare = [0.99, *[0.01 / (num_classes - 1)] * (num_classes - 1)]  # 99 to 1
    y = np.concatenate([random.choice(num_classes, 5000, p=rare), np.arange(num_classes)])
    x = random.normal(size=(len(y), 6)) + y[:, None]
    model, logged = evaluate(x, torch.from_numpy(y), 1 if num_classes == 2 else num_classes, classes=True)
    with torch.no_grad():
        p = model.predict(torch.from_numpy(x).float()).double().numpy()
    predicted = p.argmax(axis=1)
    average = "binary" if num_classes == 2 else "macro"
    expected = {
        "test/accuracy": metrics.accuracy_score(y, predicted),
        "test/precision": metrics.precision_score(y, predicted, average=average, zero_division=0),
        "test/recall": metrics.recall_score(y, predicted, average=average, zero_division=0),
        "test/f1": metrics.f1_score(y, predicted, average=average, zero_division=0),
        "test/loss": metrics.log_loss(y, p / p.sum(axis=1, keepdims=True)),
        "test/balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
    }
    several = {"multi_class": "ovr"} if num_classes > 2 else {}
    expected["test/auroc"] = metrics.roc_auc_score(y, p if num_classes > 2 else p[:, 1], **several)
    per_class = [metrics.average_precision_score(y == label, p[:, label]) for label in range(num_classes)]
    expected["test/average_precision"] = per_class[1] if num_classes == 2 else np.mean(per_class)
    expected["test/log_loss"] = expected["test/loss"]
    assert logged == pytest.approx(expected, abs=1e-6)


def test_metrics_of_values_equal_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(500, 6))
    y = 1e4 + 300 * x[:, 0] + random.normal(size=500)
    model, logged = evaluate(x, torch.from_numpy(y).float(), 1, classes=False)
    with torch.no_grad():
        predicted = model.predict(torch.from_numpy(x).float()).double().numpy()
    y = y.astype(np.float32).astype(np.float64)
    assert logged["test/mae"] == pytest.approx(metrics.mean_absolute_error(y, predicted), rel=1e-6)
    assert logged["test/rmse"] == pytest.approx(metrics.root_mean_squared_error(y, predicted), rel=1e-6)
    assert logged["test/max_error"] == pytest.approx(metrics.max_error(y, predicted), rel=1e-6)
    assert logged["test/r2"] == pytest.approx(metrics.r2_score(y, predicted), rel=1e-6)


def test_metrics_of_labels_equal_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 6))
    y = (x[:, :3] + random.normal(size=(400, 3)) > 0.5).astype(int)
    thresholds = [0.3, 0.5, 0.6]
    model = MultilabelClassifier(6, 3, thresholds=thresholds)
    loader = TensorLoader((torch.from_numpy(x).float(), torch.from_numpy(y).float()), even=False)
    (logged,) = trainer().test(model, loader, verbose=False)
    with torch.no_grad():
        p = model.predict(torch.from_numpy(x).float()).double().numpy()
    predicted = (p > thresholds).astype(int)
    expected = {
        "test/accuracy": (predicted == y).mean(),
        "test/exact_match": metrics.accuracy_score(y, predicted),
        "test/precision": metrics.precision_score(y, predicted, average="macro", zero_division=0),
        "test/recall": metrics.recall_score(y, predicted, average="macro", zero_division=0),
        "test/f1": metrics.f1_score(y, predicted, average="macro", zero_division=0),
        "test/auroc": metrics.roc_auc_score(y, p, average="macro"),
        "test/average_precision": metrics.average_precision_score(y, p, average="macro"),
        "test/hamming_loss": metrics.hamming_loss(y, predicted),
        "test/loss": np.mean([metrics.log_loss(y[:, label], p[:, label]) for label in range(3)]),
    }
    assert logged == pytest.approx(expected, abs=1e-6)
    lines = score_table("label", y, predicted, ["a", "b", "c"], "micro").splitlines()
    reference = metrics.classification_report(y, predicted, output_dict=True, zero_division=0)
    assert [float(cell) for cell in lines[1].split()[1:4]] == pytest.approx(
        [reference["0"][key] for key in ("precision", "recall", "f1-score")], abs=5e-5
    )


def evaluate(
    x: NDArray[np.float64], y: torch.Tensor, out_features: int, classes: bool
) -> tuple[LitModule, dict[str, float]]:
    torch.manual_seed(0)
    task = Regressor if not classes else BinaryClassifier if out_features == 1 else MulticlassClassifier
    model = task(x.shape[1], out_features)
    loader = TensorLoader((torch.from_numpy(x).float(), y), batch_size=700, even=False)
    (logged,) = trainer().test(model, loader, verbose=False)
    return model, {name: float(value) for name, value in logged.items()}
