"""Settings that do not fit a task are refused."""

from collections.abc import Callable
from typing import Any

import pytest

from lit_classify import (
    BinaryClassifier,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
    UserError,
)
from lit_classify.modules import AutoModule, LitModule

fitting: Callable[..., LitModule] = AutoModule  # builds another class


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MultilabelClassifier(2, 2, class_names=["a", "b"]), "2 classes; use BinaryClassifier"),
        (lambda: MultilabelClassifier(2, 1), "data has a number; use Regressor"),
        (lambda: MultilabelClassifier(2, 2, label_names=["a"]), "2 logits for 1 labels"),
        (
            lambda: MultilabelClassifier(2, 2, thresholds=[0.5, 1.5]),
            r"for each of 2 labels, but is \[0.5, 1.5",
        ),
        (lambda: MultilabelClassifier(2, 2, thresholds=[0.5]), "for each of 2 labels"),
        (lambda: BinaryClassifier(2, 1, label_names=["a", "b"]), "use MultilabelClassifier"),
        (lambda: MulticlassClassifier(2, 3, label_names=["a", "b"]), "use MultilabelClassifier"),
        (lambda: Regressor(2, 2, label_names=["a", "b"]), "use MultilabelClassifier"),
        (lambda: BinaryClassifier(2, class_weight=[1.0]), r"for each of 2 classes \(0, 1\)"),
        (lambda: BinaryClassifier(2, class_weight=[1.0, -1.0]), "a positive number for each"),
        (lambda: BinaryClassifier(2, class_weight={"2": 1.0}), "unknown class in class_weight '2'"),
        (lambda: fitting(2, loss="MSE", class_names=["a", "b"]), "loss is a setting for numbers"),
        (lambda: fitting(2, class_weight="balanced"), "class_weight is a setting for classes"),
    ],
)
def test_unsuitable_settings_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
