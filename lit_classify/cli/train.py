"""``fit``, ``validate``, ``test`` and ``predict``."""

import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import polars as pl
import torch
from torch import Tensor

from lit_classify import signals
from lit_classify._lightning.run_limits import nothing_left
from lit_classify.callbacks import BestCheckpoint, EpochLog
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.lightning_cli import RunCLI
from lit_classify.cli.warning_filters import quiet
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data.loaders import TensorLoader
from lit_classify.errors import UserError, echo
from lit_classify.evaluation.predictions import check_output, prediction_table, write
from lit_classify.evaluation.report import metric_lines, report
from lit_classify.loggers import RunLogger
from lit_classify.metrics import Metrics, logged_metrics
from lit_classify.modules import LitModule

_WORTH_SHARING = 5_000_000  # multiplications of a step


def main(arguments: list[str]) -> int:
    """Run one of Lightning's commands and say what came of it."""
    quiet()
    try:
        TrainingCLI(arguments)
    except SystemExit as left:
        if left.code == 1:  # Lightning's way to leave after Ctrl-C
            raise KeyboardInterrupt from None
        raise
    return 0


@contextmanager
def few_threads(model: LitModule, data: InMemoryDataModule) -> Iterator[None]:
    """Take one thread for steps that are too small to be shared: on a busy machine they would wait."""
    before = torch.get_num_threads()
    rows = data.batch_size or len(data.split("train").y)
    if rows * sum(weight.numel() for weight in model.parameters()) < _WORTH_SHARING:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TrainingCLI(RunCLI):
    """The command line of a run, with a word before and after."""

    def fit(self, **kwargs: Any) -> None:
        """Train, with a word before and after; a run with nothing left to train leaves nothing behind."""
        if self.checkpoint and (reason := nothing_left(self.checkpoint.content, self.trainer)):
            self.say(f"{self.checkpoint.path}: {reason}")
            return
        rows = {name: len(self.datamodule.split(name).y) for name in ("train", "test")}
        weights = sum(parameter.numel() for parameter in self.model.parameters())
        self.say(
            f"{self.run_name()}: {type(self.model).__name__} with {weights:,} parameters on "
            f"{rows['train']:,} training rows, {rows['test']:,} test rows"
        )
        if isinstance(self.datamodule, TableDataModule):
            self.say(f"\n{self.datamodule.describe()}\n")
        before = self.checkpoint.epochs if self.checkpoint else 0
        begun = time.monotonic()
        try:
            with few_threads(self.model, self.datamodule):
                self.trainer.fit(**kwargs)
        except BaseException:
            self.sweep()
            if signals.received():
                self.point_to_run()
            raise
        epochs = self.trainer.current_epoch
        went_on = f"Went on after {before} epochs and trained {epochs - before} more"
        trained = went_on if before else f"Trained {epochs} epochs"
        if any(getattr(part, "stopped_epoch", 0) for part in self.trainer.early_stopping_callbacks):
            trained += ", stopped early,"
        self.say(f"\n{trained} in {time.monotonic() - begun:.1f} s.")
        try:
            self.say_best()
        finally:  # a signal may end the scoring
            self.point_to_run()

    def say_best(self) -> None:
        """Say which epoch was the best; if that was asked for, score the test rows with its weights."""
        best = next(
            (part for part in self.trainer.checkpoint_callbacks if isinstance(part, BestCheckpoint)), None
        )
        if best is None or not best.best_model_path:
            return
        kept = Checkpoint.read(best.best_model_path)
        if self._get(self.config, "test_best") and not self.datamodule.validates_on_test:
            self.score_best(kept, float(cast(Tensor, best.best_model_score)))
            return
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
        log = next(part for part in callbacks if isinstance(part, EpochLog))
        row = log.row(kept.epochs - 1)  # none where an earlier part of the run was the best
        said = row.split(" | ")[-1] if row else f"val/loss {best.best_model_score:.5f}"
        self.say(f"Best:  epoch {kept.epochs - 1}, {said}")

    def score_best(self, kept: Checkpoint, score: float) -> None:
        """Score the test rows with the best weights, and say so in a line."""
        self.io.offer(kept.path, kept.content)
        (figures,) = self.trainer.test(
            self.model, self.datamodule, ckpt_path=str(kept.path), verbose=False, weights_only=True
        )
        values, notes = self._metrics("test", figures)
        names = [name for name in ("loss", self.model.metric_name) if name in values or name in notes]
        said = ", ".join(
            f"{name} {f'{values[name]:.5f}' if name in values else notes[name]}" for name in names
        )
        self.say(f"Best:  epoch {kept.epochs - 1} by val/loss, {score:.5f}; on the test rows: {said}")

    def point_to_run(self) -> None:
        """Say where the run is and what to type next."""
        folder = self._run_directory()
        if folder is not None and folder.is_dir():  # else it broke off before it began
            kept = folder / "checkpoints" / "best.ckpt"
            kept = kept if kept.is_file() else kept.with_name("last.ckpt")
            self.say(f"Run:   {folder}")
            if any(isinstance(logger, RunLogger) for logger in self.trainer.loggers):
                self.say(f"Look:  tensorboard --logdir {folder.parent.parent}")
            if kept.is_file():
                self.say(f"Test:  {self.test_command(kept)}")
        if not self.trainer.checkpoint_callbacks:
            fast = getattr(self.trainer, "fast_dev_run", False)
            why = "--trainer.fast_dev_run" if fast else "--trainer.enable_checkpointing false"
            self.say(f"No checkpoint was kept: {why}")

    def test_command(self, kept: Path) -> str:
        """Return what to type to test a checkpoint; classes of one's own must be named again."""
        words = ["lit-classify", "test", "--ckpt_path", str(kept)]
        given = self.config["fit"]
        for option, path in {
            "--model": given.model.class_path,
            "--data": given.data.class_path,
            "--model.network": given.model.init_args.get("network"),
            "--model.activation": given.model.init_args.get("activation"),
        }.items():
            own = isinstance(path, str) and "." in path and not path.startswith("lit_classify.")
            words += [option, path] if own else []
        return shlex.join(words)

    def sweep(self) -> None:
        """Take away the folder of a run that failed before its first step."""
        folder = self._run_directory()
        if self.trainer.global_step or folder is None or not self.trainer.is_global_zero:
            return
        shutil.rmtree(folder, ignore_errors=True)
        for parent in (folder.parent, folder.parent.parent):
            with suppress(OSError):  # other runs are there
                parent.rmdir()

    def _run_directory(self) -> Path | None:
        """Return the run's directory, if it has one; the trainer would wait for the other processes."""
        run = getattr(self.trainer, "run", None)
        return run.directory if isinstance(run, RunLogger) else None

    def say(self, line: str) -> None:
        """Print a line, from one process only."""
        if self.trainer.is_global_zero:
            echo(line)

    def test(self, **kwargs: Any) -> None:
        """Score the test rows, and report on every class, the mistakes and simpler models."""
        self._score("test", **kwargs)
        self.say(f"\n{report(self.model, self.datamodule)}")

    def validate(self, **kwargs: Any) -> None:
        """Score the validation rows."""
        self._score("val", **kwargs)

    def _score(self, stage: str, **kwargs: Any) -> None:
        run = self.trainer.test if stage == "test" else self.trainer.validate
        scored = run(**{**kwargs, "verbose": False, "weights_only": True})
        if not scored:
            raise UserError("no rows were scored: a limit of 0 batches leaves none")
        (figures,) = scored
        found = self.model.evaluation
        y = found.y if found is not None and stage == "test" else self.datamodule.split(stage).y
        self.say(f"{type(self.model).__name__} on {len(y):,} {stage} rows")
        self.say("\n".join(metric_lines(self._metrics(stage, figures))))

    def _metrics(self, stage: str, logged: Mapping[str, float]) -> Metrics:
        """Return what a stage found, with the reasons for what is undefined."""
        found = self.model.evaluation
        metrics: Metrics = found.metrics if found and stage == "test" else logged_metrics(logged, f"{stage}/")
        return metrics

    def predict(self, **kwargs: Any) -> None:
        """Write a label and the probabilities for every test row."""
        out, keep = Path(self._get(self.config, "out")), self._get(self.config, "keep")
        check_output(out, self._get(self.config, "overwrite"))
        kept = self._kept([keep] if isinstance(keep, str) else keep)
        batches = self.trainer.predict(**{**kwargs, "weights_only": True, "return_predictions": True})
        if not batches:
            raise UserError("no rows were predicted: a limit of 0 batches leaves none")
        answers = TensorLoader.put_together(self._of_all_ranks(cast(list[Tensor], batches)))
        if not self.trainer.is_global_zero:
            return
        found = prediction_table(self.model, answers)
        if twice := set(found.columns) & set(kept.columns):
            raise UserError(f"--keep {twice.pop()}: predictions have a column of that name themselves")
        table = pl.concat([kept, found], how="horizontal") if kept.width else found
        write(out, table, self._get(self.config, "overwrite"))

    def _of_all_ranks(self, batches: list[Tensor]) -> list[list[Tensor]]:
        """Return every rank's batches."""
        shares: list[Any] = [[batch.cpu() for batch in batches]] * self.trainer.world_size
        if self.trainer.world_size > 1:
            torch.distributed.all_gather_object(shares, shares[0])
        return shares

    def _kept(self, names: list[str]) -> pl.DataFrame:
        """Return the columns that stand beside the predictions."""
        if names and not isinstance(self.datamodule, TableDataModule):
            raise UserError("--keep takes columns of a table, but this data is none")
        return self.datamodule.raw_columns(names) if names else pl.DataFrame()
