"""LightningCLI with recipes by name, data linked to the model, and a folder for every run."""

import argparse
import inspect
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse import ActionConfigFile, set_dumper, set_loader, set_parsing_settings
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher

from lit_classify import import_policy, recipes, safe_yaml
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.callbacks import (
    BestCheckpoint,
    EpochLog,
    EpochProgressBar,
    HParams,
    LastCheckpoint,
    RunSummary,
)
from lit_classify.checkpoints import checkpoint as checkpoints
from lit_classify.checkpoints.checkpoint import RUNS, Checkpoint
from lit_classify.checkpoints.io import AtomicCheckpointIO
from lit_classify.cli import parse_errors as messages
from lit_classify.cli.plot_options import HELP, plot_callbacks, selected
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError, check_at_least, summarize, warn
from lit_classify.loggers import RunLogger
from lit_classify.modules import LitModule

set_loader(
    "yaml", safe_yaml.load, exceptions=(yaml.YAMLError,)
)  # for every text that the parser reads or writes
set_dumper("yaml", safe_yaml.dump)


@dataclass
class Recipe:
    """What an experiment is for.

    Args:
        name: names the run's folder, lightning_logs/NAME; by default the file's name or the data's.
        why: what the experiment teaches, in a sentence.
        expect: what lit-classify verify holds the run against (rows, within, at_least, below).
    """

    name: str | None = None
    why: str | None = None
    expect: dict[str, Any] = field(default_factory=dict)


class RecipeFile(ActionConfigFile):
    """Take a recipe's name wherever a configuration file's path is taken."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:  # noqa: ANN401 - argparse's own signature
        """Look the recipe up, then read it."""
        text = values if "\n" in values else str(recipes.find(values))  # several lines are YAML themselves
        super().__call__(parser, cfg, text, option_string)  # type: ignore[no-untyped-call]


class RunParser(LightningArgumentParser):
    """A parser that takes no abbreviations and whose mistakes are UserErrors of a few lines."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        if not self.exit_on_error:  # a part of a larger parser, which will tell the whole
            super().error(message, ex)
        explained = messages.explain(self, message)
        options = set(re.findall(r"--[\w.]+", explained))
        typed = {argument.partition("=")[0].replace(".init_args.", ".") for argument in self.args}
        if options & typed and re.search("missing|expected (?:list|str)", explained):
            explained += """; YAML reads the text as something else: write it as '["text"]'"""
        raise UserError(explained)


class TypedParser(RunParser):
    """A parser of what was typed alone: what is missing, a checkpoint knows."""

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Check values, but not whether all are there."""
        super().validate(*args, **{**kwargs, "skip_required": True})


class SaveRunConfig(SaveConfigCallback):
    """Save ``config.yaml`` in the run's directory."""

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:  # noqa: ANN401 - Lightning's signature
        """Save for a fit that has one."""
        if stage == "fit" and getattr(trainer, "run", None) is not None:
            super().setup(trainer, pl_module, stage)


@dataclass
class Asked:
    """What must be known of a command line before its parser can be built.

    Args:
        ckpt_path: the checkpoint.
        name: the name of the runs, if one is given.
        root: the directory of the directory of runs.
    """

    ckpt_path: str | None
    name: str | None
    root: str | None

    @classmethod
    def of(cls, arguments: list[str]) -> "Asked":
        """Find it among the arguments and in the configurations that they name; what is typed wins."""
        options = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        options.add_argument("-c", "--config", action="append", default=[])
        for name, option in (("ckpt_path", "--ckpt_path"), ("name", "--recipe.name")):
            options.add_argument(option, dest=name)
        options.add_argument("--trainer.default_root_dir", dest="root")
        try:
            typed, _ = options.parse_known_args(arguments)
        except argparse.ArgumentError as error:
            raise UserError(str(error)) from error
        asked = cls(None, None, None)
        for config in typed.config:
            content = recipes.read(config)
            recipe, trainer = (content.get(part) or {} for part in ("recipe", "trainer"))
            asked.name = recipe.get("name") or Path(config).stem
            asked.ckpt_path = content.get("ckpt_path") or asked.ckpt_path
            asked.root = trainer.get("default_root_dir") or asked.root
        return cls(*(getattr(typed, name) or getattr(asked, name) for name in ("ckpt_path", "name", "root")))


class RunCLI(LightningCLI):
    """The command line of fit, validate, test and predict.

    Args:
        args: the command and its options.

    Raises:
        UserError: an option, recipe or setting that cannot be used; nothing has been written yet.
    """

    def __init__(self, args: list[str]) -> None:
        self._command = args[0]
        self._typed = args
        self.checkpoint: Checkpoint | None = None  # what --ckpt_path names, read once
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
            parser_class=RunParser if args[0] == "fit" else TypedParser,
            args=args,
            run=True,
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # Lightning's is static
        """Build the parser of the command that was given, not those of all four."""
        everything = LightningCLI.subcommands()
        return {name: skipped for name, skipped in everything.items() if name == self._command}

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Make ``--config`` take a recipe's name."""
        parser = self.parser_class(**kwargs)
        parser.add_argument(
            "-c", "--config", action=RecipeFile, help="A recipe's name (lit-classify recipes) or a YAML file."
        )
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the recipe's words and the rows, and tell the model what the data is like."""
        parser.add_class_arguments(Recipe, "recipe")
        parser.add_argument(
            "--plots",
            type=str | list[str],
            default="basic",
            help=HELP,
        )
        parser.add_argument(
            "--log_every_n_epochs",
            type=int,
            default=100,
            help="Validate and print a line at epochs 0, n, 2n, ... and after the last.",
        )
        parser.add_argument(
            "--test_best", type=bool, default=False, help="After fit, score the test rows with best.ckpt."
        )
        if self._command == "fit":
            parser.set_defaults({"model": {"class_path": "lit_classify.modules.AutoModule"}})
            for name in messages.LINKED:
                parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def _prepare_subcommand_parser(
        self, klass: type, subcommand: str, **kwargs: Any
    ) -> LightningArgumentParser:
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        if subcommand == "predict":
            parser.add_argument(
                "--out", default="predictions.csv", help="The file to write, .csv or .parquet."
            )
            parser.add_argument(
                "--keep",
                type=list[str] | str,
                default=[],
                help="Columns of the table to write too, as they are.",
            )
            parser.add_argument(
                "--overwrite", action="store_true", help="Replace a file that is already there."
            )
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - Lightning's
        """Parse what was typed; a table gets the recipe for tables, a checkpoint brings its classes along."""
        if self._command != "fit":
            self._parse_beside_checkpoint(parser, args)
            return
        super().parse_arguments(parser, args)
        given = self.config["fit"]
        if not given.config and given.data.class_path.rpartition(".")[2] == "TableDataModule":
            super().parse_arguments(parser, [args[0], "--config", "table", *args[1:]])
            given = self.config["fit"]
        defaults = inspect.signature(LitModule).parameters
        for name in messages.LINKED:
            if given.model.init_args.get(name) not in (None, [], defaults[name].default):
                raise UserError(f"--model.{name} comes from the data; change the data instead")
        self._drop_replaced(given)
        if given.ckpt_path:
            given.ckpt_path = self._resolve(given.ckpt_path, self.run_name(), given.trainer.default_root_dir)
            self.checkpoint = Checkpoint.read(given.ckpt_path)
        given.recipe.name = self.run_name()  # config.yaml says it, wherever that file is moved

    def _drop_replaced(self, given: Any) -> None:  # noqa: ANN401 - a namespace
        """Leave out the arguments of an optimizer, scheduler or network of a recipe that was replaced."""
        for config in given.config or []:
            model = recipes.read(str(config)).get("model")
            model = model.get("init_args", model) if isinstance(model, dict) else {}
            for part in ("optimizer", "lr_scheduler", "network"):
                known, now = model.get(f"{part}_args"), given.model.init_args.get(part)
                final = given.model.init_args.get(f"{part}_args")
                before = model.get(part, inspect.signature(LitModule).parameters[part].default)
                if not isinstance(known, dict) or not isinstance(final, dict) or before == now:
                    continue
                for name in [name for name, value in known.items() if final.get(name) == value]:
                    if not _is_typed(self._typed, f"{part}_args", name):
                        where = f"{Path(str(config)).name} has for {before}"
                        warn(f"left out {part}_args.{name}, which {where}")
                        del final[name]

    def _parse_beside_checkpoint(self, parser: LightningArgumentParser, args: list[str]) -> None:
        """Parse the options of a command that needs a checkpoint, whose record says what was not typed.

        Raises:
            UserError: no checkpoint is named, or it was trained with classes that were not named.
        """
        asked = Asked.of(args[1:])
        if not asked.ckpt_path:
            super().parse_arguments(parser, args)  # which answers --help and --print_config
            raise UserError(messages.lacking_checkpoint(args[0]))
        path = self._resolve(asked.ckpt_path, asked.name, asked.root)
        self.checkpoint = Checkpoint.read(path)
        classes = [f"--model={self.checkpoint.model.class_path}"]
        if self.checkpoint.data:
            classes.append(f"--data={self.checkpoint.data.class_path}")
        args = [args[0], *classes, *args[1:]]
        self._given = parser.parse_args(args, defaults=False)[args[0]]
        super().parse_arguments(parser, args)
        for part in ("model", "data"):
            self.config[args[0]].pop(part, None)
        self.config[args[0]].ckpt_path = None  # its weights are in the model already

    def _resolve(self, path: str, name: str | None, root: str | None) -> str:
        """Return a checkpoint's path; ``last`` and ``best`` are looked for in the runs of that name."""
        runs = Path(root or "", RUNS)
        return checkpoints.resolve(path, runs / name if name else runs)

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; what a constructor refuses is a user's mistake."""
        try:
            if self._command == "fit":
                super().instantiate_classes()
            else:
                self._build_from_checkpoint()
        except UserError:
            raise
        except Exception as error:  # whatever a constructor raises, it was given what it cannot use
            raise UserError(summarize(error)) from error

    def _build_from_checkpoint(self) -> None:
        """Build model and data as the checkpoint records them, with what was typed for the data instead."""
        assert self.checkpoint is not None
        model, data = (self._given.get(part) for part in ("model", "data"))
        settings = _arguments(model)
        network = settings.pop("network", None)
        self.checkpoint.check_settings("model", settings)
        task, own = (
            self.checkpoint.own_class(part, typed.class_path) if typed else None
            for part, typed in (("model", model), ("data", data))
        )
        self.model = self.checkpoint.build_model(network, task, settings.get("activation"))
        self.datamodule = self.checkpoint.build_data(_arguments(data), own)
        self.config_init = self.parser.instantiate_classes(self.config)
        self.trainer = self.instantiate_trainer()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Give a fit its directory, logger, checkpoints and, on a terminal, its bar, unless told otherwise.

        Configuration and checkpoints go into one directory of ``lightning_logs``, whatever logs.
        """
        given = self._get(self.config_init, "trainer")
        extra: list[Callback] = []
        callbacks = given.callbacks or []
        callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
        # callbacks that watch validation figures then look after each validation, not after each epoch
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
                recipe = self._get(self.config, "recipe")
                summary = RunSummary(self.run_name(), recipe.why, self._typed)
                hparams = HParams(tests_best=self._get(self.config, "test_best"))
                extra += plot_callbacks(selected(self._get(self.config, "plots")), summary, hparams)
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
        """Return the epochs from one validation, and its printed line, to the next; Lightning's option wins.

        Raises:
            UserError: two numbers were typed for it.
        """
        every: int = self._get(self.config, "log_every_n_epochs")
        if given is not None:
            check_at_least("trainer.check_val_every_n_epoch", given, 1)
            option = "--log_every_n_epochs"
            typed = any(argument.partition("=")[0] == option for argument in self._typed)
            if typed and given != every:
                raise UserError(
                    f"{option} is {every}, but --trainer.check_val_every_n_epoch is "
                    f"{given}: a line is printed after each validation, so give one of them"
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
                raise UserError(f"recipe.name names a directory of {RUNS}, but is {recipe.name!r}")
            return str(recipe.name)
        if files:
            return Path(str(files[-1])).stem
        name: str = given.data.class_path.rpartition(".")[2]
        return name.removesuffix("DataModule").lower()

    def after_instantiate_classes(self) -> None:
        """Refuse more processes than there are cores, each a whole Python, and such as tell nothing back."""
        if isinstance(self.trainer.strategy.launcher, _MultiProcessingLauncher):
            raise UserError("processes of this --trainer.strategy cannot tell what they did; give ddp")
        cores = os.cpu_count() or 1
        if isinstance(self.trainer.accelerator, CPUAccelerator) and self.trainer.num_devices > cores:
            raise UserError(
                f"--trainer.devices {self.trainer.num_devices}: this machine has {cores} CPU cores"
            )

    def before_fit(self) -> None:
        """Hold data against model before anything is written."""
        self.datamodule.setup("fit")
        self.model.check_targets(self.datamodule.split("train").y)
        configured = self.model.configure_optimizers()
        if self.trainer.early_stopping_callbacks and not self.trainer.limit_val_batches:
            raise UserError("early stopping watches the validation, but --trainer.limit_val_batches is 0")
        if self.checkpoint:
            self.checkpoint.check_data(self.datamodule)
            self.checkpoint.check_epochs(self.trainer.max_epochs)
            self.checkpoint.check_model(self.model)
            self.checkpoint.check_weights(self.model)
            self.checkpoint.check_state(configured, self.trainer)
            self.io.offer(self.checkpoint.path, self.checkpoint.content)

    def _parse_ckpt_path(self) -> None:
        """Leave the checkpoint's hyperparameters alone: our own record is read."""


def _is_typed(arguments: list[str], option: str, key: str) -> bool:
    """Whether a key of a model's option that takes several was typed, alone or among others."""
    for option_typed, value in zip(arguments, [*arguments[1:], ""], strict=True):
        name = option_typed.replace(".init_args.", ".")
        if name.startswith(f"--model.{option}") and (key in name or ("=" not in name and key in value)):
            return True
    return False


def _arguments(typed: Any) -> dict[str, Any]:  # noqa: ANN401 - a namespace, or none
    """Return the constructor arguments that were typed."""
    arguments = typed.get("init_args") if typed else None
    return arguments.as_dict() if arguments else {}
