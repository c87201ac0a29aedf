"""Predictions as a file: one row per row of the data, in its order.

Legend: N rows, C classes.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lit_classify.errors import UserError
from lit_classify.modules import LitModule


def check_target(path: Path, overwrite: bool) -> None:
    """Raise UserError if the file is there and may not be replaced, or its folder is not there."""
    if path.exists() and (not path.is_file() or path.is_symlink()):
        raise UserError(f"{path} is no regular file; give another --out")
    if path.exists() and not overwrite:
        raise UserError(f"{path} is there already; give --overwrite, or another --out")
    if not path.parent.is_dir():
        raise UserError(f"no folder {path.parent} to write {path.name} into")


def write(path: Path, model: LitModule, batches: Sequence[Tensor]) -> None:
    """Write ``prediction`` and, for classes, ``p_<class>``; the file appears whole or not at all."""
    answers = torch.cat(list(batches)).cpu()
    labels = model.labels(answers).tolist()
    names = model.class_names
    header = ["prediction"] if names is None else ["prediction", *(f"p_{name}" for name in names)]
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        if names is None:
            writer.writerows([value] for value in labels)
        else:
            writer.writerows(
                [names[label], *row] for label, row in zip(labels, answers.tolist(), strict=True)
            )
    os.replace(unfinished, path)
    print(f"{len(labels):,} predictions: {path}")
