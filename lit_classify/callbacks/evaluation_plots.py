"""Where the model is wrong on the validation rows, after the last epoch.

Legend: N rows, C classes, L labels.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.callbacks.plot import PlotCallback, left_out_on_error, log, validation_name
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.errors import escape_markdown
from lit_classify.loggers import RunLogger
from lit_classify.modules import LitModule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_ROWS = 50_000
_WORST = 10


class EvaluationPlots(PlotCallback):
    """Draw the confusion matrix, and TensorBoard's own precision-recall curves; for values the errors.

    Args:
        more: draw ROC, precision-recall and calibration curves too, and tell a table's worst rows.
    """

    def __init__(self, more: bool = False) -> None:
        super().__init__(only_at_end=True)
        self.more = more

    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Draw all that there is to draw."""
        for name, make in sheets(model, data, self.more).items():
            with left_out_on_error(name):
                log(trainer, f"mistakes/{name}", make())
        step, answers = trainer.global_step - 1, held(model, data, "val")
        writers = [logger.experiment for logger in trainer.loggers if isinstance(logger, RunLogger)]
        for writer in writers:
            if answers is not None:
                of_each, p, names = answers
                first = len(names) == 2 and model.class_names is not None  # one of two says it all
                for number in range(first, len(names)):
                    writer.add_pr_curve(f"mistakes/{names[number]}", of_each[:, number], p[:, number], step)
            if self.more and (told := worst(model, data)):
                writer.add_text("worst rows", told, step)


def held(
    model: LitModule, data: InMemoryDataModule, split: str
) -> tuple[NDArray[np.int64], NDArray[np.float64], list[str]] | None:
    """Return which class or label holds, ``(N, C)``, its probability, ``(N, C)``, and the names."""
    x, y = (part[:_MOST_ROWS] for part in data.split(split))
    names = model.class_names or model.label_names
    if names is None:
        return None
    p = _probabilities(model, x).numpy()
    of_each = np.eye(len(names), dtype=np.int64)[y.cpu()] if model.class_names else y.cpu().long().numpy()
    return of_each, p, names


def _probabilities(model: LitModule, x: Tensor) -> Tensor:
    """Return the probabilities of classes or labels in double precision: of large logits, too, none is 1."""
    return model.probabilities(model(x.to(model.device)).cpu().double())


def sheets(
    model: LitModule, data: InMemoryDataModule, more: bool, split: str = "val"
) -> dict[str, Callable[[], "Figure"]]:
    """Return what draws the plots of a split's errors, by name."""
    from lit_classify import plots

    name = "Test" if split == "test" else validation_name(data)
    rows = f"{name}: {len(data.split(split).y):,} rows"
    answers = held(model, data, split)
    if answers is None:
        x, y = (part[:_MOST_ROWS] for part in data.split(split))
        predicted = model.predict(x.to(model.device)).cpu().double().numpy()
        return {"values": partial(plots.values, y.cpu().double().numpy(), predicted, rows)}
    of_each, p, names = answers
    found: dict[str, Callable[[], Figure]] = {}
    if model.class_names is not None:
        counts = np.zeros((len(names), len(names)), np.int64)
        np.add.at(counts, (of_each.argmax(axis=1), p.argmax(axis=1)), 1)
        found["confusion"] = partial(plots.confusion, counts, names, rows)
    if more or model.label_names is not None:
        found["ranking"] = partial(plots.curves, of_each, p, names, rows)
    if more:
        found["calibration"] = partial(plots.calibration, of_each, p, names, rows)
    return found


def worst(model: LitModule, data: InMemoryDataModule) -> str:
    """Return the rows of a table that the model is most wrong about, as Markdown."""
    if not isinstance(data, TableDataModule) or data.is_new_table:
        return ""
    x, y = (part[:_MOST_ROWS] for part in data.split("val"))
    y = y.cpu()
    if model.class_names is not None:
        names, answers = model.class_names, _probabilities(model, x)
        loss = -answers[torch.arange(len(y)), y]
        true = [names[number] for number in y.tolist()]
        said = [names[number] for number in answers.argmax(dim=1).tolist()]
    elif model.label_names is None:
        answers = model.predict(x.to(model.device)).cpu().double()
        loss = (answers - y).abs()
        true, said = [f"{value:g}" for value in y.tolist()], [f"{value:.5g}" for value in answers.tolist()]
    else:
        return ""
    rows = loss.argsort(descending=True)[:_WORST].tolist()
    found = data.raw_rows("val", rows)
    shown = [name for name in found.columns][:12]
    lines = [
        "| true | predicted | " + " | ".join(map(escape_markdown, shown)) + " |",
        "|---|---|" + "---|" * len(shown),
    ]
    for row, cells in zip(rows, found.select(shown).rows(), strict=True):
        written = [escape_markdown(str(cell)) for cell in (true[row], said[row], *cells)]
        lines.append(f"| {' | '.join(written)} |")
    return "\n".join(lines)
