"""What holds for the threads of torch, and work ahead in a thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import TypeVar

import torch
from torch import nn

T = TypeVar("T")

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
    if needs_one_thread(model, num_rows):
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def flush_denormals() -> Iterator[None]:
    """Round numbers below 1e-38 to zero, which processors compute with slowly.

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


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items, none of which is None, while another thread obtains the next one.

    It waits for no thread when it is abandoned, since garbage is collected in any thread, and at any time.

    Examples:
        >>> list(read_ahead(iter("abc")))
        ['a', 'b', 'c']
    """
    following = _in_a_thread(partial(next, items, None))
    while (item := following.result()) is not None:
        following = _in_a_thread(partial(next, items, None))
        yield item


def _in_a_thread(function: Callable[[], T]) -> Future[T]:
    """Call a function in a new thread, and return its future result."""
    future = Future[T]()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=work).start()
    return future


def needs_one_thread(model: nn.Module, num_rows: int) -> bool:
    """Return whether a step of a model is so small that one thread is faster than several."""
    return num_rows * sum(weight.numel() for weight in model.parameters()) < _MIN_PARALLEL_SIZE
