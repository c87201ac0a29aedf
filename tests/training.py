"""Small fits with Lightning's Trainer, and their data."""

from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    LineDataModule,
    MulticlassClassifier,
    Regressor,
    SpiralsDataModule,
)
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule


def trainer(**settings: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return L.Trainer(**{**quiet, "enable_model_summary": False, "accelerator": "cpu", **settings})


TASKS: list[tuple[type[LitModule], dict[str, Any], type[InMemoryDataModule]]] = [
    (BinaryClassifier, {"in_features": 2}, CirclesDataModule),
    (MulticlassClassifier, {"in_features": 2, "out_features": 3}, SpiralsDataModule),
    (Regressor, {"in_features": 1}, LineDataModule),
]


def fitted(seed: int = 0, **arguments: Any) -> BinaryClassifier:
    torch.manual_seed(seed)
    model = BinaryClassifier(2, hidden=[3], **arguments)
    finished = trainer(max_epochs=3)
    finished.fit(model, CirclesDataModule())
    finished.save_checkpoint("fitted.ckpt")
    return model


def same_weights(module: nn.Module, other: nn.Module) -> bool:
    pairs = zip(module.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def rows() -> tuple[Tensor, Tensor]:
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] > 0).long()


def loader(*columns: Tensor, batch_size: int = 10) -> DataLoader[Any]:
    return DataLoader(TensorDataset(*columns), batch_size=batch_size)
