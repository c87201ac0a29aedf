"""The plot of a learning-rate range test, in TensorBoard and in the directory of the run."""

from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_classify.atomic_write import write_all
from lit_classify.callbacks.plot_callback import log_pixels, skip_on_error
from lit_classify.evaluation.lr_range_test import RangeTest
from lit_classify.loggers import RunLogger


class LearningRatePlot(Callback):
    """Plot a range test once, before the first step: the image ``learning_rate`` and ``learning_rate.png``.

    Args:
        test: the range test.
        title: title of the figure.
        run: the logger that owns the directory of the run; None if there is none.
    """

    def __init__(self, test: RangeTest, title: str, run: RunLogger | None) -> None:
        self.test, self.title, self.run = test, title, run

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the plot."""
        with skip_on_error("learning rate"):
            from lit_classify import plots

            figure = plots.learning_rate_curve(*self.test, self.test.suggestion, self.title)
            log_pixels(trainer, "learning_rate", plots.to_pixels(figure))
            if self.run is not None:
                write_all({Path(self.run.log_dir, "learning_rate.png"): plots.encode_figure(figure, "png")})
