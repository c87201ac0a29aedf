"""Contract: each form of return value of ``configure_optimizers`` gives the same optimizer and scheduler."""

from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import StepLR

from lit_classify._lightning.configure_optimizers import optimizers_and_schedulers

OPTIMIZER = torch.optim.SGD([torch.zeros(1)], lr=0.1)
SCHEDULER = StepLR(OPTIMIZER, 1)


@pytest.mark.parametrize(
    "configured",
    [
        {"optimizer": OPTIMIZER, "lr_scheduler": SCHEDULER},
        {"optimizer": OPTIMIZER, "lr_scheduler": {"scheduler": SCHEDULER}},
        ([OPTIMIZER], [SCHEDULER]),
        ([OPTIMIZER], [{"scheduler": SCHEDULER}]),
        [{"optimizer": OPTIMIZER, "lr_scheduler": SCHEDULER}],
    ],
    ids=["mapping", "nested mapping", "lists", "lists of mappings", "list of a mapping"],
)
def test_every_return_value_of_configure_optimizers_is_read(configured: Any) -> None:
    optimizers, schedulers = optimizers_and_schedulers(configured)
    assert optimizers == [OPTIMIZER]
    (scheduler,) = schedulers
    assert (scheduler["scheduler"] if isinstance(scheduler, dict) else scheduler) is SCHEDULER


@pytest.mark.parametrize("configured", [OPTIMIZER, [OPTIMIZER], (OPTIMIZER,)], ids=["alone", "list", "tuple"])
def test_a_scheduler_may_be_missing(configured: Any) -> None:
    assert optimizers_and_schedulers(configured) == ([OPTIMIZER], [])
