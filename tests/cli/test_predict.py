"""predict: the output file."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from lit_classify import TableDataModule, load
from lit_classify.cli.main import main
from tests.example_tables import write

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


def test_the_spread_is_the_standard_deviation_over_members() -> None:
    rows = [f"{n % 7},{n % 5},{'yes' if n % 3 else 'no'}" for n in range(60)]
    write("\n".join(["a,b,y", *rows]))
    fit = ["fit", "--config", "table", "--data.path", "t.csv", "--data.target", "y", "--plots", "none"]
    assert main([*fit, "--trainer.max_epochs", "2", "--data.folds", "4"]) == 0
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    assert main(["predict", "--ckpt_path", checkpoint, "--spread"]) == 0
    predicted = pl.read_csv("predictions.csv")
    assert predicted.columns == ["prediction", "p_no", "p_yes", "spread_no", "spread_yes"]
    model, data = load(checkpoint), TableDataModule("t.csv", "y", folds=4, scaling="robust")
    (x,) = next(iter(data.predict_dataloader()))
    with torch.no_grad():
        p = torch.sigmoid(model.network(x)).squeeze(2)
    assert np.allclose(predicted["p_yes"], p.mean(dim=0), atol=1e-6)
    assert np.allclose(predicted["spread_yes"], p.std(dim=0), atol=1e-6)


def test_a_single_network_has_no_spread(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SHORT) == 0
    assert main(["predict", "--ckpt_path", "best", "--spread"]) == 2
    assert "--spread needs several members" in capsys.readouterr().err
