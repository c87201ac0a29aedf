"""Compute the next item of a generator in a thread."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

Item = TypeVar("Item")


@contextmanager
def read_ahead(items: Generator[Item]) -> Iterator[Iterator[Item]]:
    """Compute the next item of a generator in a thread, while the caller works on the last one.

    The thread ends and the generator is closed with the context: neither is left to the garbage collector.

    Args:
        items: computes the items, of which none is None.

    Examples:
        >>> with read_ahead(number**2 for number in range(4)) as squares:
        ...     print(*squares)
        0 1 4 9
    """
    with closing(items), ThreadPoolExecutor(1) as thread:
        yield _take(items, thread)


def _take(items: Iterator[Item], thread: ThreadPoolExecutor) -> Iterator[Item]:
    ahead = thread.submit(next, items, None)
    try:
        while (item := ahead.result()) is not None:
            ahead = thread.submit(next, items, None)
            yield item
    finally:
        del ahead  # an error's traceback refers to this frame: a cycle, which would keep files open
