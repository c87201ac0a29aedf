"""Runs of the command line that several tests start from."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lit_classify.cli.main import main
from tests.forked import COMMAND, ForkedProgram

Program = ForkedProgram | subprocess.Popen[str]
MOONS_CHECKPOINT = "lightning_logs/moons/version_{}/checkpoints/last.ckpt"


DRAWING = [
    "--model.dropout",
    "0.3",
    "--data.batch_size",
    "64",
    "--data.shuffle",
    "true",
    "--plots",
    "none",
]


FIT_MOONS = ["fit", "--config", "moons", *DRAWING]


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell command; the exit code is that of the first command of a pipe."""
    line = command.replace("lit-classify", f"{sys.executable} -m lit_classify")
    environment = {**os.environ, **variables}
    return subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        env=environment,
        capture_output=True,
        check=False,
        timeout=120,
    )


def start_python(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def start_fit(*options: str, code: str = "", start: Callable[..., Program] = ForkedProgram) -> Program:
    """Start a fit of many epochs, and return after its first line."""
    arguments = [*FIT_MOONS, "--trainer.max_epochs", "1000000", *options]
    process = start(f"{code}\n{COMMAND}", *arguments)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Epoch"):
            break
    time.sleep(0.5)
    return process


def table_run() -> Path:
    rows = [f"{n % 7},{n % 5},{'yes' if n % 3 else 'no'}" for n in range(60)]
    Path("t.csv").write_text("\n".join(["a,b,y", *rows]))
    table = ["--data", "TableDataModule", "--data.path", "t.csv", "--data.target", "y", "--plots", "none"]
    assert main(["fit", *table, "--trainer.max_epochs", "1"]) == 0
    return Path("lightning_logs/table/version_0/checkpoints/last.ckpt")
