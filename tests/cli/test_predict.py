"""predict: the output file."""

from pathlib import Path

import pytest

from lit_classify.cli.main import main

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
