"""What the command lines of fit, validate, test and predict have in common."""

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from jsonargparse import Namespace, set_parsing_settings
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from lit_classify import allowed_imports
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.callbacks import EpochLog, EpochProgressBar
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.compatibility import KNOWN_CLASSES, non_nullable_arguments
from lit_classify.checkpoints.io import AtomicCheckpointIO
from lit_classify.checkpoints.search import RUNS, find_checkpoint
from lit_classify.cli.fit_options import add_fit_options
from lit_classify.cli.lightning_parser import Recipe, RecipeFile, RunParser
from lit_classify.cli.main import COMMANDS
from lit_classify.cli.warning_filters import filter_warnings
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError, check_at_least
from lit_classify.evaluation.cross_validation import cross_validated
from lit_classify.messages import Color, echo, format_metric, summarize, warn
from lit_classify.metrics.base import Metrics, logged_metrics
from lit_classify.modules import LitModule

AUTO_MODULE = "lit_classify.modules.AutoModule"


class LitCLI(LightningCLI):
    """Parse the options of a command, build the objects and run it; each command is a subclass.

    Args:
        args: the command and its options.

    Attributes:
        command: the command, whose method Lightning calls.
        common_options: what ``--help`` begins with: options, and what they do.

    Raises:
        UserError: an invalid option, recipe or setting. Nothing has been written yet.
    """

    command: str
    common_options: ClassVar[Mapping[str, str]]
    parser_class = RunParser
    model: LitModule
    datamodule: InMemoryDataModule
    trainer: RunTrainer

    def __init__(self, args: list[str]) -> None:
        filter_warnings()
        self.args = args
        self.checkpoint: Checkpoint | None = None  # of --ckpt_path, read once
        self.io = AtomicCheckpointIO()
        set_parsing_settings(
            import_path_denylist=allowed_imports.denied(), import_path_allowlist=allowed_imports.allowed()
        )
        super().__init__(
            LitModule,
            InMemoryDataModule,
            trainer_class=RunTrainer,
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            save_config_callback=None,
            seed_everything_default=42,
            trainer_defaults={
                "num_sanity_val_steps": 0,
                "enable_model_summary": False,
                "max_epochs": 1000,
                "check_val_every_n_epoch": None,  # log_every_n_epochs, unless given
            },
            parser_class=self.parser_class,
            args=args,
            run=True,
        )

    @classmethod
    def main(cls, arguments: list[str]) -> int:
        """Run the command and print its result."""
        cls(arguments)
        return 0

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # Lightning's is static
        """Build the parser of this command only, which saves the time to build all four."""
        skipped = LightningCLI.subcommands()
        return {self.command: skipped[self.command]}

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Build a parser whose ``--config`` accepts the name of a recipe."""
        parser = self.parser_class(**kwargs)
        parser.add_argument("-c", "--config", action=RecipeFile, help="Name of a recipe, or a YAML file.")
        self._options = parser  # the command's, which is built after the main parser
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options of lit_classify that a recipe may set."""
        parser.usage = f"lit-classify {self.command} [options]"
        parser.description = f"{COMMANDS[self.command].capitalize()}."
        self._options.common_options = self.common_options
        parser.add_class_arguments(Recipe, "recipe")
        self.add_fit_options(parser)
        parser.set_defaults({"model": {"class_path": AUTO_MODULE}})

    def add_fit_options(self, parser: LightningArgumentParser) -> None:
        """Add the options of fit, which all commands accept, as config.yaml contains them."""
        add_fit_options(parser)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - Lightning's
        """Parse, ignoring a recipe's arguments for a replaced network, loss, optimizer or scheduler."""
        self._options.recipes.clear()
        self._options.ignored_keys.clear()
        super().parse_arguments(parser, args)
        if ignored := self._replaced_arguments():
            recipes = list(self._options.recipes)  # as they are without the second pass
            self._options.recipes.clear()
            self._options.ignored_keys.update(ignored)
            super().parse_arguments(parser, args)
            self._report_ignored(recipes, ignored)
        self._check_nulls()
        seed = self.parsed("seed_everything")
        if not 0 <= seed < 2**32:
            raise UserError(f"--seed_everything must be from 0 to {2**32 - 1}, but is {seed}")
        check_at_least("trainer.accumulate_grad_batches", self.parsed("trainer").accumulate_grad_batches, 1)

    def _check_nulls(self) -> None:
        """Raise UserError for null as the value of an argument of model or data that does not accept it.

        jsonargparse accepts null for every argument of a class.
        """
        for key in ("model", "data"):
            config = self.config[self.command][key]
            nulls = {name for name, value in (config.get("init_args") or {}).items() if value is None}
            classes = KNOWN_CLASSES[key]
            named_class = classes.get(config.class_path.rpartition(".")[2])
            for class_ in [named_class] if named_class else classes.values():
                for name in sorted(nulls & non_nullable_arguments(class_)):
                    raise UserError(f"--{key}.{name} cannot be null; leave it out instead")

    def _replaced_arguments(self) -> dict[int, list[str]]:
        """Return, for each recipe, the keys whose loss, optimizer, scheduler or network is replaced."""
        final = self.config[self.command]
        ignored: dict[int, list[str]] = {}
        for index, recipe in enumerate(self._options.recipes):
            for name in ("loss", "optimizer", "lr_scheduler", "network"):
                key = f"model.init_args.{name}"
                default = inspect.signature(LitModule).parameters[name].default
                if recipe.get(f"{key}_args") and recipe.get(key, default) != final.get(key):
                    ignored.setdefault(index, []).append(f"{key}_args")
        return ignored

    def _report_ignored(self, recipes: list[Namespace], ignored: dict[int, list[str]]) -> None:
        """Warn of each argument of a recipe that the second pass has not set."""
        final = self.config[self.command]
        for index, keys in ignored.items():
            for key in keys:
                option, replaced = key.rpartition(".")[2], recipes[index].get(key.removesuffix("_args"))
                file = Path(str(final.config[index])).name
                for name in recipes[index][key].keys() - (final.get(key) or {}).keys():
                    warn(f"ignored {option}.{name}, which {file} sets for {replaced}")

    def parsed(self, option: str) -> Any:  # noqa: ANN401 - an option of any type
        """Return the parsed value of an option."""
        return self.config[self.command][option]

    def read_checkpoint(self, runs: Path, names: Sequence[str] = ("best", "last")) -> None:
        """Read the checkpoint that ``--ckpt_path`` names, or the first one in the directory of a run.

        Raises:
            UserError: the checkpoint is missing or cannot be read.
        """
        self.checkpoint = Checkpoint.read(find_checkpoint(self.parsed("ckpt_path"), runs, names))

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; errors of constructors become UserError."""
        try:
            self.build()
        except UserError:
            raise
        except Exception as error:  # a constructor may raise any type for invalid arguments
            raise UserError(summarize(error)) from error

    def build(self) -> None:
        """Build data, model and trainer from the options."""
        super().instantiate_classes()

    def instantiate_trainer(self, **kwargs: Any) -> RunTrainer:
        """Add the epoch log, the reader of checkpoints and, if it is enabled here, the progress bar."""
        options = self.config_init[self.command].trainer
        if options.barebones:
            raise UserError(
                "--trainer.barebones leaves out metrics and checkpoints: nothing would remain of a run"
            )
        callbacks = options.callbacks or []
        callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
        for callback in callbacks:
            if isinstance(callback, ModelCheckpoint) and callback.filename in ("best", "last"):
                raise UserError(
                    f"--trainer.callbacks.filename {callback.filename} is the name of a checkpoint that "
                    "every run keeps; choose another one"
                )
        extra = kwargs.pop("callbacks", [])
        # callbacks that monitor validation metrics then run after each validation, not after each epoch
        interval = self._validation_interval(options.check_val_every_n_epoch)
        kwargs["check_val_every_n_epoch"] = interval
        has_progress_bar = any(isinstance(callback, ProgressBar) for callback in callbacks)
        if has_progress_bar:
            del kwargs["enable_progress_bar"]
        elif kwargs["enable_progress_bar"]:
            extra.append(EpochProgressBar())
        kwargs["plugins"] = [*(options.plugins or []), self.io]
        self.epoch_log = EpochLog(interval, self.parsed("print_every_n_epochs"))
        kwargs["callbacks"] = [self.epoch_log, *callbacks, *extra]
        trainer = super().instantiate_trainer(**kwargs)
        assert isinstance(trainer, RunTrainer)
        trainer.shows_metrics = has_progress_bar
        return trainer

    def _validation_interval(self, lightning_interval: int | None) -> int:
        """Return the number of epochs between validations; Lightning's option takes precedence.

        Raises:
            UserError: both options are given, with different values.
        """
        interval: int = self.parsed("log_every_n_epochs")
        if lightning_interval is not None:
            check_at_least("trainer.check_val_every_n_epoch", lightning_interval, 1)
            recipes = self._options.recipes
            default = recipes[-1].get("log_every_n_epochs", 100) if recipes else 100
            if interval not in (default, lightning_interval):  # both are given
                raise UserError(
                    f"--log_every_n_epochs is {interval}, but --trainer.check_val_every_n_epoch is "
                    f"{lightning_interval}: a line is printed after each validation, so give only one of them"
                )
            interval = lightning_interval
            config = self.config[self.command]  # of which config.yaml is a copy
            config.log_every_n_epochs, config.trainer.check_val_every_n_epoch = lightning_interval, None
        return interval

    def run_name(self) -> str:
        """Return the recipe's name, else the file's, else the data's: CirclesDataModule gives circles."""
        config = self.config[self.command]
        recipe, files = config.recipe, config.config or []
        if recipe.name:
            if not re.fullmatch(r"\w[\w.-]*", recipe.name):
                raise UserError(f"recipe.name must be a directory name for {RUNS}, but is {recipe.name!r}")
            return str(recipe.name)
        if files:
            return Path(str(files[-1])).stem
        name: str = config.data.class_path.rpartition(".")[2]
        return name.removesuffix("DataModule").lower()

    def after_instantiate_classes(self) -> None:
        """Check that the strategy returns results and that there is a core for each CPU process."""
        if self.trainer.uses_multiprocessing:
            raise UserError("this --trainer.strategy does not return results to the main process; use ddp")
        cores = os.cpu_count() or 1
        if isinstance(self.trainer.accelerator, CPUAccelerator) and self.trainer.num_devices > cores:
            raise UserError(
                f"--trainer.devices {self.trainer.num_devices}: this machine has {cores} CPU cores"
            )

    def headline(self, metrics: Metrics) -> str:
        """Return the loss and the task's metric as text, with their notes."""
        values, notes = metrics
        texts = []
        for name in ("loss", self.model.metric_name):
            if name in values or name in notes:
                value = f"{format_metric(values[name])} " if name in values else ""
                texts.append(f"{name} {value}{notes.get(name, '')}".rstrip())
        return ", ".join(texts)

    def metrics(self, stage: str, logged: Mapping[str, float]) -> Metrics:
        """Return the metrics of a stage, with the reasons why some are undefined."""
        evaluation = self.model.evaluation
        return cross_validated(self.model, evaluation) if evaluation else logged_metrics(logged, f"{stage}/")

    def say(self, line: str, color: Color | None = None) -> None:
        """Print a line, from one process only."""
        if self.trainer.is_global_zero:
            echo(line, color=color)
