"""``lit-classify validate``: evaluate a checkpoint on the validation rows."""

from typing import Any

from lit_classify.cli.evaluation_cli import EvaluationCLI
from lit_classify.evaluation.text import metric_lines
from lit_classify.evaluation.validation import OUT_OF_FOLD, evaluate_validation


class ValidateCLI(EvaluationCLI):
    """The command line of validate."""

    command = "validate"

    def validate(self, **kwargs: Any) -> None:
        """Evaluate on the validation rows; with cross-validation also by fold, with tables."""
        if not self.datamodule.folds or not self.datamodule.has_split("train"):
            self.evaluate("val", **kwargs)
            return
        evaluation = evaluate_validation(self.model, self.datamodule)
        rows = f"{len(evaluation.y):,} training rows, {OUT_OF_FOLD}, {self.datamodule.folds} folds"
        self.say(f"{type(self.model).__name__} on {rows}")
        tables = self.model.evaluation_tables(evaluation.logits, evaluation.y)
        self.say("\n".join(metric_lines(evaluation.metrics)))
        self.say("\n" + "\n\n".join(tables))


main = ValidateCLI.main
