"""Filters for warnings and log messages that do not apply to this package."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch.utilities.warnings import PossibleUserWarning

from lit_classify.errors import DataWarning
from lit_classify.messages import echo_once


def filter_warnings() -> None:
    """Hide Lightning's messages about hardware, tips and loaders, and print each DataWarning as a note."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.profilers").setLevel(logging.INFO)  # the reports of profilers
    logging.getLogger("fastexcel").setLevel(logging.ERROR)  # it warns of empty columns
    warnings.filterwarnings("ignore", "LightningCLI's args parameter")  # main parses sys.argv itself
    warnings.filterwarnings("ignore", ".*smaller than the logging interval", PossibleUserWarning)
    warnings.filterwarnings("ignore", ".*callbacks used to create the checkpoint")  # evaluation needs none
    warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated")  # Lightning 2.6
    warnings.filterwarnings("ignore", r"Found \d+ module\(s\) in eval mode")  # frozen ones keep statistics
    warnings.filterwarnings("ignore", "Glyph .* missing from font")  # matplotlib draws a box instead
    warnings.simplefilter("always", DataWarning)
    if not isinstance(warnings.showwarning, _Notes):
        warnings.showwarning = _Notes(warnings.showwarning)


@contextmanager
def without_notes() -> Iterator[None]:
    """Print no DataWarnings within the context, which have been printed before."""
    with warnings.catch_warnings():
        warnings.showwarning = _WithoutNotes(warnings.showwarning)
        yield


class _Notes:
    """A ``warnings.showwarning`` that prints a DataWarning as one line."""

    def __init__(self, default: Callable[..., None]) -> None:
        self._default = default

    def __call__(
        self, message: Warning | str, category: type[Warning], *location: Any, **options: Any
    ) -> None:
        if issubclass(category, DataWarning):
            echo_once(f"lit-classify: note: {message}", color="yellow")
        else:
            self._default(message, category, *location, **options)


class _WithoutNotes(_Notes):
    """A ``warnings.showwarning`` that ignores each DataWarning."""

    def __call__(
        self, message: Warning | str, category: type[Warning], *location: Any, **options: Any
    ) -> None:
        if not issubclass(category, DataWarning):
            self._default(message, category, *location, **options)
