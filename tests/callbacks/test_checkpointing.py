"""When checkpoints are saved, and when not."""

from pathlib import Path

import pytest

from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.main import main
from tests.runs import FIT_MOONS, MOONS_CHECKPOINT


@pytest.mark.reliability(11)
def test_nan_validation_losses_save_no_best_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    network = ["--model.network", "tests.custom_networks.NoNumberOutsideTraining"]
    assert main([*FIT_MOONS[:3], "--plots", "none", *network, "--trainer.max_epochs", "2"]) == 0
    assert [path.name for path in Path(MOONS_CHECKPOINT.format(0)).parent.iterdir()] == ["last.ckpt"]
    assert "last.ckpt" in capsys.readouterr().out


FIT = ["fit", "--config", "circles_v2", "--plots", "none", "--trainer.max_epochs", "3"]


@pytest.mark.reliability(61)
@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (["--trainer.fast_dev_run", "true"], "--trainer.fast_dev_run"),
        (["--trainer.fast_dev_run", "2"], "--trainer.fast_dev_run"),
        (["--trainer.enable_checkpointing", "false"], "--trainer.enable_checkpointing false"),
        (
            ["--trainer.enable_checkpointing", "false", "--trainer.logger", "false"],
            "--trainer.enable_checkpointing false",
        ),
    ],
)
def test_a_fit_without_checkpoints_prints_the_reason(
    option: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*FIT, *option]) == 0
    assert f"No checkpoint was saved: {reason}\n" in capsys.readouterr().out
    assert not list(Path().rglob("*.ckpt"))
    logs = option == ["--trainer.enable_checkpointing", "false"]
    assert Path("lightning_logs").exists() == logs


def test_a_run_that_was_moved_is_resumed_with_its_best_checkpoint() -> None:
    fit = ["fit", "--config", "circles_v2", "--plots", "none", "--log_every_n_epochs", "1", "--model.lr", "5"]
    assert main([*fit, "--trainer.max_epochs", "20"]) == 0
    Path("lightning_logs").rename("moved")
    moved = Path("moved/circles_v2/version_0/checkpoints")
    assert main([*fit, "--trainer.max_epochs", "21", "--ckpt_path", str(moved / "last.ckpt")]) == 0
    best = Checkpoint.read("lightning_logs/circles_v2/version_0/checkpoints/best.ckpt")
    assert best.epochs == Checkpoint.read(moved / "best.ckpt").epochs < 20
