"""Tests of threads: denormal numbers in all of them, and work ahead."""

import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from typing import cast

import pytest

from lit_classify.threads import read_ahead

BACKWARD = """
import torch
from lightning.pytorch import Callback
from lit_classify.cli.main import main

class CountDenormals(Callback):
    def on_train_start(self, trainer, module):
        torch.set_num_threads(2)  # a small model trains on one
        x = torch.full((1_000_000,), 1e-10, requires_grad=True)
        (x * 1e-20 * 1e-20).sum().backward()
        print("denormal gradients:", x.grad.count_nonzero().item())

main(["fit", "--config", "circles_v0", "--trainer.max_epochs", "1", "--plots", "none"]
     + ["--trainer.callbacks", "__main__.CountDenormals", "--trainer.enable_checkpointing", "false"])
x = torch.full((), 1e-30) * 1e-10
print("afterwards:", x.item() > 0)
"""


@pytest.mark.slow
def test_training_rounds_denormal_gradients_to_zero_in_all_threads() -> None:
    done = subprocess.run([sys.executable, "-c", BACKWARD], capture_output=True, text=True, check=True)
    assert "denormal gradients: 0\n" in done.stdout, done.stdout + done.stderr
    assert "afterwards: True" in done.stdout


def test_items_read_ahead_keep_their_order_and_their_error() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise OSError("disk")

    seen = list[int]()
    with pytest.raises(OSError, match="disk"):
        seen.extend(read_ahead(items()))
    assert seen == [0, 1, 2]


def test_an_abandoned_reader_waits_for_no_thread() -> None:
    released = threading.Event()

    def items() -> Iterator[int]:
        yield 0
        released.wait(10)
        yield 1

    reader = cast(Generator[int, None, None], read_ahead(items()))
    assert next(reader) == 0
    start = time.monotonic()
    reader.close()
    assert time.monotonic() - start < 5
    released.set()
