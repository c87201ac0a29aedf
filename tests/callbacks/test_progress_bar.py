"""The progress bar of the command line."""

import pytest

from lit_classify.cli.main import main

FIT = ["fit", "--config", "circles_v2", "--plots", "none", "--trainer.max_epochs", "3"]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_progress_bar_given_as_a_callback_replaces_the_default_one(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    assert main([*FIT, "--trainer.callbacks", "TQDMProgressBar"]) == 0
    shown = capsys.readouterr()
    output = shown.out + shown.err
    assert "train/loss=0.693" in output
    assert "val/accuracy=0.5" in output
    assert "3/3" not in output  # the command line's own bar counts epochs
