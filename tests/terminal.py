"""Run a command in a pseudo terminal."""

import os
import pty
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run_in_terminal(*arguments: str, **environment: str) -> tuple[str, list[float]]:
    """Return the output of lit-classify, and when each chunk arrived, as a fraction of the total time."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))  # 0 at first, so that nothing would be drawn
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environment}
    command = [sys.executable, "-m", "lit_classify", *arguments]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=variables)
    os.close(terminal)
    output, times = b"", []
    try:
        while block := os.read(controller, 65536):
            output += block
            times.append(time.monotonic() - start)
    except OSError:  # Linux: all ends of the terminal are closed
        pass
    os.close(controller)
    assert process.wait() == 0
    total = time.monotonic() - start
    return output.decode(), [moment / total for moment in times]
