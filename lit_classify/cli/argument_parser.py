"""A plain argument parser whose mistakes are UserErrors."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import NoReturn

from lit_classify import recipes
from lit_classify.errors import UserError


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise UserError(f"{message}; see {self.prog} --help")


def parser(command: str, description: str) -> ArgumentParser:
    """Return a parser for one of our own commands."""
    return _Parser(prog=f"lit-classify {command}", description=description, allow_abbrev=False)


def known_recipes(given: Sequence[str]) -> list[str]:
    """Return the recipes that were named, or all of them.

    Raises:
        UserError: one of them is unknown.
    """
    for name in given:
        recipes.find(name)
    return list(dict.fromkeys(given)) or recipes.names()
