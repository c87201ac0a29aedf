"""Denormal numbers are flushed in all threads."""

import subprocess
import sys

import pytest

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
