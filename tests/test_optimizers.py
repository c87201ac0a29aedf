"""Optimizers and schedulers by name."""

from typing import Any

import pytest
import torch
from torch import nn

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
)
from lit_classify.errors import UserError
from tests.training import trainer


@pytest.mark.parametrize(
    ("name", "arguments", "factor"),
    [
        ("StepLR", {"step_size": 1, "gamma": 0.5}, 0.5),
        ("ReduceLROnPlateau", {"patience": 0, "threshold": 1.0}, 0.1),  # no loss is low enough
    ],
)
def test_a_scheduler_steps_once_per_epoch(name: str, arguments: dict[str, Any], factor: float) -> None:
    model = BinaryClassifier(2, lr_scheduler=name, lr_scheduler_args=arguments)
    fitted = trainer(max_epochs=4)
    fitted.fit(model, CirclesDataModule())
    assert fitted.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.1 * factor**4)


@pytest.mark.reliability(20)
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, optimizer="Adm"), "did you mean 'Adam'"),
        (lambda: BinaryClassifier(2, optimizer_args={"momentm": 1}), "did you mean 'momentum'"),
        (lambda: BinaryClassifier(2, lr_scheduler="StepLRR"), "did you mean 'StepLR'"),
        (
            lambda: BinaryClassifier(2, lr_scheduler_args={"gamma": 1}),
            "args requires lr_scheduler",
        ),
        (lambda: BinaryClassifier(2, lr=-1), "lr must be a positive number, but is -1"),
        (lambda: BinaryClassifier(2, optimizer=nn.Tanh), "a class that extends Optimizer"),
        (
            lambda: BinaryClassifier(2, optimizer=torch.optim.SGD([torch.zeros(1)])),
            "but is an instance of SGD; its",
        ),
        (lambda: BinaryClassifier(2, lr_scheduler=torch.optim.Adam), "a class that extends LRScheduler"),
        (lambda: BinaryClassifier(2, optimizer=torch.optim.Adam, optimizer_args={"beta": 1}), "mean 'betas'"),
    ],
)
def test_unsuitable_optimizers_and_schedulers_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
