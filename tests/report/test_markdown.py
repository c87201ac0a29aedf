"""Markdown of one run and of several."""

import pytest

from lit_classify.cli.main import main
from lit_classify.report.markdown import render_markdown
from lit_classify.report.summary import summarize

FIT = ["fit", "--config", "circles_v1", "--plots", "none", "--trainer.max_epochs", "3"]


@pytest.mark.slow
def test_several_runs_are_compared_by_metrics_and_differing_settings() -> None:
    assert main(FIT) == 0
    assert main([*FIT, "--model.lr", "0.01"]) == 0
    runs = [f"lightning_logs/circles_v1/version_{version}" for version in (0, 1)]
    lines = render_markdown(summarize(runs)).splitlines()
    assert lines[0] == "# Runs"
    header = [cell.strip() for cell in lines[2].split("|")[1:-1]]
    assert header[:3] == ["run", "loss", "accuracy"]
    assert header[-1] == r"model.lr"
    assert lines[4].split("|")[-2].strip() == "0.1"
    assert lines[5].split("|")[-2].strip() == "0.01"
    alone = render_markdown(summarize(runs[:1]))
    assert alone.startswith(r"# circles\_v1/version\_0")
    assert "| accuracy | 0." in alone
    assert "## Problems\n\n- all layers are linear: " in alone
