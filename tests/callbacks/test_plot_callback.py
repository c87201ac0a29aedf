"""What a run logs to TensorBoard, read back with TensorBoard's own reader."""

import pytest
import torch
from matplotlib import pyplot
from sklearn.datasets import load_diabetes, load_wine

from lit_classify import (
    plots,
)
from lit_classify.cli.main import main
from tests.event_files import events, logged_text
from tests.example_tables import bundled, write


def test_plots_do_not_change_the_trained_weights() -> None:
    dropout = ["--model.dropout", "0.3", "--data.batch_size", "64"]
    for level in ("none", "all"):
        assert main([*SHORT, level, *dropout]) == 0
    without_plots, with_plots = (
        torch.load(f"lightning_logs/circles_v2/version_{run}/checkpoints/last.ckpt", weights_only=True)
        for run in (0, 1)
    )
    for name, weight in without_plots["state_dict"].items():
        assert torch.equal(weight, with_plots["state_dict"][name]), name
    assert pyplot.get_fignums() == []


@pytest.mark.slow
def test_each_task_logs_its_plots() -> None:
    wine = str(bundled(load_wine, "wine.csv"))
    fit = ["fit", "--config", "table", "--trainer.max_epochs", "3", "--plots", "all", "--data.target"]
    assert main([*fit, "target", "--data.path", wine]) == 0
    logged = events("table/version_0")
    assert {
        "plots/boundary",
        "plots/boundary_animation",
        "plots/confusion_matrix",
        "plots/calibration_curve",
    } <= set(logged.Tags()["images"])
    assert logged_text(logged, "worst_rows").count("\n") == 11
    assert logged_text(logged, "worst_rows").count("x0") == 1  # in the header of the table
    assert "x12" in logged_text(logged, "about")
    assert main([*fit, "target", "--data.path", str(bundled(load_diabetes, "d.csv"))]) == 0
    assert set(events("table/version_1").Tags()["images"]) == {"plots/predicted_vs_actual", "plots/errors"}
    rows = [f"{n},{n % 5},{n % 2},{int(n % 3 == 0)}" for n in range(90)]
    write("x,z,even,third\n" + "\n".join(rows))
    single = ["--data.folds", "0", "--model.members", "1", "--model.numeric_embedding", "null"]
    assert main([*fit, "[even, third]", "--data.path", "t.csv", *single]) == 0
    assert set(events("table/version_2").Tags()["images"]) == {
        "plots/hidden_units_1",
        "plots/hidden_units_2",
        "plots/roc",
        "plots/precision_and_recall",
        "plots/calibration_curve",
    }
    assert main(["fit", "--config", "line", "--trainer.max_epochs", "3"]) == 0
    assert {"plots/boundary", "plots/boundary_animation", "plots/predicted_vs_actual", "plots/errors"} == set(
        events("line/version_0").Tags()["images"]
    )


@pytest.mark.reliability(62)
@pytest.mark.parametrize("function", ["confusion_matrix", "grid"])
def test_an_error_while_drawing_skips_only_that_plot(
    function: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(plots, function, fail)
    skipped = {"confusion_matrix": "confusion_matrix", "grid": "decision boundary"}[function]
    assert main([*SHORT, "basic"]) == 0
    all_tags = {"plots/boundary", "plots/boundary_animation", "plots/confusion_matrix"}
    skipped_tags = {
        "confusion_matrix": {"plots/confusion_matrix"},
        "grid": {"plots/boundary", "plots/boundary_animation"},
    }[function]
    assert set(events("circles_v2/version_0").Tags()["images"]) == all_tags - skipped_tags
    output = capsys.readouterr()
    assert "Trained 7 epochs" in output.out
    assert output.err.count(f"plot {skipped} skipped: no room") == 1


SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "7", "--plots"]
