"""What tests run on two processes."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from lit_classify import BinaryClassifier, MoonsDataModule, SeededDataLoader, TableDataModule
from lit_classify.callbacks import MemberEarlyStopping
from lit_classify.cli.main import main as run
from lit_classify.data import InMemoryDataModule
from lit_classify.data.splits import Split
from lit_classify.data.table.streaming import shards


class FewRows(InMemoryDataModule):
    in_features, out_features, class_names = 2, 1, None

    def __init__(
        self,
        num_rows: int,
        batch_size: int | None = 2,
        shuffle: bool = True,
        folds: int = 0,
        weighted: bool = False,
    ) -> None:
        super().__init__(batch_size=batch_size, shuffle=shuffle, drop_last=False, random_state=1)
        self.num_rows, self.folds, self.weighted = num_rows, folds, weighted

    def load(self) -> dict[str, Split]:
        generator = torch.Generator().manual_seed(self.num_rows)
        x = torch.randn(self.num_rows, 2, generator=generator)
        split = Split(x, (x[:, 0] + 0.3 * x[:, 1] > 0).long())
        self.fold = torch.arange(self.num_rows) % self.folds if self.folds else None
        if self.weighted:  # the rows of the first step have no weight
            weights = (torch.arange(float(self.num_rows)) - 4).clamp_min(0)
            self.sample_weights = {"train": weights, "val": weights}
        return {"train": split, "val": split, "test": split}


class Seen(L.Callback):
    def __init__(self) -> None:
        self.steps: list[list[float]] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: tuple[Tensor, Tensor], batch_idx: int
    ) -> None:
        self.steps.append(batch[0][:, 0].tolist())


def make_trainer(devices: int, *callbacks: L.Callback, max_epochs: int = 1, **kwargs: Any) -> L.Trainer:
    return L.Trainer(
        **kwargs,
        max_epochs=max_epochs,
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def predict(checkpoint: str) -> None:
    """Predict the rows of small tables."""
    for num_rows in range(5, 10):
        options = ["--data.path", f"{num_rows}.csv", "--keep", "number", "--out", f"{num_rows}_both.csv"]
        on_two = ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
        assert run(["predict", "--ckpt_path", checkpoint, *options, *on_two]) == 0


def train(devices: int) -> None:
    """Train on batches of 4 rows, the last one divided unevenly, or on all 7 rows at once."""
    cases = [(None, 0, False), ([1.0, 20.0], 0, False), ([1.0, 20.0], 3, False)]
    for class_weight, folds, weighted in [*cases, (None, 0, True), ([1.0, 20.0], 3, True)]:
        for num_rows, batch_size in ((11, 4 // devices), (7, None)):
            L.seed_everything(3, verbose=False)
            model = BinaryClassifier(2, hidden=[4], lr=0.5, class_weight=class_weight, folds=folds)
            trainer = make_trainer(devices, MemberEarlyStopping(), max_epochs=5)
            trainer.fit(model, FewRows(num_rows, batch_size, False, folds, weighted))
            weights = torch.cat([weight.detach().flatten() for weight in model.parameters()]).tolist()
            result = {
                "case": [class_weight, folds, weighted, num_rows],
                "weights": weights,
                "metrics": {tag: float(value) for tag, value in trainer.callback_metrics.items()},
            }
            with Path(f"{devices}_{trainer.global_rank}.jsonl").open("a") as file:
                file.write(json.dumps(result) + "\n")


def evaluate(devices: int) -> None:
    """Fit and test on few rows, and write the batches of each process."""
    for num_rows in range(1, 10):
        L.seed_everything(3, verbose=False)
        seen = Seen()
        # a learning rate so small that the weights do not change
        model = BinaryClassifier(2, hidden=[4], lr=1e-30, class_weight=[1.0, 3.0])
        trainer, data = make_trainer(devices, seen), FewRows(num_rows)
        if num_rows >= 2:  # each rank needs a row to train on
            trainer.fit(model, data)
        metrics = {tag: float(value) for tag, value in trainer.callback_metrics.items()}
        (test_metrics,) = trainer.test(model, data, verbose=False)
        metrics.update(test_metrics)
        result = {"rows": num_rows, "rank": trainer.global_rank, "steps": seen.steps, "metrics": metrics}
        with Path(f"{devices}_{trainer.global_rank}.jsonl").open("a") as file:
            file.write(json.dumps(result) + "\n")


class Dataset(FewRows):
    """The same rows with torch's DataLoader."""

    def train_dataloader(self) -> Any:
        return SeededDataLoader(TensorDataset(*self.split("train")), batch_size=2, shuffle=True, seed=1)


class SlowStart(MoonsDataModule):
    """Data that takes a minute to load; a file of each process says that it has begun."""

    def train_dataloader(self) -> Any:
        Path(f"loading_{os.environ.get('LOCAL_RANK', 0)}").touch()
        time.sleep(60)
        return super().train_dataloader()


def fit(devices: int, rows: InMemoryDataModule, save: str, path: str | None = None, **until: Any) -> None:
    L.seed_everything(3, verbose=False)
    model = BinaryClassifier(
        2, hidden=[8], dropout=0.3, lr=0.1, optimizer="Adam", lr_scheduler="ReduceLROnPlateau"
    )
    trainer = make_trainer(devices, **until)
    trainer.fit(model, rows, ckpt_path=path, weights_only=True)
    trainer.save_checkpoint(save)


def table(cache_dir: str | None) -> TableDataModule:
    """Return a table that both processes build or read at once if it is read in blocks."""
    return TableDataModule("t.csv", "target", split="split", batch_size=8, cache_dir=cache_dir)


def resume(devices: int) -> None:
    """Train without interruption; stop within an epoch and at its end, and resume."""
    for cache_dir in (None, "cache"):
        fit(devices, table(cache_dir), f"{cache_dir}.ckpt", max_epochs=2)
    shards._SHARD_BYTES = 500  # many groups of shards, whose order is another one than in memory
    kinds: dict[str, Callable[[], InMemoryDataModule]] = {
        "FewRows": lambda: FewRows(21),
        "Dataset": lambda: Dataset(21),
        "Blocks": lambda: table("cache_of_shards"),
    }
    for kind_name, make_data in kinds.items():
        for accumulate in (1, 2):
            name = f"{kind_name}_{accumulate}"
            both: dict[str, Any] = {"accumulate_grad_batches": accumulate, "max_epochs": 4}
            fit(devices, make_data(), f"{name}_whole.ckpt", **both)
            for moment, until in {"within": {"max_steps": 4}, "end": {"max_epochs": 2}}.items():
                stop = f"{name}_{moment}.ckpt"
                fit(devices, make_data(), stop, **{**both, **until})
                fit(devices, make_data(), f"{name}_{moment}_resumed.ckpt", stop, **both)
