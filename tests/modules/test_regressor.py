"""Regression of targets on a large scale."""

from collections.abc import Callable

import torch

from lit_classify import (
    Regressor,
    TableDataModule,
)
from lit_classify.modules import AutoModule, LitModule
from tests.example_tables import write
from tests.modules.test_base import trainer

fitting: Callable[..., LitModule] = AutoModule  # builds another class


def test_targets_of_a_large_scale_are_learned() -> None:
    torch.manual_seed(0)
    rows = [f"{n / 300},{200_000 + 1000 * n + 5000 * (n % 5)}" for n in range(300)]
    data = TableDataModule(str(write("\n".join(["x,price", *rows]))), "price", features=["x"])
    model = fitting(1, optimizer="Adam", lr=0.01)
    assert type(model) is Regressor
    runner = trainer(max_epochs=40)
    runner.fit(model, data)
    (figures,) = runner.test(model, data, verbose=False)
    assert figures["test/r2"] > 0.98
