import gc
import threading
import weakref
from collections.abc import Generator
from contextlib import suppress

import pytest

from lit_classify.data.read_ahead import read_ahead


class Numbers:
    """Counts up to an error, and records the thread that counts and whether the generator was closed."""

    def __init__(self, end: int) -> None:
        self.end, self.taken, self.closed, self.threads = end, 0, False, set[int]()

    def __iter__(self) -> Generator[int]:
        try:
            while self.taken < self.end:
                self.threads.add(threading.get_ident())
                self.taken += 1
                yield self.taken
            raise ValueError("no more numbers")
        finally:
            self.closed = True


def test_the_next_item_is_computed_in_one_other_thread() -> None:
    numbers = Numbers(end=10)
    with read_ahead(iter(numbers)) as ahead:
        for number in ahead:
            if number == 9:
                break
    assert numbers.taken == 10
    assert numbers.threads.isdisjoint({threading.get_ident()})
    assert len(numbers.threads) == 1


def test_leaving_the_context_closes_the_generator_and_ends_the_thread() -> None:
    numbers, num_threads = Numbers(end=10), threading.active_count()
    with read_ahead(iter(numbers)) as ahead:
        next(ahead)
    assert numbers.closed
    assert threading.active_count() == num_threads


def test_an_error_arrives_after_the_items_before_it() -> None:
    taken = list[int]()
    with pytest.raises(ValueError, match="no more"), read_ahead(iter(Numbers(end=3))) as ahead:
        taken.extend(ahead)
    assert taken == [1, 2, 3]


def test_nothing_of_a_failed_generator_is_left_to_the_garbage_collector() -> None:
    def read(numbers: Numbers) -> None:
        with read_ahead(iter(numbers)) as outer, read_ahead(number for number in outer) as inner:
            for _ in inner:
                pass

    numbers = Numbers(end=3)
    reference = weakref.ref(numbers)
    gc.collect()
    gc.disable()
    try:
        with suppress(ValueError):
            read(numbers)
        del numbers
        assert reference() is None
    finally:
        gc.enable()
