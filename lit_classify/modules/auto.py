"""Selection of the task from the data, for commands without ``--model``."""

from collections.abc import Sequence
from typing import Any

from lit_classify.errors import UserError
from lit_classify.modules.base import LitModule
from lit_classify.modules.classifiers import BinaryClassifier, MulticlassClassifier
from lit_classify.modules.multilabel import MultilabelClassifier
from lit_classify.modules.regressor import Regressor


class AutoModule(LitModule):
    """A Regressor for values, a MultilabelClassifier for labels, else a Binary- or MulticlassClassifier.

    The constructor returns an instance of one of the four. This is not a function because jsonargparse 4.53
    links no arguments to a function's parameters, which ``in_features`` and ``class_names`` need.

    Args:
        in_features: features per row.
        out_features: outputs per row.
        class_names: the classes; none for labels and numbers.
        label_names: the labels; none for classes and numbers.
        **kwargs: what all modules take, and what the fitting one takes alone.

    Examples:
        >>> type(AutoModule(2, class_names=["no", "yes"])).__name__
        'BinaryClassifier'
        >>> type(AutoModule(2, 3, class_names=["a", "b", "c"])).__name__
        'MulticlassClassifier'
        >>> type(AutoModule(2, loss="MSE")).__name__
        'Regressor'
    """

    def __new__(
        cls,
        in_features: int,
        out_features: int = 1,
        class_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Any:  # noqa: ANN401 - an instance of another class, which Python then leaves as it is
        """Choose by the classes and labels.

        Raises:
            UserError: a setting that only another task has.
        """
        fitting = "labels" if label_names else "classes" if class_names else "numbers"
        for setting, targets in {
            "thresholds": "labels",
            "class_weight": "classes",
        }.items():
            if targets != fitting and kwargs.get(setting) is not None:
                raise UserError(f"{setting} is a setting for {targets}, but the target holds {fitting}")
        if kwargs.get("threshold") is not None and len(class_names or ()) != 2:
            raise UserError(f"threshold is a setting for two classes, but the target holds {fitting}")
        if kwargs.get("pos_weight") is not None and len(class_names or ()) != 2 and not label_names:
            raise UserError(
                f"pos_weight is a setting for two classes or labels, but the target holds {fitting}"
            )
        # LightningCLI finds the settings by looking for these calls
        if label_names is not None:
            return MultilabelClassifier(
                in_features, out_features, class_names=class_names, label_names=label_names, **kwargs
            )
        if class_names is None:
            return Regressor(in_features, out_features, **kwargs)
        if len(class_names) == 2:
            return BinaryClassifier(in_features, out_features, class_names, **kwargs)
        return MulticlassClassifier(in_features, out_features, class_names, **kwargs)


AutoModule.__abstractmethods__ = frozenset()  # it has no instances that could lack a method
