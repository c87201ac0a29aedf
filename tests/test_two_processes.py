"""Two processes on the CPU: each row once, equal steps, and figures as of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def said(devices: int) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "two_processes.py"), str(devices)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.partition("SAID ")[2] for line in done.stdout.splitlines() if "SAID " in line]
    return [json.loads(line) for line in lines]


@pytest.mark.ddp
def test_two_processes_give_one_process_s_figures_and_part_the_rows() -> None:
    alone = {run["rows"]: run for run in said(1)}
    both = said(2)
    assert sorted((run["rows"], run["rank"]) for run in both) == [(n, rank) for n in alone for rank in (0, 1)]
    for num_rows, one in alone.items():
        ranks = [run for run in both if run["rows"] == num_rows]
        for run in ranks:
            assert run["figures"] == pytest.approx(one["figures"], abs=1e-6)
        assert len({len(run["steps"]) for run in ranks}) == 1
        parted = sorted(x for run in ranks for step in run["steps"] for x in step)
        assert parted == sorted(x for step in one["steps"] for x in step)
        assert len(parted) == (num_rows if num_rows > 1 else 0)
