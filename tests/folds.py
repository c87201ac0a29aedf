"""A classifier with members and rows in folds."""

from typing import Any

import torch
from lightning.pytorch import Callback, Trainer

from lit_classify import LitModule, MulticlassClassifier
from lit_classify.data import InMemoryDataModule
from lit_classify.data.splits import Split
from tests.training import trainer

K = 3


class Folds(InMemoryDataModule):
    """Random rows of three classes, in folds."""

    in_features, out_features, class_names, folds = 4, 3, ["a", "b", "c"], K

    def __init__(self, batch_size: int | None = None, with_folds: bool = True) -> None:
        super().__init__(batch_size, shuffle=False, drop_last=False, random_state=0)
        self.with_folds = with_folds
        self.folds = K if with_folds else 0

    def load(self) -> dict[str, Split]:
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(60, 4, generator=generator)
        y = (x[:, :3] + 0.5 * torch.randn(60, 3, generator=generator)).argmax(dim=1)
        self.fold = torch.arange(45) % K if self.with_folds else None
        train, test = Split(x[:45], y[:45]), Split(x[45:], y[45:])
        return {"train": train, "val": train if self.with_folds else test, "test": test}


def make(**kwargs: Any) -> MulticlassClassifier:
    torch.manual_seed(5)
    settings = {"hidden": [8], "optimizer": "AdamW", "lr": 0.05, **kwargs}
    return MulticlassClassifier(4, 3, ["a", "b", "c"], **settings)


def fit(model: LitModule, data: InMemoryDataModule, *callbacks: Callback, **kwargs: Any) -> Trainer:
    settings = {"max_epochs": 20, "num_sanity_val_steps": 0, **kwargs}
    finished = trainer(callbacks=list(callbacks), **settings)
    finished.fit(model, data)
    return finished
