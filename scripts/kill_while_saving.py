"""Kill a process repeatedly while it saves checkpoints, and check that none is lost.

    python scripts/kill_while_saving.py [--kills 50] [--saver atomic|lightning]

Temporary files lie on another file system if there is one: that is where Lightning's own saving loses files.
After every kill the checkpoint on disk must load, and must be the last acknowledged one or the one being
written.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch.plugins.io import CheckpointIO, TorchCheckpointIO

from lit_classify.checkpoints.io import AtomicCheckpointIO, is_intact

SAVERS: dict[str, type[CheckpointIO]] = {"atomic": AtomicCheckpointIO, "lightning": TorchCheckpointIO}
ELSEWHERE = Path("/dev/shm")
NUM_WEIGHTS = 1_000_000
LONGEST_S = 0.15


def main() -> int:
    """Kill savers repeatedly, and print how many checkpoints were lost."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--saver", choices=SAVERS, default="atomic")
    arguments = options.parse_args()
    torch.set_num_threads(1)  # threads do not survive a fork
    chance = random.Random(0)
    lost = interrupted = 0
    with tempfile.TemporaryDirectory(dir=".") as folder, _temporary_elsewhere() as temporary:
        other = temporary.stat().st_dev != Path(folder).stat().st_dev
        for _ in range(arguments.kills):
            path = Path(folder, "c.ckpt")
            acknowledged = _killed_while_saving(SAVERS[arguments.saver](), path, chance.uniform(0, LONGEST_S))
            unfinished = [*Path(folder).glob("*.tmp"), *temporary.iterdir()]
            interrupted += bool(unfinished)
            for file in unfinished:
                file.unlink()
            lost += not _is_one_of(path, {acknowledged, acknowledged + 1})
    where = f"temporary folder on {'another' if other else 'the same'} file system"
    print(f"{arguments.kills} kills, {interrupted} during a write, {where}: {lost} files lost")
    return 1 if lost else 0


@contextmanager
def _temporary_elsewhere() -> Iterator[Path]:
    """Write temporary files to another file system, if there is one."""
    with tempfile.TemporaryDirectory(dir=ELSEWHERE if os.access(ELSEWHERE, os.W_OK) else None) as folder:
        original, tempfile.tempdir = tempfile.tempdir, folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = original


def _killed_while_saving(saver: CheckpointIO, path: Path, after_s: float) -> int:
    """Save in a new process, kill it after its first save, and return the last acknowledged number."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        number = 0
        while True:
            number += 1
            saver.save_checkpoint({"n": number, "x": torch.full((NUM_WEIGHTS,), float(number))}, path)
            os.write(writer, number.to_bytes(4, "big"))
    os.close(writer)
    acknowledged = os.read(reader, 4)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while chunk := os.read(reader, 1 << 16):
        acknowledged = chunk[-4:]
    os.close(reader)
    return int.from_bytes(acknowledged, "big")


def _is_one_of(path: Path, numbers: set[int]) -> bool:
    """Return whether a checkpoint is intact and has one of these numbers."""
    if not is_intact(path):
        return False
    content = torch.load(path, weights_only=True)
    return content["n"] in numbers and bool((content["x"] == content["n"]).all())


if __name__ == "__main__":
    sys.exit(main())
