"""The epoch log: a line of metrics every n epochs, in the format of the course."""

import math
import sys

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_classify.data import InMemoryDataModule
from lit_classify.errors import check_at_least
from lit_classify.messages import paint
from lit_classify.modules import LitModule


class EpochLog(Callback):
    """Validate at epochs 0, n, 2n, ... and after the last epoch, and print a line for each.

    Lightning itself would validate after epochs n-1, 2n-1, ... Training metrics are computed before each
    optimizer step, validation metrics after the epoch. In course mode validation uses the test rows, and the
    line says "Test".

    Args:
        every_n_epochs: number of epochs from one line to the next, n.
        print_every_n_epochs: of the lines in this number of epochs, only the first is printed; the last line
            of a fit is always printed.

    Attributes:
        entries: the fields of the line of each logged epoch of the current or last fit, printed or not.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> options = {"accelerator": "cpu", "enable_checkpointing": False, **quiet}
        >>> trainer = Trainer(max_epochs=2, callbacks=[EpochLog(every_n_epochs=1)], **options)
        >>> trainer.fit(BinaryClassifier(2), CirclesDataModule())  # doctest: +ELLIPSIS
        Epoch: 0 | Loss: 0..., Acc: ...% | Test loss: 0..., Acc: ...%
        Epoch: 1 | Loss: 0..., Acc: ...% | Test loss: 0..., Acc: ...%
    """

    def __init__(self, every_n_epochs: int = 100, print_every_n_epochs: int = 1) -> None:
        check_at_least("every_n_epochs", every_n_epochs, 1)
        check_at_least("print_every_n_epochs", print_every_n_epochs, 1)
        self.every_n_epochs = every_n_epochs
        self.print_every_n_epochs = print_every_n_epochs
        self._reset()
        self._is_due = self._is_last = False

    def _reset(self) -> None:
        self.entries: dict[int, list[str]] = {}
        self._logged_at = self._printed_at = -1
        self._lowest_loss = math.inf

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the lines of an earlier fit; Lightning skips the hook below in the epoch of a resume."""
        self._reset()
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set whether Lightning validates in this epoch."""
        assert isinstance(pl_module, LitModule)
        epoch = trainer.current_epoch
        steps = trainer.num_training_batches / trainer.accumulate_grad_batches
        reaches_max_steps = 0 <= trainer.max_steps <= trainer.global_step + steps
        self._is_last = reaches_max_steps or epoch + 1 == trainer.max_epochs
        is_nth = epoch % self.every_n_epochs == 0
        self._is_due = is_nth or self._is_last
        pl_module.validation_is_extra = self._is_last and not is_nth
        # Lightning validates if (epoch + 1) % check_val_every_n_epoch is 0: never with a larger number
        trainer.check_val_every_n_epoch = 1 if self._is_due else epoch + 2

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log a due epoch, or the last."""
        if not trainer.sanity_checking and trainer.state.fn == "fit" and self._is_due:
            self._log(trainer, pl_module, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log a due epoch, or the last, if validation is disabled."""
        if not trainer.enable_validation and self._is_due:
            self._log(trainer, pl_module, trainer.current_epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line of the last epoch if training ended early, as with early stopping."""
        epoch = trainer.current_epoch - 1
        self._is_last = True
        if self._logged_at < epoch and pl_module.trainer.global_step:
            self._log(trainer, pl_module, epoch, validated=False)
        elif self._printed_at < self._logged_at:
            pl_module.print(self.lines[-1])

    @property
    def lines(self) -> list[str]:
        """The lines of the logged epochs."""
        return [" | ".join(fields) for fields in self.entries.values()]

    def _log(self, trainer: Trainer, pl_module: LightningModule, epoch: int, validated: bool = True) -> None:
        assert isinstance(pl_module, LitModule)
        metrics = {**(trainer.callback_metrics if validated else {}), **pl_module.epoch_metrics("train")}
        datamodule = getattr(trainer, "datamodule", None)
        course_mode = isinstance(datamodule, InMemoryDataModule) and datamodule.validates_on_test
        last = trainer.max_epochs - 1 if (trainer.max_epochs or 0) > 0 else epoch  # type: ignore[operator]
        # Lightning keeps metrics in float32, in which 0.51125 is slightly more and would round up
        shown = {tag: round(float(value), 7) for tag, value in metrics.items()}
        width = len(str(last))
        fields = [f"Epoch: {epoch:<{width}}", *format_metrics(shown, "Test" if course_mode else "Val")]
        self.entries[epoch] = fields
        self._logged_at = epoch
        loss = shown.get("val/loss", math.inf)
        if loss < self._lowest_loss:
            self._lowest_loss = loss
            fields = [*fields[:-1], paint(fields[-1], "green", sys.stdout)]
        n = self.print_every_n_epochs
        if self._is_last or self._printed_at < 0 or epoch // n > self._printed_at // n:
            self._printed_at = epoch
            pl_module.print(" | ".join(fields))


def format_metrics(metrics: dict[str, float], evaluated_on: str) -> list[str]:
    """Format the metrics of an epoch as the course does, with "Acc" for accuracy to fit 80 columns.

    Args:
        metrics: ``train/loss``, and ``train/accuracy`` for classes; ``val/...`` after a validation.
        evaluated_on: name of the validation rows, "Test" or "Val".

    Returns:
        For classes, a field for the training rows and one for the validation rows; for values, one for both.

    Examples:
        >>> format_metrics({"train/loss": 0.69295, "train/accuracy": 0.5, "val/loss": 0.6933}, "Val")
        ['Loss: 0.69295, Acc: 50.00%', 'Val loss: 0.69330']
        >>> format_metrics({"train/loss": 2.5e30}, "Val")
        ['Train loss: 2.500e+30']
    """
    classes = "train/accuracy" in metrics or "val/accuracy" in metrics
    shown = {
        "train/loss": ("Loss" if classes else "Train loss", _format_loss),
        "train/accuracy": ("Acc", "{:.2%}".format),
        "val/loss": (f"{evaluated_on} loss", _format_loss),
        "val/accuracy": ("Acc", "{:.2%}".format),
    }
    fields = []
    for stage in ("train/", "val/"):
        tags = [tag for tag in shown if tag in metrics and tag.startswith(stage)]
        if tags:
            fields.append(", ".join(f"{shown[tag][0]}: {shown[tag][1](metrics[tag])}" for tag in tags))
    return fields if classes else [", ".join(fields)]


def _format_loss(loss: float) -> str:
    """Return a loss as the course prints it, but with an exponent if it is about to diverge."""
    return f"{loss:.5f}" if loss < 1e7 else f"{loss:.3e}"
