"""The course's rows: one line of figures every so many epochs."""

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_classify.data import InMemoryDataModule
from lit_classify.errors import check_at_least
from lit_classify.modules import LitModule


class EpochLog(Callback):
    """Validate at epochs 0, n, 2n, ... and after the last, and print their figures as the course does.

    Lightning itself would validate after epochs n-1, 2n-1, ... Train figures are taken before each step,
    validation figures after the epoch. In course mode the validation rows are the test rows, and the row
    says "Test".

    Args:
        every_n_epochs: epochs from one row to the next, n.
    """

    def __init__(self, every_n_epochs: int = 100) -> None:
        check_at_least("every_n_epochs", every_n_epochs, 1)
        self.every_n_epochs = every_n_epochs
        self.printed: list[str] = []
        self._printed_at = -1
        self._is_shown = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the rows of an earlier fit; Lightning skips the hook below in the epoch of a resume."""
        self.printed = []
        self._printed_at = -1
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let Lightning validate in this epoch, or not before the next."""
        assert isinstance(pl_module, LitModule)
        last = trainer.max_epochs is not None and trainer.current_epoch == trainer.max_epochs - 1
        steps = trainer.num_training_batches / trainer.accumulate_grad_batches
        last |= 0 <= trainer.max_steps <= trainer.global_step + steps
        due = trainer.current_epoch % self.every_n_epochs == 0
        self._is_shown = due or last
        pl_module.validation_is_extra = last and not due
        trainer.check_val_every_n_epoch = 1 if self._is_shown else trainer.current_epoch + 2

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the row of a due epoch, or of the last."""
        if not trainer.sanity_checking and trainer.state.fn == "fit" and self._is_shown:
            self._print(trainer, pl_module, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the row of a due epoch, or of the last, where nothing is validated."""
        if not trainer.enable_validation and self._is_shown:
            self._print(trainer, pl_module, trainer.current_epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the row of an epoch that nobody knew to be the last."""
        epoch = trainer.current_epoch - 1
        if self._printed_at < epoch and pl_module.trainer.global_step:
            self._print(trainer, pl_module, epoch, validated=False)

    def row(self, epoch: int) -> str | None:
        """Return the row of an epoch, if it was printed."""
        return next(
            (row for row in self.printed if row.split("|")[0].split() == ["Epoch:", str(epoch)]), None
        )

    def _print(
        self, trainer: Trainer, pl_module: LightningModule, epoch: int, validated: bool = True
    ) -> None:
        assert isinstance(pl_module, LitModule)
        self._printed_at = epoch
        figures = {**(trainer.callback_metrics if validated else {}), **pl_module.epoch_metrics("train")}
        datamodule = getattr(trainer, "datamodule", None)
        course_mode = isinstance(datamodule, InMemoryDataModule) and datamodule.validates_on_test
        last = trainer.max_epochs - 1 if (trainer.max_epochs or 0) > 0 else epoch  # type: ignore[operator]
        # Lightning keeps figures in float32, whose 0.51125 is a trifle more and would round the other way
        shown = {tag: round(float(value), 7) for tag, value in figures.items()}
        row = format_row(epoch, shown, "Test" if course_mode else "Val", len(str(last)))
        self.printed.append(row)
        pl_module.print(row)


def format_row(epoch: int, figures: dict[str, float], evaluated_on: str, width: int = 0) -> str:
    """Write an epoch's figures as the course page does, with "Acc" for accuracy so that 80 columns hold them.

    Args:
        epoch: number of the epoch, from 0.
        figures: ``train/loss``, and where there are classes ``train/accuracy``, if a step has told them;
            ``val/...`` if validated.
        evaluated_on: name of the validation rows, "Test" or "Val".
        width: columns that the epoch's number takes.
    """
    classes = "train/accuracy" in figures or "val/accuracy" in figures
    shown = {
        "train/loss": ("Loss: {:.5f}" if classes else "Train loss: {:.5f}"),
        "train/accuracy": "Acc: {:.2%}",
        "val/loss": f"{evaluated_on} loss: {{:.5f}}",
        "val/accuracy": "Acc: {:.2%}",
    }
    train, val = (
        ", ".join(
            words.format(figures[tag]) for tag, words in shown.items() if tag in figures and stage in tag
        )
        for stage in ("train/", "val/")
    )
    return f"Epoch: {epoch:<{width}} | " + (" | " if classes else ", ").join(filter(None, (train, val)))
