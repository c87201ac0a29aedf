"""LightningCLI with recipes by name, data linked to the model, and a folder for every run."""

import os
import re
import sys
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal, NoReturn

import yaml
from jsonargparse import ActionConfigFile, set_dumper, set_loader
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher

from lit_classify import checkpoints, recipes, safe_yaml, trust
from lit_classify.callbacks import EpochBar, HParams, KeepBest, KeepLast, Notes, Rows
from lit_classify.commands import messages
from lit_classify.commands.showing import Show, pictures
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError
from lit_classify.modules import LitModule
from lit_classify.saving import WholeCheckpointIO
from lit_classify.scalars import RunLogger
from lit_classify.trainers import RunTrainer

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
        raise UserError(messages.explain(self, message))


class SaveRunConfig(SaveConfigCallback):
    """Save ``config.yaml`` in the run's folder, beside those of earlier runs if it is a shared one."""

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:  # noqa: ANN401 - Lightning's signature
        """Save for a fit that is logged."""
        if stage == "fit" and trainer.logger is not None:
            folder = Path(trainer.log_dir or trainer.default_root_dir)
            names = chain(["config.yaml"], (f"config_{number}.yaml" for number in count(1)))
            self.config_filename = next(name for name in names if not (folder / name).exists())
            super().setup(trainer, pl_module, stage)


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
        trust.restrict(args)
        for option in (f"--model.{name}" for name in messages.LINKED):
            if any(argument.partition("=")[0] == option for argument in args):
                raise UserError(f"{option} comes from the data; change the data instead")
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
            trainer_defaults={"num_sanity_val_steps": 0, "enable_model_summary": False, "max_epochs": 1000},
            parser_class=RunParser,
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
            "--pictures",
            type=Literal["none", "some", "all"],
            default="some",
            help="What a run shows in TensorBoard beside its figures.",
        )
        parser.add_class_arguments(Show, "show")
        parser.add_lightning_class_args(Rows, "rows")
        parser.add_argument(
            "--test_best", type=bool, default=False, help="After fit, score the test rows with best.ckpt."
        )
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

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; what a constructor refuses is a user's mistake."""
        try:
            super().instantiate_classes()
        except UserError:
            raise
        except Exception as error:  # whatever a constructor raises, it was given what it cannot use
            raise UserError(messages.reason(error)) from error

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Give a fit its logger, checkpoints and, on a terminal, its bar, unless told otherwise."""
        given = self._get(self.config_init, "trainer")
        extra: list[Callback] = []
        callbacks = given.callbacks or []
        if given.check_val_every_n_epoch not in (1, None):
            raise UserError("rows and validation come together: give --rows.every_n_epochs")
        # callbacks that watch validation figures then look after each validation, not after each epoch
        kwargs["check_val_every_n_epoch"] = self._get(self.config, "rows").every_n_epochs
        if self.subcommand != "fit":
            kwargs.update(logger=False, enable_checkpointing=False)
        else:
            if given.logger is None or given.logger is True:
                root = Path(given.default_root_dir or "") / checkpoints.RUNS
                kwargs["logger"] = RunLogger(root, self.run_name())
            if given.logger is False or given.enable_checkpointing is False or given.fast_dev_run:
                kwargs["enable_checkpointing"] = False
            else:
                extra += [KeepBest(), KeepLast()]
            if given.logger in (None, True) and not given.fast_dev_run:
                recipe, show = self._get(self.config, "recipe"), self._get(self.config, "show")
                notes = Notes(self.run_name(), recipe.why, self._typed)
                hparams = HParams(tests_best=self._get(self.config, "test_best"))
                extra += pictures(self._get(self.config, "pictures"), show, notes, hparams)
        if given.enable_progress_bar is not False and sys.stderr.isatty() and self.subcommand == "fit":
            extra.append(EpochBar())
        else:
            kwargs["enable_progress_bar"] = False
        kwargs["plugins"] = [*(given.plugins or []), WholeCheckpointIO()]
        kwargs["callbacks"] = [*(callbacks if isinstance(callbacks, list) else [callbacks]), *extra]
        return super().instantiate_trainer(**kwargs)

    def run_name(self) -> str:
        """Return the recipe's name, else the file's, else the data's: CirclesDataModule gives circles."""
        recipe, files = self._get(self.config, "recipe"), self._get(self.config, "config") or []
        if recipe.name:
            if not re.fullmatch(r"\w[\w.-]*", recipe.name):
                raise UserError(f"recipe.name names a folder of lightning_logs, but is {recipe.name!r}")
            return str(recipe.name)
        if files:
            return Path(str(files[-1])).stem
        return type(self.datamodule).__name__.removesuffix("DataModule").lower()

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
        self.model.configure_optimizers()
        if self.trainer.early_stopping_callbacks and not self.trainer.limit_val_batches:
            raise UserError("early stopping watches the validation, but --trainer.limit_val_batches is 0")
        if path := self._get(self.config, "ckpt_path"):
            checkpoints.check_same_data(path, self.datamodule)
            checkpoints.check_epochs(path, self.trainer.max_epochs)
        self._check_checkpoint()

    def before_validate(self) -> None:
        """Hold the checkpoint against what was given beside it."""
        self._check_checkpoint()

    def before_test(self) -> None:
        """Hold the checkpoint against what was given beside it."""
        self._check_checkpoint()

    def before_predict(self) -> None:
        """Hold the checkpoint against what was given beside it."""
        self._check_checkpoint()

    def _check_checkpoint(self) -> None:
        path = self._get(self.config, "ckpt_path")
        if path is not None:
            checkpoints.check_same_model(path, self.model)

    def _parse_ckpt_path(self) -> None:
        """Leave the checkpoint's hyperparameters alone: our own record was read before parsing."""
