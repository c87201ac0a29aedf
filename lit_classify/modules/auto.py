"""Selection of the task from the data, for commands without ``--model``."""

from collections.abc import Mapping, Sequence
from typing import Any

from lit_classify.errors import UserError
from lit_classify.modules.base import LitModule
from lit_classify.modules.classifiers import BinaryClassifier, MulticlassClassifier
from lit_classify.modules.multilabel import MultilabelClassifier
from lit_classify.modules.regressor import Regressor
from lit_classify.serialization import constructor_parameters

_TASKS: dict[str, type[LitModule]] = {  # by the kind of target
    "two classes": BinaryClassifier,
    "more classes": MulticlassClassifier,
    "labels": MultilabelClassifier,
    "numbers": Regressor,
}


class AutoModule(LitModule):
    """A Regressor for values, a MultilabelClassifier for labels, else a Binary- or MulticlassClassifier.

    The constructor returns an instance of one of the four. This is not a function because jsonargparse 4.53
    links no arguments to a function's parameters, which ``in_features`` and ``class_names`` need.

    Args:
        in_features: features per row.
        out_features: outputs per row.
        class_names: the classes; none for labels and numbers.
        label_names: the labels; none for classes and numbers.
        **kwargs: arguments of all modules, and those of the chosen one.

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
    ) -> Any:  # noqa: ANN401 - an instance of another class, for which Python calls no __init__
        """Choose the task by the classes and labels.

        Raises:
            UserError: a setting that only another task has.
        """
        _check_settings(kwargs, class_names, label_names)
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


AutoModule.__abstractmethods__ = frozenset()  # it is never instantiated


def _check_settings(
    arguments: Mapping[str, Any], class_names: Sequence[str] | None, label_names: Sequence[str] | None
) -> None:
    """Raise UserError for a setting that only another task has."""
    classes = "numbers" if class_names is None else "two classes" if len(class_names) == 2 else "more classes"
    target_type = "labels" if label_names is not None else classes
    accepted = {target: constructor_parameters(task).keys() for target, task in _TASKS.items()}
    for name, value in arguments.items():
        targets = [target for target, names in accepted.items() if name in names]
        if value is not None and targets and target_type not in targets:
            others = " or ".join(targets)
            raise UserError(f"{name} is a setting for {others}, but the target holds {target_type}")
