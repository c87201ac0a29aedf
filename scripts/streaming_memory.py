"""Train, resume, test and predict on a table larger than the allowed memory, and print memory and time.

    python scripts/streaming_memory.py [--gigabytes 4] [--limit 1] [--folder .] [--recipe]

Writes a CSV file of the given size, and runs the command line on it as on a small table. A command that uses
more anonymous memory than the limit is killed; mapped files do not count, as the system can drop them. A run
that is stopped within an epoch and resumed must end with the weights of an uninterrupted one, and every row
must be predicted once. The network is small; that of the recipe is trained for 300 steps only.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import torch

NUM_NUMBERS = 20
BLOCK_ROWS = 500_000
SMALL = ["--model.hidden", "[32]", "--model.numeric_embedding", "null", "--model.members", "1"]
SMALL += ["--data.folds", "0"]
DATA = ["--data.path", "table.csv", "--data.target", "target", "--data.cache_dir", "cache"]
FIT = ["fit", "--config", "table", *DATA, "--trainer.max_epochs", "1", "--plots", "none"]


def main() -> int:
    """Run all commands, and print the memory and time of each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--gigabytes", type=float, default=4.0, help="size of the table")
    options.add_argument("--limit", type=float, default=1.0, help="anonymous memory in GB")
    options.add_argument("--folder", type=Path, default=Path(), help="where to write; needs twice the size")
    options.add_argument("--recipe", action="store_true", help="train the networks of the recipe table")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        rows = write_table(folder / "table.csv", arguments.gigabytes * 1e9)
        size = (folder / "table.csv").stat().st_size
        print(f"{rows:,} rows x {NUM_NUMBERS + 2} columns, {size / 1e9:.2f} GB; limit {arguments.limit} GB")

        def run(*command: str) -> None:
            measure(command, folder, arguments.limit)

        fit = [*FIT, *(["--trainer.max_steps", "300"] if arguments.recipe else SMALL)]
        run(*fit)
        steps = torch.load(checkpoint(folder, 0), weights_only=True)["global_step"]
        run(*fit, "--trainer.max_steps", str(steps // 3))
        run(*fit, "--ckpt_path", str(checkpoint(folder, 1)))
        uninterrupted, resumed = (weights(checkpoint(folder, version)) for version in (0, 2))
        is_exact = all(torch.equal(uninterrupted[key], resumed[key]) for key in uninterrupted)
        run("test", "--ckpt_path", str(checkpoint(folder, 2)))
        run("predict", "--ckpt_path", str(checkpoint(folder, 2)), "--out", "predictions.csv")
        predicted = (
            pl.scan_csv(folder / "predictions.csv").select(pl.len()).collect(engine="streaming").item()
        )
        print(f"resumed exactly: {is_exact}; predictions: {predicted:,} of {rows:,} rows")
    return 0 if is_exact and predicted == rows else 1


def write_table(path: Path, num_bytes: float) -> int:
    """Write numbers, a category and two classes, and return the number of rows."""
    random, rows = np.random.default_rng(0), 0
    weights = random.normal(size=NUM_NUMBERS)
    with path.open("wb") as file:
        while file.tell() < num_bytes:
            x = random.normal(size=(BLOCK_ROWS, NUM_NUMBERS)).astype(np.float32)
            color = random.choice(["red", "green", "blue"], BLOCK_ROWS)
            score = x @ weights + 2 * (color == "red") + random.normal(size=BLOCK_ROWS)
            columns = {f"x{index}": x[:, index] for index in range(NUM_NUMBERS)}
            table = pl.DataFrame({**columns, "color": color, "target": np.where(score > 0, "yes", "no")})
            table.write_csv(file, include_header=not rows, float_precision=5)
            rows += BLOCK_ROWS
    return rows


def measure(arguments: Sequence[str], folder: Path, limit: float) -> None:
    """Run a command, and print its peak of anonymous memory and its time.

    Raises:
        SystemExit: it fails, or has more than the limit.
    """
    start, peak = time.monotonic(), 0
    command = [sys.executable, "-m", "lit_classify", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        with suppress(OSError, IndexError):  # it has ended
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, 1024 * int(status.split("RssAnon:")[1].split()[0]))
        if peak > limit * 1e9:
            process.kill()
        time.sleep(0.02)
    print(f"{arguments[0]:<8} {peak / 1e6:5.0f} MB {time.monotonic() - start:5.0f} s", flush=True)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed: {process.returncode}")


def checkpoint(folder: Path, version: int) -> Path:
    """Return the last checkpoint of a run."""
    return folder / f"lightning_logs/table/version_{version}/checkpoints/last.ckpt"


def weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint."""
    content: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return content


if __name__ == "__main__":
    sys.exit(main())
