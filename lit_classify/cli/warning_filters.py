"""Keeping Lightning's chatter off the screen."""

import logging
import warnings
from collections.abc import Callable
from typing import Any

from lightning.pytorch.utilities.warnings import PossibleUserWarning

from lit_classify.errors import DataWarning, echo_once


def quiet() -> None:
    """Silence what does not help here: hardware found, tips, and hints about loaders that we do not use."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.profilers").setLevel(logging.INFO)  # who profiles wants to know
    warnings.filterwarnings("ignore", "LightningCLI's args parameter")  # we hand the arguments on ourselves
    warnings.filterwarnings("ignore", ".*smaller than the logging interval", PossibleUserWarning)
    warnings.filterwarnings("ignore", ".*callbacks used to create the checkpoint")  # scoring needs none
    warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated")  # Lightning 2.6
    warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands for it
    warnings.simplefilter("always", DataWarning)
    if not isinstance(warnings.showwarning, _Notes):
        warnings.showwarning = _Notes(warnings.showwarning)


class _Notes:
    """Say a note on data in a line of its own; show other warnings as before."""

    def __init__(self, before: Callable[..., None]) -> None:
        self._before = before

    def __call__(self, message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, DataWarning):
            echo_once(f"lit-classify: note: {message}")
        else:
            self._before(message, category, *where, **more)
