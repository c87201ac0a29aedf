"""Which import paths may become code: one allow list for every route, because importing a module runs it.

A program may name what it likes. The command line takes names from configurations and checkpoints too, which
may come from strangers, so it runs inside ``restricted``: there only classes of ``TRUSTED`` packages and what
the user typed are imported.
"""

import inspect
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from lit_classify import safe_yaml
from lit_classify.errors import UserError

TRUSTED = (
    "lit_classify",
    "lightning.pytorch",
    "torch.nn",
    "torch.optim",
    "torchmetrics",
)
_LOGGERS = "lightning.pytorch.loggers"
SENDING = {  # loggers that send a run's data over the network, and their modules: to be typed, though trusted
    "CometLogger": f"{_LOGGERS}.comet",
    "LitLogger": f"{_LOGGERS}.litlogger",
    "MLFlowLogger": f"{_LOGGERS}.mlflow",
    "NeptuneLogger": f"{_LOGGERS}.neptune",
    "WandbLogger": f"{_LOGGERS}.wandb",
}
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")

_typed: frozenset[str] | None = None  # what the user typed; None while nothing is restricted


@contextmanager
def restricted(arguments: Sequence[str]) -> Iterator[None]:
    """Import, meanwhile, only classes of trusted packages and what these arguments name.

    A typed module that is installed nowhere is looked for in the current folder, as Python itself would.

    Args:
        arguments: the command line; files that it names are read later and are not trusted.
    """
    global _typed
    _typed = frozenset(_named(arguments))
    folder = os.getcwd()
    is_needed = any(_is_here_alone(path.partition(".")[0]) for path in _typed)
    if is_needed:
        sys.path.append(folder)
    try:
        yield
    finally:
        _typed = None
        if is_needed:
            sys.path.remove(folder)


@contextmanager
def named_by_a_file() -> Iterator[None]:
    """Import, meanwhile, only what may be imported by the name that a file gives it, in programs too."""
    global _typed
    before, _typed = _typed, _typed or frozenset()
    try:
        yield
    finally:
        _typed = before


def _is_here_alone(module: str) -> bool:
    """Whether a module lies in the current folder and nowhere that Python looks."""
    return (Path(f"{module}.py").is_file() or Path(module).is_dir()) and find_spec(module) is None


def allowed() -> list[str]:
    """Return the packages and paths that may be imported while imports are restricted."""
    return sorted({*TRUSTED, *(_typed or ())})


def denied() -> list[str]:
    """Return what may not be imported, ``*`` for all, unless ``allowed`` names it more closely."""
    return ["*", *SENDING.values(), *(f"{_LOGGERS}.{name}" for name in SENDING)]


def is_typed(path: str) -> bool:
    """Whether the user, or a program's author, named this import path himself."""
    return _typed is None or path in _typed


def import_object(path: str, option: str, base: type | None = None) -> Any:  # noqa: ANN401 - whatever is there
    """Import what a dotted path names.

    Args:
        path: such as ``my_package.MyNetwork``.
        option: the option to type to name it oneself, for the message.
        base: what a class must extend; a function that the user typed will do too.

    Raises:
        UserError: it may not be imported, is not there, or is no such class.

    Example:
        >>> import_object("torch.nn.Tanh", "--model.activation")
        <class 'torch.nn.modules.activation.Tanh'>
    """
    if not _PATH.fullmatch(path):
        raise UserError(f"{option} needs an import path such as my_package.MyClass, but is {path!r}")
    if not (is_typed(path) or _is_trusted(path)):
        raise UserError(
            f"{path} is imported only if you name it yourself; if you trust it, add {option} {path}"
        )
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:  # a module may raise anything while it is imported
        raise UserError(f"{option} {path} cannot be imported: {type(error).__name__}: {error}") from error
    is_class = inspect.isclass(found) and (base is None or issubclass(found, base))
    if not is_typed(path) and not (is_class and _is_trusted(f"{found.__module__}.{found.__qualname__}")):
        what = "class" if base is None else f"subclass of {base.__module__}.{base.__qualname__}"
        raise UserError(f"{option} {path} is no {what}")
    return found


def _is_trusted(path: str) -> bool:
    return any(path.startswith(f"{package}.") for package in TRUSTED)


def _named(arguments: Iterable[str]) -> Iterator[str]:
    """Yield every import path in the values that were typed, lists and mappings included."""
    for argument in arguments:
        value = argument.partition("=")[2] if argument.startswith("--") else argument
        with suppress(yaml.YAMLError, UserError):
            for text in safe_yaml.texts(safe_yaml.load(value)):
                if _PATH.fullmatch(text):
                    yield text
                if (name := text.rpartition(".")[2]) in SENDING:
                    yield from (f"{_LOGGERS}.{name}", f"{SENDING[name]}.{name}")
