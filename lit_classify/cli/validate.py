"""``lit-classify validate``: evaluate a checkpoint on the validation rows."""

from typing import Any

from lit_classify.cli.checkpoint_cli import CheckpointCLI
from lit_classify.evaluation.console_output import task_tables


class ValidateCLI(CheckpointCLI):
    """The command line of validate."""

    command = "validate"

    def validate(self, **kwargs: Any) -> None:
        """Evaluate on the validation rows, with cross-validation those of the folds."""
        self.evaluate("val", **kwargs)
        if tables := task_tables(self.model):
            self.say("\n" + "\n\n".join(tables))


main = ValidateCLI.main
