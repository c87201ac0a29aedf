"""Measure the project against hand-written loops, side by side, and print one table.

    python scripts/benchmark_speed.py [fit members process plots saving start epoch loader memory scale
                                reading] [--accelerator cpu|gpu]

Every number is a ratio of alternating runs after a warm-up, each from a fresh state: the median, and the
smallest and the largest. Run it on an otherwise idle machine.

What each optimization saved in 1000 full-batch epochs of circles_v2 on two cores, where the hand-written loop
took 0.9 s: metrics published without self.log, 1.8 s; unused hooks skipped, 0.3 s; the events of all epochs
written together, 0.2 s; the batch not passed through three transfer hooks, 0.04 s; the unwrapped step of the
optimizer and gradients set to None, 0.1 s; the two most used properties of the trainer compared by identity,
0.1 s.
The fused kernel of Adam brought the epoch over a million rows from 1.09 of the hand-written loop to 0.95.
Freezing the garbage collector, and one thread instead of two, made no measurable difference.
A command starts 2.7 s sooner without matplotlib and scipy.signal, which Lightning imports for nothing, 0.7 s
sooner when no garbage is collected while it imports, and 0.3 s sooner with one command's parser instead of
four.
"""

import argparse
import contextlib
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STARTED_IN = Path.cwd()
RUNS = 5
DATES = "%Y-%m-%d %H:%M:%S"
PAGE_LOOP = """
import torch
from torch import nn
from sklearn.datasets import make_circles
from sklearn.model_selection import train_test_split

X, y = make_circles(1000, noise=0.03, random_state=42)
X, y = torch.from_numpy(X).type(torch.float), torch.from_numpy(y).type(torch.float)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

def accuracy_fn(y_true, y_pred):
    return torch.eq(y_true, y_pred).sum().item() / len(y_pred) * 100

def train(device="cpu"):
    torch.manual_seed(42)
    model = nn.Sequential(
        nn.Linear(2, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 1)
    ).to(device)
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, t, x_eval, t_eval = (tensor.to(device) for tensor in (X_train, y_train, X_test, y_test))
    for epoch in range(1000):
        model.train()
        y_logits = model(x).squeeze()
        y_pred = torch.round(torch.sigmoid(y_logits))
        loss = loss_fn(y_logits, t)
        acc = accuracy_fn(t, y_pred)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.inference_mode():
            test_logits = model(x_eval).squeeze()
            test_pred = torch.round(torch.sigmoid(test_logits))
            test_loss = loss_fn(test_logits, t_eval)
            test_acc = accuracy_fn(t_eval, test_pred)
        if epoch % 100 == 0:
            print(f"Epoch: {epoch} | Loss: {loss:.5f}, Accuracy: {acc:.2f}% | "
                  f"Test loss: {test_loss:.5f}, Test acc: {test_acc:.2f}%")
"""
Row = tuple[str, str, list[float], str]
Run = Callable[[], float]


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        work()
    return time.perf_counter() - start


def side_by_side(measured: Run, reference: Run, runs: int = RUNS) -> list[float]:
    """Return the ratios of alternating runs, after one of each to warm up."""
    measured(), reference()
    return [measured() / reference() for _ in range(runs)]


def in_a_process(call: str) -> list[float]:
    """Return the numbers that a function of this file prints last, called in a process of its own."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import benchmark_speed; "
    code += f"benchmark_speed.{call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [*map(float, done.stdout.split("\n")[-2].split())]


def _recipe_run(accelerator: str) -> Run:
    """Return a function that times Trainer.fit of circles_v2 as shipped, without plots."""
    from lit_classify.cli.fit import FitCLI

    class Built(FitCLI):
        def fit(self, **kwargs: object) -> None:
            self.ready = kwargs

    def run() -> float:
        plain = ["--plots", "none", "--trainer.accelerator", accelerator]
        cli = Built(["fit", "--config", "circles_v2", *plain])
        return seconds(lambda: cli.trainer.fit(**cli.ready))

    return run


def saving(accelerator: str) -> Iterator[Row]:
    """Compare a run whose checkpoints are flushed, checksummed and renamed with Lightning's own saving."""
    from lightning.pytorch.plugins.io import TorchCheckpointIO

    from lit_classify.checkpoints.io import AtomicCheckpointIO
    from lit_classify.cli import lightning_cli

    run = _recipe_run(accelerator)

    def reference() -> float:
        vars(lightning_cli)["AtomicCheckpointIO"] = TorchCheckpointIO
        try:
            return run()
        finally:
            vars(lightning_cli)["AtomicCheckpointIO"] = AtomicCheckpointIO

    yield (
        "Trainer.fit, circles_v2, a dozen checkpoints",
        "Lightning's saving",
        side_by_side(run, reference, 3 * RUNS),
        "1.05",
    )


def fit(accelerator: str) -> Iterator[Row]:
    """Compare Trainer.fit of circles_v2 as shipped with the page's loop, in this process."""
    page: dict[str, Callable[[str], None]] = {}
    exec(PAGE_LOOP, page)
    device = "cuda" if accelerator == "gpu" else "cpu"
    yield (
        "Trainer.fit, circles_v2",
        "the page's loop",
        side_by_side(_recipe_run(accelerator), lambda: seconds(lambda: page["train"](device))),
        "1.5",
    )


def train_seeds(accelerator: str) -> None:
    """Print seconds of 100 seeds of circles_v2, trained at once and evaluated, as compare does."""
    from lit_classify.cli.compare_configurations import prepare
    from lit_classify.cli.compare_training import train_at_once
    from lit_classify.threads import flush_denormals

    with flush_denormals():
        config = prepare("circles_v2", ["--config", "circles_v2", "--trainer.accelerator", accelerator])
        durations = [seconds(lambda: train_at_once([config], range(100))) for _ in range(2)]
    print(durations[1])  # the first is a warm-up


def train_page(device: str) -> None:
    """Print seconds of the page's loop."""
    page: dict[str, Callable[[str], None]] = {}
    exec(PAGE_LOOP, page)
    durations = [seconds(lambda: page["train"](device)) for _ in range(2)]
    print(durations[1])


def members(accelerator: str) -> Iterator[Row]:
    """Compare 100 seeds of circles_v2 with the page's loop of one seed."""
    device = "cuda" if accelerator == "gpu" else "cpu"
    ratios = side_by_side(
        lambda: in_a_process(f"train_seeds({accelerator!r})")[0],
        lambda: in_a_process(f"train_page({device!r})")[0],
    )
    yield "100 seeds of circles_v2, as compare trains them", "the page's loop", ratios, "12"


def _command(*arguments: str) -> float:
    return seconds(lambda: subprocess.run([sys.executable, *arguments], capture_output=True, check=False))


def process(accelerator: str) -> Iterator[Row]:
    """Compare the whole command, without and with plots, with a plain script of the page's loop."""
    script = Path("page_loop.py")
    device = "cuda" if accelerator == "gpu" else "cpu"
    script.write_text(f"{PAGE_LOOP}\ntrain({device!r})\n")
    command = ["-m", "lit_classify", "fit", "--config", "circles_v2", "--trainer.accelerator", accelerator]
    for level, limit in (("none", "1"), ("basic", "1.25")):

        def run(level: str) -> float:
            return _command(*command, "--plots", level)

        ratio = side_by_side(partial(run, level), lambda: _command(str(script)))
        yield f"lit-classify fit --plots {level}, the process", "a plain script", ratio, limit


def plots(accelerator: str) -> Iterator[Row]:
    """Compare the whole command with all plots to the one without."""
    command = ["-m", "lit_classify", "fit", "--config", "circles_v2", "--trainer.accelerator", accelerator]

    def run(level: str) -> float:
        return _command(*command, "--plots", level)

    ratio = side_by_side(partial(run, "all"), partial(run, "none"))
    yield "lit-classify fit --plots all, the process", "--plots none", ratio, "1.6"


def start(accelerator: str) -> Iterator[Row]:
    """Measure by how many seconds commands that need no torch exceed an empty Python program."""
    for arguments in (["--help"], ["--version"], ["recipes"], ["fit", "--config", "circle_v2"]):
        differences = [
            _command("-m", "lit_classify", *arguments) - _command("-c", "pass") for _ in range(RUNS + 1)
        ]
        yield (
            " ".join(["lit-classify", *arguments]),
            "python -c pass",
            differences[1:],
            "0.3 s more",
        )


def _rows(num_rows: int, columns: int = 20, classes: int = 2):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a class made here
    """Return a data module of random rows, their tensors, and a function that builds a model for them."""
    import torch

    from lit_classify import BinaryClassifier, MulticlassClassifier
    from lit_classify.data import InMemoryDataModule
    from lit_classify.data.splits import Split

    x = torch.empty(num_rows, columns).normal_(generator=torch.Generator().manual_seed(0))
    y = (torch.special.ndtr(x[:, 0]) * classes).long().clamp(max=classes - 1)
    outputs = 1 if classes == 2 else classes

    class RandomRows(InMemoryDataModule):
        in_features, out_features, class_names = columns, outputs, None

        def load(self) -> dict[str, Split]:
            split = Split(x, y)
            return {"train": split, "val": split, "test": split}

    kind = BinaryClassifier if classes == 2 else MulticlassClassifier
    build = partial(kind, columns, outputs, hidden=[64, 64], optimizer="Adam", lr=0.001)
    return RandomRows(4096, True, False, 0), x, y, build


def _trainer(accelerator: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - as below
    from lit_classify._lightning.trainer import RunTrainer

    return RunTrainer(
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        accelerator=accelerator,
    )


def train_epoch(
    num_rows: int,
    accelerator: str,
    members: int = 1,
    feed: str = "data module",
    columns: int = 20,
    classes: int = 2,
) -> None:
    """Print seconds of the first epoch of a new model, with the settings of the command line."""
    from torch.utils.data import DataLoader, TensorDataset

    from lit_classify.allocator import keep_freed_memory
    from lit_classify.cli.warning_filters import filter_warnings
    from lit_classify.threads import flush_denormals

    filter_warnings()
    keep_freed_memory()
    with flush_denormals():
        for rows in (4096, num_rows):  # the first is a warm-up
            data, x, y, build = _rows(rows, columns, classes)
            model, trainer = build(members=members), _trainer(accelerator)
            if feed == "DataLoader":
                data = DataLoader(TensorDataset(x, y), batch_size=4096, shuffle=True)
            duration = seconds(partial(trainer.fit, model, data))
    print(duration)


def train_epoch_by_hand(num_rows: int, device: str) -> None:
    """Print seconds of the first epoch of a loop that indexes tensors, with its metrics on the device."""
    import torch

    def epoch() -> None:
        order = torch.randperm(len(x)).to(device)
        total, correct = torch.zeros((), device=device), torch.zeros((), device=device)
        for rows in torch.split(order, 4096):
            logits, t = network(x[rows]).squeeze(1), y[rows]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, t.float())
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.detach() * len(t)
            correct += ((torch.sigmoid(logits.detach()) > 0.5) == t).sum()
        print(float(total) / len(x), float(correct) / len(x))

    for count in (4096, num_rows):  # the first is a warm-up
        _, x, y, build = _rows(count)
        x, y, network = x.to(device), y.to(device), build().network.to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
        duration = seconds(epoch)
    print(duration)


def _epoch(*arguments: object, by_hand: bool = False) -> Run:
    """Return a function that trains an epoch in a process of its own, and returns its seconds."""
    call = f"train_epoch{'_by_hand' * by_hand}({', '.join(map(repr, arguments))})"
    return lambda: in_a_process(call)[0]


def epoch(accelerator: str) -> Iterator[Row]:
    """Compare an epoch over a million rows with a hand-written loop that indexes the tensors."""
    by_hand = _epoch(1_000_000, "cuda" if accelerator == "gpu" else "cpu", by_hand=True)
    for members, label, limit in ((1, "epoch of 1,000,000 x 20", "1"), (8, "that epoch of 8 members", "4")):
        ratios = side_by_side(_epoch(1_000_000, accelerator, members), by_hand)
        yield label, "a hand-written loop", ratios, limit


def loader(accelerator: str) -> Iterator[Row]:
    """Compare the same epoch with the same module fed by torch's DataLoader."""
    ours, reference = _epoch(1_000_000, accelerator), _epoch(1_000_000, accelerator, 1, "DataLoader")
    yield "epoch of 1,000,000 x 20", "DataLoader", side_by_side(ours, reference), "0.15"


def train_streamed(num_rows: int) -> None:
    """Print seconds of the pass over a Parquet file of two columns, and of an epoch from its cache."""
    import polars as pl

    from lit_classify import BinaryClassifier, TableDataModule
    from lit_classify.threads import flush_denormals

    path = Path(f"{num_rows}.parquet")
    number = pl.int_range(num_rows, eager=True).to_frame("number").lazy().select(pl.first())
    x1, x2 = ((pl.col("number").hash(seed) % 2001 / 1000 - 1).cast(pl.Float32) for seed in (0, 1))
    number.select(x1=x1, x2=x2).with_columns(y=pl.col("x1") > pl.col("x2")).sink_parquet(path)
    with flush_denormals():
        start = time.perf_counter()
        data = TableDataModule(str(path), "y", cache_dir="cache", batch_size=4096)
        data.setup()
        prepared = time.perf_counter() - start
        model, trainer = BinaryClassifier(2, hidden=[64, 64], optimizer="Adam", lr=0.001), _trainer("cpu")
        trained = seconds(partial(trainer.fit, model, data))
    path.unlink()
    shutil.rmtree("cache")
    print(prepared, trained)


SCALES: dict[str, dict[int, str]] = {  # the calls that measure a size
    "rows": {n: f"train_epoch({n}, 'cpu', columns=2)" for n in (10**4, 10**5, 10**6, 10**7)},
    "rows in blocks, with both passes": {n: f"train_streamed({n})" for n in (10**5, 10**6, 10**7, 10**8)},
    "columns": {n: f"train_epoch(100_000, 'cpu', columns={n})" for n in (2, 10, 100, 1000)},
    "classes": {n: f"train_epoch(100_000, 'cpu', classes={n})" for n in (2, 10, 100, 1000)},
    "members": {n: f"train_epoch(100_000, 'cpu', members={n})" for n in (1, 4, 16, 64)},
}


def _fastest(call: str) -> float:
    """Return the seconds of the fastest of three runs; long ones are run once."""
    durations = [sum(in_a_process(call))]
    while len(durations) < 3 and durations[0] < 20:
        durations.append(sum(in_a_process(call)))
    return min(durations)


def scale(accelerator: str) -> Iterator[Row]:
    """Compare the largest of each size with the one before it, and plot the seconds of an epoch of all."""
    curves = {}
    for unit, calls in SCALES.items():
        durations = curves[unit] = {size: _fastest(call) for size, call in calls.items()}
        (small, fast), (large, slow) = list(durations.items())[-2:]
        yield f"epoch of {large:,} {unit}", f"{small:,}", [slow / fast], f"{large / small:.0f}"
    plot_scale(curves, STARTED_IN / "scale.png")
    print(f"\nWritten: {STARTED_IN / 'scale.png'}")


def plot_scale(curves: dict[str, dict[int, float]], path: Path) -> None:
    """Plot the seconds of an epoch of each size, above lines along which they are proportional."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for power in range(-1, 10):
        axes.axline((1, 10.0 ** (1 - power)), (10, 10.0 ** (2 - power)), color="0.85", linewidth=1, zorder=0)
    for unit, durations in curves.items():
        axes.plot(list(durations), list(durations.values()), "o-", label=unit)
    axes.set(xscale="log", yscale="log", xlim=(0.7, 2e8), ylim=(0.005, 200))
    axes.set(
        xlabel="number of ...; along a gray line, the seconds are proportional to it",
        ylabel="seconds of an epoch",
    )
    axes.legend(loc="upper center", fontsize="small")
    figure.savefig(path, dpi=100)


def reading(accelerator: str) -> Iterator[Row]:
    """Compare loading CSV tables, up to encoded splits, with polars reading them into float32 matrices."""
    import numpy as np
    import polars as pl

    cells = np.random.default_rng(0).normal(size=(20, 1_000_000)).astype(np.float32)
    table = pl.DataFrame({f"x{index}": column for index, column in enumerate(cells)})
    table = table.with_columns(y=(cells[0] + cells[1] > 0).astype(np.int8))
    table.write_csv("large.csv")
    texts = []
    for index in range(10, 15):
        times = pl.from_epoch((1.7e9 + 1e7 * table[f"x{index}"].cast(pl.Float64)).cast(pl.Int64))
        texts.append(times.dt.strftime(DATES).alias(f"x{index}"))
        prices = (table[f"x{index + 5}"] * 3000).to_list()
        texts.append(pl.Series(f"x{index + 5}", [f"${price:,.2f}" for price in prices]))
    table.with_columns(texts).write_csv("formatted.csv")
    del cells, table, texts

    def compare(path: str) -> tuple[list[float], list[float]]:
        peaks: list[float] = []

        def measured() -> float:
            duration, peak = in_a_process(f"read_by_table({path!r})")
            peaks.append(peak)
            return duration

        ratio = side_by_side(measured, lambda: in_a_process(f"read_by_polars({path!r})")[0])
        return ratio, peaks

    for path, columns in (("large.csv", "20"), ("formatted.csv", "20, 5 of dates, 5 of currencies")):
        ratio, peak = compare(path)
        yield f"CSV of 1,000,000 x {columns}: read, split, encoded", "polars into a matrix", ratio, "3"
        yield "peak memory of that", "the matrix", peak, "3"


def peak_megabytes() -> float:
    """Return the peak memory of this process (``ru_maxrss`` is inherited from the one that started it)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def read_by_table(path: str) -> None:
    """Print seconds from a CSV file to splits, and the peak memory beyond the imports as a multiple of x."""
    from lit_classify import TableDataModule

    imports, start = peak_megabytes(), time.perf_counter()
    data = TableDataModule(path, "y")
    data.setup()
    duration = time.perf_counter() - start
    print(duration, (peak_megabytes() - imports) / (1_000_000 * data.in_features * 4 / 2**20))


def read_by_polars(path: str) -> None:
    """Print seconds that polars takes from a CSV file, whose dates it recognizes too, to a matrix."""
    import polars as pl

    start = time.perf_counter()
    table = pl.read_csv(path, try_parse_dates=True)
    prices = [series.name for series in table if series.dtype == pl.String]
    days = [series.name for series in table if series.dtype.is_temporal()]
    table = table.with_columns(
        pl.col(days).dt.epoch("s"), pl.col(prices).str.replace_many(["$", ","], [""]).cast(pl.Float64)
    )
    table.cast(pl.Float32).to_numpy(order="c")
    print(time.perf_counter() - start, 0.0)


def memory(accelerator: str) -> Iterator[Row]:
    """Compare the peak memory of the million-row run with the tensors' size and the imports'."""
    imports, tensors, peak = in_a_process(f"peak({accelerator!r})")
    yield "peak memory of that run", "tensors and imports", [peak / (imports + tensors)], "1.5"


def peak(accelerator: str) -> None:
    """Print megabytes: after the imports and a tiny fit, of the tensors, and at the peak of the run."""
    train_epoch(4096, accelerator)
    imports = peak_megabytes()
    train_epoch(1_000_000, accelerator)
    print(imports, 1_000_000 * (20 * 4 + 8) / 2**20, peak_megabytes())


MEASURES: dict[str, Callable[[str], Iterator[Row]]] = {
    "fit": fit,
    "members": members,
    "process": process,
    "plots": plots,
    "saving": saving,
    "start": start,
    "epoch": epoch,
    "loader": loader,
    "memory": memory,
    "scale": scale,
    "reading": reading,
}


def main() -> int:
    """Run the requested measures and print the table."""
    options = argparse.ArgumentParser(description="Measure the project against hand-written loops.")
    options.add_argument("measure", nargs="*", help=f"some of {', '.join(MEASURES)}; all by default")
    options.add_argument("--accelerator", choices=["cpu", "gpu"], default="cpu")
    arguments = options.parse_args()
    unknown = set(arguments.measure) - set(MEASURES)
    if unknown:
        options.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(MEASURES)}")
    import torch

    if arguments.accelerator == "gpu" and not torch.cuda.is_available():
        print("No GPU is available, so nothing was measured.")
        return 0
    os.chdir(tempfile.mkdtemp())
    os.environ["PYTHONPATH"] = str(ROOT)
    print(f"{os.cpu_count()} cores, torch {torch.__version__}, {arguments.accelerator}\n")
    print("| measured | reference | ratio | range | at most |\n|---|---|---|---|---|")
    for name in arguments.measure or MEASURES:
        for label, reference, ratios, limit in MEASURES[name](arguments.accelerator):
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            median = f"{statistics.median(ratios):.2f}"
            print(f"| {label} | {reference} | {median} | {spread} | {limit} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
