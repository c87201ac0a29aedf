"""A run before its first step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule


@dataclass(frozen=True)
class Run:
    """A run before its first step.

    Args:
        name: name of the run.
        purpose: what the run teaches; empty if the recipe states none.
        command: the command that trains it.
        model: the model, attached to its trainer.
        data: the data.
        config: the options of ``fit``.
        source: the checkpoint of the initial weights, if any.
        one_thread: whether ``fit`` uses one thread.
    """

    name: str
    purpose: str
    command: str
    model: LitModule
    data: InMemoryDataModule
    config: Mapping[str, Any]
    source: Checkpoint | None
    one_thread: bool

    @property
    def patience(self) -> int | None:
        """The patience of early stopping; None without it."""
        for callback in self.config["trainer"]["callbacks"] or ():
            return int(callback["init_args"]["patience"])
        return None

    @property
    def held_out(self) -> str:
        """The split that the epoch log shows besides the training rows."""
        return "test" if self.data.validates_on_test else "val"
