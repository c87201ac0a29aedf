"""The custom classes of a run, which a checkpoint never names by itself."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any, NamedTuple

from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule


class CustomClasses(NamedTuple):
    """Import paths of the custom classes of a run.

    Attributes:
        network: the network.
        activation: the activation.
        loss: the loss.
        model: the module.
        data: the data module.
    """

    network: str | None = None
    activation: str | None = None
    loss: str | None = None
    model: str | None = None
    data: str | None = None

    @classmethod
    def of(cls, given: Namespace) -> "CustomClasses":
        """Return those that are given as options of a command."""
        return cls(given.network, given.activation, given.loss, given.model, given.data)

    def build_model(self, checkpoint: Checkpoint) -> LitModule:
        """Build the module of a checkpoint, with its weights.

        Raises:
            UserError: a class is missing, or is not the recorded one.
        """
        task = checkpoint.custom_class("model", self.model)
        return checkpoint.build_model(self.network, task, self.activation, self.loss)

    def build_data(self, checkpoint: Checkpoint, given: Mapping[str, Any]) -> InMemoryDataModule:
        """Build the data module of a checkpoint.

        Args:
            checkpoint: the checkpoint.
            given: arguments that replace recorded ones.

        Raises:
            UserError: the class is missing, or is not the recorded one, or the data cannot be read.
        """
        own = checkpoint.custom_class("data", self.data)
        checkpoint.check_options("data", given)
        return checkpoint.build_data(given, own)

    def build_run(
        self, checkpoint: Checkpoint, given: Mapping[str, Any]
    ) -> tuple[LitModule, InMemoryDataModule]:
        """Build the module and the data module of a checkpoint; arguments as for ``build_data``."""
        return self.build_model(checkpoint), self.build_data(checkpoint, given)
