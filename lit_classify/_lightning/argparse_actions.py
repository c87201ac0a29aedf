"""The options of an argparse parser, with their defaults and help texts.

Reason: help and error messages list them, and argparse has them in ``_actions`` only.
"""

from argparse import Action, ArgumentParser
from collections.abc import Iterator


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
