"""Classes and constructor arguments as plain data, as checkpoints record them.

``LitModule.on_save_checkpoint`` writes a ``ClassSpec`` of the model and one of the data; ``Checkpoint`` reads
them back.
"""

import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn

_PLAIN_TYPES = (str, bytes, bool, int, float, complex, torch.Tensor, type(None))


@dataclass(frozen=True)
class ClassSpec:
    """The class of a module or data module, and its constructor arguments.

    Args:
        class_path: the name of a class of lit_classify, or the import path of another class.
        init_args: the constructor arguments as plain data.
    """

    class_path: str
    init_args: dict[str, Any]

    @classmethod
    def of(cls, module: LightningModule | LightningDataModule) -> "ClassSpec":
        """Return the class and arguments of a module or data module."""
        return cls(class_path(type(module)), {key: plain(value) for key, value in module.hparams.items()})

    @classmethod
    def from_dict(cls, data: Any) -> "ClassSpec":  # noqa: ANN401 - content of a file
        """Return the class and arguments of ``to_dict``.

        Raises:
            TypeError: the record has another form.

        Examples:
            >>> ClassSpec.from_dict({"class_path": "Regressor", "init_args": {"lr": 0.1}})
            ClassSpec(class_path='Regressor', init_args={'lr': 0.1})
        """
        path, init_args = data["class_path"], data["init_args"]
        is_mapping = isinstance(init_args, dict) and all(isinstance(name, str) for name in init_args)
        if not re.fullmatch(r"[A-Za-z_][\w.]*", path) or not is_mapping:
            raise TypeError("a record must be a class_path and init_args")
        return cls(path, init_args)

    def to_dict(self) -> dict[str, Any]:
        """Return the class and arguments as plain data."""
        return {"class_path": self.class_path, "init_args": self.init_args}


def class_path(cls: type) -> str:
    """Return the name of a class of lit_classify, or the import path of any other class.

    Examples:
        >>> from lit_classify import Regressor
        >>> class_path(Regressor), class_path(nn.Linear)
        ('Regressor', 'torch.nn.modules.linear.Linear')
    """
    packaged = cls.__module__.startswith("lit_classify.")
    return cls.__qualname__ if packaged else f"{cls.__module__}.{cls.__qualname__}"


def constructor_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class's constructor by name, including those passed to its bases.

    Examples:
        >>> from lit_classify import CirclesDataModule
        >>> sorted(constructor_parameters(CirclesDataModule).keys() & {"noise", "factor", "batch_size", "lr"})
        ['batch_size', 'factor', 'noise']
    """
    parameters: dict[str, inspect.Parameter] = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base):
            parameters |= inspect.signature(vars(base)["__init__"]).parameters
    return {
        name: parameter for name, parameter in parameters.items() if name not in {"self", "args", "kwargs"}
    }


def plain(value: Any, known: Mapping[str, type] | None = None) -> Any:  # noqa: ANN401 - any argument
    """Convert a value to plain data, which a checkpoint can load without running code.

    Args:
        value: an argument of a constructor. Classes and functions are converted to their import path, modules
            to their import path with their settings in parentheses, which cannot be imported.
        known: classes that have a short name.

    Examples:
        >>> plain([nn.Tanh, (1, 2)], {"Tanh": nn.Tanh})
        ['Tanh', [1, 2]]
        >>> plain(nn.LeakyReLU(0.2), {"LeakyReLU": nn.LeakyReLU})
        'LeakyReLU(negative_slope=0.2)'
    """
    if type(value) in _PLAIN_TYPES:
        return value
    if isinstance(value, Mapping):
        return {plain(key): plain(item, known) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(item, known) for item in value]
    if isinstance(value, nn.Module):
        return f"{plain(type(value), known)}({value.extra_repr()})"
    if inspect.isclass(value) or inspect.isroutine(value):
        short = (name for name, cls in (known or {}).items() if cls is value)
        return next(short, f"{value.__module__}.{value.__qualname__}")
    if callable(to_list := getattr(value, "tolist", None)):  # an array, or a scalar of NumPy
        return to_list()
    for cls in (str, int, float):
        if isinstance(value, cls):
            return cls(value)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(value))  # which differs in the next process


def refers_to(recorded: Any, value: Any, known: Mapping[str, type]) -> bool:  # noqa: ANN401 - any argument
    """Return whether a recorded string refers to a class, a function or an instance; imports nothing.

    A class of a script or notebook may have been moved into a module.

    Examples:
        >>> refers_to("Tanh", nn.Tanh, {"Tanh": nn.Tanh}), refers_to("Tanh", nn.ReLU, {"Tanh": nn.Tanh})
        (True, False)
        >>> refers_to("__main__.Tanh", nn.Tanh, {})
        True
    """
    if plain(value, known) == recorded or f"{plain(value, known)}()" == recorded:
        return True
    module, _, name = str(recorded).removesuffix("()").rpartition(".")
    if module == "__main__" and getattr(value, "__qualname__", None) == name:
        return True
    return getattr(sys.modules.get(module), name, recorded) is value  # re-exported under another path
