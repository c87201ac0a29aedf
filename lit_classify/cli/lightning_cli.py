"""LightningCLI with recipes by name, model arguments linked to the data, and a directory per run."""

import inspect
import os
import re
import sys
from pathlib import Path
from typing import Any, cast

from jsonargparse import Namespace, set_parsing_settings
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

from lit_classify import import_policy
from lit_classify._lightning.cli import RecordCLI, uses_multiprocessing
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.callbacks import (
    BestCheckpoint,
    EpochLog,
    EpochProgressBar,
    HParams,
    LastCheckpoint,
    RunSummary,
)
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.io import AtomicCheckpointIO
from lit_classify.checkpoints.search import RUNS, find_checkpoint
from lit_classify.cli.lightning_parser import Recipe, RecipeFile, RunParser
from lit_classify.cli.parse_errors import LINKED, missing_checkpoint
from lit_classify.cli.tensorboard_plots import HELP, plot_callbacks, selected
from lit_classify.data import (
    BlobsDataModule,
    CirclesDataModule,
    InMemoryDataModule,
    LineDataModule,
    TableDataModule,
)
from lit_classify.errors import UserError, check_at_least, summarize, warn
from lit_classify.loggers import RunLogger
from lit_classify.modules import LitModule

AUTO_MODULE = "lit_classify.modules.AutoModule"
RECORDED_DATA = "lit_classify.cli.lightning_cli.recorded_data"


class EvaluationParser(RunParser):
    """A parser that accepts missing options: the checkpoint records their values."""

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Check the values that are given."""
        super().validate(*args, **{**kwargs, "skip_required": True})


class SaveRunConfig(SaveConfigCallback):
    """Save ``config.yaml`` in the run's directory."""

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:  # noqa: ANN401 - Lightning's signature
        """Save the configuration if this is a fit with a run directory."""
        if stage == "fit" and getattr(trainer, "run", None) is not None:
            super().setup(trainer, pl_module, stage)


def recorded_data(**kwargs: Any) -> InMemoryDataModule:
    """Placeholder for the data module that a checkpoint records; parsed, but never called.

    ``--data.*`` options are parsed before the checkpoint is read, so they may be those of any data module:
    the parser takes them from the calls below.
    """
    if "path" in kwargs:
        return TableDataModule(**kwargs)
    if "weight" in kwargs:
        return LineDataModule(**kwargs)
    if "factor" in kwargs:
        return CirclesDataModule(**kwargs)
    return BlobsDataModule(**kwargs)


class RunCLI(RecordCLI):
    """The command line of fit, validate, test and predict: parse the options and build the objects.

    Args:
        args: the command and its options.

    Raises:
        UserError: an invalid option, recipe or setting. Nothing has been written yet.
    """

    def __init__(self, args: list[str]) -> None:
        self._command = args[0]
        self._args = args
        self.checkpoint: Checkpoint | None = None  # of --ckpt_path, read once
        self.io = AtomicCheckpointIO()
        set_parsing_settings(
            import_path_denylist=import_policy.denied(), import_path_allowlist=import_policy.allowed()
        )
        super().__init__(
            LitModule,
            InMemoryDataModule,
            trainer_class=RunTrainer,
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            save_config_callback=SaveRunConfig,
            seed_everything_default=42,
            trainer_defaults={
                "num_sanity_val_steps": 0,
                "enable_model_summary": False,
                "max_epochs": 1000,
                "check_val_every_n_epoch": None,  # log_every_n_epochs, unless given
            },
            parser_class=RunParser if args[0] == "fit" else EvaluationParser,
            args=args,
            run=True,
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # Lightning's is static
        """Build the parser of the given command only, which saves the time to build all four."""
        skipped = LightningCLI.subcommands()
        return {self._command: skipped[self._command]}

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Build a parser whose ``--config`` accepts the name of a recipe."""
        parser = cast(RunParser, self.parser_class(**kwargs))
        parser.add_argument("-c", "--config", action=RecipeFile, help="Name of a recipe, or a YAML file.")
        self._options = parser  # the command's, which is built after the main parser
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options of lit_classify, and link the model's arguments to the data."""
        parser.usage = f"lit-classify {self._command} [options]"
        parser.add_class_arguments(Recipe, "recipe")
        parser.add_argument("--plots", type=str | list[str], default="basic", help=HELP)
        parser.add_argument(
            "--log_every_n_epochs",
            type=int,
            default=100,
            help="Validate and print a line at epochs 0, n, 2n, ... and after the last epoch.",
        )
        parser.add_argument(
            "--test_best", type=bool, default=False, help="After fit, evaluate best.ckpt on the test rows."
        )
        classes = {"model": AUTO_MODULE}
        if self._command == "fit":
            for name in LINKED:
                parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")
            self._options.default_classes = {"data": "lit_classify.data.CirclesDataModule", **classes}
        else:
            classes["data"] = RECORDED_DATA
        parser.set_defaults({part: {"class_path": path} for part, path in classes.items()})
        if self._command == "predict":
            parser.add_argument("--out", default="predictions.csv", help="Output file, .csv or .parquet.")
            parser.add_argument(
                "--keep",
                type=list[str] | str,
                default=[],
                help="Columns of the table to copy to the output file.",
            )
            parser.add_argument("--overwrite", action="store_true", help="Replace an existing output file.")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - Lightning's
        """Parse the options, and read the checkpoint that they name.

        Raises:
            UserError: an invalid option; a checkpoint that is missing or cannot be read.
        """
        if self._command != "fit":
            self._given = parser.parse_args(args, defaults=False)[self._command]
        self._parse(parser, args)
        given = self.config[self._command]
        if self._command != "fit":
            if not given.ckpt_path:
                raise UserError(missing_checkpoint(self._command))
        elif not given.config and given.data.class_path.rpartition(".")[2] == "TableDataModule":
            self._parse(parser, [args[0], "--config", "table", *args[1:]])
            given = self.config["fit"]
        if self._command == "fit":
            defaults = inspect.signature(LitModule).parameters
            for name in LINKED:
                if given.model.init_args.get(name) not in (None, [], defaults[name].default):
                    raise UserError(f"--model.{name} comes from the data; change the data instead")
            given.recipe.name = self.run_name()  # config.yaml records it, so the file can be moved
        if given.ckpt_path:
            runs = Path(given.trainer.default_root_dir or "", RUNS)
            has_name = self._command == "fit" or given.recipe.name or given.config
            path = find_checkpoint(given.ckpt_path, runs / self.run_name() if has_name else runs)
            self.checkpoint = Checkpoint.read(path)
            # without fit, the model is built with the weights
            given.ckpt_path = path if self._command == "fit" else None
        if self._command != "fit":
            for part in ("model", "data"):
                given.pop(part)  # built from the checkpoint

    def _parse(self, parser: LightningArgumentParser, args: list[str]) -> None:
        """Parse, ignoring a recipe's arguments for an optimizer, scheduler or network that is replaced."""
        self._options.recipes.clear()
        self._options.ignored_keys.clear()
        super().parse_arguments(parser, args)
        if ignored := self._replaced_arguments():
            before = list(self._options.recipes)
            self._options.recipes.clear()
            self._options.ignored_keys.update(ignored)
            super().parse_arguments(parser, args)
            self._report_ignored(before, ignored)

    def _replaced_arguments(self) -> dict[int, list[str]]:
        """Return, for each recipe, the keys whose optimizer, scheduler or network is replaced."""
        final = self.config[self._command]
        ignored: dict[int, list[str]] = {}
        for number, recipe in enumerate(self._options.recipes):
            for part in ("optimizer", "lr_scheduler", "network"):
                key = f"model.init_args.{part}"
                default = inspect.signature(LitModule).parameters[part].default
                if recipe.get(f"{key}_args") and recipe.get(key, default) != final.get(key):
                    ignored.setdefault(number, []).append(f"{key}_args")
        return ignored

    def _report_ignored(self, recipes: list[Namespace], ignored: dict[int, list[str]]) -> None:
        """Warn of each argument of a recipe that the second pass has not set."""
        final = self.config[self._command]
        for number, keys in ignored.items():
            for key in keys:
                option, replaced = key.rpartition(".")[2], recipes[number].get(key.removesuffix("_args"))
                file = Path(str(final.config[number])).name
                for name in recipes[number][key].keys() - (final.get(key) or {}).keys():
                    warn(f"ignored {option}.{name}, which {file} sets for {replaced}")

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; errors of constructors become UserError."""
        try:
            if self._command == "fit":
                super().instantiate_classes()
            else:
                self._build_from_checkpoint()
        except UserError:
            raise
        except Exception as error:  # a constructor may raise any type for invalid arguments
            raise UserError(summarize(error)) from error

    def _build_from_checkpoint(self) -> None:
        """Build model and data as the checkpoint records them, except for the given data options."""
        assert self.checkpoint is not None
        classes, settings = {}, {}
        for part in ("model", "data"):
            given = self._given.get(part)
            is_default = given is None or given.class_path in {AUTO_MODULE, RECORDED_DATA}
            classes[part] = self.checkpoint.own_class(part, None if is_default else given.class_path)
            settings[part] = given.init_args.as_dict() if given and "init_args" in given else {}
            self.checkpoint.check_options(part, settings[part])
        network = settings["model"].pop("network", None)
        activation = settings["model"].get("activation")
        self.checkpoint.check_settings("model", settings["model"])
        self.model = self.checkpoint.build_model(network, classes["model"], activation)
        self.datamodule = self.checkpoint.build_data(settings["data"], classes["data"])
        self.config_init = self.parser.instantiate_classes(self.config)
        self.trainer = self.instantiate_trainer()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add the default logger, checkpoints and, on a terminal, progress bar of a fit, unless disabled.

        Configuration and checkpoints are saved in one directory of ``lightning_logs`` for any logger.
        """
        given = self.config_init[self._command].trainer
        extra: list[Callback] = []
        callbacks = given.callbacks or []
        callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
        # callbacks that monitor validation metrics then run after each validation, not after each epoch
        every = self._validation_interval(given.check_val_every_n_epoch)
        kwargs["check_val_every_n_epoch"] = every
        run = None
        if self.subcommand != "fit":
            kwargs.update(logger=False, enable_checkpointing=False)
        else:
            logs = given.logger is None or given.logger is True
            keeps = given.enable_checkpointing is not False and not given.fast_dev_run
            if not given.fast_dev_run and (keeps or given.logger is not False):
                run = RunLogger(Path(given.default_root_dir or "") / RUNS, self.run_name())
            if logs and run:
                recipe = self.parsed("recipe")
                summary = RunSummary(self.run_name(), recipe.why, self._args)
                hparams = HParams(tests_best=self.parsed("test_best"))
                extra += plot_callbacks(selected(self.parsed("plots")), summary, hparams)
                kwargs["logger"] = run
            kwargs["enable_checkpointing"] = keeps
            extra += [BestCheckpoint(), LastCheckpoint()] if keeps else []
        own_bar = any(isinstance(callback, ProgressBar) for callback in callbacks)
        if not own_bar:
            shown = (
                given.enable_progress_bar is not False and sys.stderr.isatty() and self.subcommand == "fit"
            )
            kwargs["enable_progress_bar"] = shown
            extra += [EpochProgressBar()] if shown else []
        kwargs["plugins"] = [*(given.plugins or []), self.io]
        kwargs["callbacks"] = [EpochLog(every), *callbacks, *extra]
        trainer = super().instantiate_trainer(**kwargs)
        assert isinstance(trainer, RunTrainer)
        trainer.run, trainer.shows_metrics = run, own_bar
        return trainer

    def _validation_interval(self, given: int | None) -> int:
        """Return the number of epochs between validations; Lightning's option takes precedence.

        Raises:
            UserError: both options are given, with different values.
        """
        every: int = self.parsed("log_every_n_epochs")
        if given is not None:
            check_at_least("trainer.check_val_every_n_epoch", given, 1)
            recipes = self._options.recipes
            default = recipes[-1].get("log_every_n_epochs", 100) if recipes else 100
            if every not in (default, given):  # both are given
                raise UserError(
                    f"--log_every_n_epochs is {every}, but --trainer.check_val_every_n_epoch is {given}: "
                    "a line is printed after each validation, so give only one of them"
                )
            every = given
            config = self.config[self._command]  # of which config.yaml is a copy
            config.log_every_n_epochs, config.trainer.check_val_every_n_epoch = given, None
        return every

    def run_name(self) -> str:
        """Return the recipe's name, else the file's, else the data's: CirclesDataModule gives circles."""
        given = self.config[self._command]
        recipe, files = given.recipe, given.config or []
        if recipe.name:
            if not re.fullmatch(r"\w[\w.-]*", recipe.name):
                raise UserError(f"recipe.name must be a directory name for {RUNS}, but is {recipe.name!r}")
            return str(recipe.name)
        if files:
            return Path(str(files[-1])).stem
        name: str = given.data.class_path.rpartition(".")[2]
        return name.removesuffix("DataModule").lower()

    def after_instantiate_classes(self) -> None:
        """Check that the strategy returns results and that there is a core for each CPU process."""
        if uses_multiprocessing(self.trainer):
            raise UserError("this --trainer.strategy does not return results to the main process; use ddp")
        cores = os.cpu_count() or 1
        if isinstance(self.trainer.accelerator, CPUAccelerator) and self.trainer.num_devices > cores:
            raise UserError(
                f"--trainer.devices {self.trainer.num_devices}: this machine has {cores} CPU cores"
            )

    def before_fit(self) -> None:
        """Check that data, model and checkpoint are compatible before anything is written."""
        self.datamodule.setup("fit")
        self.model.check_targets(self.datamodule.split("train").y)
        configured = self.model.configure_optimizers()
        if self.trainer.early_stopping_callbacks and not self.trainer.limit_val_batches:
            raise UserError("early stopping requires validation, but --trainer.limit_val_batches is 0")
        if self.checkpoint:
            self.checkpoint.check_data(self.datamodule)
            self.checkpoint.check_epochs(self.trainer.max_epochs)
            self.checkpoint.check_model(self.model)
            self.checkpoint.check_weights(self.model)
            self.checkpoint.check_state(configured, self.trainer)
            self.io.offer(self.checkpoint.path, self.checkpoint.content)
