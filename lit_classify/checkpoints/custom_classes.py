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
    def of(cls, options: Namespace) -> "CustomClasses":
        """Return the custom classes that the options of a command name."""
        return cls(options.network, options.activation, options.loss, options.model, options.data)

    def build_model(self, checkpoint: Checkpoint) -> LitModule:
        """Build the module of a checkpoint, with its weights.

        Raises:
            UserError: a class is missing, or is not the recorded one.
        """
        task = checkpoint.custom_class("model", self.model)
        return checkpoint.build_model(self.network, task, self.activation, self.loss)

    def build_data(self, checkpoint: Checkpoint, settings: Mapping[str, Any]) -> InMemoryDataModule:
        """Build the data module of a checkpoint.

        Args:
            checkpoint: the checkpoint.
            settings: arguments that replace the recorded ones.

        Raises:
            UserError: the class is missing, or is not the recorded one, or the data cannot be read.
        """
        custom_class = checkpoint.custom_class("data", self.data)
        checkpoint.check_options("data", settings)
        return checkpoint.build_data(settings, custom_class)

    def build_run(
        self, checkpoint: Checkpoint, settings: Mapping[str, Any]
    ) -> tuple[LitModule, InMemoryDataModule]:
        """Build the module and the data module of a checkpoint; arguments as for ``build_data``."""
        return self.build_model(checkpoint), self.build_data(checkpoint, settings)
