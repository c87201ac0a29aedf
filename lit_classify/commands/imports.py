"""What a configuration may import: a file from a stranger names classes, and naming one runs its module."""

import re
from collections.abc import Sequence

from jsonargparse import set_parsing_settings

TRUSTED = ("lit_classify", "lightning", "torch.nn", "torch.optim", "torchmetrics")
_CLASS = re.compile(r"(?:--[\w.]+=)?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)")


def trust(arguments: Sequence[str]) -> None:
    """Let configurations and checkpoints name classes of these packages, and those on the command line."""
    named = [found[1] for argument in arguments if (found := _CLASS.fullmatch(argument))]
    packages = {*TRUSTED, *(name for name in named if not name.endswith((".yaml", ".yml", ".ckpt", ".csv")))}
    set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=sorted(packages))
