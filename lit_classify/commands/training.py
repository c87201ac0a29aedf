"""``fit``, ``validate``, ``test`` and ``predict``: LightningCLI with recipes, links and one message a mistake."""

import logging
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ActionConfigFile
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from lit_classify import recipes
from lit_classify.callbacks import EpochBar, KeepBest, KeepLast, Rows
from lit_classify.commands.messages import explain
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError
from lit_classify.modules import LitModule

RUNS = Path("lightning_logs")


@dataclass
class Recipe:
    """What an experiment is for.

    Args:
        name: names the run's folder, lightning_logs/NAME; by default the configuration's or the data's.
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
        super().__call__(parser, cfg, str(recipes.find(values)), option_string)


class Parser(LightningArgumentParser):
    """A parser whose mistakes are UserErrors of a few lines."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise UserError(explain(self, message))


class RunCLI(LightningCLI):
    """The command line of a run: recipes by name, data linked to the model, runs in folders of their own."""

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
        parser.add_lightning_class_args(Rows, "rows")
        for name in ("in_features", "out_features", "class_names"):
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Give a fit its logger, checkpoints and, on a terminal, its bar, unless told otherwise."""
        given = self._get(self.config, "trainer")
        if self.subcommand != "fit":
            return super().instantiate_trainer(logger=False, enable_checkpointing=False, **kwargs)
        if given.logger is None:
            root = Path(given.default_root_dir or "")
            kwargs["logger"] = TensorBoardLogger(root / RUNS, name=self.run_name(), default_hp_metric=False)
        return super().instantiate_trainer(**kwargs)

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Any]) -> Trainer:
        if self.subcommand == "fit" and config["logger"] is not False and config["enable_checkpointing"] is not False:
            callbacks += [KeepBest(), KeepLast()]
        if config["enable_progress_bar"] is not False and sys.stderr.isatty():
            callbacks.append(EpochBar())
        else:
            config["enable_progress_bar"] = False
        return super()._instantiate_trainer(config, callbacks)

    def run_name(self) -> str:
        """Return the recipe's name, else the data's: CirclesDataModule gives circles."""
        recipe = self._get(self.config, "recipe")
        return recipe.name or type(self.datamodule).__name__.removesuffix("DataModule").lower()

    def _parse_ckpt_path(self) -> None:
        """Leave the checkpoint's hyperparameters alone: our own record has been read before parsing."""


def main(arguments: list[str]) -> int:
    quiet()
    RunCLI(
        LitModule,
        InMemoryDataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        load_from_checkpoint_support=False,
        seed_everything_default=42,
        trainer_defaults={"num_sanity_val_steps": 0, "enable_model_summary": False, "max_epochs": 1000},
        parser_class=Parser,
        args=arguments,
    )
    return 0


def quiet():
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
