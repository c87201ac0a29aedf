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
from lit_classify.cli.warning_filters import filter_warnings
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data.loaders import TensorLoader
from lit_classify.errors import UserError, echo
from lit_classify.evaluation.predictions import check_output_path, prediction_table, write_predictions
from lit_classify.evaluation.text import evaluation_text, metric_lines
from lit_classify.loggers import RunLogger
from lit_classify.metrics import Metrics, logged_metrics
from lit_classify.modules import LitModule

_MIN_PARALLEL_SIZE = 5_000_000  # multiplications per step


def main(arguments: list[str]) -> int:
    """Run a command and print its result."""
    filter_warnings()
    try:
        TrainingCLI(arguments)
    except SystemExit as error:
        if error.code == 1:  # Lightning's exit code after Ctrl-C
            raise KeyboardInterrupt from None
        raise
    return 0


@contextmanager
def limit_threads(model: LitModule, data: InMemoryDataModule) -> Iterator[None]:
    """Use one thread for small steps, for which synchronization costs more than it saves."""
    before = torch.get_num_threads()
    rows = data.batch_size or len(data.split("train").y)
    if rows * sum(weight.numel() for weight in model.parameters()) < _MIN_PARALLEL_SIZE:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TrainingCLI(RunCLI):
    """The command line, with a summary before and after each command."""

    def fit(self, **kwargs: Any) -> None:
        """Train and print a summary; a resumed run without remaining epochs writes nothing."""
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
        start = time.monotonic()
        try:
            with limit_threads(self.model, self.datamodule):
                self.trainer.fit(**kwargs)
        except BaseException:
            self.remove_empty_run()
            if signals.received():
                self.report_run()
            raise
        epochs = self.trainer.current_epoch
        resumed = f"Resumed after {before} epochs and trained {epochs - before} more"
        trained = resumed if before else f"Trained {epochs} epochs"
        if any(getattr(part, "stopped_epoch", 0) for part in self.trainer.early_stopping_callbacks):
            trained += ", stopped early,"
        self.say(f"\n{trained} in {time.monotonic() - start:.1f} s.")
        try:
            self.report_best()
        finally:  # a signal may interrupt the test
            self.report_run()

    def report_best(self) -> None:
        """Print the best epoch; with ``--test_best``, evaluate its weights on the test rows."""
        best = next(
            (part for part in self.trainer.checkpoint_callbacks if isinstance(part, BestCheckpoint)), None
        )
        if best is None or not best.best_model_path:
            return
        kept = Checkpoint.read(best.best_model_path)
        if self.parsed("test_best") and not self.datamodule.validates_on_test:
            self.test_best(kept, float(cast(Tensor, best.best_model_score)))
            return
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
        log = next(part for part in callbacks if isinstance(part, EpochLog))
        line = log.line(kept.epochs - 1)  # None if the best epoch was before a resume
        metrics = line.split(" | ")[-1] if line else f"val/loss {best.best_model_score:.5f}"
        self.say(f"Best:  epoch {kept.epochs - 1}, {metrics}")

    def test_best(self, best: Checkpoint, score: float) -> None:
        """Evaluate the best weights on the test rows, and print the result."""
        self.io.offer(best.path, best.content)
        (logged,) = self.trainer.test(
            self.model, self.datamodule, ckpt_path=str(best.path), verbose=False, weights_only=True
        )
        values, notes = self._metrics("test", logged)
        names = [name for name in ("loss", self.model.metric_name) if name in values or name in notes]
        shown = ", ".join(
            f"{name} {f'{values[name]:.5f}' if name in values else notes[name]}" for name in names
        )
        self.say(f"Best:  epoch {best.epochs - 1} by val/loss, {score:.5f}; on the test rows: {shown}")

    def report_run(self) -> None:
        """Print the directory of the run, and the commands to view it in TensorBoard and to test it."""
        folder = self._run_directory()
        if folder is not None and folder.is_dir():  # None or absent if training failed at once
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
            self.say(f"No checkpoint was saved: {why}")

    def test_command(self, kept: Path) -> str:
        """Return the command that tests a checkpoint; user-defined classes are given again."""
        words = ["lit-classify", "test", "--ckpt_path", str(kept)]
        given = self.config["fit"]
        for option, path in {
            "--model": given.model.class_path,
            "--data": given.data.class_path,
            "--model.network": given.model.init_args.get("network"),
            "--model.activation": given.model.init_args.get("activation"),
        }.items():
            if isinstance(path, str) and "." in path and not path.startswith("lit_classify."):
                words += [option, path]
        return shlex.join(words)

    def remove_empty_run(self) -> None:
        """Remove the directory of a run that failed before its first step."""
        folder = self._run_directory()
        if self.trainer.global_step or folder is None or not self.trainer.is_global_zero:
            return
        shutil.rmtree(folder, ignore_errors=True)
        for parent in (folder.parent, folder.parent.parent):
            with suppress(OSError):  # not empty
                parent.rmdir()

    def _run_directory(self) -> Path | None:
        """Return the directory of the run, or None; trainer.log_dir would wait for other processes."""
        run = getattr(self.trainer, "run", None)
        return run.directory if isinstance(run, RunLogger) else None

    def say(self, line: str) -> None:
        """Print a line, from one process only."""
        if self.trainer.is_global_zero:
            echo(line)

    def test(self, **kwargs: Any) -> None:
        """Evaluate on the test rows, and report on classes, errors and baseline models."""
        self._evaluate("test", **kwargs)
        self.say(f"\n{evaluation_text(self.model, self.datamodule)}")

    def validate(self, **kwargs: Any) -> None:
        """Evaluate on the validation rows."""
        self._evaluate("val", **kwargs)

    def _evaluate(self, stage: str, **kwargs: Any) -> None:
        run = self.trainer.test if stage == "test" else self.trainer.validate
        results = run(**{**kwargs, "verbose": False, "weights_only": True})
        if not results:
            raise UserError("no rows were evaluated: the limit is 0 batches")
        (logged,) = results
        evaluation = self.model.evaluation
        y = evaluation.y if evaluation is not None and stage == "test" else self.datamodule.split(stage).y
        self.say(f"{type(self.model).__name__} on {len(y):,} {stage} rows")
        self.say("\n".join(metric_lines(self._metrics(stage, logged))))

    def _metrics(self, stage: str, logged: Mapping[str, float]) -> Metrics:
        """Return the metrics of a stage, with the reasons why some are undefined."""
        evaluation = self.model.evaluation
        metrics: Metrics = (
            evaluation.metrics if evaluation and stage == "test" else logged_metrics(logged, f"{stage}/")
        )
        return metrics

    def predict(self, **kwargs: Any) -> None:
        """Write the predicted label and the probabilities of each test row."""
        out, keep = Path(self.parsed("out")), self.parsed("keep")
        check_output_path(out, self.parsed("overwrite"))
        kept = self._kept([keep] if isinstance(keep, str) else keep)
        batches = self.trainer.predict(**{**kwargs, "weights_only": True, "return_predictions": True})
        if not batches:
            raise UserError("no rows were predicted: the limit is 0 batches")
        outputs = TensorLoader.put_together(self._of_all_ranks(cast(list[Tensor], batches)))
        if not self.trainer.is_global_zero:
            return
        predicted = prediction_table(self.model, outputs)
        if both := set(predicted.columns) & set(kept.columns):
            raise UserError(f"--keep {both.pop()}: the predictions have a column of that name")
        table = pl.concat([kept, predicted], how="horizontal") if kept.width else predicted
        write_predictions(out, table, self.parsed("overwrite"))

    def _of_all_ranks(self, batches: list[Tensor]) -> list[list[Tensor]]:
        """Gather the batches of all ranks."""
        shares: list[Any] = [[batch.cpu() for batch in batches]] * self.trainer.world_size
        if self.trainer.world_size > 1:
            torch.distributed.all_gather_object(shares, shares[0])
        return shares

    def _kept(self, names: list[str]) -> pl.DataFrame:
        """Return the columns of the table to copy to the output file."""
        if names and not isinstance(self.datamodule, TableDataModule):
            raise UserError("--keep copies columns of a table, but the data is not a table")
        return self.datamodule.raw_columns(names) if names else pl.DataFrame()
