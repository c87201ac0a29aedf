"""``lit-classify fit``: train a model on data."""

import inspect
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from torch import Tensor

from lit_classify import signals
from lit_classify._lightning.resume_limits import nothing_left
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.allocator import keep_freed_memory
from lit_classify.atomic_write import write_all
from lit_classify.callbacks import BestCheckpoint, HParams, LastCheckpoint, RunSummary
from lit_classify.callbacks.lr_range_plot import LearningRatePlot
from lit_classify.callbacks.member_early_stopping import stops_members
from lit_classify.callbacks.plot_callback import skip_on_error
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.custom_classes import CustomClasses
from lit_classify.checkpoints.resume_checks import check_resume
from lit_classify.checkpoints.search import RUNS, find_run_checkpoint
from lit_classify.checkpoints.seen_rows import warn_seen_rows_again
from lit_classify.checkpoints.transfer import init_from, recorded_preprocessing
from lit_classify.cli.lightning_cli import AUTO_MODULE, LitCLI
from lit_classify.cli.plot_selection import plot_callbacks, selected
from lit_classify.data import TableDataModule
from lit_classify.data_interface import LINKED_ARGUMENTS
from lit_classify.diagnosis import diagnose
from lit_classify.errors import DataError, UserError
from lit_classify.evaluation.cross_validation import OUT_OF_FOLD, cross_validated
from lit_classify.evaluation.diagnosis_facts import collect_facts
from lit_classify.evaluation.lr_range_test import range_test
from lit_classify.evaluation.threshold_tuning import check_metric, tune_threshold
from lit_classify.loggers import RunLogger
from lit_classify.messages import escape_control, plural, summarize, terminal_width, warn, width_of
from lit_classify.modules import BinaryClassifier, LitModule
from lit_classify.modules.results import Evaluation
from lit_classify.threads import flush_denormals, limit_threads

COMMON_OPTIONS = {
    "--config NAME": "a recipe (lit-classify recipes lists them) or a YAML file",
    "--data NAME, --model NAME": "the classes of data and model",
    "--trainer.max_epochs 1000": "number of epochs",
    "--log_every_n_epochs 100": "validate and print a line at epochs 0, n, 2n, ... and after the last",
    "--plots basic": "plots in TensorBoard: none, basic, all, or a list",
    "--ckpt_path last": "resume a run: a path, or the last or best checkpoint of this recipe",
    "--find_lr": "find the learning rate before the training",
    "--init_from FILE --freeze 0": "start from the weights of another run, and do not train its first layer",
    "--help": "show the options of the classes or recipe that are given before it",
}


class FitCLI(LitCLI):
    """The command line of fit: the data determines the model's inputs and outputs."""

    command = "fit"
    common_options = COMMON_OPTIONS

    @classmethod
    def main(cls, arguments: list[str]) -> int:
        """Train as the options say, and print a summary."""
        with flush_denormals():
            return super().main(arguments)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Link the model's arguments to the data."""
        super().add_arguments_to_parser(parser)
        for name in LINKED_ARGUMENTS:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")
        self._options.default_classes = {"data": "lit_classify.data.CirclesDataModule", "model": AUTO_MODULE}

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - Lightning's
        """Parse the options, and read the checkpoint to resume from.

        Raises:
            UserError: an invalid option; a checkpoint that is missing or cannot be read.
        """
        print_options = [arg for arg in args if arg.partition("=")[0] == "--print_config"]
        try:
            arguments = self._parse_options(parser, [arg for arg in args if arg not in print_options])
        except UserError:
            if print_options:  # incomplete options can be printed too
                super().parse_arguments(parser, args)
            raise
        config, name = self.config.fit, self.run_name()
        if print_options:  # print the result of all passes, and exit
            self._options.recipes.clear()
            LightningCLI.parse_arguments(self, parser, [*arguments, "--recipe.name", name, *print_options])
        config.recipe.name = name  # config.yaml records it, so the file can be moved
        if config.freeze is not None:
            config.model.init_args.freeze, config.freeze = config.freeze, None
        self._lines: list[str] = []  # to print before the training, on how it starts
        runs = Path(config.trainer.default_root_dir or "", RUNS)
        self._read_source(runs)
        self._leave_out_find_lr()
        if config.ckpt_path:
            self.read_checkpoint(runs / name, ("last",))
            config.ckpt_path = None  # Lightning would merge the file's hyper_parameters into the options

    def _parse_options(self, parser: LightningArgumentParser, args: list[str]) -> list[str]:
        """Parse the options, with the recipe for tables if none is given, and return them all."""
        super().parse_arguments(parser, args)
        is_table = self.parsed("data").class_path.rpartition(".")[2] == "TableDataModule"
        if is_table and not self.parsed("config"):
            args = [args[0], "--config", "table", *args[1:]]
            super().parse_arguments(parser, args)
        self._check_values()
        return args

    def _check_values(self) -> None:
        """Raise UserError for an option that is empty, that the data determines, or that needs another."""
        config = self.config.fit
        for option, examples in {"ckpt_path": "last, best", "init_from": "the directory of a run"}.items():
            if config[option] is not None and not config[option].strip():  # such as an unset variable
                raise UserError(f"--{option} is empty: give a checkpoint, {examples}, or null")
        defaults = inspect.signature(LitModule).parameters
        for name in LINKED_ARGUMENTS:
            if config.model.init_args.get(name) not in (None, [], defaults[name].default):
                raise UserError(f"--model.{name} comes from the data; change the data instead")
        if config.init_preprocessing != "auto" and not config.init_from:
            raise UserError(
                f"--init_preprocessing {config.init_preprocessing} requires --init_from, the run of the "
                "weights"
            )

    def _read_source(self, runs: Path) -> None:
        """Read the checkpoint of ``--init_from``; a resumed run starts from its own weights.

        Raises:
            UserError: it is missing or cannot be read, or the command also resumes a run.
        """
        config = self.config.fit
        self.source: Checkpoint | None = None
        if config.init_from and not config.ckpt_path:
            self.source = Checkpoint.read(find_run_checkpoint(config.init_from, runs))
            config.init_from = str(self.source.path)
        elif config.init_from and self._is_typed("init_from"):
            raise UserError(
                "--ckpt_path resumes a run with its weights, so that --init_from would have no effect; "
                "give one of them"
            )

    def _leave_out_find_lr(self) -> None:
        """Ignore ``--find_lr`` of a configuration if another option makes it unnecessary.

        Raises:
            UserError: it is on the command line.
        """
        config = self.config.fit
        reasons = {
            "ckpt_path": config.ckpt_path,
            "model.lr": self._is_typed("model.lr"),
            "trainer.fast_dev_run": config.trainer.fast_dev_run,
        }
        for option, is_set in reasons.items():
            if not (is_set and config.find_lr):
                continue
            if self._is_typed("find_lr"):
                raise UserError(
                    f"--find_lr finds a learning rate for a new run; leave it out with --{option}"
                )
            config.find_lr = False

    def before_instantiate_classes(self) -> None:
        """Restore ``--ckpt_path``, which config.yaml records, and set what is null but has a default here.

        A table is split by ``--seed_everything``; a run without any limit has the default number of epochs.
        """
        config = self.config.fit
        if self.checkpoint:
            config.ckpt_path = str(self.checkpoint.path)
        if "random_state" in config.data.init_args and config.data.init_args.random_state is None:
            seed = config.seed_everything
            config.data.init_args.random_state = None if seed is False else seed
        limits = config.trainer
        if limits.max_epochs is None and limits.max_time is None and limits.max_steps == -1:
            limits.max_epochs = self._options.get_default("trainer.max_epochs")

    def _is_typed(self, option: str) -> bool:
        """Return whether an option is on the command line, and not only in a configuration."""
        return any(arg.partition("=")[0] == f"--{option}" for arg in self.args)

    def build(self) -> None:
        """Build data, model and trainer; a table may keep the preprocessing of the run of the weights."""
        config = self.config.fit
        data = self._with_kept_preprocessing()
        options = config.data
        try:
            config.data = data or options
            super().build()
        finally:
            config.data = options  # which config.yaml records

    def _with_kept_preprocessing(self) -> TableDataModule | None:
        """Return the data with the preprocessing of a checkpoint; None if it has to be fitted.

        Raises:
            UserError: ``--init_preprocessing keep`` is given, but the table does not fit it.
        """
        config, choice = self.config.fit, self.parsed("init_preprocessing")
        if self.checkpoint:  # a resumed run keeps what it had kept
            initialization = self.checkpoint.content["lit_classify"].get("initialization", {})
            source = self.checkpoint if initialization.get("preprocessing") else None
        else:
            source = self.source if choice != "fit" else None
        state = recorded_preprocessing(source) if source else None
        is_table = config.data.class_path.rpartition(".")[2] == "TableDataModule"
        if self.source and choice == "keep" and not (state and is_table):
            raise UserError(
                "--init_preprocessing keep needs a table, and a checkpoint that was trained on one"
            )
        if state is None or not is_table:
            return None
        try:
            return TableDataModule(**{**config.data.init_args.as_dict(), "preprocessing": state})
        except DataError as error:
            if self.checkpoint or choice == "keep":
                raise
            reason = str(error).partition("\n")[0]
            self._lines.append(
                f"Preprocessing fitted to the training rows, as that of the checkpoint does not fit: {reason}"
            )
            return None

    def instantiate_trainer(self, **kwargs: Any) -> RunTrainer:
        """Add the default logger, checkpoints and, on a terminal, progress bar, unless disabled.

        Configuration and checkpoints are saved in one directory of ``lightning_logs`` for any logger.
        """
        options = self.config_init.fit.trainer
        run = None
        keeps = options.enable_checkpointing is not False and not options.fast_dev_run
        if not options.fast_dev_run and (keeps or options.logger is not False):
            run = RunLogger(Path(options.default_root_dir or "") / RUNS, self.run_name())
        callbacks: list[Callback] = []
        if run and (options.logger is None or options.logger is True):
            summary = RunSummary(self.run_name(), self.parsed("recipe").purpose, self.args)
            hparams = HParams(tests_best=self.parsed("test_best"))
            callbacks += plot_callbacks(selected(self.parsed("plots")), summary, hparams)
            kwargs["logger"] = run
        self._best = BestCheckpoint()
        if keeps:
            callbacks += [self._best, LastCheckpoint()]
        self.save_config_callback = SaveConfigCallback if run else None  # config.yaml
        trainer = super().instantiate_trainer(
            callbacks=callbacks,
            enable_checkpointing=keeps,
            enable_progress_bar=options.enable_progress_bar is not False and sys.stderr.isatty(),
            **kwargs,
        )
        trainer.run = run
        return trainer

    def before_fit(self) -> None:
        """Check that data, model and checkpoint are compatible before anything is written."""
        self.datamodule.setup("fit")
        if self.parsed("tune_threshold"):
            check_metric(self.parsed("tune_threshold"))
            if not isinstance(self.model, BinaryClassifier):
                raise UserError(
                    f"--tune_threshold needs two classes, but the model is a {type(self.model).__name__}"
                )
            if self.datamodule.validates_on_test:
                folds = "--data.folds 8 or " if isinstance(self.datamodule, TableDataModule) else ""
                raise UserError(
                    "--tune_threshold needs validation rows that are not the test rows; set "
                    f"{folds}--data.val_fraction 0.2"
                )
        self.model.check_targets(self.datamodule.split("train").y)
        if self.source:
            self._lines.append(str(init_from(self.model, self.source, self.datamodule)))
            if (self.model.initialization or {}).get("preprocessing"):
                columns = ", ".join(self.datamodule.column_features)
                self._lines.append(f"Preprocessing kept, of the columns {columns}")
            elif isinstance(self.datamodule, TableDataModule) and len(self._lines) == 1:
                self._lines.append("Preprocessing fitted to the training rows")
        if self.parsed("find_lr"):
            self.find_lr()
        configured = self.model.configure_optimizers()
        if self.trainer.early_stopping_callbacks and not self.trainer.limit_val_batches:
            raise UserError("early stopping requires validation, but --trainer.limit_val_batches is 0")
        if self.parsed("test_best") and not self.trainer.limit_test_batches:
            raise UserError("--test_best requires test rows, but --trainer.limit_test_batches is 0")
        if self.checkpoint:
            check_resume(self.checkpoint, self.model, self.datamodule, configured, self.trainer)
            warn_seen_rows_again(self.checkpoint, self.datamodule)
            self.io.offer(self.checkpoint.path, self.checkpoint.content)

    def find_lr(self) -> None:
        """Set the learning rate by a range test; config.yaml records the rate in place of the option."""
        with limit_threads(self.model, self.rows_per_step()):
            test = range_test(self.model, self.datamodule, self.trainer)
        config = self.config.fit
        self.model.lr = config.model.init_args.lr = test.suggestion
        config.find_lr = False
        self._lines.append(str(test))
        self.trainer.callbacks.append(LearningRatePlot(test, self.run_name(), self.trainer.run))

    def rows_per_step(self) -> int:
        """Return the number of rows of a training batch."""
        return self.datamodule.batch_size or len(self.datamodule.split("train").y)

    def fit(self, **kwargs: Any) -> None:
        """Train and print a summary; a resumed run without remaining epochs writes nothing."""
        if self.checkpoint and (reason := nothing_left(self.checkpoint.content, self.trainer)):
            self.say(f"{self.checkpoint.path}: {reason}")
            return
        for line in (self._description(), *self._lines):
            self.say(line)
        if isinstance(self.datamodule, TableDataModule):
            self.say(f"\n{self.datamodule.describe()}\n")
        earlier_epochs = self.checkpoint.epochs if self.checkpoint else 0
        start = time.monotonic()
        try:
            keep_freed_memory()
            with limit_threads(self.model, self.rows_per_step()):
                self.trainer.fit(**kwargs)
        except BaseException:
            self.remove_empty_run()
            if signals.received():
                self.report_run()
            raise
        epochs = self.trainer.current_epoch
        trained = f"Trained {plural(epochs, 'epoch')}"
        if earlier_epochs:
            new_epochs = epochs - earlier_epochs
            trained = f"Resumed after {plural(earlier_epochs, 'epoch')} and trained {new_epochs:,} more"
        if any(getattr(callback, "stopped_epoch", 0) for callback in self.trainer.early_stopping_callbacks):
            trained += ", stopped early,"
        self.say(f"\n{trained} in {time.monotonic() - start:.1f} s.")
        try:
            self.report_best()
        finally:  # a signal may interrupt the test
            self.report_run()
        self.report_problem()
        if self.parsed("report") and self.trainer.is_global_zero:
            self.write_report()

    def _description(self) -> str:
        """Return the name of the run, the size of its model and the numbers of its rows."""
        splits = {"train": "training", "test": "test"}
        rows = ", ".join(
            plural(len(self.datamodule.split(split).y), f"{name} row")
            for split, name in splits.items()
            if self.datamodule.has_split(split)
        )
        weights = list(self.model.parameters())
        total = sum(weight.numel() for weight in weights)
        num_frozen = sum(weight.numel() for weight in weights if not weight.requires_grad)
        frozen = f", {num_frozen:,} of them frozen," if num_frozen else ""
        return f"{self.run_name()}: {type(self.model).__name__} with {total:,} parameters{frozen} on {rows}"

    def report_best(self) -> None:
        """Print the best epoch; evaluate its weights on rows that the epoch log does not cover."""
        best = self._best
        if not best.best_model_path:  # no checkpoint was saved
            return
        checkpoint = Checkpoint.read(best.best_model_path)
        if self.parsed("tune_threshold"):
            checkpoint = self.tune_threshold(checkpoint)
        tests = self.parsed("test_best") and self.datamodule.has_split("test")
        tested = self.test_best(checkpoint) if tests and not self.datamodule.validates_on_test else ""
        folds = self.datamodule.folds
        if folds or stops_members(self.trainer):
            validated = cross_validated(self.model, self.validate_best(checkpoint))
            rows = OUT_OF_FOLD if folds else "each member's best epoch on the validation rows"
            shown = f"{self.headline(validated)}{f', {folds} folds' if folds else ''}"
            self.say(_in_lines(f"Best:  {rows}:", shown), "green")
            self.show_best(checkpoint.epochs - 1, validated.values)
        elif tested:
            score = float(cast(Tensor, best.best_model_score))
            best_epoch = f"Best:  epoch {checkpoint.epochs - 1} by val/loss, {score:.5f};"
            self.say(_in_lines(best_epoch, f"on the test rows: {tested}"), "green")
            return
        else:
            before_resume = f"val/loss {best.best_model_score:.5f}"
            *_, metrics = self.epoch_log.entries.get(checkpoint.epochs - 1, [before_resume])
            self.say(f"Best:  epoch {checkpoint.epochs - 1}, {metrics}", "green")
        if tested:
            self.say(f"       on the test rows: {tested}", "green")

    def tune_threshold(self, best: Checkpoint) -> Checkpoint:
        """Choose the threshold of the best weights on the validation rows, and save it beside them."""
        assert isinstance(self.model, BinaryClassifier)
        metric = self.parsed("tune_threshold")
        validation = self.validate_best(best)
        p = self.model.probabilities(validation.logits.float())[:, 1].numpy()  # as labels compares them
        self.model.threshold = tune_threshold(validation.y.numpy(), p, metric)
        best.content["lit_classify"]["model"]["init_args"]["threshold"] = self.model.threshold
        if self.trainer.is_global_zero:
            self.io.save_checkpoint(best.content, best.path)
        self.trainer.strategy.barrier()
        rows = "out-of-fold" if self.datamodule.folds else "validation"
        name = escape_control(self.model.class_names[1], is_name=True)
        self.say(f"Tuned: {name} above probability {self.model.threshold:.4g}, by {metric} on {rows} rows")
        return Checkpoint.read(best.path)

    def show_best(self, epoch: int, values: Mapping[str, float]) -> None:
        """Show the metrics of the best weights of all members on TensorBoard's HParams page."""
        for callback in self.trainer.callbacks:
            if isinstance(callback, HParams):
                shown = {name: values[name] for name in ("loss", self.model.metric_name) if name in values}
                callback.show_best(self.trainer, epoch, shown)

    def validate_best(self, best: Checkpoint) -> Evaluation:
        """Evaluate the best weights on the validation rows, without logging."""
        self.io.offer(best.path, best.content)
        loggers, self.trainer.loggers = self.trainer.loggers, []
        try:
            self.trainer.validate(
                self.model, self.datamodule, ckpt_path=str(best.path), verbose=False, weights_only=True
            )
        finally:
            self.trainer.loggers = loggers
        if self.model.evaluation is None:
            raise UserError("the validation rows cannot be evaluated: the model has its own validation_step")
        return self.model.evaluation

    def test_best(self, best: Checkpoint) -> str:
        """Evaluate the best weights on the test rows, and return the metrics as text."""
        self.io.offer(best.path, best.content)
        (logged,) = self.trainer.test(
            self.model, self.datamodule, ckpt_path=str(best.path), verbose=False, weights_only=True
        )
        return self.headline(self.metrics("test", logged))

    def report_run(self) -> None:
        """Print the directory of the run, and the commands to view it in TensorBoard and to test it."""
        run = self.trainer.run
        folder = run.directory if run else None  # trainer.log_dir would wait for other processes
        if folder is not None and folder.is_dir():  # None or absent if training failed at once
            checkpoint = folder / "checkpoints" / "best.ckpt"
            checkpoint = checkpoint if checkpoint.is_file() else checkpoint.with_name("last.ckpt")
            self.say(f"Run:   {folder}")
            if any(isinstance(logger, RunLogger) for logger in self.trainer.loggers):
                self.say(f"Look:  tensorboard --logdir {folder.parent.parent}")
            if checkpoint.is_file():
                hint = "" if self.datamodule.has_split("test") else " --data.path FILE  # with other rows"
                self.say(f"Test:  {self.test_command(checkpoint)}{hint}")
                if self.datamodule.folds and self._splits_off_test_rows() and not signals.received():
                    command = shlex.join(["lit-classify", *self.args, "--data.test_fraction", "0"])
                    self.say(f"Final: {command}  # trains on all rows")
        if not self.trainer.checkpoint_callbacks:
            reason = "fast_dev_run" if self.parsed("trainer").fast_dev_run else "enable_checkpointing false"
            self.say(f"No checkpoint was saved: --trainer.{reason}")

    def write_report(self) -> None:
        """Write the report of the run into its directory; an error in it does not fail the run."""
        run = self.trainer.run
        if run is None or run.directory is None or not self.trainer.checkpoint_callbacks:
            self.say("No report was written: it needs a run with checkpoints")
            return
        from lit_classify.report.html import render_html
        from lit_classify.report.summary import summarize

        options = self.parsed("model").init_args
        custom = CustomClasses(options.get("network"), options.get("activation"), options.get("loss"))
        path = run.directory / "report.html"
        with skip_on_error("report"):
            write_all({path: render_html(summarize([run.directory], custom=custom)).encode()})
            self.say(f"Report: {path}")

    def report_problem(self) -> None:
        """Print the first finding of ``lit-classify diagnose``, if the run was saved."""
        best = self._best.best_model_path
        if not (best and self.trainer.run and self.trainer.is_global_zero):
            return
        try:
            with limit_threads(self.model, 1):  # takes a few milliseconds, even beside other processes
                facts = collect_facts(
                    self.model,
                    self.datamodule,
                    self.trainer.run.logged_scalars(),
                    bool(self.trainer.early_stopping_callbacks),
                    lambda: Checkpoint.read(best).content["state_dict"],
                    self.parsed("trainer").overfit_batches or 0,
                )
        except Exception as error:  # user code may raise any type; the run itself has succeeded
            warn(f"the run was not checked: {summarize(error)}")
            return
        if findings := diagnose(facts):
            self.say(str(findings[0]))

    def _splits_off_test_rows(self) -> bool:
        """Return whether the test rows of a new run were chosen at random, and could be trained on."""
        options = self.parsed("data").init_args
        is_fixed = self.checkpoint or options.get("split") or options.get("test_path")
        return not is_fixed and bool(options.get("test_fraction"))

    def test_command(self, checkpoint: Path) -> str:
        """Return the command that tests a checkpoint; user-defined classes are given again."""
        path = str(checkpoint)
        option = [f"--ckpt_path={path}"] if path.startswith("-") else ["--ckpt_path", path]
        arguments = ["lit-classify", "test", *option]
        config = self.config["fit"]
        for name, import_path in {
            "--model": config.model.class_path,
            "--data": config.data.class_path,
            "--model.network": config.model.init_args.get("network"),
            "--model.activation": config.model.init_args.get("activation"),
            "--model.loss": config.model.init_args.get("loss"),
        }.items():
            is_custom = isinstance(import_path, str) and "." in import_path
            if is_custom and not import_path.startswith("lit_classify."):
                arguments += [name, import_path]
        return shlex.join(arguments)

    def remove_empty_run(self) -> None:
        """Remove the directory of a run that failed before its first step."""
        folder = self.trainer.run.directory if self.trainer.run else None
        if self.trainer.global_step or folder is None or not self.trainer.is_global_zero:
            return
        shutil.rmtree(folder, ignore_errors=True)
        for parent in (folder.parent, folder.parent.parent):
            with suppress(OSError):  # not empty
                parent.rmdir()


def _in_lines(first: str, second: str) -> str:
    """Return two texts in a line if they fit into the terminal, else the second one below."""
    line = f"{first} {second}"
    return line if width_of(line) <= terminal_width() else f"{first}\n       {second}"


main = FitCLI.main
