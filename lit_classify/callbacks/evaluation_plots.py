"""Plots of a model's predictions on the validation rows, logged after the last epoch.

Legend: N rows, O outputs.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lightning.pytorch import Trainer
from torch import Tensor

from lit_classify.callbacks.plot_callback import PlotCallback, log_figure, skip_on_error
from lit_classify.data import InMemoryDataModule
from lit_classify.evaluation.evaluated_rows import find_worst_rows
from lit_classify.loggers import run_loggers
from lit_classify.messages import escape_markdown
from lit_classify.model_plots.plotted_rows import data_name, describe_rows, evaluate
from lit_classify.modules import LitModule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_TRAINING_ROWS = 10_000  # of precision-recall curves
_NUM_WORST_ROWS = 10
_MAX_COLUMNS = 12


class EvaluationPlots(PlotCallback):
    """Log the evaluation plots of the task, such as the confusion matrix or predicted against actual values.

    TensorBoard's page of precision-recall curves gets one for each class or label, grouped by data, of the
    validation rows and of at most 10,000 training rows.

    Args:
        curves: log ROC, precision-recall and calibration curves too, and the worst rows of a table.

    Examples:
        >>> EvaluationPlots(curves=True).is_due(epoch=8)  # after the last epoch only
        False
    """

    def __init__(self, curves: bool = False) -> None:
        super().__init__(only_at_end=True)
        self.curves = curves

    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Log the plots as ``plots/...``."""
        logits, y = evaluate(model, data, "val")
        title = describe_rows(data, "val")
        for name, plot in model.evaluation_plots(logits, y, title, self.curves).items():
            with skip_on_error(name):
                for tag, figure in split_panels(name, plot()):
                    log_figure(trainer, f"plots/{tag}", figure)
        step = trainer.global_step - 1
        curves = {"val": model.one_vs_rest(logits, y)}
        if curves["val"] and not data.folds:  # whose validation rows are the training rows
            x, targets = (tensor[:_MAX_TRAINING_ROWS].to(model.device) for tensor in data.sample("train"))
            curves["train"] = model.one_vs_rest(model(x), targets)
        for logger in run_loggers(trainer):
            for split, outputs in curves.items():
                for name, (is_positive, p) in outputs.items():
                    logger.writer(split).add_pr_curve(f"{data_name(data)}/{name}", is_positive, p, step)
            if self.curves and (table := worst_rows(model, data, logits, y)):
                logger.experiment.add_text("worst_rows", table, step)


def split_panels(name: str, figure: "Figure") -> Iterator[tuple[str, "Figure"]]:
    """Yield a figure with each of its titled panels in turn, which are too small together on a card.

    Args:
        name: name of the plot, which that of a single panel keeps.
        figure: the figure; it is changed.

    Examples:
        >>> import numpy as np
        >>> from lit_classify import plots
        >>> figure = plots.predicted_vs_actual(np.array([1.0, 2.0]), np.array([1.5, 2.0]), "Test: 2 rows")
        >>> [tag for tag, _ in split_panels("predicted_vs_actual", figure)]
        ['predicted_vs_actual', 'errors']
    """
    from lit_classify.plots.layout import lay_out

    panels = [axes for axes in figure.axes if axes.get_title()]
    if len(panels) < 2:
        yield name, figure
        return
    for axes in panels:
        for other in panels:
            other.set_visible(other is axes)
        lay_out(figure, [axes], figure.get_suptitle())
        yield re.sub(r"\W+", "_", axes.get_title()).lower(), figure


def worst_rows(model: LitModule, data: InMemoryDataModule, logits: Tensor, y: Tensor) -> str:
    r"""Return the validation rows of a table with the largest errors as Markdown; empty for other data.

    Examples:
        >>> import polars as pl
        >>> from lit_classify import BinaryClassifier, TableDataModule
        >>> frame = pl.DataFrame({"size": range(50), "width": range(50), "target": ["small", "large"] * 25})
        >>> model, data = BinaryClassifier(2), TableDataModule(frame, "target")
        >>> table = worst_rows(model, data, *evaluate(model, data, "val"))
        >>> table.splitlines()[0]
        '| actual | predicted | size | width | target |'
    """
    worst = find_worst_rows(model, data, "val", logits, y, _NUM_WORST_ROWS)
    if worst is None:
        return ""
    table, errors = worst
    table = table.select(table.columns[:_MAX_COLUMNS])
    lines = [
        "| actual | predicted | " + " | ".join(map(escape_markdown, table.columns)) + " |",
        "|---|---|" + "---|" * table.width,
    ]
    for actual, predicted, cells in zip(errors.actual, errors.predicted, table.rows(), strict=True):
        escaped = [escape_markdown(str(cell)) for cell in (actual, predicted, *cells)]
        lines.append(f"| {' | '.join(escaped)} |")
    return "\n".join(lines)
