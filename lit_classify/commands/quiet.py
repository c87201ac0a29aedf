"""Keeping Lightning's chatter off the screen."""

import logging
import warnings

from lightning.pytorch.utilities.warnings import PossibleUserWarning


def quiet() -> None:
    """Silence what does not help here: hardware found, tips, and hints about loaders that we do not use."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", "LightningCLI's args parameter")  # we hand the arguments on ourselves
    warnings.filterwarnings("ignore", ".*smaller than the logging interval", PossibleUserWarning)
    warnings.filterwarnings("ignore", ".*callbacks used to create the checkpoint")  # scoring needs none
    warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated")  # Lightning 2.6
