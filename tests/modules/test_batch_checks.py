"""Batches are checked in every stage, and described if they are not pairs."""

import math
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from lit_classify import BinaryClassifier, MulticlassClassifier, MultilabelClassifier, Regressor
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.errors import DataError
from lit_classify.modules import LitModule
from tests.training import loader, rows, trainer

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*no .val_dataloader")


@pytest.mark.parametrize(
    ("model", "wrong", "message"),
    [
        (BinaryClassifier(2), 5, "the classes 0 to 1, but row 5 has the target 5; rows are .* the batch"),
        (MulticlassClassifier(2, 3), -100, "the classes 0 to 2, but row 5 has the target -100"),
        (MultilabelClassifier(2, 2), 3.0, r"needs 0 or 1, but label 0 of row 5 is 3\.0"),
        (Regressor(2), math.inf, "needs finite targets, but row 5 has inf"),
    ],
)
def test_a_wrong_target_is_refused_in_any_batch_of_any_stage(
    model: LitModule, wrong: float, message: str
) -> None:
    x, y = rows()
    if not isinstance(model, BinaryClassifier | MulticlassClassifier):
        y = y.float() if isinstance(model, Regressor) else (x > 0).float()
    broken = y.clone()
    broken.view(len(y), -1)[25, 0] = wrong
    trainer(max_epochs=2).fit(model, loader(x, y), loader(x, y))
    with pytest.raises(DataError, match=message):  # also after another fit
        trainer(max_epochs=1).fit(model, loader(x, broken))
    with pytest.raises(DataError, match=message):
        trainer(max_epochs=2, check_val_every_n_epoch=2).fit(model, loader(x, y), loader(x, broken))
    for stage in ("validate", "test"):
        with pytest.raises(DataError, match=message):
            getattr(trainer(), stage)(model, loader(x, broken))


@pytest.mark.parametrize(
    ("dataset", "description"),
    [
        (torch.randn(20, 2), r"is a tensor, float32 of shape \(10, 2\)"),
        ([{"x": torch.randn(2), "y": 1}] * 20, "is a dict with the keys 'x', 'y'"),
        (TensorDataset(*rows(), torch.ones(40, 1)), "is a sequence of 3 elements: Tensor, Tensor, Tensor"),
        (TensorDataset(rows()[0]), "is a sequence of 1 element: Tensor"),
    ],
)
@pytest.mark.parametrize("kind", [L.Trainer, RunTrainer])
@pytest.mark.parametrize("stage", ["fit", "validate", "test"])
def test_a_batch_that_is_not_a_pair_is_described(
    dataset: Any, description: str, kind: type[L.Trainer], stage: str
) -> None:
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    made = kind(**quiet, enable_model_summary=False, accelerator="cpu", max_epochs=1)
    with pytest.raises(DataError, match=rf"a batch must be a pair of tensors \(x, y\).* {description}"):
        getattr(made, stage)(BinaryClassifier(2), DataLoader(dataset, batch_size=10))
