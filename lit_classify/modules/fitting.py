"""The task that fits the data, when none is named."""

from collections.abc import Sequence
from typing import Any, Literal

from lit_classify.errors import UserError
from lit_classify.modules.base import LitModule
from lit_classify.modules.classifiers import BinaryClassifier, MulticlassClassifier
from lit_classify.modules.multilabel import MultilabelClassifier
from lit_classify.modules.regressor import Regressor


class FittingModule(LitModule):
    """A Regressor for values, a MultilabelClassifier for labels, else a Binary- or MulticlassClassifier.

    Calling the class builds one of the four; nothing is ever a FittingModule itself.

    Args:
        in_features: features per row.
        class_weight: for classes: balanced, a list, or a weight for each name.
        thresholds: for labels: the probability from which on a label holds, one for all or one for each.
        loss: for values: L1 or MSE.
        **kwargs: what all modules take.
    """

    def __new__(
        cls,
        in_features: int,
        out_features: int = 1,
        class_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Any:  # noqa: ANN401 - an instance of another class, which Python then leaves as it is
        """Choose by the classes and labels."""
        task: type[LitModule] = Regressor
        if label_names is not None:
            task = MultilabelClassifier
        elif class_names is not None:
            task = BinaryClassifier if len(class_names) == 2 else MulticlassClassifier
        own = {"class_weight": class_names, "thresholds": label_names}
        fits = {name: belongs is not None for name, belongs in own.items()} | {"loss": task is Regressor}
        for name, belongs in fits.items():
            if kwargs.get(name) is None:
                kwargs.pop(name, None)
            elif not belongs:
                raise UserError(f"{name} is no setting of {task.__name__}, the task that fits the data")
        return task(in_features, out_features, class_names=class_names, label_names=label_names, **kwargs)

    def __init__(
        self,
        in_features: int,
        out_features: int = 1,
        *,
        class_weight: Literal["balanced"] | list[float] | dict[str, float] | None = None,
        thresholds: float | list[float] | None = None,
        loss: Literal["L1", "MSE"] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_features, out_features, **kwargs)  # never reached: says what __new__ takes


FittingModule.__abstractmethods__ = frozenset()  # it has no instances that could lack a method
