"""Two processes on the CPU: each row once, equal steps, and the metrics of one process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from lit_classify.checkpoints.io import is_intact
from lit_classify.cli.main import main
from lit_classify.errors import UserError
from tests import two_processes
from tests._lightning.test_exact_resume import same
from tests.forked import COMMAND, ForkedProgram
from tests.runs import Program

ROOT = Path(__file__).parent.parent


ON_TWO = ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
LAST = Path("lightning_logs/moons/version_0/checkpoints/last.ckpt")


def start(*command: str) -> ForkedProgram:
    """Start the command line on two processes, of which Lightning starts the second."""
    return ForkedProgram(COMMAND, *command, *ON_TWO, **ENVIRONMENT)


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def run_on_two(call: str) -> None:
    """Call a function of ``two_processes`` in two processes, which Lightning takes for those of a cluster."""
    program = f"from tests import two_processes; two_processes.{call}"
    port = free_port()
    processes = [
        ForkedProgram(program, LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
        for rank in range(2)
    ]
    for process in processes:
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr[-3000:]


def start_node(launcher: str, node: int, port: str, *options: str) -> Program:
    """Start the command on one of two nodes, which are both this machine."""
    command = ["fit", *options, "--trainer.num_nodes", "2", "--trainer.devices", "1"]
    environment = {**ENVIRONMENT, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    if launcher == "slurm":  # what srun sets
        environment |= {"SLURM_NTASKS": "2", "SLURM_PROCID": str(node), "SLURM_NODEID": str(node)}
        environment |= {"SLURM_NTASKS_PER_NODE": "1", "SLURM_LOCALID": "0", "SLURM_JOB_NAME": "fit"}
        return ForkedProgram(COMMAND, *command, **environment)
    nodes = ["--nnodes", "2", "--node_rank", str(node), "--master_addr", "127.0.0.1", "--master_port", port]
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *nodes, "-m", "lit_classify", *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results(script: Callable[[int], None], devices: int) -> list[dict[str, Any]]:
    """Return what a function of the test program writes on one or two processes."""
    script(devices) if devices == 1 else run_on_two(f"{script.__name__}({devices})")
    files = [Path(f"{devices}_{rank}.jsonl") for rank in range(devices)]
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.reliability(44, 45, 47)
@pytest.mark.ddp
def test_two_processes_are_resumed_exactly_and_one_process_only_at_the_end_of_an_epoch() -> None:
    parts = ["train", "val", "train", "test", "train"]
    rows = [f"{n * 7 % 100},{n * 3 % 41},{'ab'[n * 7 % 100 > 40]},{parts[n % 5]}" for n in range(333)]
    Path("t.csv").write_text("\n".join(["x,z,target,split", *rows]))
    run_on_two("resume(2)")
    in_memory, in_blocks = (torch.load(f"{name}.ckpt", weights_only=True) for name in (None, "cache"))
    assert same(in_memory["state_dict"], in_blocks["state_dict"])
    names = [f"{name}_{number}" for name in ("FewRows", "Dataset", "Blocks") for number in (1, 2)]
    for name in names:
        uninterrupted = torch.load(f"{name}_whole.ckpt", weights_only=True)
        for moment in ("within", "end"):
            resumed = torch.load(f"{name}_{moment}_resumed.ckpt", weights_only=True)
            for key in ("global_step", "lr_schedulers", "state_dict", "optimizer_states"):
                assert same(uninterrupted[key], resumed[key]), (name, moment, key)
    until: dict[str, Any] = {"max_epochs": 4, "accumulate_grad_batches": 1}
    with pytest.raises(UserError, match="within an epoch with 2 processes, but this run has 1 processes"):
        two_processes.fit(1, two_processes.FewRows(21), "one.ckpt", "FewRows_1_within.ckpt", **until)
    two_processes.fit(1, two_processes.FewRows(21), "one.ckpt", "FewRows_1_end.ckpt", **until)
    assert torch.load("one.ckpt", weights_only=True)["epoch"] == 4


@pytest.mark.slow
@pytest.mark.reliability(42)
@pytest.mark.ddp
def test_two_processes_train_as_one_with_weights_folds_and_uneven_shares() -> None:
    of_one = results(two_processes.train, 1)
    of_two = results(two_processes.train, 2)
    for position, expected in enumerate(of_one):
        for rank in (of_two[position], of_two[position + len(of_one)]):
            assert rank["case"] == expected["case"]
            assert rank["weights"] == pytest.approx(expected["weights"], abs=1e-6)
            assert rank["metrics"] == pytest.approx(expected["metrics"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.reliability(34, 42, 59)
@pytest.mark.ddp
def test_two_processes_give_the_metrics_of_one_and_divide_the_rows() -> None:
    of_one = {run["rows"]: run for run in results(two_processes.evaluate, 1)}
    of_two = results(two_processes.evaluate, 2)
    assert sorted((run["rows"], run["rank"]) for run in of_two) == [
        (n, rank) for n in of_one for rank in (0, 1)
    ]
    for num_rows, expected in of_one.items():
        ranks = [run for run in of_two if run["rows"] == num_rows]
        for run in ranks:
            assert run["metrics"] == pytest.approx(expected["metrics"], abs=1e-6)
        assert len({len(run["steps"]) for run in ranks}) == 1
        all_rows = sorted(x for run in ranks for step in run["steps"] for x in step)
        assert all_rows == sorted(x for step in expected["steps"] for x in step)
        assert len(all_rows) == (num_rows if num_rows > 1 else 0)


@pytest.mark.slow
@pytest.mark.ddp
def test_the_command_line_trains_on_two_processes_and_prints_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "lit_classify",
            "fit",
            "--config",
            "circles_v2",
            "--trainer.max_epochs",
            "3",
            *ON_TWO,
        ],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Epoch: 0 |") == 1
    assert done.stdout.count("training rows") == 1
    (folder,) = Path("lightning_logs/circles_v2").iterdir()
    assert (folder / "checkpoints" / "best.ckpt").is_file()
    assert (folder / "config.yaml").is_file()


@pytest.mark.slow
@pytest.mark.reliability(34)
@pytest.mark.ddp
def test_predictions_of_two_processes_are_written_once_and_in_order() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [
        f"{number},{a:.5f},{b:.5f},{'yes' if a > b else 'no'}"
        for number, (a, b) in enumerate(torch.randn(40, 2, generator=generator).tolist())
    ]
    for num_rows in (5, 6, 7, 8, 9, 40):
        Path(f"{num_rows}.csv").write_text("\n".join(["number,a,b,y", *rows[:num_rows]]))
    table = ["--data", "TableDataModule", "--data.path", "40.csv", "--data.target", "y"]
    fit = ["fit", *table, "--data.ignore", "[number]", "--trainer.max_epochs", "2", "--plots", "none"]
    assert main(fit) == 0
    checkpoint = "lightning_logs/table/version_0/checkpoints/last.ckpt"
    run_on_two(f"predict({checkpoint!r})")
    for num_rows in range(5, 10):
        options = ["--data.path", f"{num_rows}.csv", "--keep", "number", "--out", f"{num_rows}_one.csv"]
        assert main(["predict", "--ckpt_path", checkpoint, *options]) == 0
        of_two, of_one = (pl.read_csv(f"{num_rows}_{how}.csv") for how in ("both", "one"))
        assert of_two["number"].to_list() == list(range(num_rows))
        # batches of other sizes round differently
        assert_frame_equal(of_two, of_one, abs_tol=1e-6, rel_tol=0)


def started(*options: str) -> tuple[ForkedProgram, int]:
    """Start a fit on two processes, wait until it trains, return it and the second PID."""
    fit = ["fit", "--config", "moons", "--plots", "none", "--trainer.max_epochs", "1000000", *options]
    process = start(*fit)
    while not process.stdout.readline().startswith("Epoch"):
        assert process.returncode is None
    time.sleep(1)
    return process, second(process)


def second(process: ForkedProgram) -> int:
    """Return the PID of the process that Lightning has started."""
    (other,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(other)


def has_ended(pid: int) -> bool:
    """Return whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def ended(process: ForkedProgram, other: int, timeout: float = 60) -> str:
    """Wait until both processes have ended, and return what they wrote to standard error."""
    begun = time.monotonic()
    while process.returncode is None or not has_ended(other):
        assert time.monotonic() - begun < timeout
        time.sleep(0.1)
    return process.communicate()[1]


@pytest.mark.slow
@pytest.mark.reliability(35)
@pytest.mark.ddp
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's list of processes")
@pytest.mark.parametrize("killed", [pytest.param("first", marks=pytest.mark.slow), "second"])
def test_both_processes_end_when_one_is_killed(killed: str) -> None:
    process, other = started()
    os.kill(process.pid if killed == "first" else other, signal.SIGKILL)
    stderr = ended(process, other)
    assert process.returncode not in (0, 1)
    assert "Traceback" not in stderr
    if killed == "second":
        assert "another process of this run has ended" in stderr


@pytest.mark.slow
@pytest.mark.reliability(8)
@pytest.mark.ddp
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's list of processes")
@pytest.mark.parametrize(
    ("signalled", "signum", "code"),
    [
        pytest.param("first", signal.SIGTERM, 143, marks=pytest.mark.slow),
        ("second", signal.SIGTERM, 143),
        pytest.param("both", signal.SIGINT, 130, marks=pytest.mark.slow),
    ],
)
def test_two_processes_stop_at_the_same_step_and_save(signalled: str, signum: int, code: int) -> None:
    process, other = started()
    for pid in {"first": [process.pid], "second": [other], "both": [process.pid, other]}[signalled]:
        os.kill(pid, signum)
    stderr = ended(process, other)
    assert process.returncode == code
    assert stderr == ("" if code == 143 else "\nlit-classify: interrupted\n")
    assert is_intact(LAST)
    assert torch.load(LAST, weights_only=True)["global_step"] > 0


@pytest.mark.reliability(8)
@pytest.mark.ddp
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's list of processes")
def test_sigterm_ends_two_processes_that_have_not_begun_to_train() -> None:
    process = start("fit", "--data", "tests.two_processes.SlowStart", "--plots", "none")
    while not all(Path(f"loading_{rank}").exists() for rank in range(2)):
        assert process.returncode is None
        time.sleep(0.1)
    other = second(process)
    process.send_signal(signal.SIGTERM)
    ended(process, other, timeout=10)
    assert process.returncode == 143


@pytest.mark.reliability(10, 35)
@pytest.mark.ddp
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--model.optimizer", "SGD", "--model.lr", "1e30"], 3, "the loss is nan at step 1"),
        (["--model.network", "tests.custom_networks.FailsOnSecond"], 2, "KeyError: 'second'"),
    ],
)
def test_an_error_in_one_process_ends_both(options: list[str], code: int, message: str) -> None:
    fit = ["fit", "--config", "blobs", "--model.optimizer_args", "null", "--plots", "none"]
    process = start(*fit, *options)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert stderr.count(message) == 1
    assert "Traceback" not in stderr


@pytest.mark.reliability(45)
@pytest.mark.ddp
@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "slurm"])
def test_two_nodes_train_as_one_process(launcher: str, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    options = ["--config", "circles_v2", "--plots", "none", "--trainer.accelerator", "cpu"]
    options += ["--trainer.max_epochs", "3", "--log_every_n_epochs", "1"]
    nodes = [start_node(launcher, node, port, *options, "--data.batch_size", "50") for node in range(2)]
    printed = [node.communicate(timeout=200)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0]
    assert printed[1] == ""
    assert main(["fit", *options, "--data.batch_size", "100"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert [line for line in printed[0].splitlines() if line.startswith("Epoch")] == rows
    assert len(rows) == 3
