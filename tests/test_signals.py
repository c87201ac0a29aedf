"""Signals end every command within a second and leave files complete or absent."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lit_classify.checkpoints.io import is_intact
from lit_classify.cli.main import main
from tests.forked import COMMAND, ForkedProgram
from tests.runs import MOONS_CHECKPOINT, Program, start_fit, start_python

RUN = Path("lightning_logs/moons/version_0")


BEST = str(RUN / "checkpoints/best.ckpt")


FIT = ["fit", "--config", "moons", "--plots", "none", "--trainer.max_epochs", "2"]


WITH_TEST = ["--data.val_fraction", "0.2", "--test_best", "true"]


LONGEST_S = 2.5  # a second, and more on a busy machine


HERE = "import time; os.write(1, b'here\\n'); time.sleep(60)"


COMPILED = "import hashlib; os.write(1, b'here\\n'); hashlib.pbkdf2_hmac('sha256', b'', b'', 10**8)"


IN_A_FINALIZER = """
class Last:
    def __del__(self):
        os.write(1, b'here\\n'); time.sleep(1)
import time; Last(); time.sleep(60)"""


def started(
    command: list[str], function: str, then: str = HERE, start: Callable[..., Program] = ForkedProgram
) -> Program:
    """Start a command that runs ``then`` instead of a function, and wait until it is called."""
    module_name, _, name = function.partition(":")
    owner, _, attribute = f"module.{name}".rpartition(".")
    program = "\n".join(
        [
            "import importlib, os, sys",
            f"module = importlib.import_module({module_name!r})",
            "def instead(*_, **__):",
            *(f"    {line}" for line in then.splitlines()),
            f"{owner}.{attribute} = instead",
            COMMAND,
        ]
    )
    process = start(program, *command)
    assert process.stdout is not None
    for line in process.stdout:
        if line == "here\n":
            return process
    raise AssertionError(process.communicate()[1])


def ended(process: Program, signum: int) -> str:
    """Send a signal, check that the process ends in time with its exit code, return its messages."""
    start = time.monotonic()
    process.send_signal(signum)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    assert time.monotonic() - start < LONGEST_S
    assert stderr == ("\nlit-classify: interrupted\n" if signum == signal.SIGINT else "")
    return stderr


slow = pytest.mark.slow


MODULE = "lit_classify.modules:LitModule"


PLACES = {
    "test scores": (["test"], f"{MODULE}.test_step"),
    "test reports": (["test"], "lit_classify.evaluation.console_output:baseline_lines"),
    "predict asks": (["predict"], f"{MODULE}.predict_step"),
    "predict writes": (["predict"], "lit_classify.evaluation.predictions:escape_formulas"),
    "validate scores": (["validate"], f"{MODULE}.validation_step"),
    "export writes": (["export"], "lit_classify.cli.export:describe_inputs"),
    "importance measures": (["importance"], "lit_classify.data:InMemoryDataModule.batch_tensors"),
    "plot draws": (["plot"], "lit_classify.cli.plot:model_plots"),
}


@pytest.mark.slow
@pytest.mark.reliability(52)
@pytest.mark.parametrize(
    ("step", "signum"),
    [
        ("test scores", signal.SIGTERM),
        ("predict writes", signal.SIGTERM),
        ("validate scores", signal.SIGTERM),
        pytest.param("test reports", signal.SIGTERM, marks=slow),
        pytest.param("predict asks", signal.SIGTERM, marks=slow),
        pytest.param("export writes", signal.SIGTERM, marks=slow),
        pytest.param("importance measures", signal.SIGTERM, marks=slow),
        pytest.param("plot draws", signal.SIGTERM, marks=slow),
        pytest.param("test scores", signal.SIGINT, marks=slow),
        pytest.param("predict writes", signal.SIGINT, marks=slow),
        pytest.param("predict asks", signal.SIGHUP, marks=slow),
    ],
)
def test_a_signal_ends_a_command_without_partial_files(step: str, signum: int) -> None:
    assert main(FIT) == 0
    paths = set(Path().rglob("*"))
    command, function = PLACES[step]
    target = [BEST] if command[0] in ("export", "importance", "plot") else ["--ckpt_path", BEST]
    ended(started([*command, *target], function), signum)
    assert set(Path().rglob("*")) == paths


@pytest.mark.slow
@pytest.mark.reliability(52)
def test_sigterm_ends_the_final_test_of_a_fit_and_leaves_its_checkpoints() -> None:
    process = started([*FIT, *WITH_TEST], f"{MODULE}.test_step")
    ended(process, signal.SIGTERM)
    assert is_intact(RUN / "checkpoints/last.ckpt")


@pytest.mark.slow
@pytest.mark.reliability(52)
def test_sigterm_while_a_fit_draws_its_plots_leaves_its_checkpoints() -> None:
    process = started(
        [*FIT[:3], *FIT[5:]], "lit_classify.callbacks.decision_boundary:DecisionBoundary.finish"
    )
    ended(process, signal.SIGTERM)
    assert is_intact(RUN / "checkpoints/last.ckpt")


@pytest.mark.slow
@pytest.mark.reliability(52)
def test_sigterm_ends_a_command_in_compiled_code() -> None:
    process = started([*FIT], "lit_classify.data:InMemoryDataModule.setup", COMPILED)
    ended(process, signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.reliability(52)
def test_sigterm_is_not_lost_in_a_finalizer() -> None:
    process = started([*FIT], "lit_classify.data:InMemoryDataModule.setup", IN_A_FINALIZER)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


@pytest.mark.slow
@pytest.mark.reliability(52)
@pytest.mark.parametrize("signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=slow)])
def test_a_signal_ends_verify_during_training(signum: int) -> None:
    process = started(["verify", "moons"], f"{MODULE}.on_train_start", "os.write(1, b'here\\n')")
    ended(process, signum)


@pytest.mark.reliability(52)
def test_sigterm_ends_a_command_during_imports() -> None:
    function = "lit_classify._lightning.fast_import:import_lightning"
    ended(started([*FIT], function, start=start_python), signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.reliability(8)
def test_a_closed_terminal_stops_a_fit_with_a_checkpoint() -> None:
    fit = [*FIT[:-1], "1000000"]
    process = started(fit, "lit_classify.callbacks:EpochLog.on_validation_end", "os.write(1, b'here\\n')")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 129
    assert is_intact(RUN / "checkpoints/last.ckpt")


@pytest.mark.slow
def test_sighup_is_ignored_under_nohup() -> None:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = started(
            [*FIT],
            "lit_classify.data:InMemoryDataModule.setup",
            "os.write(1, b'here\\n')\nraise KeyError",
            start_python,
        )
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert process.returncode == 2  # the exit code of the KeyError


def test_a_command_restores_the_signal_handlers() -> None:
    def mine(*_: object) -> None: ...

    previous = signal.signal(signal.SIGTERM, mine)
    try:
        assert main(["recipes"]) == 0
        assert signal.getsignal(signal.SIGTERM) is mine
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_a_signal_to_a_worker_process_does_not_end_the_command() -> None:
    from lit_classify import signals

    with signals.handled():
        reader, writer = os.pipe()
        worker = os.fork()
        if worker == 0:
            os.write(writer, b"ready")
            time.sleep(60)
            os._exit(0)
        os.read(reader, 5)
        os.kill(worker, signal.SIGTERM)
        _, status = os.waitpid(worker, 0)
        time.sleep(1)  # longer than it takes to end the command
    assert os.WTERMSIG(status) == signal.SIGTERM
    assert signals.received() == 0


@pytest.mark.slow
@pytest.mark.reliability(8)
def test_sigterm_saves_and_exits_with_143() -> None:
    process = start_fit(start=start_python)
    process.send_signal(signal.SIGTERM)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Run:   lightning_logs/moons/version_0" in stdout
    assert is_intact(Path(MOONS_CHECKPOINT.format(0)))
    assert torch.load(MOONS_CHECKPOINT.format(0), weights_only=True)["global_step"] > 0


@pytest.mark.reliability(9)
def test_ctrl_c_saves_and_exits_with_130_within_5_seconds() -> None:
    process = start_fit(start=start_python)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert time.monotonic() - start < 5
    assert process.returncode == 130
    assert "Run:   lightning_logs/moons/version_0" in stdout
    assert stderr == "\nlit-classify: interrupted\n"
    assert torch.load(MOONS_CHECKPOINT.format(0), weights_only=True)["global_step"] > 0


SLOW_DISK = """
import os, time
from pathlib import Path
flush = os.fsync
def slowly(handle):
    time.sleep(60 if Path("slow").exists() else 0)
    flush(handle)
os.fsync = slowly
"""


@pytest.mark.slow
@pytest.mark.reliability(9)
def test_ctrl_c_twice_stops_at_once_and_leaves_intact_files() -> None:
    process = start_fit(code=SLOW_DISK)
    Path("slow").touch()
    process.send_signal(signal.SIGINT)
    folder = Path(MOONS_CHECKPOINT.format(0)).parent
    while not list(folder.glob("*.tmp")):
        time.sleep(0.05)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=90)
    assert time.monotonic() - start < 5
    assert process.returncode == 130
    assert stderr == "\nlit-classify: interrupted\n"
    files = sorted(Path(MOONS_CHECKPOINT.format(0)).parent.iterdir())
    assert [path.name for path in files] == ["best.ckpt", "last.ckpt"]
    assert all(map(is_intact, files))
