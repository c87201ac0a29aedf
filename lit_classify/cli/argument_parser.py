"""Argument parsers for the commands that do not use LightningCLI."""

from argparse import ArgumentParser
from typing import Any, NoReturn

from lit_classify.errors import UserError

_CUSTOM = {
    "network": "network",
    "activation": "activation",
    "loss": "loss",
    "model": "module",
    "data": "data module",
}


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise UserError instead of printing the usage and exiting."""
        raise UserError(f"{message}; see {self.prog} --help")


def parser(command: str, description: str, **kwargs: Any) -> ArgumentParser:
    """Return a parser without abbreviations, which raises UserError."""
    return _Parser(prog=f"lit-classify {command}", description=description, allow_abbrev=False, **kwargs)


def add_custom_classes(options: ArgumentParser, *names: str) -> None:
    """Add options for the import paths of a run's custom classes, which a checkpoint never names by itself.

    Args:
        options: the parser.
        names: of ``network``, ``activation``, ``loss``, ``model`` and ``data``; all if none is given.

    Examples:
        >>> options = parser("export", "Write a model.")
        >>> add_custom_classes(options, "network")
        >>> options.parse_args(["--network", "my_package.MyNetwork"])
        Namespace(network='my_package.MyNetwork')
    """
    for name in names or _CUSTOM:
        options.add_argument(
            f"--{name}", help=f"import path of the run's {_CUSTOM[name]}, if it is a custom one"
        )
