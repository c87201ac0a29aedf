"""The class and constructor arguments of a module or data module as plain data."""

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn

_KEPT = (str, bytes, bool, int, float, complex, torch.Tensor, type(None))


def class_path(built: type) -> str:
    """Return the name of a class of lit_classify, or the import path of any other class."""
    packaged = built.__module__.startswith("lit_classify.")
    return built.__qualname__ if packaged else f"{built.__module__}.{built.__qualname__}"


def record(built: LightningModule | LightningDataModule) -> dict[str, Any]:
    """Return the class and constructor arguments of a module or data module as plain data."""
    return {
        "class_path": class_path(type(built)),
        "init_args": {key: plain(value) for key, value in built.hparams.items()},
    }


def plain(value: Any, known: Mapping[str, type] | None = None) -> Any:  # noqa: ANN401 - any argument
    """Convert a value to plain data, which a checkpoint can load without running code.

    Args:
        value: an argument of a constructor. Classes and functions are converted to their import path, modules
            to their import path with their settings in parentheses, which cannot be imported.
        known: classes that have a short name.

    Example:
        >>> plain([nn.Tanh, (1, 2)], {"Tanh": nn.Tanh})
        ['Tanh', [1, 2]]
        >>> plain(nn.LeakyReLU(0.2), {"LeakyReLU": nn.LeakyReLU})
        'LeakyReLU(negative_slope=0.2)'
    """
    if type(value) in _KEPT:
        return value
    if isinstance(value, Mapping):
        return {plain(key): plain(part, known) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, known) for part in value]
    if isinstance(value, nn.Module):
        return f"{plain(type(value), known)}({value.extra_repr()})"
    if inspect.isclass(value) or inspect.isroutine(value):
        short = (name for name, kind in (known or {}).items() if kind is value)
        return next(short, f"{value.__module__}.{value.__qualname__}")
    if callable(item := getattr(value, "item", None)):  # a NumPy scalar
        return item()
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def refers_to(recorded: Any, given: Any, known: Mapping[str, type]) -> bool:  # noqa: ANN401 - any argument
    """Return whether a recorded string refers to a class, a function or an instance; imports nothing."""
    if plain(given, known) == recorded or f"{plain(given, known)}()" == recorded:
        return True
    module, _, name = str(recorded).rpartition(".")  # re-exported under another path
    return getattr(sys.modules.get(module), name, recorded) is given
