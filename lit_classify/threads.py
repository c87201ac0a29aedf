"""Settings of torch for the threads of a process: their number, and how they treat tiny numbers."""

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
    num_threads = torch.get_num_threads()
    if needs_one_thread(model, num_rows):
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


@contextmanager
def flush_denormals() -> Iterator[None]:
    """Round numbers below 1e-38 to zero, as processors are slow with them.

    This is a setting of each thread, which threads inherit: it must be made before torch starts its own,
    which keep it.

    Examples:
        >>> with flush_denormals():
        ...     float(torch.tensor(1e-30) * 1e-10)
        ...
        0.0
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def needs_one_thread(model: nn.Module, num_rows: int) -> bool:
    """Return whether a step of a model is so small that one thread is faster than several."""
    return num_rows * sum(weight.numel() for weight in model.parameters()) < _MIN_PARALLEL_SIZE
