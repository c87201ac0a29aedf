"""Exceptions for users' mistakes, and checks of options that raise them."""

import re
from collections.abc import Sequence


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


def check_at_least(name: str, value: float, minimum: float) -> None:
    """Raise UserError unless ``value`` is finite and at least ``minimum``.

    Examples:
        >>> check_at_least("batch_size", 1, 1)
        >>> check_at_least("batch_size", 0, 1)
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: batch_size must be at least 1, but is 0
    """
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
