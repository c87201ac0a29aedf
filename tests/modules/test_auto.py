"""AutoModule chooses the task by the data."""

from collections.abc import Callable
from typing import Any

import pytest

from lit_classify.errors import UserError
from lit_classify.modules import (
    AutoModule,
    LitModule,
)

auto: Callable[..., LitModule] = AutoModule  # returns an instance of another class


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: auto(2, loss="MSE", class_names=["a", "b"]), "for BinaryClassifier use BCEWithLogitsLoss"),
        (lambda: auto(2, 3, class_names=["a", "b", "c"], pos_weight=2.0), "pos_weight is a setting for two"),
        (lambda: auto(2, class_weight="balanced"), "for two classes or more classes, but .* holds numbers"),
        (
            lambda: auto(2, label_smoothing=0.1),
            "label_smoothing is a setting for two",
        ),
        (
            lambda: auto(2, 2, label_names=["a", "b"], threshold=0.3),
            "but the target holds labels",
        ),
    ],
)
def test_settings_of_another_task_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
