"""Argument parsers for the commands that do not use LightningCLI."""

from argparse import ArgumentParser
from typing import Any, NoReturn

from lit_classify.errors import UserError


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise UserError instead of printing the usage and exiting."""
        raise UserError(f"{message}; see {self.prog} --help")


def parser(command: str, description: str, **kwargs: Any) -> ArgumentParser:
    """Return a parser without abbreviations, which raises UserError."""
    return _Parser(prog=f"lit-classify {command}", description=description, allow_abbrev=False, **kwargs)
