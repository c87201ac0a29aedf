"""Wording, escaping and printing of messages."""

import html
import os
import re
import shutil
import sys
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import accumulate
from typing import Literal, TextIO

from lit_classify.errors import DataWarning


def warn(message: str) -> None:
    """Issue a DataWarning, which the command line prints as a note."""
    warnings.warn(message, DataWarning, stacklevel=3)


def warn_all(messages: Iterable[str]) -> None:
    """Issue several of them."""
    for message in messages:
        warnings.warn(message, DataWarning, stacklevel=3)


Color = Literal["red", "yellow", "green"]
_COLORS: dict[Color, int] = {"red": 31, "yellow": 33, "green": 32}
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escape_control(text: str, is_name: bool = False) -> str:
    r"""Escape control characters, so that names from files cannot control the terminal.

    Args:
        text: the text to print.
        is_name: escape line breaks and tabs too, which would break a table.

    Examples:
        >>> print(escape_control("\x1b[31mred"))
        \x1b[31mred
    """
    escaped = _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    return escaped.replace("\n", r"\n").replace("\t", r"\t") if is_name else escaped


def escape_markdown(name: str) -> str:
    r"""Escape a name for Markdown, including table separators and HTML.

    Examples:
        >>> print(escape_markdown("a|<b>"))
        a\|&lt;b&gt;
    """
    escaped = html.escape(escape_control(name, is_name=True), quote=False)
    escaped = re.sub(r"([\\`*_\[\]|#!~])", r"\\\1", escaped)
    return escaped.replace("$", "&#36;")  # two of them enclose a formula, even after a backslash


def shorten(name: str, length: int) -> str:
    """Abbreviate a name in the middle; names often differ at their ends.

    Args:
        name: the name.
        length: the columns of a terminal that it may take.

    Examples:
        >>> shorten("alcalinity_of_ash_in_percent", 24)
        'alcalinity_o…_in_percent'
    """
    if width_of(name) <= length:
        return name
    half = (length - 1) // 2
    return f"{_cut(name, length - 1 - half)}…{_cut(name[::-1], half)[::-1]}"


def _cut(text: str, width: int) -> str:
    """Return the longest beginning of a text that takes at most a number of columns."""
    return text[: sum(end <= width for end in accumulate(map(width_of, text)))]


def width_of(text: str) -> int:
    """Return the number of columns that a text takes on a terminal.

    Examples:
        >>> width_of("abc"), width_of("日本"), width_of("e\N{COMBINING ACUTE ACCENT}")
        (3, 4, 1)
    """
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in {"Mn", "Me", "Cf"} for character in text)


def terminal_width() -> int:
    """Return the number of columns of the terminal, or 80 without one."""
    return shutil.get_terminal_size().columns


def pad(text: str, width: int) -> str:
    """Return a text with spaces up to a number of columns on a terminal.

    Examples:
        >>> pad("日本", 6)
        '日本  '
    """
    return text + " " * (width - width_of(text))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless the count is 1.

    Examples:
        >>> plural(1, "test row"), plural(1000, "test row")
        ('1 test row', '1,000 test rows')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def format_metric(value: float, digits: int = 5, sign: str = "-") -> str:
    """Return a metric with a fixed number of decimals, or with an exponent if it is tiny or huge.

    Args:
        value: the metric.
        digits: number of decimals.
        sign: which signs are printed, as in a format.

    Examples:
        >>> format_metric(0.25), format_metric(2.5e-12), format_metric(2.5e12, 3, "+")
        ('0.25000', '2.50000e-12', '+2.500e+12')
    """
    is_plain = value == 0 or 1e-4 <= abs(value) < 1e7
    return f"{value:{sign}.{digits}{'f' if is_plain else 'e'}}"


def echo(text: str = "", file: TextIO | None = None, flush: bool = False, color: Color | None = None) -> None:
    r"""Print with control characters escaped. All output of this package goes through here.

    Args:
        text: the text to print.
        file: the stream, by default standard output.
        flush: flush the stream.
        color: color of the text on a terminal.

    Examples:
        >>> echo("\x1b[31mred", color="red")  # not a terminal
        \x1b[31mred
    """
    text = escape_control(text)
    print(paint(text, color, file or sys.stdout) if color else text, file=file, flush=flush)


def paint(text: str, color: Color, stream: TextIO) -> str:
    """Return a text in a color if it is for a terminal, unless NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    return f"\x1b[{_COLORS[color]}m{text}\x1b[0m"


def echo_once(line: str, color: Color | None = None) -> None:
    """Print on standard error, from local rank 0 only."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        echo(line, file=sys.stderr, color=color)


def summarize(error: Exception) -> str:
    """Return the relevant line of an exception's message.

    jsonargparse lists every type that it tried for a value; the constructor's own message is one line of it.

    Examples:
        >>> summarize(FileNotFoundError(2, "No such file or directory", "a.csv"))
        'No such file or directory: a.csv'
    """
    text = str(error) or type(error).__name__
    if re.search("gloo|NCCL|by peer", text):
        return "another process of this run has ended"
    if "Error(s) in loading state_dict" in text:
        return f"the checkpoint's weights do not fit this model: {text.splitlines()[1].strip()}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}: {error.filename}"
    if match := re.search(r"Problem with given class_path '(?:[\w.]+\.)?(\w+)':\n\s+(.+)", text):
        return f"{match[1]}: {match[2]}"
    lines = [line.strip() for line in text.splitlines()]
    attempts = [line.removeprefix("- ") for line in lines if line.startswith("- ") and "NoneType" not in line]
    return attempts[0] if text.startswith("Does not validate") and attempts else text.splitlines()[0]


def closest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Return the known name most similar to ``name``, ignoring case, or None.

    Examples:
        >>> closest("relu", ["ReLU", "Tanh"])
        'ReLU'
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[matches[0]] if matches else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown name, with the closest known name if there is one.

    Examples:
        >>> unknown_name("optimizer", "SDG", ["SGD", "Adam"])
        "unknown optimizer 'SDG': did you mean 'SGD'?"
    """
    names = sorted(known)
    guess = closest(name, names)
    return f"unknown {kind} {name!r}: " + (f"did you mean {guess!r}?" if guess else choose_from(names))


def choose_from(names: Sequence[str], at_most: int = 40) -> str:
    """Return a hint that lists names.

    Examples:
        >>> choose_from(["SGD", "Adam", "AdamW"], at_most=2)
        'choose from SGD, Adam and 1 more'
    """
    if not names:
        return "there is none"
    remaining = f" and {len(names) - at_most:,} more" if len(names) > at_most else ""
    return f"choose from {', '.join(names[:at_most])}{remaining}"


def how_to_give(option: str, recorded: str) -> str:
    """Return how a user gives a class or function that a checkpoint records, for messages.

    Examples:
        >>> how_to_give("--model.network", "my_package.Net")
        'add --model.network my_package.Net'
        >>> how_to_give("--model.network", "__main__.Net")
        'move it from the script or notebook into a module, and add --model.network MODULE.Net'
        >>> how_to_give("--model.activation", "LeakyReLU(negative_slope=0.2)")
        'give it from Python: lit_classify.load(CHECKPOINT, activation=...)'
        >>> how_to_give("--model.network", "torch.nn.Sequential()")  # doctest: +ELLIPSIS
        'give it from Python: lit_classify.load(CHECKPOINT, network=...), or, if in_features and ...'
    """
    path, name = recorded.removesuffix("()"), option.rpartition(".")[2]
    from_python = f"give it from Python: lit_classify.load(CHECKPOINT, {name}=...)"
    if not re.fullmatch(r"[A-Za-z_][\w.]*", path):
        return from_python
    option_to_add = f"add {option} {path}"
    if path.startswith("__main__."):
        module_path = path.replace("__main__", "MODULE", 1)
        option_to_add = f"move it from the script or notebook into a module, and add {option} {module_path}"
    if name == "network" and path != recorded:  # an instance, whose arguments are unknown
        return f"{from_python}, or, if in_features and out_features build the same one, {option_to_add}"
    return option_to_add
