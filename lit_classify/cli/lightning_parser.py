"""The parser of fit, validate, test and predict: recipes by name, short error messages, concise help."""

import json
import re
import shlex
import textwrap
from argparse import SUPPRESS, Action
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, Namespace, set_dumper, set_loader
from jsonargparse.typing import register_type
from lightning.pytorch.cli import LightningArgumentParser

from lit_classify import recipes, safe_yaml
from lit_classify._lightning.argparse_actions import actions
from lit_classify._lightning.string_arguments import write_strings
from lit_classify.allowed_imports import import_object
from lit_classify.cli import parse_errors
from lit_classify.data_interface import LINKED_ARGUMENTS
from lit_classify.errors import UserError
from lit_classify.messages import echo

_WIDTH, _MAX_LINES = 80, 6  # of a line, and of the text of an option

set_loader("yaml", safe_yaml.load, exceptions=(yaml.YAMLError,))  # for all YAML of the parser
set_dumper("yaml", safe_yaml.dump)
write_strings()
register_type(torch.device)  # the default of an argument of StochasticWeightAveraging


@dataclass
class Recipe:
    """The purpose of an experiment.

    Args:
        name: name of the run's directory, lightning_logs/NAME; by default the name of the file or the data.
        purpose: what the experiment teaches, in a sentence.
        expect: expected results for lit-classify verify (lines, within, accuracy_within, at_least, below).
    """

    name: str | None = None
    purpose: str | None = None
    expect: dict[str, Any] = field(default_factory=dict)


class RecipeFile(ActionConfigFile):
    """The action of ``--config``, which accepts the name of a recipe as well as a path."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:  # noqa: ANN401 - argparse's
        """Apply a recipe, except for the keys that ``parser`` ignores, and record the result."""
        text = values if "\n" in values else str(recipes.find(values))  # several lines are YAML, not a name
        previous = deepcopy(cfg)
        super().__call__(parser, cfg, text, option_string)  # type: ignore[no-untyped-call]
        if not cfg.get("ckpt_path"):  # null in the config.yaml of a run, which a typed checkpoint resumes
            cfg["ckpt_path"] = previous.get("ckpt_path")
        for key in parser.ignored_keys.get(len(parser.recipes), ()):
            cfg[key] = previous.get(key)
        parser.recipes.append(deepcopy(cfg))


_WITHOUT_EFFECT = {"verbose", "weights_only", "return_predictions"}  # of Lightning's options
_FIRST_SENTENCE = r"^((?:Perform one evaluation|Run inference)[^.:]*)\..*:$"  # of docstrings that go on


class Help(Action):
    """The action of ``--help``; classes and recipes given before it are taken into account."""

    def __init__(self, option_strings: list[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, SUPPRESS, nargs=0, default=SUPPRESS, help="Show this help and exit.")

    def __call__(self, parser: Any, namespace: Any, *_: Any) -> None:  # noqa: ANN401 - argparse's
        """Print the options of the chosen or default data and model, then all others, and exit."""
        for action in actions(parser):
            if action.dest in _WITHOUT_EFFECT:
                action.help = SUPPRESS
            elif action.dest == "ckpt_path":  # Lightning's text is about files that are refused here
                action.help = "See the common options."
            elif action.dest == "seed_everything":
                action.help = "Seed of the weights, and of the split of a table; true for a random one."
        usage, description, all_options = parser.format_help().replace("\b", "").split("\n\n", 2)
        lines = [_option_line(option, text) for option, text in parser.common_options.items()]
        sections = [usage, description, "\n".join(["common options:", *lines])]
        for option, default in parser.default_classes.items():
            typed = namespace.get(option)
            class_ = import_object(typed.class_path if typed else default, f"--{option}")
            sections.append(class_help(class_, option, typed.get("init_args", {}) if typed else {}))
        all_options = re.sub(_FIRST_SENTENCE, r"\1:", all_options, flags=re.MULTILINE)
        echo("\n\n".join([*sections, "all options:", all_options]))
        parser.exit()


def class_help(class_: type, option: str, values: Mapping[str, Any]) -> str:
    r"""Return a line for each constructor argument: its option, value and the start of its help text.

    Args:
        class_: the class.
        option: its option, ``data`` or ``model``.
        values: values that replace the defaults.

    Examples:
        >>> from lit_classify import MoonsDataModule
        >>> print("\n".join(class_help(MoonsDataModule, "data", {"num_samples": 500}).splitlines()[:2]))
        options of --data MoonsDataModule:
          --data.num_samples 500          number of points, half of them in each moon
    """
    options = ArgumentParser(add_help=False)
    options.add_class_arguments(class_, option, skip=set(LINKED_ARGUMENTS) if option == "model" else None)
    lines = [f"options of --{option} {class_.__name__}:"]
    for action in actions(options):
        if "." in action.dest:
            name = action.dest.partition(".")[2]
            value = json.dumps(values.get(name, action.default), default=str).strip('"')
            shown = "" if value.startswith(("Conditional", "==")) else value  # placeholders
            summary = re.split(r"[;.]\s", action.help or "")[0].rstrip(".").replace("``", "")
            typed = shlex.quote(shown) if re.search(r"[\s\[{]", shown) else shown
            lines.append(_option_line(f"--{action.dest} {typed}", summary))
    return "\n".join(lines)


def _option_line(option: str, text: str) -> str:
    """Return an option and what it does in lines of at most 80 characters, as far as the option allows."""
    indent, width = " " * 34, _WIDTH - 34
    first, *others = textwrap.wrap(text, width, max_lines=_MAX_LINES, placeholder="...") or [""]
    head = f"  {option:<30}  " if len(option) <= 30 else f"  {option}\n{indent}"
    return "\n".join([f"{head}{first}".rstrip(), *(indent + line for line in others)])


class RunParser(LightningArgumentParser):
    """A parser without abbreviations, which raises UserError.

    Attributes:
        common_options: the options that ``--help`` begins with, and what they do.
        recipes: the namespace after each ``--config``, in order.
        ignored_keys: keys that a ``--config`` does not set, by its index.
        default_classes: the classes that ``--help`` describes if none is chosen.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **{**kwargs, "add_help": False})
        self.add_argument("-h", "--help", action=Help)
        self.common_options: Mapping[str, str] = {}
        self.default_classes: dict[str, str] = {}
        self.recipes: list[Namespace] = []
        self.ignored_keys: dict[int, list[str]] = {}

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise UserError instead of printing the usage and exiting."""
        if not self.exit_on_error:  # a nested parser, whose error the outer one raises again
            super().error(message, ex)
        explained = parse_errors.explain(self, message)
        options = set(re.findall(r"--[\w.]+", explained))
        typed = {argument.partition("=")[0].replace(".init_args.", ".") for argument in self.args}
        if options & typed and re.search("(?:is|are) missing|expected (?:list|str)", explained):
            explained += """; YAML does not parse the value as a string: quote it as '["text"]'"""
        raise UserError(explained)
