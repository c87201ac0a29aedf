"""Metrics: one value wherever it is shown, scikit-learn's where it is defined, absent with a reason else."""

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from sklearn import metrics as reference
from sklearn.datasets import load_wine
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    EpochLog,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
    TensorLoader,
)
from lit_classify.cli.main import main
from lit_classify.evaluation.text import evaluation_text, metric_lines
from lit_classify.metrics import log_odds
from lit_classify.modules import LitModule
from tests.example_tables import bundled, write
from tests.modules.test_base import trainer

WEIGHTED: list[tuple[type[LitModule], dict[str, Any]]] = [
    (BinaryClassifier, {"out_features": 1, "class_weight": [1.0, 7.5]}),
    (MulticlassClassifier, {"out_features": 3, "class_weight": [0.2, 1.0, 9.0]}),
]


def score(model: LitModule, x: Tensor, y: Tensor, batch_size: int | None = None) -> dict[str, float]:
    loader = TensorLoader((x, y), batch_size=batch_size, even=False)
    (found,) = trainer().test(model, loader, verbose=False)
    return {name.removeprefix("test/"): value for name, value in found.items()}


def giving(task: Callable[..., LitModule], num_outputs: int, **settings: Any) -> LitModule:
    """Return a module whose logits are its features."""
    model = task(num_outputs, num_outputs, hidden=[], **settings)
    model.network = nn.Identity()
    return model


# Weighted losses.


@pytest.mark.reliability(42)
@pytest.mark.parametrize("batch_size", [60, 7, 1])
@pytest.mark.parametrize(("task", "settings"), WEIGHTED)
def test_a_weighted_loss_is_the_weighted_mean_of_all_rows_for_any_batches(
    task: type[LitModule], settings: dict[str, Any], batch_size: int
) -> None:
    torch.manual_seed(3)
    x, y = torch.randn(60, 4), torch.randint(0, max(settings["out_features"], 2), (60,))
    model = task(4, lr=1e-30, **settings)  # so small that no step moves a weight
    loader = TensorLoader((x, y), batch_size=batch_size, even=False)
    fitted = trainer(max_epochs=1)
    fitted.fit(model, loader, loader)
    logits = model(x).detach().double()
    logits = logits if logits.shape[1] > 1 else torch.cat([torch.zeros_like(logits), logits], dim=1)
    weight = torch.tensor(settings["class_weight"], dtype=torch.float64)[y]
    rows = -torch.log_softmax(logits, dim=1)[torch.arange(60), y]
    expected = float((weight * rows).sum() / weight.sum())
    (found,) = trainer().test(model, loader, verbose=False)
    assert float(fitted.callback_metrics["train/loss"]) == pytest.approx(expected, rel=1e-6)
    assert float(fitted.callback_metrics["val/loss"]) == pytest.approx(expected, rel=1e-6)
    assert found["test/loss"] == pytest.approx(expected, rel=1e-6)


# Definitions.


@pytest.mark.reliability(59)
@pytest.mark.parametrize("absent", ["from targets", "from both", "from predictions"])
def test_means_over_classes_are_scikit_learn_s_defaults_in_the_metrics_and_in_the_report(absent: str) -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 4 if absent == "from predictions" else 3, 80)
    said = random.integers(0, 4 if absent == "from targets" else 3, 80)
    logits = torch.eye(4)[said] + 0.1 * torch.rand(80, 4)
    model = giving(MulticlassClassifier, 4)
    found = score(model, logits, torch.from_numpy(y), batch_size=33)
    expected = {
        "precision": reference.precision_score(y, said, average="macro", zero_division=0),
        "recall": reference.recall_score(y, said, average="macro", zero_division=0),
        "f1": reference.f1_score(y, said, average="macro", zero_division=0),
        "balanced_accuracy": np.mean([np.mean(said[y == number] == number) for number in np.unique(y)]),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    data = CirclesDataModule()
    (row,) = (line for line in evaluation_text(model, data).splitlines() if line.startswith("macro average"))
    assert [float(cell) for cell in row.split()[2:5]] == pytest.approx(
        [expected[name] for name in ("precision", "recall", "f1")], abs=5e-5
    )


@pytest.mark.reliability(59)
def test_a_class_without_rows_is_left_out_of_rankings_and_that_is_said() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(60, 3), torch.randint(0, 2, (60,))
    model = giving(MulticlassClassifier, 3)
    found = score(model, x, y)
    p = torch.softmax(x.double(), dim=1).numpy()
    each = [reference.roc_auc_score(y == number, p[:, number]) for number in (0, 1)]
    assert found["auroc"] == pytest.approx(np.mean(each), abs=1e-6)
    each = [reference.average_precision_score(y == number, p[:, number]) for number in (0, 1)]
    assert found["average_precision"] == pytest.approx(np.mean(each), abs=1e-6)
    assert "(mean over the 2 of 3 classes that are positive in some rows and negative in others)" in printed(
        model
    )


@pytest.mark.reliability(59)
def test_labels_without_positives_are_left_out_of_means_and_that_is_said() -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 4)
    y = torch.randint(0, 2, (50, 4)).float()
    y[:, 1], y[:, 3] = 0, 1
    x[:, 1] = -1  # neither there nor predicted
    model = giving(MultilabelClassifier, 4)
    found = score(model, x, y)
    auroc = [reference.roc_auc_score(y[:, label], x[:, label]) for label in (0, 2)]
    assert found["auroc"] == pytest.approx(np.mean(auroc), abs=1e-6)
    precision = [reference.average_precision_score(y[:, label], x[:, label]) for label in (0, 2, 3)]
    assert found["average_precision"] == pytest.approx(np.mean(precision), abs=1e-6)
    occur = [0, 2, 3]
    expected = reference.f1_score(y, x > 0, labels=occur, average="macro")
    assert found["f1"] == pytest.approx(expected, abs=1e-6)
    said = printed(model)
    assert "(mean over the 2 of 4 labels that are positive in some rows and negative in others)" in said
    assert "(mean over the 3 of 4 labels that occur)" in said


UNDEFINED: list[tuple[Callable[[], LitModule], Tensor, Tensor, dict[str, str]]] = [
    (
        lambda: giving(BinaryClassifier, 1, class_names=["no", "yes"]),
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
        lambda: giving(BinaryClassifier, 1, class_names=["no", "yes"]),
        torch.tensor([[-1.0], [-2.0]]),
        torch.tensor([1, 1]),
        {"auroc": "every row is of class yes", "precision": "no row is predicted as yes"},
    ),
    (
        lambda: giving(MulticlassClassifier, 3),
        torch.eye(3),
        torch.tensor([1, 1, 1]),
        {"auroc": "every row is of the same class"},
    ),
    (
        lambda: giving(MultilabelClassifier, 2),
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
        lambda: giving(Regressor, 1),
        torch.tensor([[1.0], [2.0]]),
        torch.tensor([5.0, 5.0]),
        {"r2": "all true values are equal"},
    ),
    (
        lambda: giving(Regressor, 1),
        torch.tensor([[1.0]]),
        torch.tensor([5.0]),
        {"r2": "there is only one row"},
    ),
    (
        lambda: giving(BinaryClassifier, 1),
        torch.tensor([[1.0], [float("nan")]]),
        torch.tensor([0, 1]),
        {"loss": "the outputs for 1 of 2 rows are NaN or infinite"},
    ),
]


@pytest.mark.reliability(59)
@pytest.mark.parametrize(("build", "x", "y", "reasons"), UNDEFINED)
def test_an_undefined_metric_is_left_out_and_its_reason_is_said(
    build: Callable[[], LitModule], x: Tensor, y: Tensor, reasons: Mapping[str, str]
) -> None:
    model = build()
    found = score(model, x, y)
    assert not set(reasons) & set(found)
    assert all(np.isfinite(value) for value in found.values())
    lines = printed(model).splitlines()
    said = {line.split()[0]: line.partition("undefined: ")[2] for line in lines if "undefined" in line}
    assert said == reasons


@pytest.mark.reliability(59)
def test_every_metric_that_is_defined_is_there() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(40, 3), torch.arange(40) % 3
    shared = {"loss", "accuracy", "precision", "recall", "f1", "auroc", "average_precision"}
    assert set(score(giving(MulticlassClassifier, 3), x, y)) == shared | {"balanced_accuracy", "log_loss"}
    assert set(score(giving(BinaryClassifier, 1), x[:, :1], y % 2)) == shared | {
        "balanced_accuracy",
        "log_loss",
    }
    labels = torch.nn.functional.one_hot(y, 3).float()
    assert set(score(giving(MultilabelClassifier, 3), x, labels)) == shared | {
        "exact_match",
        "hamming_loss",
    }
    assert set(score(giving(Regressor, 1), x[:, :1], y.float())) == {
        "loss",
        "mae",
        "rmse",
        "r2",
        "max_error",
    }


def printed(model: LitModule) -> str:
    assert model.evaluation is not None
    return "\n".join(metric_lines(model.evaluation.metrics))


# Saturated logits.


@pytest.mark.reliability(60)
def test_loss_and_log_loss_of_saturated_logits_agree_for_two_classes() -> None:
    x, y = torch.tensor([[200.0], [-200.0], [200.0], [-200.0]]), torch.tensor([1, 0, 0, 1])
    model = giving(BinaryClassifier, 1)
    found = score(model, x, y)
    assert found["loss"] == pytest.approx(100.0)
    assert found["log_loss"] == pytest.approx(100.0)
    assert found["accuracy"] == 0.5
    assert model.predict(x).tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


@pytest.mark.reliability(60)
def test_loss_and_log_loss_of_saturated_logits_agree_for_many_classes() -> None:
    x, y = 200 * torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 1, 2, 2])
    found = score(giving(MulticlassClassifier, 3), x, y)
    assert found["loss"] == pytest.approx(50.0)
    assert found["log_loss"] == pytest.approx(50.0)
    assert found["accuracy"] == 0.75


@pytest.mark.reliability(60)
def test_saturated_logits_are_ranked_though_their_probabilities_are_equal() -> None:
    logits = torch.tensor([20.0, 30.0, 40.0, 200.0])
    y = torch.tensor([0, 1, 0, 1])
    found = score(giving(BinaryClassifier, 1), logits[:, None], y)
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(y, logits))
    assert found["average_precision"] == pytest.approx(reference.average_precision_score(y, logits))
    many = torch.stack([logits, torch.zeros(4), -logits], dim=1)
    found = score(giving(MulticlassClassifier, 3), many, 1 - y)
    each = reference.roc_auc_score(y == 1, logits), reference.roc_auc_score(y == 0, -logits)
    assert found["auroc"] == pytest.approx(np.mean(each))


@pytest.mark.reliability(60)
def test_log_odds_rank_as_probabilities_do() -> None:
    logits = torch.randn(200, 4, dtype=torch.float64)
    p = torch.softmax(logits, dim=1)
    torch.testing.assert_close(log_odds(logits), torch.log(p / (1 - p)))


@pytest.mark.reliability(60)
def test_a_small_probability_of_the_first_class_is_not_rounded_to_zero() -> None:
    p = BinaryClassifier(2).probabilities(torch.tensor([[30.0]]))
    assert float(p[0, 0]) == pytest.approx(1 / (1 + np.exp(30.0)), rel=1e-6, abs=0)


# The same value everywhere.


@pytest.mark.reliability(59)
def test_fit_test_and_tensorboard_show_the_same_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    assert main(["fit", "--config", "table", *wine, "--trainer.max_epochs", "5", "--plots", "none"]) == 0
    (best,) = re.findall(r"on the test rows: loss (\S+), accuracy (\S+)", capsys.readouterr().out)
    assert main(["test", "--ckpt_path", "lightning_logs/table/version_0/checkpoints/best.ckpt"]) == 0
    out = capsys.readouterr().out
    said = dict(re.findall(r"^  (\w+) +(\d\S+)$", out, re.MULTILINE))
    assert (said["loss"], said["accuracy"]) == best
    events = EventAccumulator("lightning_logs/table/version_0")
    events.Reload()
    for name, value in said.items():
        assert f"{events.Scalars(f'test/{name}')[-1].value:.5f}" == value, name
    (row,) = (line.split() for line in out.splitlines() if line.startswith("macro average"))
    assert row[2:5] == [f"{float(said[name]):.4f}" for name in ("precision", "recall", "f1")]


@pytest.mark.reliability(59)
def test_validate_and_test_agree_on_the_same_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "circles_v2", "--trainer.max_epochs", "9", "--plots", "none"]) == 0
    path = "lightning_logs/circles_v2/version_0/checkpoints/last.ckpt"
    found = []
    for command in ("validate", "test"):
        capsys.readouterr()
        assert main([command, "--ckpt_path", path]) == 0
        found.append(dict(re.findall(r"^  (\w+) +(\d\S+)$", capsys.readouterr().out, re.MULTILINE)))
    assert found[0] == {name: found[1][name] for name in ("loss", "accuracy")}


@pytest.mark.reliability(59)
def test_a_test_of_one_class_says_why_a_metric_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
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


@pytest.mark.reliability(59)
def test_a_recipe_that_expects_a_metric_that_is_undefined_fails(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.yaml").write_text(
        "recipe: {expect: {at_least: {test/precision: 0.5}}}\n"
        "model: {class_path: BinaryClassifier, init_args: {hidden: [], lr: 1.0e-30}}\n"
        "data: {class_path: CirclesDataModule}\n"
        "trainer: {max_epochs: 1, accelerator: cpu}\n"
        "seed_everything: 4\n"  # whose model predicts no row as the second class
    )
    assert main(["verify", "own.yaml"]) == 1
    assert re.search(r"test/precision at least 0.5 +FAIL .*undefined", capsys.readouterr().out)


# Loggers other than ours.


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.reliability(59)
def test_a_csv_logger_gets_its_lines_in_order_of_steps_each_with_its_epoch(every: int) -> None:
    fitted = trainer(max_epochs=7, check_val_every_n_epoch=every, logger=CSVLogger("."), log_every_n_steps=1)
    fitted.fit(BinaryClassifier(2), CirclesDataModule(batch_size=300))
    assert fitted.log_dir is not None
    with Path(fitted.log_dir, "metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    steps = [int(line["step"]) for line in lines]
    assert steps == sorted(steps)
    assert [int(line["epoch"]) for line in lines] == [step // 3 for step in steps]
    assert sum(bool(line["train/loss"]) for line in lines) == 7
    assert sum(bool(line["val/loss"]) for line in lines) == 7 // every


# A training_step of one's own.


class Squared(BinaryClassifier):
    """Returns another loss, without asking the parent."""

    returned: list[tuple[float, int]]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        loss = (torch.sigmoid(self(x).squeeze(1)) - y.float()).square().mean()
        self.returned.append((loss.item(), len(y)))
        return loss


class Penalised(BinaryClassifier):
    """Adds to what the parent returns."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss: Tensor = super().training_step(batch, batch_idx)
        return loss + 100


@pytest.mark.reliability(59)
@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_loss_that_a_step_of_one_s_own_returns_is_logged(accumulated: int) -> None:
    model = Squared(2)
    model.returned = []
    rows = EpochLog(every_n_epochs=1)
    fitted = trainer(max_epochs=1, accumulate_grad_batches=accumulated, callbacks=[rows])
    fitted.fit(model, CirclesDataModule(batch_size=300))
    expected = sum(loss * rows for loss, rows in model.returned) / 800
    assert float(fitted.callback_metrics["train/loss"]) == pytest.approx(expected, rel=1e-6)
    assert "train/accuracy" not in fitted.callback_metrics
    assert rows.lines[0].startswith(f"Epoch: 0 | Loss: {expected:.5f} | Test loss: ")


@pytest.mark.reliability(59)
def test_a_step_of_one_s_own_may_take_float_targets_beside_class_weights() -> None:
    model = Squared(2, class_weight=[1.0, 3.0])
    model.returned = []
    x, y = CirclesDataModule().split("train")
    loader = TensorLoader((x, y.float()), batch_size=300)
    fitted = trainer(max_epochs=1)
    fitted.fit(model, loader, loader)
    weights = [float((1 + 2 * part).sum()) for part in torch.split(y, 300)]
    expected = np.average([loss for loss, _ in model.returned], weights=weights)
    assert float(fitted.callback_metrics["train/loss"]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.reliability(59)
def test_what_a_step_of_one_s_own_adds_to_ours_is_in_the_logged_loss() -> None:
    found = {}
    for task in (BinaryClassifier, Penalised):
        torch.manual_seed(0)
        fitted = trainer(max_epochs=1)
        fitted.fit(task(2), CirclesDataModule(batch_size=300))
        found[task] = fitted.callback_metrics
    assert float(found[Penalised]["train/loss"]) == pytest.approx(
        float(found[BinaryClassifier]["train/loss"]) + 100, rel=1e-6
    )
    assert found[Penalised]["train/accuracy"] == found[BinaryClassifier]["train/accuracy"]


class Manual(BinaryClassifier):
    """Optimises by hand and returns nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.automatic_optimization = False

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:  # type: ignore[override]
        x, y = batch
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        optimizer.zero_grad()
        self.manual_backward(self.loss(self(x), y))
        optimizer.step()


@pytest.mark.reliability(59)
def test_a_step_that_returns_no_loss_logs_none() -> None:
    rows = EpochLog(every_n_epochs=1)
    fitted = trainer(max_epochs=2, logger=CSVLogger("."), callbacks=[rows], log_every_n_steps=1)
    fitted.fit(Manual(2), CirclesDataModule(batch_size=300))
    assert "train/loss" not in fitted.callback_metrics
    assert all(bool(torch.isfinite(value)) for value in fitted.callback_metrics.values())
    assert re.fullmatch(r"Epoch: 1 \| Test loss: 0\.\d+, Acc: [\d.]+%", rows.lines[1])


class Evaluating(BinaryClassifier):
    """Validates and tests in its own way."""

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("val/loss", torch.tensor(0.25))

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("test/loss", torch.tensor(0.5))


@pytest.mark.reliability(59)
def test_what_evaluation_steps_of_one_s_own_log_is_all_there_is() -> None:
    model = Evaluating(2)
    fitted = trainer(max_epochs=1)
    fitted.fit(model, CirclesDataModule())
    assert float(fitted.callback_metrics["val/loss"]) == 0.25
    assert "val/accuracy" not in fitted.callback_metrics
    (found,) = fitted.test(model, CirclesDataModule(), verbose=False)
    assert found == {"test/loss": 0.5}
