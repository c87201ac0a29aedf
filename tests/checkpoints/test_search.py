"""Finding checkpoints by name."""

import os
import shutil
from pathlib import Path

import pytest

from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.search import find_checkpoint, find_run_checkpoint
from lit_classify.cli.main import main
from lit_classify.errors import DataWarning, UserError
from lit_classify.report.summary import summarize
from tests.checkpoints.altered import QUICK, table
from tests.runs import FIT_MOONS, MOONS_CHECKPOINT


def directories(name: str) -> list[str]:
    return sorted(path.name for path in Path("lightning_logs", name).iterdir())


@pytest.mark.reliability(41)
def test_a_target_column_named_last_is_not_taken_for_a_checkpoint() -> None:
    assert main(["fit", *table(), *QUICK, "1"]) == 0
    assert main(["fit", *table(), *QUICK, "2", "--ckpt_path", "last"]) == 0
    assert directories("table") == ["version_0", "version_1"]
    resumed = Checkpoint.read("lightning_logs/table/version_1/checkpoints/last.ckpt")
    assert resumed.epochs == 2
    assert resumed.data is not None
    assert resumed.data.init_args["target"] == "last"


@pytest.mark.parametrize(
    "options",
    [
        ["-c", "moons"],
        ["--config=moons"],
        ["-c", "lightning_logs/moons/version_0/config.yaml"],
        ["-c", "circles_v2", "--recipe.name", "moons", "--data", "MoonsDataModule"],
    ],
    ids=lambda options: options[-1],
)
def test_last_is_searched_in_the_runs_of_the_same_name(options: list[str]) -> None:
    assert main(["fit", "--config", "moons", *QUICK, "1"]) == 0
    assert main(["fit", "--config", "circles_v1", *QUICK, "1"]) == 0  # newer, with another name
    required = ["--model.optimizer_args", "{momentum: 0.9}"] if "circles_v2" in options else []
    assert main(["fit", *options, *required, *QUICK, "2", "--ckpt_path", "last"]) == 0
    assert Checkpoint.read("lightning_logs/moons/version_1/checkpoints/last.ckpt").epochs == 2


def test_last_of_another_name_is_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "moons", *QUICK, "1"]) == 0
    assert main(["fit", "--config", "spirals", *QUICK, "2", "--ckpt_path", "last"]) == 2
    assert "no intact last.ckpt in lightning_logs/spirals" in capsys.readouterr().err


@pytest.mark.reliability(6, 7)
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_corrupt_checkpoint_is_refused_and_last_falls_back_to_an_intact_one(
    damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main([*FIT_MOONS, "--trainer.max_epochs", "2"]) == 0
    path = Path(MOONS_CHECKPOINT.format(1))
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    else:
        position = content.find(b"\x00\x00\x80\x3f")  # a 1.0 in some tensor
        content[position if position > 0 else len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path)
    capsys.readouterr()
    assert main(["test", "--ckpt_path", str(path)]) == 2
    stderr = capsys.readouterr().err
    assert "newest valid is lightning_logs/moons/version_1/checkpoints/best.ckpt" in stderr
    assert len(stderr.splitlines()) == 1
    with pytest.warns(DataWarning, match="corrupt checkpoint .*version_1.*; using an older one"):
        checkpoint = find_checkpoint("last", Path("lightning_logs"))
    assert checkpoint == MOONS_CHECKPOINT.format(0)
    assert main(["test", "--ckpt_path", "last"]) == 0
    assert "corrupt checkpoint" in capsys.readouterr().err


def test_only_the_directory_of_a_run_is_searched_for_another_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "other/run/checkpoints").mkdir(parents=True)
    assert main([*FIT_MOONS, "--trainer.max_epochs", "1"]) == 0
    shutil.copy(MOONS_CHECKPOINT.format(0), tmp_path / "other/run/checkpoints/best.ckpt")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0")
    with pytest.raises(UserError, match="passwd is not a readable checkpoint") as error:
        Checkpoint.read(str(tmp_path / "etc/passwd"))
    assert str(error.value).endswith("checkpoint: it has another format")


def test_the_directory_of_a_run_is_its_best_checkpoint_and_its_last_one_to_resume(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = "lightning_logs/moons/version_0"
    assert main(["fit", "--config", "moons", *QUICK, "3"]) == 0
    assert find_checkpoint(run) == f"{run}/checkpoints/best.ckpt"
    assert main(["fit", "--config", "moons", *QUICK, "4", "--ckpt_path", run]) == 0
    assert "Resumed after 3 epochs" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"lightning_logs has no checkpoints; .* such as .*/version_1$"):
        find_checkpoint("lightning_logs")
    assert find_checkpoint(f"{run}/checkpoints") == f"{run}/checkpoints/best.ckpt"
    assert find_run_checkpoint(f"{run}/checkpoints") == f"{run}/checkpoints/best.ckpt"
    with pytest.raises(UserError, match="the path of the checkpoint is empty"):
        find_checkpoint("")


def short_run() -> Path:
    assert main([*FIT_MOONS, "--trainer.max_epochs", "1"]) == 0
    return Path("lightning_logs/moons/version_0")


def test_a_link_is_the_checkpoint_of_the_run_that_it_points_to(capsys: pytest.CaptureFixture[str]) -> None:
    short_run().rename("run")
    Path("links").mkdir()
    Path("links", "best.ckpt").symlink_to("../run/checkpoints/best.ckpt")
    Path("link.ckpt").symlink_to("links/best.ckpt")
    assert Path(find_checkpoint("link.ckpt")).samefile("run/checkpoints/best.ckpt")
    assert main(["eject", "link.ckpt", "--out", "script.py"]) == 0
    capsys.readouterr()
    assert main(["diagnose", "link.ckpt"]) == 0
    assert capsys.readouterr().out.startswith("links/../run: BinaryClassifier")


def test_the_run_of_a_checkpoint_that_is_a_link_itself_is_where_it_is() -> None:
    best = short_run() / "checkpoints" / "best.ckpt"
    best.rename("object")
    best.symlink_to(Path("object").resolve())
    assert find_checkpoint(str(best)) == str(best)
    (run,) = summarize([best])["runs"]
    assert run["name"] == "moons/version_0"


def test_a_loop_of_links_is_no_checkpoint() -> None:
    Path("loop").symlink_to("loop")
    with pytest.raises(UserError, match="no checkpoint at loop"):
        summarize(["loop"])
