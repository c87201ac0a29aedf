"""Short messages for the parser's errors: the expected value, the actual one and the closest valid name."""

import inspect
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import lightning.pytorch
from jsonargparse import ArgumentParser

from lit_classify import callbacks, data, modules
from lit_classify._lightning.argparse_actions import actions
from lit_classify.allowed_imports import import_object
from lit_classify.checkpoints.search import RUNS, newest_run
from lit_classify.cli.argument_parser import takes_no_value, wrong_number_of_values
from lit_classify.data import InMemoryDataModule
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.files import TableFiles
from lit_classify.data.table.streaming.blocks import BlockReader
from lit_classify.data_interface import LINKED_ARGUMENTS
from lit_classify.errors import UserError
from lit_classify.messages import choose_from, closest
from lit_classify.modules import LitModule
from lit_classify.serialization import constructor_parameters

_TRAINER_CLASSES = {
    "trainer.callbacks": (*lightning.pytorch.callbacks.__all__, *callbacks.__all__),
    "trainer.logger": lightning.pytorch.loggers.__all__,
}
_BASES = {  # the base class of an option's class, and a class that extends it
    "model": ("lit_classify.LitModule", "BinaryClassifier"),
    "data": ("lit_classify.data.InMemoryDataModule", "TableDataModule"),
    "trainer.callbacks": ("lightning.pytorch.Callback", "EarlyStopping"),
    "trainer.logger": ("lightning.pytorch.loggers.Logger", "CSVLogger"),
}
_REQUIRED = {  # by the example of _BASES
    "trainer.callbacks": ("monitor", "val/loss"),
    "trainer.logger": ("save_dir", "logs"),
}
_OTHER_KINDS = {"float": "a number", "int": "a number", "list": "a list", "dict": "a mapping"}
_EXPECTED = r"Expected (?:an? )?(?:<class ')?"
_MAX_LINES = 8
_REQUIRES_CLASS = "{} requires a class_path, and its arguments under init_args"


def explain(parser: ArgumentParser, message: str) -> str:
    """Return a short form of a parser's error message, with the closest valid name for an unknown one."""
    key = _find(r'Parser key "([\w.]+)"', message)
    if explanation := key in {"model", "data"} and _named_file(parser, str(key)):
        return str(explanation)
    if option := _find(r"Option '([\w.]+)' is not accepted", message):
        return _unknown_option(f"{key}.{option}", parser)
    if option := _find(r"does not accept option '([\w.]+)'", message):
        return _unknown_option(option, parser)
    if explanation := wrong_number_of_values(message, getattr(parser, "args", ())):
        return explanation
    if option := _find(r"unrecognized arguments: (.+)", message):
        argument = option.split()[0]
        if argument.startswith("--"):
            return _unknown_option(argument.removeprefix("--").partition("=")[0], parser)
        if flag := _flag_before(argument, parser):
            return takes_no_value(flag, repr(argument))
        return f"unexpected argument {argument!r}; {_how_to_name(argument, parser)}"
    if name := _find(r"Expected a dot import path string: (\S+)", message):
        if key in {"model", "data"}:
            return f"unknown {key} class {name!r}{_guess(name, _classes(key))}"
        guess = closest(name, _TRAINER_CLASSES.get(str(key), ()), cutoff=0.7)
        return f"unknown {key} class {name!r}{f': did you mean {guess!r}?' if guess else ''}"
    if key in _TRAINER_CLASSES and re.search(
        r"Importing '[\w.]+\.(Callback|Logger)' is not allowed", message
    ):
        return _missing_class(str(key), _typed_argument(str(key), parser), parser)
    if name := _find(r"Importing '([\w.]+)' is not allowed", message):
        return f"{name} is imported only if given on the command line; if you trust it, add --{key} {name}"
    if "is abstract" in message:
        if option := _find(r"NestedArg\(key='([\w.]+)'", message):
            return _missing_class(str(key), option, parser)
        if name := _find(r"Given value: ([\w.]+)$", message) or _find(r"but (\w+) is abstract", message):
            names = f": {choose_from(sorted(_classes(key)))}" if key in {"model", "data"} else ""
            return f"--{key} {name} is an abstract class{names}"
        return _REQUIRES_CLASS.format(key)
    if options := _find(r"the following arguments are required: (.+)", message):
        return _missing_options(key, options.split(", "), parser)
    if key and (expected := _find(rf"{_EXPECTED}([\w.]+)", message)):
        return _wrong_type(key, expected, message)
    return "\n".join(message.splitlines()[:_MAX_LINES])


def _wrong_type(key: str, expected: str, message: str) -> str:
    """Return the error message for a value of another type than the expected one."""
    keys = re.findall(r'Parser key "([\w.]+)"', message)
    option = f"{key}.{keys[-1]}" if len(keys) > 1 else key
    got_value = _find(r"Got value: (.*)", message)
    value = _find(r"Given value: (.*)", message) if got_value is None else got_value
    if key in _BASES and option == key and re.fullmatch(r"[^\W\d][^\[{]*", str(value)):
        return _invalid_base(key, str(value))
    if key in {"model", "data"} and option == key:
        return _REQUIRES_CLASS.format(key)
    if choices := _find(r"typing\.Literal\[(.+?)\]", message):
        types = dict.fromkeys(re.findall(rf"{_EXPECTED}(float|int|list|dict)'", message))
        expected = " or ".join([f"one of {choices}", *(_OTHER_KINDS[type_] for type_ in types)])
    elif expected == "bool" and re.search(rf"{_EXPECTED}int'", message):
        expected = "a whole number, true or false"
    return f"--{option}: expected {_describe_type(expected, str(value), option)}, but got {value!r}"


def _command(parser: ArgumentParser) -> str:
    """Return the command whose options a parser reads."""
    name = parser.prog.rpartition(" ")[2]
    return name if name in {"validate", "test", "predict"} else "fit"


def _typed(parser: ArgumentParser, option: str) -> str | None:
    """Return the last value of an option on the command line."""
    value = None
    for argument, following in pairwise([*getattr(parser, "args", ()), ""]):
        name, separator, text = argument.partition("=")
        if name == f"--{option}":
            value = text if separator else following
    return value


def _flag_before(argument: str, parser: ArgumentParser) -> str | None:
    """Return the option without a value that an argument follows."""
    flags = {name for action in actions(parser) if action.nargs == 0 for name in action.option_strings}
    pairs = pairwise(getattr(parser, "args", ()))
    return next((option for option, following in pairs if following == argument and option in flags), None)


def _is_table(name: str) -> bool:
    table = r"\.(csv|tsv|txt|dat|jsonl|ndjson|parquet|pq|arrow|feather|xlsx?)"
    return bool(re.search(table + r"(\.(gz|bz2|xz|zst|zip))?$", name, re.IGNORECASE))


def _named_file(parser: ArgumentParser, key: str) -> str | None:
    """Return an error message if a file was given in place of a class."""
    typed = _typed(parser, key) or ""
    is_file = os.path.isfile(typed)  # pathlib raises an error if a name is too long
    is_recipe = typed.endswith((".yaml", ".yml")) and is_file
    if is_recipe or not (_is_table(typed) or "/" in typed or typed.endswith(".ckpt") or is_file):
        return None
    table = "" if _is_table(typed) or typed.endswith(".ckpt") else "for a table, "
    names = ", ".join(sorted(_classes(key)))
    return f"--{key} takes a name ({names}), but {typed!r} is a file; {table}{_how_to_name(typed, parser)}"


def _how_to_name(argument: str, parser: ArgumentParser) -> str:
    """Return a hint at the option for a file or a name that was typed without one."""
    command, name = _command(parser), shlex.quote(argument)
    if argument.endswith(".ckpt"):
        return f"to read a file, add --ckpt_path {name}"
    if _is_table(argument) and (paths := _typed(parser, "data.path")):
        files = shlex.quote(f"[{paths.strip('[]')}, {argument}]")
        return f"to read several files, give a list: --data.path {files}"
    if _is_table(argument) and command != "fit":
        return f"to read a file, add --data.path {name}"
    if _is_table(argument):
        recipe = "" if _typed(parser, "config") or _typed(parser, "data.path") else "--config table "
        target = "" if _typed(parser, "data.target") else " --data.target COLUMN"
        return f"to read a file, add {recipe}--data.path {name}{target}"
    if command != "fit":
        of_recipe = os.path.join(RUNS, argument)
        run = (
            newest_run(Path(of_recipe)) if os.path.isdir(of_recipe) and not os.path.exists(argument) else None
        )
        return f"to use a checkpoint, add --ckpt_path {shlex.quote(str(run)) if run else name}"
    return f"to use a recipe, add --config {name}"


def missing_checkpoint(command: str) -> str:
    """Return the error message for a missing ``--ckpt_path``."""
    if run := newest_run(Path(RUNS)):
        return f"{command} requires a checkpoint: add --ckpt_path {shlex.quote(str(run))}"
    return f"{command} requires a checkpoint, but {RUNS} has none: train a model first, with lit-classify fit"


def _missing_class(key: str, option: str, parser: ArgumentParser) -> str:
    """Return the error message for a class argument without its class."""
    if _command(parser) != "fit" and not _typed(parser, "ckpt_path"):
        return missing_checkpoint(_command(parser))
    if key in _TRAINER_CLASSES:
        if _typed(parser, key):
            return f"--{key}.{option} is an argument of the class of --{key}, which must come before it"
        required, value = _REQUIRED[key]
        more = "" if option == required else f" --{key}.{required} {value}"
        example = f"{_BASES[key][1]}{more}"
        return f"--{key}.{option} requires --{key}: add --{key} {example} before it, or another class"
    names = sorted(_classes(key))
    of_table = key == "data" and option not in constructor_parameters(data.CirclesDataModule)
    hint = "--config table" if of_table else f"--{key} NAME ({', '.join(names)}), or a recipe with --config"
    return f"--{key}.{option} requires --{key}: add {hint}"


def _typed_argument(key: str, parser: ArgumentParser) -> str:
    """Return the first argument of the class of an option on the command line."""
    arguments: Sequence[str] = getattr(parser, "args", ())
    options = (argument.partition("=")[0] for argument in arguments)
    return next(option.removeprefix(f"--{key}.") for option in options if option.startswith(f"--{key}."))


def _describe_type(expected: str, value: str, option: str) -> str:
    """Describe the values of a type, with an example."""
    type_name = expected.rpartition(".")[2]
    if option == "data.inputs" and type_name == "Sequence":
        return 'a list such as "[x1, x2^2]"'
    if type_name in {"Sequence", "MutableSequence"}:
        width = value if re.fullmatch(r"[\d.]+", value) else "10"
        return f'a list such as "[{width}, {width}]"'
    examples = {"Mapping": "a mapping such as '{momentum: 0.9}'", "dict": "a mapping such as '{name: value}'"}
    return {**examples, "bool": "true or false"}.get(type_name, expected)


def _invalid_base(key: str, path: str) -> str:
    """Return the error message for a class that has the wrong base class or cannot be imported."""
    try:
        import_object(path, f"--{key}")
    except UserError as error:
        return str(error)
    base, example = _BASES[key]
    return f"--{key} {path} must extend {base}, as {example} does"


def _find(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return match.group(1).strip() if match else None


def _guess(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    guess = closest(name, names)
    return f": did you mean {guess!r}?" if guess else f": {choose_from(names)}"


def _columns(path: str | None) -> Sequence[str]:
    """Return the columns of a table; none if it cannot be read."""
    with suppress(UserError):
        return BlockReader.detect(TableFiles({"path": [path]}, CsvOptions())).names if path else ()
    return ()


def _missing_options(key: str | None, options: list[str], parser: ArgumentParser) -> str:
    """Return the error message for missing options; ``key`` is the option of their class, if any."""
    names = [f"--{key}.{option}" if key else f"--{option.split('.', 1)[-1]}" for option in options]
    if names == ["--data.target"] and (columns := _columns(_typed(parser, "data.path"))):
        return f"--data.target is missing: {choose_from(columns)}"
    verb = "is" if len(names) == 1 else "are"
    hint = "" if key or len(names) > 1 else "add a recipe with --config, or "
    config = Path(_typed(parser, "ckpt_path") or "").parent.parent / "config.yaml"
    if hint and os.path.isfile(config):
        return f"{names[0]} is missing; begin with the run's options: --config {shlex.quote(str(config))}"
    return f"{' and '.join(names)} {verb} missing; {hint}see lit-classify {_command(parser)} --help"


_SYNONYMS = {
    "epochs": "trainer.max_epochs",
    "steps": "trainer.max_steps",
    "learning_rate": "model.lr",
    "weight_decay": "model.weight_decay",
    "momentum": "model.optimizer_args.momentum",
    "betas": "model.optimizer_args.betas",
    "scheduler": "model.lr_scheduler",
    "hidden_size": "model.hidden",
    "hidden_sizes": "model.hidden",
    "hidden_units": "model.hidden",
    "layers": "model.hidden",
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


def _unknown_option(option: str, parser: ArgumentParser) -> str:
    """Return the error message for an unknown option, with a suggestion if there is a good one.

    Synonyms from other libraries take precedence, then options of the same last name, then similar names,
    those of the same group first.
    """
    known = set(_options(parser))
    if option in known:
        owners = _owners(option)
        return f"--{option} is not an option of the chosen class{owners and f': it {owners}'}"
    name = option.rpartition(".")[2]
    suggestion = _SYNONYMS.get(name)
    if suggestion is None or ("." not in suggestion and suggestion not in known):  # of another command
        same_name = [key for key in known if key.rpartition(".")[2] == name]
        same_prefix = [key for key in known if key.startswith(option)]
        unique = [keys[0] for keys in (same_name, same_prefix) if len(keys) == 1]
        suggestion = unique[0] if unique else _most_similar(option, known)
    if suggestion is None:
        return f"unknown option --{option}; see lit-classify {_command(parser)} --help"
    owners = _owners(suggestion)
    return f"unknown option --{option}: did you mean --{suggestion}?{owners and f' It {owners}'}"


def _owners(option: str) -> str:
    """Return which classes have an option of the model or the data, if not all of them do."""
    key, _, name = option.partition(".")
    classes = _classes(key) if key in {"model", "data"} else {}
    names = [owner for owner, class_ in classes.items() if name in constructor_parameters(class_)]
    return f"belongs to {', '.join(names)}" if 0 < len(names) < len(classes) else ""


def _most_similar(option: str, known: Iterable[str]) -> str | None:
    """Return the most similar option of the same group, or else of any group."""
    group, _, name = option.rpartition(".")
    same_group = {key.rpartition(".")[2]: key for key in known if key.rpartition(".")[0] == group}
    guess = closest(name, same_group, cutoff=0.7)
    return same_group[guess] if guess else closest(option, known, cutoff=0.7)


def _options(parser: ArgumentParser) -> Iterator[str]:
    for action in actions(parser):
        yield from (name.removeprefix("--") for name in action.option_strings if name.startswith("--"))
    for key in ("model", "data"):
        for class_ in _classes(key).values():
            names = constructor_parameters(class_).keys() - {*(LINKED_ARGUMENTS if key == "model" else ())}
            yield from (f"{key}.{name}" for name in names)


def _classes(key: str) -> dict[str, type]:
    package, base = (modules, LitModule) if key == "model" else (data, InMemoryDataModule)
    classes = {name: getattr(package, name) for name in package.__all__}
    concrete = [name for name, class_ in classes.items() if not inspect.isabstract(class_)]
    return {name: classes[name] for name in concrete if issubclass(classes[name], base)}
