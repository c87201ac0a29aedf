"""``lit-classify validate``: evaluate a checkpoint on the validation rows."""

from typing import Any

from lit_classify.cli.evaluation_cli import EvaluationCLI


class ValidateCLI(EvaluationCLI):
    """The command line of validate."""

    command = "validate"

    def validate(self, **kwargs: Any) -> None:
        """Evaluate on the validation rows."""
        self.evaluate("val", **kwargs)


main = ValidateCLI.main
