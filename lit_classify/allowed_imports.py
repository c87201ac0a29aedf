"""Allow list of import paths: importing a module runs its code.

A program may import anything. The command line also reads import paths from configurations and checkpoints,
which may be untrusted, so it runs inside ``restricted``, which allows only classes of ``TRUSTED`` packages
and the import paths in the command-line arguments.
"""

import inspect
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
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
NETWORK_LOGGERS = {  # loggers that send a run's data over the network, and their modules; not trusted
    "CometLogger": f"{_LOGGERS}.comet",
    "LitLogger": f"{_LOGGERS}.litlogger",
    "MLFlowLogger": f"{_LOGGERS}.mlflow",
    "NeptuneLogger": f"{_LOGGERS}.neptune",
    "WandbLogger": f"{_LOGGERS}.wandb",
}
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")

_typed: frozenset[str] | None = None  # import paths on the command line; None if unrestricted
_typed_earlier: set[str] = set()  # of all commands in this process, as jsonargparse keeps what was allowed


@contextmanager
def restricted(arguments: Sequence[str]) -> Iterator[None]:
    """Restrict imports to classes of trusted packages and the import paths in these arguments.

    A given module that is not installed is imported from the current directory, as Python does.

    Args:
        arguments: the command line; the contents of files in it are not trusted.

    Examples:
        >>> with restricted(["fit", "--model.network", "my_package.MyNetwork"]):
        ...     is_typed("my_package.MyNetwork"), is_typed("other_package.OtherNetwork")
        ...
        (True, False)
    """
    global _typed
    _typed = frozenset(_import_paths(arguments))
    _typed_earlier.update(_typed)
    folder = os.getcwd()
    is_needed = any(_is_local_only(path.partition(".")[0]) for path in _typed)
    if is_needed:
        sys.path.append(folder)
    try:
        yield
    finally:
        _typed = None
        if is_needed:
            sys.path.remove(folder)


@contextmanager
def trusted_imports_only() -> Iterator[None]:
    """Restrict imports to those allowed for import paths in a file, even in an unrestricted program.

    Examples:
        >>> with trusted_imports_only():
        ...     import_object("os.path.join", "--model.network")  # doctest: +ELLIPSIS
        ...
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: os.path.join is imported only if given on the command line; ...
    """
    global _typed
    previous, _typed = _typed, _typed or frozenset()
    try:
        yield
    finally:
        _typed = previous


def _is_local_only(module: str) -> bool:
    """Return whether a module is in the current directory and not on the import path."""
    is_here = os.path.isfile(f"{module}.py") or os.path.isdir(
        module
    )  # both are false for a name that is too long
    return is_here and find_spec(module) is None


def allowed() -> list[str]:
    """Return the packages and paths that may be imported while imports are restricted.

    Examples:
        >>> with restricted(["fit", "--model.network", "my_package.MyNetwork"]):
        ...     "my_package.MyNetwork" in allowed()
        ...
        True
    """
    return sorted({*TRUSTED, *(_typed or ())})


def denied() -> list[str]:
    """Return the patterns that may not be imported; a more specific entry of ``allowed`` takes precedence.

    Examples:
        >>> "lightning.pytorch.loggers.wandb" in denied()
        True
    """
    paths = [(module, f"{_LOGGERS}.{name}", f"{module}.{name}") for name, module in NETWORK_LOGGERS.items()]
    earlier = (path for path in _typed_earlier if not is_typed(path) and not _is_trusted(path))
    return ["*", *(path for logger in paths for path in logger), *earlier]


def is_typed(path: str) -> bool:
    """Return whether an import path is on the command line, or imports are unrestricted."""
    return _typed is None or path in _typed


def import_object(path: str, option: str, base: type | None = None) -> Any:  # noqa: ANN401 - any object
    """Import the object at a dotted path.

    Args:
        path: import path, such as ``my_package.MyNetwork``.
        option: option of the import path, for the error message.
        base: required base class; a path on the command line may also be a function.

    Raises:
        UserError: the path is not allowed, cannot be imported or is not a subclass of ``base``.

    Examples:
        >>> import_object("torch.nn.Tanh", "--model.activation")
        <class 'torch.nn.modules.activation.Tanh'>
    """
    if not _PATH.fullmatch(path):
        raise UserError(f"{option} must be an import path such as my_package.MyClass, but is {path!r}")
    if not (is_typed(path) or _is_trusted(path)):
        raise UserError(
            f"{path} is imported only if given on the command line; if you trust it, add {option} {path}"
        )
    module, _, name = path.rpartition(".")
    try:
        value = getattr(import_module(module), name)
    except (Exception, SystemExit) as error:  # importing a module may raise any type
        package = path.partition(".")[0]
        is_absent = isinstance(error, ModuleNotFoundError) and error.name == package
        advice = f"; run in the directory of {package}, or add it to PYTHONPATH" if is_absent else ""
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{option} {path} cannot be imported: {reason}{advice}") from error
    is_class = inspect.isclass(value) and (base is None or issubclass(value, base))
    if not is_typed(path) and not (is_class and _is_trusted(f"{value.__module__}.{value.__qualname__}")):
        expected = "class" if base is None else f"subclass of {base.__module__}.{base.__qualname__}"
        raise UserError(f"{option} {path} is not a {expected}")
    return value


def _is_trusted(path: str) -> bool:
    return any(path.startswith(f"{package}.") for package in TRUSTED)


def _import_paths(arguments: Iterable[str]) -> Iterator[str]:
    """Yield every import path in the given values, including lists and mappings."""
    for argument in arguments:
        value = argument.partition("=")[2] if argument.startswith("--") else argument
        with suppress(yaml.YAMLError, UserError):
            for text in safe_yaml.texts(safe_yaml.load(value)):
                if _PATH.fullmatch(text):
                    yield text
                if (name := text.rpartition(".")[2]) in NETWORK_LOGGERS:
                    yield from (f"{_LOGGERS}.{name}", f"{NETWORK_LOGGERS[name]}.{name}")
