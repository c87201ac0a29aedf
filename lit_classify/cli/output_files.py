"""Checks of ``--out``, before anything is computed."""

import os
from collections.abc import Iterable
from pathlib import Path

from lit_classify.errors import UserError, check_path


def check_output(out: Path, overwrite: bool) -> None:
    """Raise UserError if the output exists, or has no directory that can be written.

    Examples:
        >>> check_output(Path("no/such/report.html"), overwrite=False)
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: no directory no/such to write report.html into
    """
    check_path(out)
    if out.is_dir():
        raise UserError(f"{out} is a directory; --out takes a file")
    if not overwrite:
        check_new([out])
    if not out.parent.is_dir():
        raise UserError(f"no directory {out.parent} to write {out.name} into")
    if not os.access(out.parent, os.W_OK):
        raise UserError(f"cannot write {out}: Permission denied")


def check_new(paths: Iterable[Path]) -> None:
    """Raise UserError if one of the files exists."""
    for path in paths:
        if path.exists():
            raise UserError(f"{path} already exists; add --overwrite, or choose another --out")


def check_directory(out: Path) -> None:
    """Raise UserError if the output directory is a file."""
    check_path(out)
    if out.exists() and not out.is_dir():
        raise UserError(f"cannot write into {out}: not a directory")


def output_format(out: Path, format_: str | None, formats: Iterable[str]) -> str:
    """Return the given format, or else the one that the name of the output ends in.

    Raises:
        UserError: the name has another ending.

    Examples:
        >>> output_format(Path("report.MD"), None, ["html", "md"])
        'md'
    """
    ending = out.suffix.removeprefix(".").lower()
    if format_ is None and ending not in formats:
        endings = ", ".join(f".{name}" for name in sorted(formats))
        raise UserError(f"--out {out} must end in one of {endings}, or add --format")
    return format_ or ending
