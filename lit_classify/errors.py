"""Exceptions for users' mistakes, and checks of options that raise them."""

import errno
import os
import re
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin


class UserError(ValueError):
    """An invalid setting. The command line prints the message alone and exits with 2.

    Examples:
        >>> from lit_classify import MLP
        >>> try:
        ...     MLP(2, 1, hidden=[0])
        ... except UserError as error:
        ...     print(error)
        ...
        every width in hidden must be at least 1, but is 0
    """


class WrongTypeError(UserError, TypeError):
    """An argument of a wrong type."""


class DataError(UserError):
    """Invalid data. The message names what was expected, what was found and where.

    Examples:
        >>> import torch
        >>> from lit_classify import BinaryClassifier
        >>> try:
        ...     BinaryClassifier(2).check_targets(torch.tensor([0, 2]))
        ... except DataError as error:
        ...     print(error)
        ...
        BinaryClassifier knows the classes 0 to 1, but row 1 has the target 2
    """


class TooLargeError(DataError):
    """Data that needs more than the free memory."""


class DivergedError(RuntimeError):
    """Training that has reached NaN or infinity. The command line exits with 3."""


class DataWarning(UserWarning):
    """Valid data or settings that may not mean what the user intends."""


_KINDS: dict[Any, tuple[type | tuple[type, ...], str]] = {  # the accepted types, and their name in messages
    int: (Integral, "an integer"),
    float: (Real, "a number"),
    bool: ((Integral, bool), "true or false"),
    str: (str, "text"),
    NoneType: (NoneType, "None"),
    Mapping: (Mapping, "a mapping"),
    PathLike: (PathLike, "a path"),
}
_MAX_SHOWN = 80  # characters of a value in a message


def check_type(name: str, value: Any, hint: Any) -> None:  # noqa: ANN401 - any type
    """Raise WrongTypeError unless a value is of an annotated type; numbers and arrays of NumPy are accepted.

    Examples:
        >>> check_type("hidden", (16, 16), Sequence[int])
        >>> check_type("hidden", 10, Sequence[int])
        Traceback (most recent call last):
            ...
        lit_classify.errors.WrongTypeError: hidden must be a list in which each item is an integer, but is 10
        >>> check_type("batch_size", "foo", int | Literal["auto"] | None)
        Traceback (most recent call last):
            ...
        lit_classify.errors.WrongTypeError: batch_size must be an integer or 'auto' or None, but is 'foo'
    """
    if not _matches(value, hint):
        shown = repr(value)
        if len(shown) > _MAX_SHOWN or "\n" in shown:  # such as a tensor, or a network
            shown = f"of the type {type(value).__name__}"
        raise WrongTypeError(f"{name} must be {_describe(hint)}, but is {shown}")


def _matches(value: Any, hint: Any) -> bool:  # noqa: ANN401 - any type
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_matches(value, item) for item in args)
    if origin is Literal:
        return isinstance(value, str) and value in args
    if origin is Sequence:
        is_list = hasattr(value, "__iter__") and not isinstance(value, str | Mapping)
        return is_list and all(_matches(item, args[0]) for item in value)
    return isinstance(value, _KINDS[origin or hint][0] if (origin or hint) in _KINDS else hint)


def _describe(hint: Any) -> str:  # noqa: ANN401 - any type
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(map(_describe, args))
    if origin is Literal:
        return " or ".join(map(repr, args))
    if origin is Sequence:
        return f"a list in which each item is {_describe(args[0])}"
    return _KINDS[origin or hint][1] if (origin or hint) in _KINDS else str(hint.__name__)


def check_at_least(name: str, value: float, minimum: float) -> None:
    """Raise UserError unless ``value`` is a finite number of at least ``minimum``.

    Examples:
        >>> check_at_least("batch_size", 1, 1)
        >>> check_at_least("batch_size", 0, 1)
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: batch_size must be at least 1, but is 0
    """
    check_type(name, value, float)
    if not minimum <= value < float("inf"):
        raise UserError(f"{name} must be at least {minimum}, but is {value}")


def check_fraction(name: str, value: float) -> None:
    """Raise UserError unless ``value`` is in [0, 1).

    Examples:
        >>> check_fraction("test_fraction", 1.5)
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: test_fraction must be at least 0 and below 1, but is 1.5
    """
    check_type(name, value, float)
    if not 0 <= value < 1:
        raise UserError(f"{name} must be at least 0 and below 1, but is {value}")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise UserError unless a value is one of the choices.

    Examples:
        >>> check_choice("scaling", "robust", ("standard", "robust"))
        >>> check_choice("scaling", "none", ("standard", "robust"))
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: scaling must be standard or robust, but is 'none'
    """
    if value not in choices:
        raise UserError(f"{name} must be {' or '.join(choices)}, but is {value!r}")


def check_path(path: str | Path) -> None:
    """Raise UserError for a path that no file can have, with which methods of pathlib raise OSError.

    Examples:
        >>> check_path("no/such/file")
        >>> check_path("a" * 300)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: the path aaa...aaa is too long for the file system
    """
    if not str(path).strip():
        raise UserError(f"the path {str(path)!r} is blank")
    try:
        os.stat(path)
    except ValueError as error:
        raise UserError(f"the path {str(path)!r} has a null character") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(f"the path {path} is too long for the file system") from error


def check_local_path(path: str) -> None:
    """Raise UserError if a path is a URL: nothing is downloaded.

    Examples:
        >>> check_local_path("data/t.csv")
        >>> check_local_path("https://example.org/t.csv")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: https://example.org/t.csv is a URL; download the file, ...
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", path):
        raise UserError(f"{path} is a URL; download the file, inspect it, and give its local path")
