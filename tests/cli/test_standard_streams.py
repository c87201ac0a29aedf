"""Commands complete if standard output is closed, full, without a reader or limited to ASCII."""

import sys
from pathlib import Path

import pytest

from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.main import main
from tests.example_tables import write
from tests.runs import shell

RUN = Path("lightning_logs/moons/version_0")
FIT = "fit --config moons --plots none --log_every_n_epochs 1 --trainer.max_epochs 40"
TEST = f"test --ckpt_path {RUN}/checkpoints/best.ckpt"
ASCII = {"PYTHONIOENCODING": "ascii"}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.slow
@pytest.mark.reliability(51)
@pytest.mark.parametrize(
    "end",
    [
        "| head -1",
        ">&-",
        pytest.param("2>&1 | head -1", marks=pytest.mark.slow),
        pytest.param(">&- 2>&- <&-", marks=pytest.mark.slow),
    ],
)
def test_a_fit_without_a_reader_of_its_output_is_completed(end: str) -> None:
    done = shell(f"lit-classify {FIT} {end}")
    assert done.returncode == 0
    assert done.stderr == b""
    assert Checkpoint.read(RUN / "checkpoints/last.ckpt").epochs == 40


@pytest.mark.slow
@pytest.mark.reliability(51)
def test_predictions_are_written_without_a_reader_of_the_output() -> None:
    assert main(FIT.split()) == 0
    predict = TEST.replace("test", "predict", 1)
    done = shell(f"lit-classify {predict} | true")
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(Path("predictions.csv").read_text().splitlines()) == 201


@pytest.mark.slow
@pytest.mark.reliability(51)
@pytest.mark.parametrize("command", ["recipes", "--help", "fit --help"])
def test_a_reader_that_stops_reading_is_not_an_error(command: str) -> None:
    done = shell(f"lit-classify {command} | true")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.reliability(51)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
@pytest.mark.parametrize("command", ["recipes", "fit --help", FIT])
def test_an_error_of_standard_output_is_reported_after_the_command(command: str) -> None:
    done = shell(f"lit-classify {command} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == b"lit-classify: cannot write standard output: No space left on device\n"
    assert (RUN / "checkpoints/last.ckpt").is_file() == (command == FIT)


@pytest.mark.reliability(51)
def test_a_file_that_reuses_the_descriptor_of_a_closed_output_receives_no_text() -> None:
    code = (
        "import sys; from lit_classify.cli.main import main\n"
        "import lit_classify.cli.recipes as module; original = module.main\n"
        "def with_file(arguments):\n"
        "    with open('mine', 'w'): import os; os.write(1, b'line'); return original(arguments)\n"
        "module.main = with_file; main(['recipes'])"
    )
    Path("program.py").write_text(code)
    assert shell(f"{sys.executable} program.py >&-").returncode == 0
    assert Path("mine").read_text() == ""


@pytest.mark.slow
@pytest.mark.reliability(62)
def test_characters_that_a_terminal_cannot_encode_are_escaped() -> None:
    rows = [f"{n / 7:.3f},{n % 5},{'größer' if n % 3 else 'übel'}" for n in range(60)]
    write("größe,b,y\n" + "\n".join(rows))
    fit = "fit --data TableDataModule --data.path t.csv --trainer.max_epochs 2 --plots none --data.target"
    done = shell(f"lit-classify {fit} y", **ASCII)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"gr\xf6\xdfe" in done.stdout
    done = shell(f"lit-classify {TEST.replace('moons', 'table')}", **C_LOCALE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"gr\xf6\xdfer" in done.stdout
    done = shell(f"lit-classify {fit} grö", **C_LOCALE)
    assert done.returncode == 2
    assert rb"gr\xf6" in done.stderr
