"""The private parts of Lightning and argparse that the command line rests on.

* ``LightningCLI._parse_ckpt_path`` merges the ``hyper_parameters`` of ``--ckpt_path`` into the configuration.
  There is no option against it, and lit_classify reads its own record instead.
* ``LightningCLI._get`` returns the value of an option with or without a subcommand.
* Whether a strategy starts its processes by multiprocessing shows only in the class of its launcher.
* The options of an argparse parser, with their defaults and help texts, are listed in ``_actions`` only.
"""

from argparse import Action, ArgumentParser
from collections.abc import Iterator
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher


class RecordCLI(LightningCLI):
    """A LightningCLI that ignores the ``hyper_parameters`` of a checkpoint and returns options by name."""

    def _parse_ckpt_path(self) -> None:
        """Do nothing."""

    def parsed(self, option: str) -> Any:  # noqa: ANN401 - an option of any type
        """Return the parsed value of an option of the command."""
        return self._get(self.config, option)


def uses_multiprocessing(trainer: Trainer) -> bool:
    """Return whether processes are started by multiprocessing, so that the parent keeps no trained model."""
    return isinstance(trainer.strategy.launcher, _MultiProcessingLauncher)


def actions(parser: ArgumentParser) -> Iterator[Action]:
    """Yield the actions of a parser and of its subcommands.

    Examples:
        >>> parser = ArgumentParser(add_help=False)
        >>> _ = parser.add_argument("--out", help="the file to write")
        >>> [action.help for action in actions(parser)]
        ['the file to write']
    """
    for action in parser._actions:
        if isinstance(action.choices, dict):  # subcommands
            for subparser in action.choices.values():
                yield from actions(subparser)
        yield action
