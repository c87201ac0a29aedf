"""``lit-classify test``: evaluate a checkpoint on the test rows."""

from typing import Any

from lit_classify.cli.checkpoint_cli import CheckpointCLI
from lit_classify.evaluation.console_output import evaluation_text


class TestCLI(CheckpointCLI):
    """The command line of test."""

    command = "test"

    def test(self, **kwargs: Any) -> None:
        """Evaluate on the test rows, and report on classes, errors and baseline models."""
        self.evaluate("test", **kwargs)
        self.say(f"\n{evaluation_text(self.model, self.datamodule)}")


main = TestCLI.main
