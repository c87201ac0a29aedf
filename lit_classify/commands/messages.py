"""The parser's long complaints in a line or two: what was expected, what came, and the nearest right name."""

import inspect
import re
from collections.abc import Iterable, Iterator

from jsonargparse import ArgumentParser

from lit_classify import data, modules
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError, nearest
from lit_classify.modules import LitModule
from lit_classify.trust import import_object

LINKED = ("in_features", "out_features", "class_names", "label_names", "num_categories")
_MOST_LINES = 8


def explain(parser: ArgumentParser, message: str) -> str:
    """Say a parser's complaint shortly, with the nearest right name where a name was wrong."""
    key = _find(r'Parser key "([\w.]+)"', message)
    if option := _find(r"Option '([\w.]+)' is not accepted", message):
        return _unknown_option(f"{key}.{option}", parser)
    if option := _find(r"does not accept option '([\w.]+)'", message):
        return _unknown_option(option, parser)
    if option := _find(r"unrecognized arguments: (.+)", message):
        first = option.split()[0]
        if first.startswith("--"):
            return _unknown_option(first.removeprefix("--").partition("=")[0], parser)
        return f"unexpected argument {first!r}; a recipe is named with --config {first}"
    if name := _find(r"Expected a dot import path string: (\S+)", message):
        guess = _guess(name, _classes(key)) if key in {"model", "data"} else ""
        return f"unknown {key} class {name!r}{guess}"
    if name := _find(r"Importing '([\w.]+)' is not allowed", message):
        return f"{name} is imported only if you name it yourself; if you trust it, add --{key} {name}"
    if "is abstract" in message:
        return f"{key} needs a class_path, and everything else under init_args"
    if options := _find(r"the following arguments are required: (.+)", message):
        return _lacking(key, options.split(", "))
    if key and (expected := _find(r"Expected an? (?:<class ')?([\w.]+)", message)):
        inner = re.findall(r'Parser key "([\w.]+)"', message)
        option = f"{key}.{inner[-1]}" if len(inner) > 1 else key
        came = _find(r"Got value: (.*)", message) or _find(r"Given value: (.*)", message)
        if key in {"model", "data"} and option == key and "." in (came or ""):
            return _not_extending(key, str(came))
        if choices := _find(r"typing\.Literal\[(.+?)\]", message):
            expected = f"one of {choices}"
        return f"--{option}: expected {expected}, but got {came!r}"
    return "\n".join(message.splitlines()[:_MOST_LINES])


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
    guess = nearest(name, names)
    return f": did you mean {guess!r}?" if guess else f": choose from {', '.join(names)}"


def _lacking(key: str | None, options: list[str]) -> str:
    """Say which options are missing; within a class's arguments ``key`` names the class's option."""
    names = [f"--{key}.{option}" if key else f"--{option.split('.', 1)[-1]}" for option in options]
    verb, hint = ("is", "name a recipe with --config, or ") if len(names) == 1 else ("are", "")
    return f"{' and '.join(names)} {verb} missing; {'' if key else hint}see lit-classify fit --help"


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
    "resume": "ckpt_path",
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
    meant = _OTHER_WORDS.get(name) or (alike[0] if len(alike) == 1 else _misspelt(option, known))
    if meant is None:
        return f"unknown option --{option}; see lit-classify fit --help"
    if meant in _OF_ONE_TASK:
        return f"unknown option --{option}; --{meant} {_OF_ONE_TASK[meant]}"
    return f"unknown option --{option}: did you mean --{meant}?"


def _misspelt(option: str, known: Iterable[str]) -> str | None:
    """Return the option of the same group, or else of any, that is most like one."""
    group, _, name = option.rpartition(".")
    within = {key.rpartition(".")[2]: key for key in known if key.rpartition(".")[0] == group}
    guess = nearest(name, within, cutoff=0.7)
    return within[guess] if guess else nearest(option, known, cutoff=0.7)


def _options(parser: ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # argparse has no public list of its options
        if isinstance(action.choices, dict):  # the commands, each with a parser of its own
            for command in action.choices.values():
                yield from _options(command)
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
