"""Run by tests as a script on two processes.

With a number of processes: fit and score N rows; each rank writes what it saw. With a checkpoint: predict.
"""

import json
import sys
from pathlib import Path

import lightning.pytorch as L
import torch
from torch import Tensor

from lit_classify import BinaryClassifier
from lit_classify.cli import main as run
from lit_classify.data import InMemoryDataModule
from lit_classify.data.base import Split


class FewRows(InMemoryDataModule):
    in_features, out_features, class_names = 2, 1, None

    def __init__(self, num_rows: int) -> None:
        super().__init__(batch_size=2, shuffle=True, drop_last=False, random_state=1)
        self.num_rows = num_rows

    def load(self) -> dict[str, Split]:
        generator = torch.Generator().manual_seed(self.num_rows)
        x = torch.randn(self.num_rows, 2, generator=generator)
        split = Split(x, (x[:, 0] + 0.3 * x[:, 1] > 0).long())
        return {"train": split, "val": split, "test": split}


class Seen(L.Callback):
    def __init__(self) -> None:
        self.steps: list[list[float]] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: tuple[Tensor, Tensor], batch_idx: int
    ) -> None:
        self.steps.append(batch[0][:, 0].tolist())


def make_trainer(devices: int, *callbacks: L.Callback) -> L.Trainer:
    return L.Trainer(
        max_epochs=1,
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
    for num_rows in range(5, 10):
        options = ["--data.path", f"{num_rows}.csv", "--keep", "number", "--out", f"{num_rows}_both.csv"]
        on_two = ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
        assert run(["predict", "--ckpt_path", checkpoint, *options, *on_two]) == 0


def main(devices: int) -> None:
    for num_rows in range(1, 10):
        L.seed_everything(3, verbose=False)
        seen = Seen()
        model = BinaryClassifier(2, hidden=[4], lr=1e-30)  # so small that the weights stay
        trainer, data = make_trainer(devices, seen), FewRows(num_rows)
        if num_rows >= 2:  # each rank needs a row to train on
            trainer.fit(model, data)
        figures = {tag: float(value) for tag, value in trainer.callback_metrics.items()}
        (tested,) = trainer.test(model, data, verbose=False)
        figures.update(tested)
        said = {"rows": num_rows, "rank": trainer.global_rank, "steps": seen.steps, "figures": figures}
        with Path(f"{devices}_{trainer.global_rank}.jsonl").open("a") as file:
            file.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    predict(sys.argv[1]) if sys.argv[1].endswith(".ckpt") else main(int(sys.argv[1]))
