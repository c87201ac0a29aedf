"""Common usage of Lightning works with a plain Trainer and on the command line."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
import yaml

from lit_classify.cli.main import main
from tests.runs import FIT_MOONS

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*no .val_dataloader")


def trainer(**settings: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return L.Trainer(**{**quiet, "enable_model_summary": False, "accelerator": "cpu", **settings})


OWN = "tests.custom_networks."


def test_custom_activations_and_optimizers_run_from_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = ["--model.activation", f"{OWN}OwnTanh", "--model.optimizer", "tests.custom_optimizers.OwnSGD"]
    assert main([*FIT, *own]) == 0
    assert main([*FIT, "--model.activation", "Tanh"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert rows
    assert rows[: len(rows) // 2] == rows[len(rows) // 2 :]
    path = "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"
    assert main(["test", "--ckpt_path", path]) == 2
    assert "only what you name yourself" in capsys.readouterr().err
    assert main(["test", "--ckpt_path", path, "--model.activation", f"{OWN}OwnTanh"]) == 0
    assert main([*FIT[:-1], "5", *own, "--ckpt_path", path]) == 0
    assert main(["plot", path, "--activation", f"{OWN}OwnTanh"]) == 0


FIT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


def test_check_val_every_n_epoch_sets_the_epochs_that_are_validated_and_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*FIT[:-1], "6", "--trainer.check_val_every_n_epoch", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    epochs = [line.split("|")[0].split()[1] for line in printed if line.startswith("Epoch")]
    assert {"0", "2", "4"} <= set(epochs)
    assert not {"1", "3"} & set(epochs)
    assert all("Test loss" in line for line in printed if line.startswith("Epoch"))
    config = yaml.safe_load(Path("lightning_logs/circles_v2/version_0/config.yaml").read_text())
    assert config["log_every_n_epochs"] == 2
    assert main([*FIT, "--trainer.check_val_every_n_epoch", "1", "--log_every_n_epochs", "1"]) == 0
    again = [
        "fit",
        "--config",
        "lightning_logs/circles_v2/version_0/config.yaml",
        "--log_every_n_epochs",
        "3",
    ]
    assert main([*again, "--trainer.max_epochs", "2"]) == 0


@pytest.mark.parametrize("word", ["none", "None", "null"])
def test_none_and_null_on_the_command_line_are_none(word: str) -> None:
    options = ["--model.activation", word, "--data.batch_size", word, "--model.lr_scheduler", word]
    assert main([*FIT, *options, "--plots", "none", "--trainer.gradient_clip_val", word]) == 0
    recorded = torch.load("lightning_logs/circles_v2/version_0/checkpoints/last.ckpt", weights_only=True)
    assert recorded["lit_classify"]["model"]["init_args"]["activation"] is None
    assert recorded["lit_classify"]["data"]["init_args"]["batch_size"] is None


OWN_FILE = """
import lightning.pytorch as L
import torch
from pathlib import Path
Path("imported").touch()
class Net(torch.nn.Linear): ...
class Model(L.LightningModule): ...
class Data(L.LightningDataModule): ...
def function(): ...
"""


@pytest.mark.parametrize(
    ("part", "name", "base", "guess"),
    [
        ("model", "Model", "lit_classify.LitModule", "BinaryClassifier"),
        ("data", "Data", "lit_classify.data.InMemoryDataModule", "TableDataModule"),
        ("model", "Net", "lit_classify.LitModule", "BinaryClassifier"),
        ("data", "function", "lit_classify.data.InMemoryDataModule", "TableDataModule"),
    ],
)
def test_the_message_for_a_class_of_lightning_names_the_class_to_extend(
    part: str, name: str, base: str, guess: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own_file_of_mine.py").write_text(OWN_FILE)
    assert main([*FIT, f"--{part}", f"own_file_of_mine.{name}"]) == 2
    said = capsys.readouterr().err
    assert f"--{part} own_file_of_mine.{name} must extend {base}, as {guess} does" in said
    assert len(said.splitlines()) == 1


@pytest.mark.reliability(38)
@pytest.mark.parametrize(
    ("options", "package"),
    [
        (["--trainer.logger", "WandbLogger"], "wandb"),
        (["--trainer.callbacks", "RichProgressBar"], "rich"),
        (["--trainer.strategy", "deepspeed"], "deepspeed"),
    ],
)
def test_a_missing_package_is_named(
    options: list[str], package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if find_spec(package):
        pytest.skip(f"{package} is here")
    assert main([*FIT_MOONS, *options]) == 2
    said = capsys.readouterr().err
    assert package in said
    assert "pip install" in said
    assert len(said.splitlines()) == 1
    assert not list(Path().iterdir())
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--help"])
