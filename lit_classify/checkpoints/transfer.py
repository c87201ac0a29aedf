"""Transfer learning: weights of a checkpoint as the initial weights of another model."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lit_classify.checkpoints.checkpoint import Checkpoint, consistent
from lit_classify.checkpoints.compatibility import TASKS
from lit_classify.checkpoints.seen_rows import warn_seen_rows
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.errors import UserError
from lit_classify.modules import LitModule
from lit_classify.networks import layer_names


class Transfer(NamedTuple):
    """What ``init_from`` did.

    Attributes:
        path: the checkpoint.
        taken: names of the layers whose weights were taken.
        new: names of the layers that keep their random weights, and the reasons.
        frozen: names of the layers that are not trained.

    Examples:
        >>> print(Transfer(Path("best.ckpt"), ["0", "2"], {"4": "other classes"}, ["0"]))
        Weights from best.ckpt: layers 0, 2; new: 4 (other classes); frozen: 0
    """

    path: Path
    taken: list[str]
    new: dict[str, str]
    frozen: list[str]

    def __str__(self) -> str:
        """Name the layers in one line."""
        names: dict[str, list[str]] = {}
        for name, reason in self.new.items():
            names.setdefault(reason, []).append(name)
        new = ", ".join(f"{', '.join(layers)} ({reason})" for reason, layers in names.items())
        sections = {"": f"layers {', '.join(self.taken)}", "new: ": new, "frozen: ": ", ".join(self.frozen)}
        texts = [title + layers for title, layers in sections.items() if layers]
        return f"Weights from {self.path}: {'; '.join(texts)}"


class _Layer(NamedTuple):
    name: str
    tensors: dict[str, Tensor]  # parameters and buffers by name, of the storage of the state dict


def init_from(
    model: LitModule, checkpoint: Checkpoint | str | Path, data: InMemoryDataModule | None = None
) -> Transfer:
    """Take the weights of a checkpoint, layer by layer, as the initial weights of a model.

    A layer stays new if its shape differs. So do the first layer and the embeddings before it if the inputs
    differ, and the last layer if the classes or the task differ. Linear layers of the networks of
    lit_classify correspond by their order, so that activation and dropout may differ; all other layers
    correspond by their names.

    Args:
        model: the model, before its fit. The layers named in its argument ``freeze`` are not trained.
        checkpoint: the checkpoint, or its path. It is read as data: no code in it is run.
        data: the data module of the fit, whose columns are compared with the recorded ones. The weights of a
            table's first layer belong to its preprocessing: see ``preprocessing`` of ``TableDataModule``.
            A warning is issued if the weights were trained on validation or test rows.

    Raises:
        UserError: the file is not valid, no layer fits, the number of members differs, or a frozen layer
            would keep its random weights.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from lightning.pytorch import Trainer
        >>> from lit_classify import BlobsDataModule, MulticlassClassifier
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> trainer = Trainer(max_epochs=2, accelerator="cpu", enable_checkpointing=False, **quiet)
        >>> trainer.fit(MulticlassClassifier(2, 4, hidden=[8, 8]), BlobsDataModule(num_samples=100))
        >>> model = MulticlassClassifier(2, 3, hidden=[8, 8], freeze=["0"])
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "best.ckpt")
        ...     trainer.save_checkpoint(path)
        ...     transfer = init_from(model, path)
        ...
        >>> transfer.taken, transfer.new, transfer.frozen
        (['0', '2'], {'4': 'shape (3, 8), not (4, 8)'}, ['0'])
    """
    source = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint.read(checkpoint)
    with consistent(source.path):
        return _transfer(model, source, data)


def _transfer(model: LitModule, source: Checkpoint, data: InMemoryDataModule | None) -> Transfer:
    """Take the weights of a checkpoint as the initial weights of a model; see ``init_from``."""
    _check_members(source, model)
    built_in = model.hparams["network"] is None and source.model.init_args.get("network") is None
    weights, initial_weights = source.weights, model.state_dict()
    recorded_layers, layers = (dict(_layers(state, built_in)) for state in (weights, initial_weights))
    names = layer_names(model.network)
    layers = {key: layer for key, layer in layers.items() if layer.name in names}
    is_embedding = [".tables." in layer.name or ".numbers." in layer.name for layer in layers.values()]
    first_layers, last_layer = list(layers)[: 1 + sum(is_embedding)], next(reversed(layers), "")
    reasons: dict[str, str | None] = dict.fromkeys(first_layers, _other_inputs(source, model, data))
    reasons[last_layer] = reasons.get(last_layer) or _other_outputs(source, model)
    mismatches = {
        key: _mismatch(layer, recorded_layers.get(key)) or reasons.get(key) for key, layer in layers.items()
    }
    new = {layers[key].name: reason for key, reason in mismatches.items() if reason}
    taken = [key for key, reason in mismatches.items() if not reason]
    if not taken:
        problems = "; ".join(f"{name or 'the layer'}: {reason}" for name, reason in new.items())
        raise UserError(f"no layer of {source.path} fits this model: {problems}")
    frozen = [name for name in names if _is_frozen(model, name)]
    for name in frozen:
        if name in new:
            raise UserError(
                f"layer {name} is frozen, but would keep random weights, as it cannot have those of "
                f"{source.path}: {new[name]}; leave it out of --freeze"
            )
    pairs = [
        (layers[key].tensors[name], tensor)
        for key in taken
        for name, tensor in recorded_layers[key].tensors.items()
    ]
    if last_layer in taken:
        pairs += [(initial_weights[name], weights[name]) for name in model.output_buffers if name in weights]
    _copy(pairs, source)
    model.initialization = {
        "path": str(source.path),
        "layers": [layers[key].name for key in taken],
        "inputs": set(first_layers) <= set(taken),
        "outputs": last_layer in taken,
        "preprocessing": isinstance(data, TableDataModule)
        and data.preprocessor.to_dict() == _encoders(source),
    }
    if data is not None:
        warn_seen_rows(source, data)
    return Transfer(source.path, [layers[key].name for key in taken], new, frozen)


def _check_members(source: Checkpoint, model: LitModule) -> None:
    """Raise UserError if a checkpoint and a model have different numbers of members."""
    recorded = source.model.init_args
    members = recorded.get("folds") or recorded.get("members", 1)
    if members != model.members:
        advice = f"--model.members {members}"
        if model.hparams["folds"]:
            advice = f"--data.folds {members}" if members > 1 else f"--data.folds 0 {advice}"
        noun = "members" if members > 1 else "member"
        raise UserError(
            f"{source.path} has {members} {noun}, but the model has {model.members}; add {advice}"
        )


def _copy(pairs: Sequence[tuple[Tensor, Tensor]], source: Checkpoint) -> None:
    """Copy the second tensor of each pair to the first one, if all are valid."""
    if not all(weight.shape == tensor.shape and bool(tensor.isfinite().all()) for weight, tensor in pairs):
        raise UserError(f"{source.path} has weights that are NaN, infinite or of another shape")
    with torch.no_grad():
        for weight, tensor in pairs:
            weight.copy_(tensor)


def _layers(state: Mapping[str, Tensor], built_in: bool) -> Iterator[tuple[str, _Layer]]:
    """Yield the layers of a network with keys by which they correspond to those of another one."""
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if name.startswith("network."):
            layer, _, tensor_name = name.removeprefix("network.").rpartition(".")
            layers.setdefault(layer, {})[tensor_name] = tensor
    index = 0
    for name, tensors in layers.items():
        is_linear = built_in and re.fullmatch(r"[\d.]+", name) and tensors.keys() == {"weight", "bias"}
        yield f"linear layer {index}" if is_linear else name, _Layer(name, tensors)
        index += bool(is_linear)


def _mismatch(layer: _Layer, recorded: _Layer | None) -> str | None:
    """Return why a layer cannot have the weights of another one."""
    if recorded is None or layer.tensors.keys() != recorded.tensors.keys():
        return "not in the checkpoint"
    for name, tensor in layer.tensors.items():
        recorded_tensor = recorded.tensors[name]
        if tensor.shape != recorded_tensor.shape:
            return f"shape {tuple(tensor.shape)}, not {tuple(recorded_tensor.shape)}"
        if tensor.is_floating_point() != recorded_tensor.is_floating_point() or recorded_tensor.is_complex():
            return f"dtype {tensor.dtype}, not {recorded_tensor.dtype}".replace("torch.", "")
    return None


def _is_frozen(model: LitModule, layer: str) -> bool:
    parameters = list(model.network.get_submodule(layer).parameters(recurse=False))
    return not any(parameter.requires_grad for parameter in parameters)


def _encoders(source: Checkpoint) -> list[dict[str, Any]] | None:
    """Return the fitted encoders of a checkpoint's table."""
    state = recorded_preprocessing(source)
    return None if state is None else FittedState.from_dict(state).preprocessor.to_dict()


def recorded_preprocessing(source: Checkpoint) -> dict[str, Any] | None:
    """Return the fitted state that ``TableDataModule`` accepts as ``preprocessing``; None for other data."""
    is_table = source.data is not None and source.data.class_path == "TableDataModule"
    state: dict[str, Any] | None = source.data.init_args["fitted_state"] if source.data and is_table else None
    return state


def _other_inputs(source: Checkpoint, model: LitModule, data: InMemoryDataModule | None) -> str | None:
    """Describe how the inputs of the first layer differ from those in the checkpoint."""
    if (source.model.init_args.get("inputs") or []) != model.inputs:
        return "other inputs"
    if data is None:
        return None
    recorded = _encoders(source)
    current = data.preprocessor.to_dict() if isinstance(data, TableDataModule) else None
    scales = {"center": 0, "scale": 0, "median": 0}
    if [encoder | scales for encoder in recorded or ()] != [encoder | scales for encoder in current or ()]:
        return "other columns or categories"
    return None


def _other_outputs(source: Checkpoint, model: LitModule) -> str | None:
    """Describe how the outputs of the last layer differ from those in the checkpoint."""
    recorded = source.model.init_args
    is_known = source.model.class_path in TASKS
    if is_known and not isinstance(model, TASKS[source.model.class_path]):
        return f"of a {source.model.class_path}"
    if recorded.get("class_names") not in (None, model.class_names):
        return "other classes"
    if recorded.get("label_names") not in (None, model.label_names):
        return "other labels"
    return None
