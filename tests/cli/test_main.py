"""The help of the command line, what it prints on a terminal, and the threads of torch."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from lit_classify.cli.main import COMMANDS, main
from tests.terminal import run_in_terminal


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {command} " in printed for command in COMMANDS)
    assert "Course mode" in printed


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_fits_80_columns_and_describes_each_option(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    overview, _, _ = capsys.readouterr().out.partition("all options:")  # which are Lightning's, too
    assert max(map(len, overview.splitlines())) <= 80
    for line, following in pairwise([*overview.splitlines(), ""]):
        if re.match("  -", line):
            assert re.search(r"\S  +\S", line) or re.match(r" {24,}\S", following), line


FIT = ("fit", "--config", "circles_v2", "--trainer.max_epochs", "400", "--plots", "none")


@pytest.mark.slow
def test_a_terminal_shows_at_once_that_a_command_starts_then_losses_and_colors() -> None:
    output, times = run_in_terminal(*FIT)
    assert output.startswith("starting...\r\n")
    assert times[0] < 0.3  # the imports take most of the time
    assert "\x1b[32mBest:  epoch 399" in output
    assert "Loss: 0.69295, Acc: 50.00% | \x1b[32mTest loss: 0.69319, Acc: 50.00%\x1b[0m" in output
    bars = re.findall(
        r"\r( *\d+%\|[^\r]{10,}\| \d+/400 epochs \[[^\r]*, loss 0\.6\d+, val loss 0\.6\d+\])", output
    )
    assert bars
    assert max(map(len, bars)) < 80


@pytest.mark.slow
def test_no_color_disables_colors_on_a_terminal() -> None:
    output, _ = run_in_terminal(*FIT[:4], "3", *FIT[5:], NO_COLOR="1")
    assert "\x1b[3" not in output
    assert "Best:  epoch 2" in output


def test_nothing_but_results_is_written_to_pipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FIT[:4], "3"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("circles_v2: ")
    assert captured.err == ""
    assert "\x1b" not in captured.out


@pytest.mark.slow
def test_threads_of_torch_do_not_wait_actively_for_long() -> None:
    command = [sys.executable, "-m", "lit_classify", "fit", "--help"]  # it imports torch, as every fit does
    environment = {**os.environ, "OMP_DISPLAY_ENV": "verbose"}
    for value, expected in ((None, "1000"), ("7", "7")):
        settings = environment | ({"GOMP_SPINCOUNT": value} if value else {})
        done = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
        if "GOMP_SPINCOUNT" not in done.stderr:
            pytest.skip("torch's threads are not those of libgomp")
        assert f"GOMP_SPINCOUNT = '{expected}'" in done.stderr


def test_the_home_directory_is_found_after_an_equals_sign_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main([*FIT[:3], "--trainer.max_epochs=1", "--trainer.default_root_dir=~/runs"]) == 0
    assert (tmp_path / "runs/lightning_logs/circles_v2/version_0").is_dir()
