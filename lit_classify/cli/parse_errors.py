"""The parser's long complaints in a line or two: what was expected, what came, and the nearest right name."""

import inspect
import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from jsonargparse import ArgumentParser

from lit_classify import data, modules
from lit_classify._lightning.cli import actions
from lit_classify.checkpoints.checkpoint import RUNS
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError, closest
from lit_classify.import_policy import import_object
from lit_classify.modules import LitModule

LINKED = ("in_features", "out_features", "class_names", "label_names", "num_categories")
_MOST_LINES = 8


def explain(parser: ArgumentParser, message: str) -> str:
    """Say a parser's complaint shortly, with the nearest right name where a name was wrong."""
    key = _find(r'Parser key "([\w.]+)"', message)
    if said := key in {"model", "data"} and _named_file(parser, str(key)):
        return str(said)
    if option := _find(r"Option '([\w.]+)' is not accepted", message):
        return _unknown_option(f"{key}.{option}", parser)
    if option := _find(r"does not accept option '([\w.]+)'", message):
        return _unknown_option(option, parser)
    if option := _find(r"unrecognized arguments: (.+)", message):
        first = option.split()[0]
        if first.startswith("--"):
            return _unknown_option(first.removeprefix("--").partition("=")[0], parser)
        return f"unexpected argument {first!r}; {_how_to_name(first, parser)}"
    if name := _find(r"Expected a dot import path string: (\S+)", message):
        guess = _guess(name, _classes(key)) if key in {"model", "data"} else ""
        return f"unknown {key} class {name!r}{guess}"
    if name := _find(r"Importing '([\w.]+)' is not allowed", message):
        return f"{name} is imported only if you name it yourself; if you trust it, add --{key} {name}"
    if "is abstract" in message:
        if option := _find(r"NestedArg\(key='([\w.]+)'", message):
            return _lacking_class(str(key), option, parser)
        return f"{key} needs a class_path, and everything else under init_args"
    if options := _find(r"the following arguments are required: (.+)", message):
        return _lacking(key, options.split(", "), parser)
    if key and (expected := _find(r"Expected an? (?:<class ')?([\w.]+)", message)):
        inner = re.findall(r'Parser key "([\w.]+)"', message)
        option = f"{key}.{inner[-1]}" if len(inner) > 1 else key
        came = _find(r"Got value: (.*)", message) or _find(r"Given value: (.*)", message)
        if key in {"model", "data"} and option == key and "." in (came or ""):
            return _not_extending(key, str(came))
        if choices := _find(r"typing\.Literal\[(.+?)\]", message):
            expected = f"one of {choices}"
        return f"--{option}: expected {_in_words(expected, str(came))}, but got {came!r}"
    return "\n".join(message.splitlines()[:_MOST_LINES])


def _command(parser: ArgumentParser) -> str:
    """Return the command whose options a parser reads."""
    name = parser.prog.rpartition(" ")[2]
    return name if name in {"validate", "test", "predict"} else "fit"


def _typed(parser: ArgumentParser, option: str) -> str | None:
    """Return the last value that was typed for an option."""
    found = None
    for argument, following in pairwise([*getattr(parser, "args", ()), ""]):
        name, _, value = argument.partition("=")
        found = (value if "=" in argument else following) if name == f"--{option}" else found
    return found


def _is_table(name: str) -> bool:
    return bool(
        re.search(r"\.(csv|tsv|txt|dat|parquet|pq|xlsx?)(\.gz|\.bz2|\.xz|\.zst)?$", name, re.IGNORECASE)
    )


def _named_file(parser: ArgumentParser, key: str) -> str | None:
    """Say that a class is named, not a file, if a file was typed."""
    typed = _typed(parser, key) or ""
    is_recipe = typed.endswith((".yaml", ".yml")) and Path(typed).is_file()
    if is_recipe or not (
        _is_table(typed) or "/" in typed or typed.endswith(".ckpt") or Path(typed).is_file()
    ):
        return None
    table = "" if _is_table(typed) or typed.endswith(".ckpt") else "for a table, "
    names = ", ".join(sorted(_classes(key)))
    return f"--{key} takes a name ({names}), but {typed!r} is a file; {table}{_how_to_name(typed, parser)}"


def _how_to_name(text: str, parser: ArgumentParser) -> str:
    """Say which option takes a file or a name that was typed without it."""
    command, name = _command(parser), shlex.quote(text)
    if text.endswith(".ckpt"):
        return f"to name a file, add --ckpt_path {name}"
    if _is_table(text) and command != "fit":
        return f"to name a file, add --data.path {name}"
    if _is_table(text):
        recipe = "" if _typed(parser, "config") or _typed(parser, "data.path") else "--config table "
        target = "" if _typed(parser, "data.target") else " --data.target COLUMN"
        return f"to name a file, add {recipe}--data.path {name}{target}"
    if command != "fit":
        return f"a checkpoint is named with --ckpt_path {name}"
    return f"a recipe is named with --config {name}"


def missing_checkpoint(command: str) -> str:
    """Say that a command needs a checkpoint."""
    return f"{command} needs a checkpoint: --ckpt_path {RUNS}/.../checkpoints/best.ckpt"


def _lacking_class(key: str, option: str, parser: ArgumentParser) -> str:
    """Say how to name the class whose argument was typed without it; a checkpoint names it too."""
    if _command(parser) != "fit" and not _typed(parser, "ckpt_path"):
        return missing_checkpoint(_command(parser))
    names = sorted(_classes(key))
    of_table = key == "data" and option not in inspect.signature(data.CirclesDataModule).parameters
    hint = "--config table" if of_table else f"--{key} NAME ({', '.join(names)}), or a recipe with --config"
    return f"--{key}.{option} needs the {key}'s name: add {hint}"


def _in_words(expected: str, came: str) -> str:
    """Return the name of a type as the words for what is to be typed."""
    kind = expected.rpartition(".")[2]
    if kind in {"Sequence", "MutableSequence"}:
        number = came if re.fullmatch(r"[\d.]+", came) else "10"
        return f"a list such as [{number}, {number}]"
    words = {"Mapping": "a mapping such as '{momentum: 0.9}'", "dict": "a mapping such as '{name: value}'"}
    return {**words, "bool": "true or false"}.get(kind, expected)


def _not_extending(key: str, path: str) -> str:
    """Say what a class must extend to be a model or the data, or why it cannot be imported."""
    try:
        import_object(path, f"--{key}")
    except UserError as error:
        return str(error)
    base, example = {
        "model": ("lit_classify.LitModule", "BinaryClassifier"),
        "data": ("lit_classify.data.InMemoryDataModule", "TableDataModule"),
    }[key]
    return f"--{key} {path} must extend {base}, as {example} does"


def _find(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return match.group(1).strip() if match else None


def _guess(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    guess = closest(name, names)
    return f": did you mean {guess!r}?" if guess else f": choose from {', '.join(names)}"


def _lacking(key: str | None, options: list[str], parser: ArgumentParser) -> str:
    """Say which options are missing; within a class's arguments ``key`` names the class's option."""
    names = [f"--{key}.{option}" if key else f"--{option.split('.', 1)[-1]}" for option in options]
    verb, hint = ("is", "name a recipe with --config, or ") if len(names) == 1 else ("are", "")
    return f"{' and '.join(names)} {verb} missing; {'' if key else hint}see {_help(parser)}"


def _help(parser: ArgumentParser) -> str:
    return f"lit-classify {_command(parser)} --help"


_OTHER_WORDS = {
    "epochs": "trainer.max_epochs",
    "steps": "trainer.max_steps",
    "learning_rate": "model.lr",
    "weight_decay": "model.optimizer_args.weight_decay",
    "momentum": "model.optimizer_args.momentum",
    "betas": "model.optimizer_args.betas",
    "scheduler": "model.lr_scheduler",
    "hidden_size": "model.hidden",
    "hidden_sizes": "model.hidden",
    "hidden_units": "model.hidden",
    "layers": "model.hidden",
    "threshold": "model.thresholds",
    "loss_fn": "model.loss",
    "criterion": "model.loss",
    "gpus": "trainer.devices",
    "device": "trainer.accelerator",
    "seed": "seed_everything",
    "checkpoint": "ckpt_path",
    "checkpoint_path": "ckpt_path",
    "weights": "ckpt_path",
    "resume": "ckpt_path",
    "output": "out",
    "output_file": "out",
    "output_path": "out",
    "outfile": "out",
}
_OF_ONE_TASK = {
    "model.thresholds": "is an option of MultilabelClassifier alone",
    "model.loss": "is an option of Regressor alone; the other tasks have one loss each",
}


def _unknown_option(option: str, parser: ArgumentParser) -> str:
    """Say that there is no such option, and which was meant where that is plain.

    A word that others use for it comes first, then an option whose last part is the same, then a misspelling
    among the options of the same group.
    """
    known = set(_options(parser))
    if option in known:
        more = f": it {_OF_ONE_TASK[option]}" if option in _OF_ONE_TASK else ""
        return f"--{option} is an option of another class than the one chosen{more}"
    name = option.rpartition(".")[2]
    alike = sorted(key for key in known if key.rpartition(".")[2] == name)
    begun = sorted(key for key in known if key.startswith(option))
    meant = _OTHER_WORDS.get(name)
    if meant is None or ("." not in meant and meant not in known):  # of another command
        meant = next((found[0] for found in (alike, begun) if len(found) == 1), None) or _misspelt(
            option, known
        )
    if meant is None:
        return f"unknown option --{option}; see {_help(parser)}"
    if meant in _OF_ONE_TASK:
        return f"unknown option --{option}; --{meant} {_OF_ONE_TASK[meant]}"
    return f"unknown option --{option}: did you mean --{meant}?"


def _misspelt(option: str, known: Iterable[str]) -> str | None:
    """Return the option of the same group, or else of any, that is most like one."""
    group, _, name = option.rpartition(".")
    within = {key.rpartition(".")[2]: key for key in known if key.rpartition(".")[0] == group}
    guess = closest(name, within, cutoff=0.7)
    return within[guess] if guess else closest(option, known, cutoff=0.7)


def _options(parser: ArgumentParser) -> Iterator[str]:
    for action in actions(parser):
        yield from (name.removeprefix("--") for name in action.option_strings if name.startswith("--"))
    for key in ("model", "data"):
        for task in _classes(key).values():
            for base in task.__mro__:
                if "__init__" in vars(base) and issubclass(base, LitModule | InMemoryDataModule):
                    names = list(inspect.signature(base).parameters)
                    yield from (f"{key}.{name}" for name in names if name not in {*LINKED, "kwargs"})


def _classes(key: str) -> dict[str, type]:
    space, base = (modules, LitModule) if key == "model" else (data, InMemoryDataModule)
    found = {name: getattr(space, name) for name in space.__all__}
    return {
        name: value
        for name, value in found.items()
        if issubclass(value, base) and not inspect.isabstract(value)
    }
