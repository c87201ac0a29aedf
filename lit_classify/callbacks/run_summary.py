"""Purpose, command, versions, network and data of a run, on TensorBoard's Text page."""

import platform
import shlex
import sys
from collections.abc import Mapping

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.tensorboard.summary import text

from lit_classify import __version__
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.loggers import run_loggers
from lit_classify.messages import escape_markdown, shorten
from lit_classify.modules import LitModule
from lit_classify.networks import list_layers

_MAX_COLUMNS, _MAX_NAME = 12, 60  # classes as columns, and characters of a class


class RunSummary(Callback):
    """Write purpose, command, network, data and versions of a run to TensorBoard's Text page, as one text.

    Args:
        name: name of the recipe.
        purpose: what the recipe teaches.
        command: the command-line arguments.
    """

    def __init__(self, name: str, purpose: str | None, command: list[str]) -> None:
        self.name = name
        self.purpose = purpose
        self.command = command

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the text."""
        assert isinstance(pl_module, LitModule)
        data = getattr(trainer, "datamodule", None)
        sections = {
            "Purpose": self.purpose or f"{self.name}: no purpose given.",
            "Command": f"    {shlex.join(['lit-classify', *self.command])}",
            "Network": network_table(pl_module),
        }
        if isinstance(data, InMemoryDataModule):
            sections["Data"] = row_count_table(data)
        sections["Versions"] = versions()
        markdown = "\n\n".join(f"### {heading}\n\n{section}" for heading, section in sections.items())
        for logger in run_loggers(trainer):
            logger.log_summary(text("about", markdown))


def row_count_table(data: InMemoryDataModule) -> str:
    """Return the number of rows per split and class as a Markdown table; many classes are its lines.

    Examples:
        >>> from lit_classify import CirclesDataModule
        >>> print(row_count_table(CirclesDataModule(val_fraction=0.1)))
        | split | rows | 0 | 1 |
        |---|---|---|---|
        | train | 700 | 352 | 348 |
        | val | 100 | 48 | 52 |
        | test | 200 | 100 | 100 |
    """
    names = [escape_markdown(shorten(name, _MAX_NAME)) for name in data.class_names or []]
    table = [["split", "rows", *names]]
    for split in filter(data.has_split, ("train", "val", "test")):
        total, class_counts = data.count_rows(split)
        table.append([split, *(f"{count:,}" for count in (total, *class_counts))])
    if len(names) > _MAX_COLUMNS:
        table = [list(column) for column in zip(*table, strict=True)]
    head, *lines = [f"| {' | '.join(cells)} |" for cells in table]
    lines = [head, "|" + "---|" * len(table[0]), *lines]
    if data.validation_note:
        lines.append(f"\n{data.validation_note}")
    if isinstance(data, TableDataModule) and data.columns:
        lines += ["", *(f"    {line}" for line in data.describe().splitlines())]
    return "\n".join(lines)


def network_table(model: LitModule) -> str:
    """Return the network's layers with the shape of their output for a row, as Markdown.

    Examples:
        >>> from lit_classify import BinaryClassifier
        >>> print(network_table(BinaryClassifier(2, hidden=[4])))
        | layer | output shape | parameters |
        |---|---|---|
        | (0): Linear(in_features=2, out_features=4, bias=True) | (N, 4) | 12 |
        | (1): ReLU() | (N, 4) | 0 |
        | (2): Linear(in_features=4, out_features=1, bias=True) | (N, 1) | 5 |
        <BLANKLINE>
        BinaryClassifier: 17 parameters
    """
    lines = ["| layer | output shape | parameters |", "|---|---|---|"]
    for name, shape, weights in list_layers(model.network, int(model.hparams["in_features"]), model.members):
        lines.append(f"| {name} | {shape} | {weights:,} |")
    total = sum(weight.numel() for weight in model.parameters())
    return "\n".join([*lines, f"\n{type(model).__name__}: {total:,} parameters"])


def versions() -> str:
    """Return the versions of the packages, of Python and of the system as a Markdown list.

    Examples:
        >>> [line.split()[1] for line in versions().splitlines()]
        ['lit_classify', 'torch', 'lightning', 'Python', 'system']
    """
    import lightning

    packages: Mapping[str, str] = {
        "lit_classify": __version__,
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "Python": sys.version.split()[0],
        "system": platform.platform(),
    }
    return "\n".join(f"- {name} {version}" for name, version in packages.items())
