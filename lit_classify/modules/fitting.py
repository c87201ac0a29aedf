"""The task that fits the data, when none is named."""

from collections.abc import Sequence
from typing import Any

from lit_classify.modules.base import LitModule
from lit_classify.modules.classifiers import BinaryClassifier, MulticlassClassifier
from lit_classify.modules.regressor import Regressor


class FittingModule(LitModule):
    """A Regressor for values, a BinaryClassifier for two classes, else a MulticlassClassifier.

    Calling the class builds one of the three; nothing is ever a FittingModule itself.
    """

    def __new__(
        cls,
        in_features: int,
        out_features: int = 1,
        class_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Any:  # noqa: ANN401 - an instance of another class, which Python then leaves as it is
        """Choose by the classes."""
        if class_names is None:
            return Regressor(in_features, out_features, **kwargs)
        if len(class_names) == 2:
            return BinaryClassifier(in_features, out_features, class_names, **kwargs)
        return MulticlassClassifier(in_features, out_features, class_names, **kwargs)


FittingModule.__abstractmethods__ = frozenset()  # it has no instances that could lack a method
