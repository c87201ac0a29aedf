"""The command ``report`` and ``fit --report``: what is written, and refused arguments."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from lit_classify import BinaryClassifier, TableDataModule
from lit_classify.cli.main import main
from tests.training import trainer

FIT = ["fit", "--config", "circles_v2", "--plots", "[snapshots]", "--trainer.max_epochs", "5"]
RUN = "lightning_logs/circles_v2/version_0"


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["html", "md", "json"])
def test_a_report_is_written_in_each_format(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(FIT) == 0
    capsys.readouterr()
    assert main(["report", RUN, "--format", format_]) == 0
    assert capsys.readouterr().out == f"Report: report.{format_}\n"
    content = Path(f"report.{format_}").read_text(encoding="utf-8")
    assert "circles_v2" in content.replace("\\", "")
    if format_ == "json":
        assert json.loads(content)["runs"][0]["epochs"] == 5
    assert main(["report", RUN, "--format", format_]) == 2
    assert f"report.{format_} already exists; add --overwrite" in capsys.readouterr().err
    assert main(["report", RUN, "--format", format_, "--overwrite"]) == 0


def test_a_report_of_a_dataframe_takes_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pl.DataFrame({"size": range(60), "target": ["small", "large"] * 30})
    data = TableDataModule(frame, "target")
    made = trainer(max_epochs=1)
    made.fit(BinaryClassifier(data.in_features, class_names=data.class_names), data)
    made.save_checkpoint("frame.ckpt")
    frame.write_csv("frame.csv")
    assert main(["report", "frame.ckpt"]) == 2
    assert "give a table with --data.path FILE" in capsys.readouterr().err
    assert main(["report", "frame.ckpt", "--data.path", "frame.csv"]) == 0


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
        ([RUN, "--out", "report.pdf"], "report.pdf must end in one of .html, .json, .md"),
    ],
)
def test_unusable_arguments_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is nan:lit_classify.errors.DataWarning")
def test_the_report_of_a_run_that_diverged_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FIT, "--model.lr", "1e20"]) == 3
    for out in ("page.html", "report.json"):
        assert main(["report", RUN, "--out", out]) == 0
    page = Path("page.html").read_text(encoding="utf-8").replace("NaN or infinite", "")
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
    run = json.loads(Path("report.json").read_text(encoding="utf-8"))["runs"][0]
    assert run["curves"].keys() == {"train/loss", "train/accuracy", "val/accuracy"}
    assert main(["diagnose", RUN]) == 0
    assert "training has diverged" in capsys.readouterr().out
