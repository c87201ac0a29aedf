"""Reports of test: metrics equal those of scikit-learn, and baselines on the same rows."""

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from sklearn import metrics

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    LineDataModule,
    LitModule,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
    TableDataModule,
    TensorLoader,
)
from lit_classify.evaluation.text import baseline_lines, evaluation_text
from lit_classify.modules.evaluation_tables import score_table
from tests.example_tables import write


def test_a_linear_baseline_cannot_separate_the_circles() -> None:
    lines = baseline_lines(BinaryClassifier(2), CirclesDataModule())
    majority, logistic = (float(line.split()[-1]) for line in lines[1:])
    assert majority == pytest.approx(0.5, abs=0.05)
    assert logistic == pytest.approx(0.5, abs=0.1)


def test_reports_are_written_for_classes_and_values() -> None:
    model, data = BinaryClassifier(2), CirclesDataModule()
    trainer().test(model, data, verbose=False)
    for words in ("macro average", "confusion", "majority class"):
        assert words in evaluation_text(model, data)
    assert "linear regression    1.00000" in evaluation_text(Regressor(1), LineDataModule())


def test_a_baseline_that_cannot_learn_a_constant_label_is_reported() -> None:
    write("x,p,q\n" + "\n".join(f"{n},{n % 2},0" for n in range(60)))
    data = TableDataModule("t.csv", ["p", "q"])
    text = evaluation_text(MultilabelClassifier(1, 2, label_names=["p", "q"]), data)
    assert "logistic regression  cannot learn these labels" in text


@pytest.mark.reliability(25)
@pytest.mark.parametrize("num_classes", [2, 4])
def test_metrics_of_classes_equal_scikit_learns(num_classes: int) -> None:
    random = np.random.default_rng(0)
    rare = [0.99, *[0.01 / (num_classes - 1)] * (num_classes - 1)]  # 99 to 1
    y = np.concatenate([random.choice(num_classes, 5000, p=rare), np.arange(num_classes)])
    x = random.normal(size=(len(y), 6)) + y[:, None]
    model, logged = score(x, torch.from_numpy(y), 1 if num_classes == 2 else num_classes, classes=True)
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
    of_each = [metrics.average_precision_score(y == number, p[:, number]) for number in range(num_classes)]
    expected["test/average_precision"] = of_each[1] if num_classes == 2 else np.mean(of_each)
    expected["test/log_loss"] = expected["test/loss"]
    assert logged == pytest.approx(expected, abs=1e-6)


def test_metrics_of_values_equal_scikit_learns() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(500, 6))
    y = 1e4 + 300 * x[:, 0] + random.normal(size=500)
    model, logged = score(x, torch.from_numpy(y).float(), 1, classes=False)
    with torch.no_grad():
        predicted = model.predict(torch.from_numpy(x).float()).double().numpy()
    y = y.astype(np.float32).astype(np.float64)
    assert logged["test/mae"] == pytest.approx(metrics.mean_absolute_error(y, predicted), rel=1e-6)
    assert logged["test/rmse"] == pytest.approx(metrics.root_mean_squared_error(y, predicted), rel=1e-6)
    assert logged["test/max_error"] == pytest.approx(metrics.max_error(y, predicted), rel=1e-6)
    assert logged["test/r2"] == pytest.approx(metrics.r2_score(y, predicted), rel=1e-6)


def test_metrics_of_labels_equal_scikit_learns() -> None:
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


def trainer() -> Trainer:
    return Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")


def score(
    x: NDArray[np.float64], y: torch.Tensor, out_features: int, classes: bool
) -> tuple[LitModule, dict[str, float]]:
    torch.manual_seed(0)
    task = Regressor if not classes else BinaryClassifier if out_features == 1 else MulticlassClassifier
    model = task(x.shape[1], out_features)
    loader = TensorLoader((torch.from_numpy(x).float(), y), batch_size=700, even=False)
    (logged,) = trainer().test(model, loader, verbose=False)
    return model, {name: float(value) for name, value in logged.items()}
