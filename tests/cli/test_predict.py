"""predict: the output file."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from lit_classify import TableDataModule, load
from lit_classify import predict as predict_table
from lit_classify.cli.main import main
from lit_classify.data.table import csv_text, datamodule
from lit_classify.evaluation import predictions
from tests.example_files import COMPRESSED
from tests.example_tables import write
from tests.forked import COMMAND, ForkedProgram
from tests.runs import shell, table_run

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


@pytest.mark.reliability(36)
def test_predictions_are_overwritten_only_with_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    command = ["predict", "--ckpt_path", "lightning_logs/circles_v2/version_0/checkpoints/last.ckpt"]
    Path("predictions.csv").write_text("mine")
    assert main(command) == 2
    assert Path("predictions.csv").read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert Path("predictions.csv").read_text().startswith("prediction,p_0,p_1")


def test_predictions_are_written_to_regular_files_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    Path("link.csv").symlink_to("elsewhere.csv")
    Path("elsewhere.csv").write_text("mine")
    checkpoint = "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"
    for out in ("link.csv", "lightning_logs"):
        assert main(["predict", "--ckpt_path", checkpoint, "--out", out, "--overwrite"]) == 2
        assert "not a regular file" in capsys.readouterr().err
    assert Path("elsewhere.csv").read_text() == "mine"


def test_the_spread_is_the_standard_deviation_over_members() -> None:
    rows = [f"{n % 7},{n % 5},{'yes' if n % 3 else 'no'}" for n in range(60)]
    write("\n".join(["a,b,y", *rows]))
    fit = ["fit", "--config", "table", "--data.path", "t.csv", "--data.target", "y", "--plots", "none"]
    assert main([*fit, "--trainer.max_epochs", "2", "--data.folds", "4"]) == 0
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    assert main(["predict", "--ckpt_path", checkpoint, "--spread"]) == 0
    predicted = pl.read_csv("predictions.csv")
    assert predicted.columns == ["prediction", "p_no", "p_yes", "spread_no", "spread_yes"]
    model, data = load(checkpoint), TableDataModule("t.csv", "y", folds=4, scaling="robust")
    (x,) = next(iter(data.predict_dataloader()))
    with torch.no_grad():
        p = torch.sigmoid(model.network(x)).squeeze(2)
    assert np.allclose(predicted["p_yes"], p.mean(dim=0), atol=1e-6)
    assert np.allclose(predicted["spread_yes"], p.std(dim=0), atol=1e-6)


def test_a_single_network_has_no_spread(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    assert main(["predict", "--ckpt_path", "best", "--spread"]) == 2
    assert "--spread needs several members" in capsys.readouterr().err


@pytest.fixture
def predict(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a command for a trained table; its temporary files must be removed in the end."""
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
    return f"lit-classify predict --ckpt_path {table_run()} --data.path"


@pytest.mark.slow
@pytest.mark.reliability(36)
def test_a_pipe_gives_the_same_predictions_as_files(predict: str) -> None:
    assert main([*predict.split()[1:], "t.csv", "--keep", "a"]) == 0
    done = shell(f"{predict} - --out - --keep a < t.csv")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == Path("predictions.csv").read_bytes()
    Path("t.gz").write_bytes(COMPRESSED["gzip"](Path("t.csv").read_bytes()))
    assert shell(f"cat t.gz | {predict} - --out - --keep a | cat").stdout == done.stdout
    assert not list(Path(os.environ["TMPDIR"]).iterdir())


@pytest.mark.reliability(36)
def test_only_predictions_are_written_to_the_pipe(predict: str) -> None:
    write("a,b,new\n1,2,3\n", "new.csv")
    done = shell(f"{predict} - --out - < new.csv", PYTHONIOENCODING="ascii")
    assert len(done.stdout.splitlines()) == 2
    assert b"note: ignored columns that the training data did not have: new" in done.stderr
    assert not Path("predictions.csv").exists()


@pytest.mark.slow
@pytest.mark.reliability(51)
def test_a_reader_that_stops_reading_predictions_is_not_an_error(predict: str) -> None:
    done = shell(f"{predict} - --out - < t.csv | true")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.reliability(51)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
def test_predictions_that_standard_output_does_not_take_are_an_error(predict: str) -> None:
    done = shell(f"{predict} - --out - < t.csv > /dev/full")
    assert done.returncode == 2
    assert done.stderr == b"lit-classify: cannot write standard output: No space left on device\n"


@pytest.mark.slow
@pytest.mark.reliability(29)
@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("/dev/null", [], "is empty"),
        (None, [], "is empty"),
        ("new.csv", [], "line 3: 3 fields, but the first row has 2"),
        ("t.csv", ["--trainer.devices", "2"], "--data.path - needs a single process"),
    ],
)
def test_standard_input_that_is_not_a_table_is_one_message(
    predict: str, path: str | None, options: list[str], message: str
) -> None:
    write("a,b\n1,2\n1,2,3\n", "new.csv")
    redirect = f"os.dup2(os.open({path!r}, os.O_RDONLY), 0)" if path else "os.close(0)"
    words = [*predict.split()[1:], "-", "--out", "-", *options]
    process = ForkedProgram(f"import os; {redirect}\n{COMMAND}", *words)
    stdout, stderr = process.communicate()
    assert (process.returncode, stdout) == (2, "")
    (line,) = stderr.splitlines()
    assert line.startswith("lit-classify: ")
    assert message in line
    assert not list(Path(os.environ["TMPDIR"]).iterdir())


@pytest.mark.slow
@pytest.mark.reliability(52)
def test_a_signal_while_standard_input_is_read_removes_the_temporary_file(predict: str) -> None:
    directory = Path(os.environ["TMPDIR"])
    command = [sys.executable, "-m", *predict.replace("lit-", "lit_", 1).split(), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while not list(directory.iterdir()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
    assert not list(directory.iterdir())


@pytest.mark.parametrize("option", ["path", "val_path"])
def test_standard_input_is_refused_elsewhere(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("a,y\n1,0\n2,1\n")
    paths = ["--data.path", "t.csv", f"--data.{option}", "-"]
    assert main(["fit", "--data", "TableDataModule", *paths, "--data.target", "y"]) == 2
    assert "- is standard input, which only lit-classify predict reads" in capsys.readouterr().err


@pytest.fixture
def streamed_run() -> list[str]:
    """Train on a table that is read in blocks, and return the command that predicts with the model."""
    rows = [f"{n},{n % 7},{'red' if n % 3 else '=blue'},{'yes' if n % 2 else 'no'}" for n in range(300)]
    write("\n".join(["id,a,color,y", *rows]))
    fit = ["fit", "--config", "table", "--data.path", "t.csv", "--data.target", "y", "--plots", "none"]
    options = [
        "--data.folds",
        "0",
        "--data.ignore",
        "id",
        "--model.members",
        "2",
        "--trainer.max_epochs",
        "1",
    ]
    assert main([*fit, *options, "--data.cache_dir", "cache"]) == 0
    return ["predict", "--ckpt_path", "lightning_logs/table/version_0/checkpoints/best.ckpt"]


@pytest.mark.parametrize("out", ["p.csv", "p.parquet"])
def test_a_table_in_blocks_has_the_predictions_of_the_same_table_in_memory(
    out: str, streamed_run: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 1000)
    monkeypatch.setattr(datamodule, "_EVALUATION_ROWS", 40)
    monkeypatch.setattr(predictions, "_WRITTEN_ROWS", 100)
    assert main([*streamed_run, "--out", out, "--keep", "[id, color]", "--spread"]) == 0
    predicted = pl.read_csv(out) if out.endswith("csv") else pl.read_parquet(out)
    columns = ["id", "color", "prediction", "p_no", "p_yes", "spread_no", "spread_yes"]
    assert predicted.columns == columns
    assert predicted["id"].cast(int).to_list() == list(range(300))
    assert predicted["color"][0] == ("'=blue" if out.endswith("csv") else "=blue")
    expected = predict_table(streamed_run[2], pl.read_csv("t.csv"), spread=True)
    assert predicted["prediction"].to_list() == expected["prediction"].to_list()
    for name in columns[3:]:
        assert np.allclose(predicted[name], expected[name], atol=1e-6)
    assert not list(Path().glob("*.tmp"))


@pytest.mark.slow
def test_a_table_in_blocks_is_predicted_to_standard_output(streamed_run: list[str]) -> None:
    command = shlex.join([sys.executable, "-m", "lit_classify", *streamed_run, "--out", "-"])
    done = shell(command)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 301
    assert done.stdout.startswith(b"prediction,p_no,p_yes\n")


def test_a_fault_in_a_late_block_leaves_no_predictions(
    streamed_run: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 1000)
    rows = [f"{'many' if n == 290 else n % 7},red" for n in range(300)]
    write("\n".join(["a,color", *rows]), "new.csv")
    assert main([*streamed_run, "--data.path", "new.csv", "--out", "p.csv"]) == 2
    message = "new.csv, row 291, column 'a': 'many' is not a number, as it was in training"
    assert message in capsys.readouterr().err
    assert not Path("p.csv").exists()
    assert not list(Path().glob("*.tmp"))


def test_unseen_categories_in_several_blocks_are_counted_in_one_warning(
    streamed_run: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 1000)
    write("\n".join(["a,color", *[f"{n % 7},{'green' if n % 2 else 'red'}" for n in range(300)]]), "new.csv")
    assert main([*streamed_run, "--data.path", "new.csv", "--out", "p.csv"]) == 0
    shown = capsys.readouterr().err
    assert shown.count("unseen categories") == 1
    assert "'color' has 150 values not seen in training, first 'green' in new.csv, row 2" in shown
