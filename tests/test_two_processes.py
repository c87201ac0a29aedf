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
    files = [Path(f"{devices}_{rank}.jsonl") for rank in range(devices)]
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


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


@pytest.mark.ddp
def test_the_command_line_trains_on_two_processes_and_speaks_once(tmp_path: Path) -> None:
    command = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3", "--trainer.accelerator", "cpu"]
    command += ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    done = subprocess.run(
        [sys.executable, "-m", "lit_classify", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Epoch: 0 |") == 1
    assert done.stdout.count("training rows") == 1
    (run,) = Path("lightning_logs/circles_v2").iterdir()
    assert (run / "checkpoints" / "best.ckpt").is_file()
    assert (run / "config.yaml").is_file()
