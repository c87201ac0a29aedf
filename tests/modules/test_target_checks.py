"""Targets that do not fit the task are refused."""

from copy import deepcopy
from typing import Any

import pytest
import torch

from lit_classify import (
    BinaryClassifier,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
)
from lit_classify.errors import DataError
from lit_classify.modules import LitModule
from tests.training import loader, rows, same_weights, trainer

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*no .val_dataloader")


@pytest.mark.reliability(19)
@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (BinaryClassifier(2), torch.tensor([0, 2]), "row 1 has the target 2"),
        (BinaryClassifier(2), torch.tensor([-1, 1]), "row 0 has the target -1"),
        (
            BinaryClassifier(2),
            torch.tensor([0.0, 0.5]),
            "row 1 has the target 0.5; for numbers use Regressor",
        ),
        (BinaryClassifier(2), torch.tensor([float("nan"), 1.0]), "row 0 has the target nan"),
        (BinaryClassifier(2), torch.zeros(2, 1), r"float32 of shape \(2, 1\); give y.squeeze\(1\)"),
        (BinaryClassifier(2), torch.zeros(2, 1).long(), r"int64 of shape \(2, 1\); give y.squeeze\(1\)"),
        (BinaryClassifier(2), torch.zeros(2, 2), r"for one-hot rows give y\.argmax\(dim=1\)"),
        (MulticlassClassifier(2, 3), torch.zeros(2, 3).long(), r"for one-hot rows give y\.argmax\(dim=1\)"),
        (
            BinaryClassifier(2),
            torch.tensor([True, False]),
            r"int64 .*; give y\.long\(\)",
        ),
        (
            MulticlassClassifier(2, 3),
            torch.tensor([0.0, 1.0]),
            r"give y\.long\(\), or for numbers use Regressor",
        ),
        (MulticlassClassifier(2, 3), torch.tensor([0, -100]), "row 1 has the target -100"),
        (Regressor(1), torch.tensor([0, 1]), r"give y\.float\(\), or for class numbers use"),
        (Regressor(1), torch.tensor([0.5, 1.5]).double(), r"float64 of shape \(2,\); give y\.float\(\)"),
        (Regressor(1), torch.tensor([0.0, float("nan")]), "row 1 has nan"),
        (Regressor(1), torch.zeros(2, 1), r"shape \(2, 1\); give y\.squeeze\(1\)"),
    ],
)
def test_targets_of_another_task_are_refused(model: LitModule, y: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        model.check_targets(y)
    with pytest.raises(DataError, match=message):
        model.training_step((torch.zeros(2, model.hparams["in_features"]), y), 0)


@pytest.mark.reliability(20)
@pytest.mark.parametrize("shape", [(5,), (1,), (6, 1), (6, 2)])
@pytest.mark.parametrize("task", [BinaryClassifier, MulticlassClassifier, Regressor])
def test_outputs_and_targets_are_not_broadcast(task: Any, shape: tuple[int, ...]) -> None:
    model = task(2, out_features=3 if task is MulticlassClassifier else 1, hidden=[3])
    y = torch.zeros(shape, dtype=torch.float32 if task is Regressor else torch.int64)
    with pytest.raises(DataError, match=r"outputs are of shape \(6,\), but the targets of shape"):
        model.loss(model(torch.ones(6, 2)), y)


@pytest.mark.reliability(19)
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            torch.zeros(4, 3),
            r"2 labels per row, float32 of shape \(N, 2\), but the targets are float32 of shape",
        ),
        (torch.zeros(4, 2).long(), r"but the targets are int64 of shape \(4, 2\); give y\.float\(\)$"),
        (torch.tensor([[0.0, 1.0], [1.0, 2.0]]), "label 1 of row 1 is 2.0"),
    ],
)
def test_labels_other_than_zero_and_one_are_refused(y: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        MultilabelClassifier(1, 2).check_targets(y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("class_weight", [None, [1.0, 3.0]])
def test_float_targets_train_and_evaluate_as_classes_do(
    dtype: torch.dtype, class_weight: list[float] | None
) -> None:
    x, y = rows()
    scores, weights = [], []
    for targets in (y, y.type(dtype)):
        torch.manual_seed(0)
        model = BinaryClassifier(2, hidden=[3], class_weight=class_weight)
        made = trainer(max_epochs=2)
        made.fit(model, loader(x, targets), loader(x, targets))
        scores.append({**made.callback_metrics, **made.test(model, loader(x, targets), verbose=False)[0]})
        weights.append(model)
    assert same_weights(*weights)
    assert scores[0] == scores[1]
    assert {"val/accuracy", "train/accuracy", "test/accuracy"} <= set(scores[0])


def test_a_float_target_other_than_zero_or_one_is_refused_in_any_batch() -> None:
    x, y = rows()
    broken = y.float()
    broken[25] = 0.5
    for stage in ("fit", "validate"):
        with pytest.raises(DataError, match=r"row 5 has the target 0\.5"):
            getattr(trainer(max_epochs=1), stage)(BinaryClassifier(2), loader(x, broken))


@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
@pytest.mark.parametrize("model", [Regressor(2), MultilabelClassifier(2, 2)])
def test_targets_have_the_precision_of_the_trainer(model: LitModule, precision: Any) -> None:
    x, _ = rows()
    y = x[:, 0] if isinstance(model, Regressor) else (x > 0).float()
    made = trainer(max_epochs=1, precision=precision)
    made.fit(deepcopy(model), loader(x, y), loader(x, y))
    assert made.callback_metrics["val/loss"].isfinite()
