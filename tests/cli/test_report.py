"""The command ``report`` and ``fit --report``: what is written, and refused arguments."""

import json
from pathlib import Path

import pytest

from lit_classify.cli.main import main

FIT = ["fit", "--config", "circles_v2", "--plots", "[snapshots]", "--trainer.max_epochs", "5"]
RUN = "lightning_logs/circles_v2/version_0"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["html", "md", "json"])
def test_a_report_is_written_in_each_format(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(FIT) == 0
    capsys.readouterr()
    assert main(["report", RUN, "--format", form]) == 0
    assert capsys.readouterr().out == f"Report: report.{form}\n"
    content = Path(f"report.{form}").read_text(encoding="utf-8")
    assert "circles_v2" in content.replace("\\", "")
    if form == "json":
        assert json.loads(content)["runs"][0]["epochs"] == 5
    assert main(["report", RUN, "--format", form]) == 2
    assert f"report.{form} already exists; add --overwrite" in capsys.readouterr().err
    assert main(["report", RUN, "--format", form, "--overwrite"]) == 0


def test_fit_writes_the_report_of_its_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FIT, "--report"]) == 0
    assert capsys.readouterr().out.endswith(f"Report: {RUN}/report.html\n")
    assert Path(RUN, "report.html").stat().st_size < 300_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no/such/run"], "no checkpoint at no/such/run"),
        ([], "RUN"),
        (["best"], "no intact best.ckpt"),
        ([RUN, "--out", "no/such/report.html"], "no directory no/such"),
        ([RUN, "--format", "pdf"], "invalid choice: 'pdf'"),
    ],
)
def test_unusable_arguments_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments]) == 2
    assert message in capsys.readouterr().err
