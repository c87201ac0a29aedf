"""Regression: targets of a large scale, and settings that are refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from lit_classify import (
    Regressor,
    TableDataModule,
)
from lit_classify.errors import UserError
from lit_classify.modules import (
    AutoModule,
    LitModule,
)
from tests.example_tables import write
from tests.training import trainer

auto: Callable[..., LitModule] = AutoModule  # returns an instance of another class


def test_targets_of_a_large_scale_are_learned() -> None:
    torch.manual_seed(0)
    rows = [f"{n / 300},{200_000 + 1000 * n + 5000 * (n % 5)}" for n in range(300)]
    data = TableDataModule(str(write("\n".join(["x,price", *rows]))), "price", features=["x"])
    model = auto(1, optimizer="Adam", lr=0.01)
    assert type(model) is Regressor
    runner = trainer(max_epochs=40)
    runner.fit(model, data)
    (metrics,) = runner.test(model, data, verbose=False)
    assert metrics["test/r2"] > 0.98


@pytest.mark.reliability(20)
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Regressor(1, 1, class_names=["a", "b"]), "has 2 classes; use BinaryClassifier"),
        (lambda: Regressor(1, 2), "one number per row, but has 2 outputs"),
        (lambda: Regressor(1, loss="L2"), "unknown loss 'L2': did you mean 'MSELoss'"),
        (lambda: Regressor(2, 2, label_names=["a", "b"]), "use MultilabelClassifier"),
    ],
)
def test_settings_of_another_task_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
