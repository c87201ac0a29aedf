"""Reading a run's checkpoints back."""

from pathlib import Path
from typing import Any

import torch

from lit_classify import __version__
from lit_classify import data as datamodules
from lit_classify import modules as tasks
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError, unknown
from lit_classify.modules import LitModule

TASKS: dict[str, type[LitModule]] = {
    name: getattr(tasks, name)
    for name in ("BinaryClassifier", "MulticlassClassifier", "MultilabelClassifier", "Regressor")
}


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint's tensors and plain data; nothing in it is run.

    Raises:
        UserError: no such file, not a checkpoint, or not one of lit_classify.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no checkpoint at {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here; all mean that the file cannot be trusted
        raise UserError(
            f"{path} is not a checkpoint that can be read: {str(error).partition('.')[0]}"
        ) from error
    record = checkpoint.get("lit_classify") if isinstance(checkpoint, dict) else None
    if not isinstance(record, dict) or not isinstance(record.get("model"), dict):
        raise UserError(f"{path} is a checkpoint, but lit_classify {__version__} did not write it")
    content: dict[str, Any] = checkpoint
    return content


def load(path: str | Path, network: str | None = None) -> LitModule:
    """Build the module that wrote a checkpoint, with its weights, in evaluation mode.

    Args:
        path: the checkpoint.
        network: import path of the network, for a checkpoint that was trained with one's own: a file never
            names code to import by itself.

    Raises:
        UserError: the file cannot be used, or it needs ``network``.
    """
    checkpoint = read(path)
    record = checkpoint["lit_classify"]["model"]
    if record["class_path"] not in TASKS:
        raise UserError(unknown("module in the checkpoint", record["class_path"], TASKS))
    init_args = dict(record["init_args"])
    check_network(path, init_args.get("network"), network)
    module = TASKS[record["class_path"]](**init_args)
    module.load_state_dict(checkpoint["state_dict"])
    return module.eval()


def load_data(path: str | Path) -> InMemoryDataModule:
    """Build the data module that a checkpoint was trained on.

    Raises:
        UserError: the file does not say which, it is none of lit_classify's, or its data is not there.
    """
    record = read(path)["lit_classify"].get("data")
    if record is None:
        raise UserError(f"{path} does not say which data it was trained on")
    known = {name: getattr(datamodules, name) for name in datamodules.__all__ if name.endswith("DataModule")}
    if record["class_path"] not in known:
        raise UserError(unknown("data module in the checkpoint", record["class_path"], known))
    data: InMemoryDataModule = known[record["class_path"]](**record["init_args"])
    return data


def check_network(path: str | Path, recorded: str | None, given: str | None) -> None:
    """Raise UserError unless the network that the checkpoint names is the one that the user named."""
    if recorded != given:
        raise UserError(
            f"{path} was trained with the network {recorded!r}, but {given!r} was given: "
            "a checkpoint imports only what you name yourself"
        )
