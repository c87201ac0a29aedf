"""Contract: argparse and jsonargparse list their options, and those of subcommands, in ``_actions``."""

import argparse

import jsonargparse
import pytest

from lit_classify._lightning.argparse_actions import actions


@pytest.mark.parametrize("parser_class", [argparse.ArgumentParser, jsonargparse.ArgumentParser])
def test_options_come_with_their_defaults_and_help(parser_class: type[argparse.ArgumentParser]) -> None:
    parser = parser_class(add_help=False)
    parser.add_argument("--rate", type=float, default=0.1, help="learning rate")
    (action,) = (action for action in actions(parser) if action.dest == "rate")
    assert (action.option_strings, action.default, action.help) == (["--rate"], 0.1, "learning rate")


def test_options_of_subcommands_are_listed() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_subparsers().add_parser("fit", add_help=False).add_argument("--rate")
    assert "rate" in {action.dest for action in actions(parser)}
