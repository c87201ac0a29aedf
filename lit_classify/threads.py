"""The number of threads of torch."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

_MIN_PARALLEL_SIZE = 5_000_000  # multiplications per step


@contextmanager
def limit_threads(model: nn.Module, num_rows: int) -> Iterator[None]:
    """Use one thread for small steps, for which synchronization costs more than it saves.

    Args:
        model: the model.
        num_rows: rows per step.

    Examples:
        >>> with limit_threads(nn.Linear(2, 1), num_rows=64):
        ...     torch.get_num_threads()
        ...
        1
    """
    before = torch.get_num_threads()
    if num_rows * sum(weight.numel() for weight in model.parameters()) < _MIN_PARALLEL_SIZE:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
