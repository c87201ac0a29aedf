"""Recorded classes and arguments that this release supports and that belong to one table."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lit_classify.checkpoints import checkpoint, io
from lit_classify.cli.main import main
from tests.checkpoints.altered import COMMANDS, QUICK, RESUME, altered_table, table
from tests.runs import table_run


@pytest.mark.reliability(56)
@pytest.mark.parametrize("altered", ["encoders", "classes"])
def test_a_model_that_does_not_fit_the_recorded_table_is_refused(
    altered: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *table(), *QUICK, "1"]) == 0
    content = torch.load("lightning_logs/table/version_0/checkpoints/last.ckpt", weights_only=True)
    state = content["lit_classify"]["data"]["init_args"]["fitted_state"]
    if altered == "encoders":
        state["encoders"].pop()
    else:
        state["target"]["class_names"].append("maybe")
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    for command in COMMANDS:
        assert main([*command, "altered.ckpt"]) == 2
        assert "of its model and of its data differ" in capsys.readouterr().err


@pytest.mark.reliability(56)
def test_a_table_without_a_fitted_state_is_refused(
    original_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = altered_table(original_table)
    content["lit_classify"]["data"]["init_args"]["fitted_state"] = None
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    for command in (*COMMANDS, RESUME):
        assert main([*command, "altered.ckpt"]) == 2, command
        (line,) = capsys.readouterr().err.splitlines()
        assert "preprocessing of its table is missing" in line


RUN = "lightning_logs/moons/version_{}/checkpoints/last.ckpt"


FIT = ["fit", "--config", "moons", "--plots", "none", "--model.dropout", "0.3"]


@pytest.mark.reliability(40)
@pytest.mark.parametrize(
    ("change", "setting"),
    [
        (lambda record: record["model"]["init_args"].update(magic=1), "model.magic"),
        (lambda record: record["data"]["init_args"].update(magic=1), "data.magic"),
        (
            lambda record: record["data"]["init_args"]["fitted_state"].pop("target"),
            "data.fitted_state, KeyError: 'target'",
        ),
    ],
)
def test_an_unknown_setting_of_another_release_is_refused_with_its_version(
    change: Any, setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table_run()
    content = torch.load(path, weights_only=True)
    content["lit_classify"]["version"] = "7.1"
    change(content["lit_classify"])
    torch.save(content, path)
    capsys.readouterr()
    for command in (["test", "--ckpt_path", str(path)], ["plot", str(path)]):
        assert main(command) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"lit_classify 7.1 wrote {path}" in line
        assert setting in line


@pytest.mark.reliability(40)
def test_a_checkpoint_of_the_first_release_is_loaded_and_resumed() -> None:
    assert main([*FIT, "--trainer.max_epochs", "1"]) == 0
    content = torch.load(RUN.format(0), weights_only=True)
    record = content["lit_classify"]
    del record["seed"], record["sealed"]
    first = {"in_features", "out_features", "class_names", "hidden", "activation", "dropout", "network"}
    first |= {"network_args", "optimizer", "lr", "optimizer_args", "lr_scheduler", "lr_scheduler_args"}
    record["model"]["init_args"] = {k: v for k, v in record["model"]["init_args"].items() if k in first}
    torch.save(content, "first.ckpt")
    assert main(["test", "--ckpt_path", "first.ckpt"]) == 0
    assert main([*FIT, "--trainer.max_epochs", "2", "--ckpt_path", "first.ckpt"]) == 0
    assert checkpoint.Checkpoint.read(RUN.format(1)).epochs == 2
