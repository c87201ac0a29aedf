"""The mistakes that are a user's to mend, and the words that help to mend them."""

import html
import os
import re
import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TextIO


class UserError(ValueError):
    """A setting that cannot be used; the command line shows the message alone and exits with 2."""


class DataError(UserError):
    """Data that cannot be used; the message names what was expected, what came and where."""


class DivergedError(RuntimeError):
    """Training that has come to numbers that are none; the command line exits with 3."""


class DataWarning(UserWarning):
    """Data that can be used, but perhaps not as its owner thinks."""


def note(message: str) -> None:
    """Warn of data that can be used, but perhaps not as its owner thinks."""
    warnings.warn(message, DataWarning, stacklevel=3)


_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str, is_name: bool = False) -> str:
    r"""Return text whose control characters are escaped: names from files must not steer a terminal.

    Args:
        text: what is shown.
        is_name: escape line ends and tabs too, which would break a table.

    Example:
        >>> print(visible("\x1b[31mred"))
        \x1b[31mred
    """
    escaped = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return escaped.replace("\n", r"\n").replace("\t", r"\t") if is_name else escaped


def markdown(name: str) -> str:
    r"""Return a name as Markdown that shows it as it is: no table column, markup or HTML of its own.

    Example:
        >>> print(markdown("a|<b>"))
        a\|&lt;b&gt;
    """
    escaped = html.escape(visible(name, is_name=True), quote=False)
    return re.sub(r"([\\`*_\[\]|#!~])", r"\\\1", escaped)


def say(text: str = "", file: TextIO | None = None, flush: bool = False) -> None:
    """Print with control characters escaped; whatever this package says to a user goes through here."""
    print(visible(text), file=file, flush=flush)


def say_once(line: str) -> None:
    """Print on standard error what each process of a run would say."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        say(line, file=sys.stderr)


def reason(error: Exception) -> str:
    """Return what a constructor said, out of the parser's account of all that it tried."""
    text = str(error) or type(error).__name__
    if re.search("gloo|NCCL|by peer", text):
        return "another process of this run has ended"
    if "Error(s) in loading state_dict" in text:
        return f"the checkpoint's weights do not fit this model: {text.splitlines()[1].strip()}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}: {error.filename}"
    if inner := re.search(r"Problem with given class_path '(?:[\w.]+\.)?(\w+)':\n\s+(.+)", text):
        return f"{inner[1]}: {inner[2]}"
    said = [line.strip().removeprefix("- ") for line in text.splitlines() if line.strip().startswith("- ")]
    said = [line for line in said if "NoneType" not in line]
    return said[0] if text.startswith("Does not validate") and said else text.splitlines()[0]


def nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Return the known name that is most like ``name``, whatever its case, or None."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[matches[0]] if matches else None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that ``name`` is none of the ``known`` names, and which one was probably meant."""
    names = sorted(known)
    guess = nearest(name, names)
    hint = f"did you mean {guess!r}?" if guess else f"choose from {', '.join(names)}"
    return f"unknown {kind} {name!r}: {hint}"


def at_least(name: str, value: float, minimum: float) -> None:
    """Raise UserError unless ``value`` is a number of at least ``minimum``."""
    if not minimum <= value < float("inf"):
        raise UserError(f"{name} must be at least {minimum}, but is {value}")


def fraction(name: str, value: float) -> None:
    """Raise UserError unless ``value`` lies in [0, 1)."""
    if not 0 <= value < 1:
        raise UserError(f"{name} must be at least 0 and below 1, but is {value}")


def refuse_address(path: str) -> None:
    """Raise UserError if a path is an address on a network: nothing is fetched from there."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", path):
        raise UserError(f"{path} is an address: fetch the file yourself, look at it, and give its path")
