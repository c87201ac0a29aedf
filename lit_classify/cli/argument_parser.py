"""Argument parsers for the commands that do not use LightningCLI."""

import re
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn

from lit_classify.errors import UserError

_CUSTOM = {
    "network": "network",
    "activation": "activation",
    "loss": "loss",
    "model": "module",
    "data": "data module",
}
_OF_MODEL = ("network", "activation", "loss")  # which may also be given as in fit and test: --model.network


class _Parser(ArgumentParser):
    _arguments: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - as argparse
        """Parse arguments, and keep them for error messages."""
        self._arguments = args or ()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise UserError instead of printing the usage and exiting."""
        explained = wrong_number_of_values(message, self._arguments)
        raise UserError(explained or f"{message}; see {self.prog} --help")


def wrong_number_of_values(message: str, arguments: Sequence[str]) -> str | None:
    """Return a clearer form of argparse's message about a value that is missing or not expected.

    Args:
        message: the message.
        arguments: the command line.

    Examples:
        >>> wrong_number_of_values("argument -d/--dark: ignored explicit argument 'true'", [])
        "--dark takes no value, but got 'true': give --dark, or leave it out"
        >>> wrong_number_of_values("argument --out: expected one argument", ["plot", "last", "--out"])
        '--out requires a value'
        >>> wrong_number_of_values("argument --data: expected one argument", ["fit", "--data.path", "-t.csv"])
        "--data.path requires a value, and '-t.csv' looks like an option: write --data.path=-t.csv"
    """
    pattern = r"argument .*?(--[\w.]+)[^:]*: (?:ignored explicit argument (.*)|expected .*argument)"
    match = re.match(pattern, message)
    if not match:
        return None
    option, value = match.groups()
    if value is None:
        return _requires_value(option, arguments)
    return takes_no_value(option, value)


def _requires_value(option: str, arguments: Sequence[str]) -> str:
    """Return the message for an option without a value; argparse names ``--data`` for ``--data.path``."""
    for name, following in pairwise([*arguments, ""]):
        if name == option or (name.startswith(f"{option}.") and following.startswith("-")):
            if re.match("-[^-]", following):
                written = shlex.quote(f"{name}={following}")
                return f"{name} requires a value, and {following!r} looks like an option: write {written}"
            return f"{name} requires a value"
    return f"{option} requires a value"


def takes_no_value(option: str, value: str) -> str:
    """Return the message for a value of an option that takes none.

    Examples:
        >>> takes_no_value("--report", "'page.html'")
        "--report takes no value, but got 'page.html': give --report, or leave it out"
    """
    return f"{option} takes no value, but got {value}: give {option}, or leave it out"


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
        flags = [f"--{name}", *([f"--model.{name}"] if name in _OF_MODEL else [])]
        description = f"import path of the run's {_CUSTOM[name]}, if it is a custom one"
        options.add_argument(*flags, dest=name, help=description)


def add_data_options(options: ArgumentParser, path: str) -> None:
    """Add options for the table of a run.

    Args:
        options: the parser.
        path: help text of ``--data.path``.
    """
    options.add_argument("--data.path", help=path)
    options.add_argument("--data.cache_dir", help="another directory for a table that is read in blocks")


def data_settings(args: Namespace) -> dict[str, str]:
    """Return the arguments of the data module that replace those of a checkpoint.

    Examples:
        >>> options = parser("plot", "Plot runs.")
        >>> add_data_options(options, "another table")
        >>> data_settings(options.parse_args(["--data.path", "t.csv"]))
        {'path': 't.csv'}
    """
    settings = {name: getattr(args, f"data.{name}") for name in ("path", "cache_dir")}
    return {name: value for name, value in settings.items() if value is not None}
