"""AutoModule: the task is chosen by the data."""

from collections.abc import Callable
from typing import Any

import pytest

from lit_classify.errors import UserError
from lit_classify.modules import (
    AutoModule,
    LitModule,
)

fitting: Callable[..., LitModule] = AutoModule  # builds another class


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: fitting(2, loss="MSE", class_names=["a", "b"]), "loss is a setting for numbers"),
        (lambda: fitting(2, class_weight="balanced"), "class_weight is a setting for classes"),
    ],
)
def test_settings_of_another_task_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
