"""What must hold when things go wrong with a run: resume, kills, full disks, signals, strangers' files."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from torch.utils.data import TensorDataset

from lit_classify import BinaryClassifier, SeededDataLoader
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.io import AtomicCheckpointIO, is_intact
from lit_classify.checkpoints.search import find_checkpoint
from lit_classify.cli.main import main
from lit_classify.errors import DataWarning, UserError
from lit_classify.loggers import RunLogger

RUN = "lightning_logs/moons/version_{}/checkpoints/last.ckpt"
DRAWING = [
    "--model.dropout",
    "0.3",
    "--data.batch_size",
    "64",
    "--data.shuffle",
    "true",
    "--plots",
    "none",
]
FIT = ["fit", "--config", "moons", *DRAWING]


SCHEDULED = ["--model.lr_scheduler", "StepLR", "--model.lr_scheduler_args.step_size", "1"]


QUIET = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "accelerator": "cpu",
}


def weights(run: int) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(RUN.format(run), weights_only=True)
    return {**content["state_dict"], "optimizer": content["optimizer_states"][0]["state"]}


def assert_equal(first: dict[str, Any], second: dict[str, Any]) -> None:
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.reliability(1)
def test_the_same_seed_twice_gives_the_same_bits() -> None:
    for _ in range(2):
        assert main([*FIT, "--trainer.max_epochs", "3"]) == 0
    assert_equal(weights(0), weights(1))


@pytest.mark.reliability(2)
@pytest.mark.parametrize("epochs", [1, 2, 4])
def test_a_run_that_goes_on_after_any_epoch_equals_one_that_never_stopped(epochs: int) -> None:
    assert main([*FIT, "--trainer.max_epochs", "5"]) == 0
    assert main([*FIT, "--trainer.max_epochs", str(epochs)]) == 0
    assert main([*FIT, "--trainer.max_epochs", "5", "--ckpt_path", RUN.format(1)]) == 0
    assert_equal(weights(0), weights(2))


@pytest.mark.reliability(3)
@pytest.mark.parametrize("steps", [1, 7, 13, 20, 26])
def test_a_run_that_goes_on_after_any_step_equals_one_that_never_stopped(steps: int) -> None:
    assert main([*FIT, "--trainer.max_epochs", "3"]) == 0  # 13 steps each
    assert main([*FIT, "--trainer.max_steps", str(steps)]) == 0
    assert main([*FIT, "--trainer.max_epochs", "3", "--ckpt_path", "last"]) == 0
    assert_equal(weights(0), weights(2))


@pytest.mark.reliability(3)
@pytest.mark.parametrize("stops", [[5, 13, 14, 26, 30], pytest.param(range(1, 39), marks=pytest.mark.slow)])
def test_a_run_that_stops_again_and_again_equals_one_that_never_stopped(stops: Sequence[int]) -> None:
    assert main([*FIT, "--trainer.max_epochs", "3"]) == 0  # 39 steps
    resume: list[str] = []
    for run, steps in enumerate(stops, 1):  # each goes on from the one before
        assert main([*FIT, "--trainer.max_steps", str(steps), *resume]) == 0
        resume = ["--ckpt_path", RUN.format(run)]
    assert main([*FIT, "--trainer.max_epochs", "3", *resume]) == 0
    assert_equal(weights(0), weights(len(stops) + 1))


@pytest.mark.reliability(3)
@pytest.mark.slow
@pytest.mark.parametrize("steps", range(1, 39))
def test_a_run_that_goes_on_after_each_step_equals_one_that_never_stopped(steps: int) -> None:
    test_a_run_that_goes_on_after_any_step_equals_one_that_never_stopped(steps)


@pytest.mark.reliability(3)
@pytest.mark.parametrize("name", ["best", "last"])
@pytest.mark.parametrize("recipe", ["circles_v2", "moons"])
def test_what_is_kept_amid_a_run_is_where_it_can_go_on(name: str, recipe: str) -> None:
    fit = ["fit", "--config", recipe, *DRAWING, *SCHEDULED, "--model.lr_scheduler_args.gamma", "0.5"]
    fit += ["--log_every_n_epochs", "1"]
    kept = f"lightning_logs/{recipe}/version_{{}}/checkpoints"
    assert main([*fit, "--trainer.max_epochs", "6"]) == 0
    assert main([*fit, "--trainer.max_epochs", "3"]) == 0
    first = Checkpoint.read(f"{kept.format(1)}/{name}.ckpt").epochs
    more = ["--ckpt_path", f"{kept.format(1)}/{name}.ckpt", "--trainer.max_epochs", "6"]
    assert main([*fit, *more]) == 0
    assert 0 < first <= 3
    whole, resumed = (torch.load(f"{kept.format(run)}/last.ckpt", weights_only=True) for run in (0, 2))
    assert whole["global_step"] == resumed["global_step"]
    assert_equal(whole["state_dict"], resumed["state_dict"])
    assert whole["lr_schedulers"] == resumed["lr_schedulers"]


class Through(L.LightningDataModule):
    """Rows through torch's DataLoader and its workers."""

    def __init__(self, num_workers: int) -> None:
        super().__init__()
        self.num_workers = num_workers

    def train_dataloader(self) -> SeededDataLoader:
        x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        rows = TensorDataset(x, (x[:, 0] > 0).long())
        return SeededDataLoader(rows, batch_size=8, shuffle=True, num_workers=self.num_workers)


@pytest.mark.reliability(3)
@pytest.mark.parametrize(("num_workers", "steps"), [(0, 3), (0, 7), (2, 10)])
@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*no .val_dataloader")
def test_a_run_through_workers_goes_on_after_any_step(num_workers: int, steps: int) -> None:
    def run(path: str | None = None, **until: int) -> tuple[L.Trainer, BinaryClassifier]:
        L.seed_everything(1, verbose=False)
        model = BinaryClassifier(2, hidden=[8], dropout=0.3, lr=0.1)
        trainer = L.Trainer(**QUIET, **until)  # type: ignore[arg-type]
        trainer.fit(model, Through(num_workers), ckpt_path=path, weights_only=True)
        return trainer, model

    _, whole = run(max_epochs=2)  # 7 steps each
    stopped, _ = run(max_steps=steps)
    stopped.save_checkpoint("stopped.ckpt")
    _, resumed = run("stopped.ckpt", max_epochs=2)
    assert_equal(whole.state_dict(), resumed.state_dict())


@pytest.mark.reliability(10)
def test_diverged_training_stops_at_the_step_and_exits_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model.optimizer", "SGD", "--model.optimizer_args", "null", "--model.lr", "1e30"]
    assert main(["fit", "--config", "blobs", "--plots", "none", *options]) == 3
    said = capsys.readouterr().err
    assert "at step 1, epoch 1, learning rate 1e+30; try a smaller one, such as --model.lr 1e+29" in said
    best = Path("lightning_logs/blobs/version_0/checkpoints/best.ckpt")
    if best.is_file():
        content = torch.load(best, weights_only=True)
        assert all(bool(weight.isfinite().all()) for weight in content["state_dict"].values())


@pytest.mark.reliability(5)
def test_a_full_disk_leaves_the_earlier_file_and_no_litter(monkeypatch: pytest.MonkeyPatch) -> None:
    io = AtomicCheckpointIO()
    io.save_checkpoint({"x": torch.ones(3)}, "folder/c.ckpt")
    before = Path("folder/c.ckpt").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot write folder/c.ckpt: No space left on device"):
        io.save_checkpoint({"x": torch.zeros(3)}, "folder/c.ckpt")
    assert Path("folder/c.ckpt").read_bytes() == before
    assert [path.name for path in Path("folder").iterdir()] == ["c.ckpt"]


@pytest.mark.reliability(5)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
def test_a_limit_of_size_leaves_the_earlier_file() -> None:
    AtomicCheckpointIO().save_checkpoint({"x": torch.ones(3)}, "c.ckpt")
    before = Path("c.ckpt").read_bytes()
    code = (
        "import resource, torch; from lit_classify.checkpoints.io import AtomicCheckpointIO as IO\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "IO().save_checkpoint({'x': torch.zeros(1_000_000)}, 'c.ckpt')"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=False)
    assert "UserError: cannot write c.ckpt: File too large; the existing file is unchanged" in done.stderr
    assert Path("c.ckpt").read_bytes() == before
    assert [path.name for path in Path().iterdir()] == ["c.ckpt"]


@pytest.mark.reliability(9)
def test_ctrl_c_waits_until_a_checkpoint_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def interrupted(handle: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        flush(handle)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        AtomicCheckpointIO().save_checkpoint({"x": torch.ones(3)}, "c.ckpt")
    assert is_intact(Path("c.ckpt"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.reliability(4)
def test_kills_amid_a_save_lose_nothing() -> None:
    script = Path(__file__).parent.parent / "scripts" / "kill_while_saving.py"
    done = subprocess.run(
        [sys.executable, script, "--kills", "50"], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"50 kills, [1-9]\d* amid a write, .* 0 files lost", done.stdout)
    assert not list(Path().iterdir())


@pytest.mark.reliability(6)
def test_a_flipped_bit_in_any_byte_and_a_lost_end_are_told() -> None:
    AtomicCheckpointIO().save_checkpoint({"x": torch.ones(3)}, "c.ckpt")
    content, damaged = Path("c.ckpt").read_bytes(), Path("d.ckpt")
    assert is_intact(Path("c.ckpt"))
    assert torch.load("c.ckpt", weights_only=True)["x"].tolist() == [1, 1, 1]
    for place in range(len(content)):
        flipped = bytes([content[place] ^ 1 << place % 8])
        damaged.write_bytes(content[:place] + flipped + content[place + 1 :])
        assert not is_intact(damaged), place
        if place % 7 == 0 or place > len(content) - 150:
            damaged.write_bytes(content[:place])
            assert not is_intact(damaged), place
    damaged.write_bytes(content + b"more")
    assert not is_intact(damaged)


@pytest.mark.reliability(6)
def test_a_checkpoint_of_lightning_s_own_saving_is_tried_by_its_zip() -> None:
    torch.save({"x": torch.ones(3)}, "c.ckpt")
    assert is_intact(Path("c.ckpt"))
    content = Path("c.ckpt").read_bytes()
    place = content.index(torch.ones(3).numpy().tobytes())
    Path("c.ckpt").write_bytes(content[:place] + b"\1" + content[place + 1 :])
    assert not is_intact(Path("c.ckpt"))


@pytest.mark.reliability(6, 7)
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_checkpoint_is_refused_and_last_falls_back(
    damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main([*FIT, "--trainer.max_epochs", "2"]) == 0
    path = Path(RUN.format(1))
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    else:
        place = content.find(b"\x00\x00\x80\x3f")  # a 1.0 in some tensor
        content[place if place > 0 else len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path)
    capsys.readouterr()
    assert main(["test", "--ckpt_path", str(path)]) == 2
    said = capsys.readouterr().err
    assert "newest valid is lightning_logs/moons/version_1/checkpoints/best.ckpt" in said
    assert len(said.splitlines()) == 1
    with pytest.warns(DataWarning, match="corrupt checkpoint .*version_1.*; using an older one"):
        found = find_checkpoint("last", Path("lightning_logs"))
    assert found == RUN.format(0)
    assert main(["test", "--ckpt_path", "last"]) == 0
    assert "corrupt checkpoint" in capsys.readouterr().err


@pytest.mark.reliability(14)
@pytest.mark.parametrize("command", ["fit", "test", "predict"])
def test_a_setting_that_the_checkpoint_contradicts_is_refused(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*FIT, "--trainer.max_epochs", "1"]) == 0
    again = [*FIT, "--trainer.max_epochs", "2"] if command == "fit" else [command]
    before = sorted(Path().rglob("*"))
    assert main([*again, "--ckpt_path", RUN.format(0), "--model.activation", "Tanh"]) == 2
    assert "model.activation is 'ReLU' in" in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.reliability(14)
@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--data.test_fraction", "0.4"], "data.test_fraction is 0.2 in"),
        (["--data.noise", "0.3"], "data.noise is "),
        (["--data", "CirclesDataModule"], "was trained on a MoonsDataModule, but the data is a CirclesData"),
        (["--trainer.max_epochs", "1"], "was trained for 2 epochs, but --trainer.max_epochs is 1"),
    ],
)
def test_a_run_does_not_go_on_with_other_data(
    option: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*FIT, "--trainer.max_epochs", "2"]) == 0
    before = sorted(Path().rglob("*"))
    assert main([*FIT, "--trainer.max_epochs", "4", "--ckpt_path", RUN.format(0), *option]) == 2
    assert said in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.reliability(14)
def test_a_run_does_not_go_on_with_another_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{n % 7},{n % 5},{'yes' if n % 3 else 'no'},{n % 2}" for n in range(60)]
    Path("t.csv").write_text("\n".join(["a,b,y,z", *rows]))
    Path("u.csv").write_text("\n".join(["a,b,y,z", *rows[:50]]))
    Path("moved.csv").write_bytes(Path("t.csv").read_bytes())
    fit = ["fit", "--config", "table", "--plots", "none", "--data.target"]
    assert main([*fit, "y", "--data.path", "t.csv", "--trainer.max_epochs", "1"]) == 0
    more = [
        "--trainer.max_epochs",
        "2",
        "--ckpt_path",
        "lightning_logs/table/version_0/checkpoints/best.ckpt",
    ]
    assert main([*fit, "y", "--data.path", "u.csv", *more]) == 2
    assert "was trained on another table than u.csv" in capsys.readouterr().err
    assert main([*fit, "z", "--data.path", "t.csv", *more]) == 2
    assert "data.target is 'y' in" in capsys.readouterr().err
    assert main([*fit, "y", "--data.path", "moved.csv", *more]) == 0


@pytest.mark.reliability(15)
def test_two_runs_that_start_together_take_two_folders() -> None:
    folders = [RunLogger(Path("runs"), "moons").log_dir for _ in range(2)]
    assert folders == ["runs/moons/version_0", "runs/moons/version_1"]


@pytest.mark.reliability(15)
def test_a_second_run_and_a_resume_keep_the_earlier_one_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--trainer.logger", "TensorBoardLogger", "--trainer.logger.save_dir", "own"]
    own += ["--trainer.logger.name", "", "--trainer.logger.version", ""]  # one directory for all runs' events
    assert main([*FIT, *own, "--trainer.max_epochs", "1"]) == 0
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert len(before) == 5  # configuration, two checkpoints, and what the logger writes
    assert main([*FIT, *own, "--trainer.max_epochs", "1"]) == 0
    capsys.readouterr()
    assert main([*FIT, *own, "--trainer.max_epochs", "3", "--ckpt_path", RUN.format(0)]) == 0
    assert "\nResumed after 1 epochs and trained 2 more in " in capsys.readouterr().out
    assert all(path.read_bytes() == content for path, content in before.items())
    assert Checkpoint.read(RUN.format(2)).epochs == 3


@pytest.mark.reliability(11)
def test_scores_that_are_no_numbers_make_no_best(capsys: pytest.CaptureFixture[str]) -> None:
    network = ["--model.network", "tests.custom_networks.NoNumberOutsideTraining"]
    assert main([*FIT[:3], "--plots", "none", *network, "--trainer.max_epochs", "2"]) == 0
    assert [path.name for path in Path(RUN.format(0)).parent.iterdir()] == ["last.ckpt"]
    assert "last.ckpt" in capsys.readouterr().out


@pytest.mark.reliability(38)
def test_a_folder_of_runs_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("lightning_logs").touch()
    assert main([*FIT, "--trainer.max_epochs", "1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("lit-classify: cannot write runs into lightning_logs/moons: Not a directory")
    assert "--trainer.default_root_dir" in said
    assert [path.name for path in Path().iterdir()] == ["lightning_logs"]
    assert main(["--help"]) == 0


@pytest.mark.reliability(38)
@pytest.mark.parametrize(
    ("options", "package"),
    [
        (["--trainer.logger", "WandbLogger"], "wandb"),
        (["--trainer.callbacks", "RichProgressBar"], "rich"),
        (["--trainer.strategy", "deepspeed"], "deepspeed"),
    ],
)
def test_a_missing_package_is_named(
    options: list[str], package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if find_spec(package):
        pytest.skip(f"{package} is here")
    assert main([*FIT, *options]) == 2
    said = capsys.readouterr().err
    assert package in said
    assert "pip install" in said
    assert len(said.splitlines()) == 1
    assert not list(Path().iterdir())
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--help"])


def started(*options: str, code: str = "") -> subprocess.Popen[str]:
    """Start a fit that would not end, and wait until it trains."""
    arguments = [*FIT, "--trainer.max_epochs", "1000000", *options]
    program = f"{code}\nimport sys; from lit_classify.cli.main import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Epoch"):
            break
    time.sleep(0.5)
    return process


@pytest.mark.reliability(8)
def test_sigterm_saves_and_exits_with_143() -> None:
    process = started()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Run:   lightning_logs/moons/version_0" in said
    assert is_intact(Path(RUN.format(0)))
    assert torch.load(RUN.format(0), weights_only=True)["global_step"] > 0


@pytest.mark.reliability(9)
def test_ctrl_c_saves_and_exits_with_130_within_5_seconds() -> None:
    process = started()
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=60)
    assert time.monotonic() - begun < 5
    assert process.returncode == 130
    assert "Run:   lightning_logs/moons/version_0" in said
    assert complaint == "\nlit-classify: interrupted\n"
    assert torch.load(RUN.format(0), weights_only=True)["global_step"] > 0


@pytest.mark.reliability(8)
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_run_that_a_signal_stopped_goes_on_as_if_it_had_not(number: int) -> None:
    until = ["--trainer.max_epochs", "150"]
    process = started(*until)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode in (130, 143)
    assert main([*FIT, *until, "--ckpt_path", RUN.format(0)]) == 0
    assert main([*FIT, *until]) == 0
    assert weights(0).keys() == weights(2).keys()
    assert_equal(weights(1), weights(2))


SLOW_DISK = """
import os, time
from pathlib import Path
flush = os.fsync
def slowly(handle):
    time.sleep(60 if Path("slow").exists() else 0)
    flush(handle)
os.fsync = slowly
"""


@pytest.mark.reliability(9)
def test_ctrl_c_twice_stops_at_once_and_leaves_the_files_as_they_were() -> None:
    process = started(code=SLOW_DISK)
    Path("slow").touch()
    process.send_signal(signal.SIGINT)
    folder = Path(RUN.format(0)).parent
    while not list(folder.glob("*.tmp")):
        time.sleep(0.05)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=90)
    assert time.monotonic() - begun < 5
    assert process.returncode == 130
    assert complaint == "\nlit-classify: interrupted\n"
    kept = sorted(Path(RUN.format(0)).parent.iterdir())
    assert [path.name for path in kept] == ["best.ckpt", "last.ckpt"]
    assert all(map(is_intact, kept))
