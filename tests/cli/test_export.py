"""The command export: its arguments."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lit_classify import BinaryClassifier, CirclesDataModule, UserError, load
from lit_classify.cli import export
from lit_classify.cli.main import main
from tests.training import trainer


def test_invalid_arguments_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("full").mkdir()
    Path("full/file").touch()
    for arguments, message in (
        (["nowhere.ckpt"], "no checkpoint at nowhere.ckpt"),
        (["nowhere.ckpt", "--out", "full"], "full is not empty; add --overwrite"),
        (["nowhere.ckpt", "--out", "full/file"], "not a directory"),
        (["nowhere.ckpt", "--format", "onx"], "invalid choice: 'onx'"),
        ([], "required: checkpoint"),
    ):
        assert main(["export", *arguments]) == 2
        assert message in capsys.readouterr().err
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    assert main(["export", "nowhere.ckpt"]) == 2
    assert "pip install onnx onnxscript onnxruntime" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["full"]


def test_the_chosen_checkpoint_is_a_note_of_one_line() -> None:
    assert main(["fit", "--config", "circles_v2", "--trainer.max_epochs", "1", "--plots", "none"]) == 0
    best = "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"
    command = [sys.executable, "-m", "lit_classify", "export", "best", "--format", "safetensors"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == f"lit-classify: note: best is {best}\n"


class OwnClassifier(BinaryClassifier):
    """A module of a user."""


def test_a_custom_module_is_exported_if_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    made = trainer(max_epochs=1)
    made.fit(OwnClassifier(2), CirclesDataModule())
    made.save_checkpoint("own.ckpt")
    arguments = ["export", "own.ckpt", "--format", "safetensors"]
    assert main(arguments) == 2
    (advice,) = re.findall("add (--model .*)", capsys.readouterr().err)
    assert main([*arguments, *advice.split()]) == 0
    with pytest.raises(UserError, match="OwnClassifier; use load_from_checkpoint of that class"):
        load("own.ckpt")
    assert isinstance(OwnClassifier.load_from_checkpoint("own.ckpt"), OwnClassifier)
