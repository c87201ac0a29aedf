"""Reading a run's checkpoints back."""

import inspect
import zipfile
from pathlib import Path
from typing import Any

import torch

from lit_classify import __version__
from lit_classify import data as datamodules
from lit_classify import modules as tasks
from lit_classify.data import InMemoryDataModule
from lit_classify.data.learned import Learned
from lit_classify.errors import UserError, note, refuse_address, unknown
from lit_classify.modules import LitModule
from lit_classify.modules.record import record
from lit_classify.saving import is_whole

RUNS = "lightning_logs"
TASKS: dict[str, type[LitModule]] = {
    name: getattr(tasks, name)
    for name in ("BinaryClassifier", "MulticlassClassifier", "MultilabelClassifier", "Regressor")
}

DATA: dict[str, type[InMemoryDataModule]] = {
    name: found
    for name in datamodules.__all__
    if inspect.isclass(found := getattr(datamodules, name))
    and issubclass(found, InMemoryDataModule)
    and not inspect.isabstract(found)
}


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint's tensors and plain data; nothing in it is run.

    Raises:
        UserError: no such file, not a checkpoint, or not one of lit_classify.
    """
    refuse_address(str(path))
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no checkpoint at {path}")
    if zipfile.is_zipfile(path) and not is_whole(path):
        raise UserError(f"corrupt checkpoint {path}{_instead(path)}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here; all mean that the file cannot be trusted
        reason = str(error).partition(".")[0] or ("it is empty" if not path.stat().st_size else repr(error))
        raise UserError(f"{path} is not a checkpoint that can be read: {reason}{_instead(path)}") from error
    record = checkpoint.get("lit_classify") if isinstance(checkpoint, dict) else None
    if not isinstance(record, dict) or not isinstance(record.get("model"), dict):
        raise UserError(f"{path} is a checkpoint, but lit_classify {__version__} did not write it")
    _check_release(path, record)
    content: dict[str, Any] = checkpoint
    return content


def _check_release(path: Path, record: dict[str, Any]) -> None:
    """Raise UserError if another release wrote what this one does not know; some things may be lacking."""
    strange = [
        f"{part}.{name}"
        for part, known in (("model", TASKS), ("data", DATA))
        if (task := known.get(record.get(part, {}).get("class_path")))
        for name in record[part]["init_args"].keys() - _arguments(task)
    ]
    learned = record.get("data", {}).get("init_args", {}).get("learned")
    if not strange and learned is not None:
        try:
            Learned.from_dict(learned)
        except (KeyError, TypeError, ValueError) as error:
            strange = [f"data.learned, {type(error).__name__}: {error}"]
    if strange:
        raise UserError(
            f"lit_classify {record.get('version', 'of unknown version')} wrote {path}, and this is "
            f"{__version__}, which does not understand it ({strange[0]}): read it with the one that wrote it"
        )


def _arguments(built: type) -> set[str]:
    """Return the names of a class's constructor arguments, those that it hands on too."""
    makers = [vars(base)["__init__"] for base in built.__mro__ if "__init__" in vars(base)]
    return {name for maker in makers[:-1] for name in inspect.signature(maker).parameters}


def epochs(path: str | Path) -> int:
    """Return how many whole epochs were trained before a checkpoint was written.

    Raises:
        UserError: as ``read`` does.
    """
    completed: int = read(path)["loops"]["fit_loop"]["epoch_progress"]["current"]["completed"]
    return completed


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
    if record["class_path"] not in DATA:
        raise UserError(unknown("data module in the checkpoint", record["class_path"], DATA))
    return DATA[record["class_path"]](**record["init_args"])


def resolve(path: str, runs: Path = Path(RUNS)) -> str:
    """Return the path of a checkpoint; ``last`` and ``best`` stand for the newest of that name that is whole.

    Args:
        path: a path, or ``last`` or ``best``.
        runs: the folder that runs lie in, at any depth.

    Raises:
        UserError: there is none.
    """
    if path not in {"last", "best"} or Path(path).is_file():
        return path
    found = _newest_first(runs, f"{path}.ckpt")
    for candidate in found:
        if is_whole(candidate):
            note(f"{path} is {candidate}")
            return str(candidate)
        note(f"corrupt checkpoint {candidate}; an older one is taken")
    raise UserError(f"no {path}.ckpt that is whole in {runs}")


def _newest_first(folder: Path, name: str) -> list[Path]:
    return sorted(folder.rglob(f"checkpoints/{name}"), key=lambda path: path.stat().st_mtime, reverse=True)


def _instead(path: Path) -> str:
    """Name the newest checkpoint of the same run, or of its neighbours, that is whole."""
    for folder in (path.parent.parent, path.parent.parent.parent):
        for candidate in _newest_first(folder, "*.ckpt"):
            if candidate != path and is_whole(candidate):
                return f"; newest valid is {candidate}"
    return ""


def check_same_model(path: str | Path, model: LitModule) -> None:
    """Hold a model against the checkpoint whose weights it is to take.

    Raises:
        UserError: a setting that shapes the model or its training is another; names both values.
    """
    recorded = read(path)["lit_classify"]["model"]
    built = record(model)
    if recorded["class_path"] != built["class_path"]:
        raise UserError(f"{path} holds a {recorded['class_path']}, but the model is a {built['class_path']}")
    for name, value in built["init_args"].items():
        before = recorded["init_args"].get(name, value)
        if before != value:
            raise UserError(
                f"model.{name} is {before!r} in {path}, but {value!r} was given; leave it out, or train anew"
            )


def check_same_data(path: str | Path, data: InMemoryDataModule) -> None:
    """Hold data against that which a run was trained on, before it goes on.

    Raises:
        UserError: a setting or the table is another, so that rows would change sides; names both values.
    """
    recorded, built = read(path)["lit_classify"].get("data"), record(data)
    if recorded is None or recorded["class_path"] != built["class_path"]:
        was = "other data" if recorded is None else f"a {recorded['class_path']}"
        raise UserError(f"{path} was trained on {was}, but the data is a {built['class_path']}; train anew")
    learned = [part["init_args"].get("learned") or {} for part in (recorded, built)]
    if learned[0].get("fingerprint") != learned[1].get("fingerprint"):
        raise UserError(f"{path} was trained on another table than {built['init_args']['path']}; train anew")
    for name, value in built["init_args"].items():
        before = recorded["init_args"].get(name, value)
        if before != value and not name.endswith("path") and name != "learned":
            raise UserError(
                f"data.{name} is {before!r} in {path}, but {value!r} was given; leave it out, or train anew"
            )


def check_epochs(path: str | Path, max_epochs: int | None) -> None:
    """Raise UserError if a run has had more epochs than it is to have."""
    before = epochs(path)
    if max_epochs is not None and 0 <= max_epochs < before:
        raise UserError(
            f"{path} has had {before} epochs, but --trainer.max_epochs is {max_epochs}; give more, or test it"
        )


def check_network(path: str | Path, recorded: str | None, given: str | None) -> None:
    """Raise UserError unless the network that the checkpoint names is the one that the user named."""
    if recorded != given:
        raise UserError(
            f"{path} was trained with the network {recorded!r}, but {given!r} was given: "
            "a checkpoint imports only what you name yourself"
        )
