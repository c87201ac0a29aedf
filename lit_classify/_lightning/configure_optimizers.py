"""The optimizers and schedulers of a ``configure_optimizers``, as Lightning reads them.

Lightning accepts six forms of return value and normalizes them in the private ``_configure_optimizers``. Its
public counterpart, ``trainer.strategy.setup_optimizers``, needs a fit that has begun.
"""

from typing import Any

from lightning.pytorch.core.optimizer import _configure_optimizers
from torch.optim import Optimizer


def optimizers_and_schedulers(configured: Any) -> tuple[list[Optimizer], list[Any]]:  # noqa: ANN401 - Lightning's
    """Return the optimizers and the schedulers in the return value of ``configure_optimizers``.

    Examples:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1)])
        >>> optimizers_and_schedulers({"optimizer": optimizer})[0] == [optimizer]
        True
    """
    optimizers, schedulers, _ = _configure_optimizers(configured)
    return optimizers, schedulers
