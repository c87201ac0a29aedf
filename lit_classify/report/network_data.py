"""A module's network as plain data, from which the page of a report computes predictions.

Legend: K members, F features, O outputs, M numeric features.
"""

import base64
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from lit_classify.modules import (
    BinaryClassifier,
    LitModule,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
)
from lit_classify.networks import DerivedInputs, FeatureEmbedding
from lit_classify.networks.embeddings import NumberEmbedding
from lit_classify.networks.members import MemberLinear

# Elementwise activations with their arguments; network.js has the same names.
_ACTIVATIONS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.CELU: ("alpha",),
    nn.ELU: ("alpha",),
    nn.GELU: ("approximate",),
    nn.Hardshrink: ("lambd",),
    nn.Hardsigmoid: (),
    nn.Hardswish: (),
    nn.Hardtanh: ("min_val", "max_val"),
    nn.LeakyReLU: ("negative_slope",),
    nn.LogSigmoid: (),
    nn.Mish: (),
    nn.ReLU: (),
    nn.ReLU6: (),
    nn.RReLU: ("lower", "upper"),
    nn.SELU: (),
    nn.SiLU: (),
    nn.Sigmoid: (),
    nn.Softplus: ("beta", "threshold"),
    nn.Softshrink: ("lambd",),
    nn.Softsign: (),
    nn.Tanh: (),
    nn.Tanhshrink: (),
    nn.Threshold: ("threshold", "value"),
}
_TASKS: dict[type[LitModule], Callable[[Any], dict[str, Any]]] = {
    BinaryClassifier: lambda model: {"task": "binary", "thresholds": model.thresholds},
    MulticlassClassifier: lambda model: {"task": "multiclass"},
    MultilabelClassifier: lambda model: {"task": "multilabel", "thresholds": model.thresholds},
    Regressor: lambda model: {
        "task": "regression",
        "center": float(model.get_buffer("_center")),
        "scale": float(model.get_buffer("_scale")),
    },
}


class UnsupportedNetwork(ValueError):
    """A network that the page of a report cannot compute."""


def network_data(model: LitModule, weights: bool = True) -> dict[str, Any]:
    """Return the layers of a network and the last step of its task as plain data.

    Arrays are a shape and little-endian float32 in base64. Those of members have a leading dimension K.

    Args:
        model: one of the four tasks, with an MLP or a sequence of linear layers and activations.
        weights: include the weights. Otherwise arrays have only a shape, ``flat_weights`` returns their
            values, and the network must not have embeddings.

    Raises:
        UnsupportedNetwork: the page cannot compute this network, with the reason.

    Examples:
        >>> data = network_data(BinaryClassifier(2, hidden=[4]))
        >>> data["task"], [layer["kind"] for layer in data["layers"]]
        ('binary', ['linear', 'activation', 'linear'])
        >>> data["layers"][0]["weight"]["shape"]
        [1, 4, 2]
    """
    if type(model) not in _TASKS:
        raise UnsupportedNetwork(f"the page does not know the task {type(model).__name__}")
    layers = _layers(model.network)
    if not weights and any(layer["kind"] == "embedding" for layer in layers):
        raise UnsupportedNetwork("the page does not draw embeddings")
    as_data = _array if weights else lambda values: {"shape": list(values.shape)}
    return {
        **_TASKS[type(model)](model),
        "members": model.members,
        "layers": _replace_tensors(layers, as_data),
    }


def flat_weights(model: LitModule) -> Tensor:
    """Return the values of all arrays of ``network_data`` in their order, as one vector.

    Examples:
        >>> flat_weights(BinaryClassifier(2, hidden=[4])).shape
        torch.Size([17])
    """
    arrays: list[Tensor] = []
    _replace_tensors(_layers(model.network), arrays.append)
    return torch.cat([values.detach().flatten() for values in arrays])


def _replace_tensors(content: Any, replace: Callable[[Tensor], Any]) -> Any:  # noqa: ANN401 - plain data
    """Return lists and dictionaries with their tensors replaced in their order."""
    if isinstance(content, Tensor):
        return replace(content)
    if isinstance(content, dict):
        return {key: _replace_tensors(item, replace) for key, item in content.items()}
    if isinstance(content, list):
        return [_replace_tensors(item, replace) for item in content]
    return content


def _layers(module: nn.Module) -> list[dict[str, Any]]:
    if isinstance(module, nn.Sequential):
        return [layer for child in module for layer in _layers(child)]
    kind = type(module)
    if kind in (nn.Dropout, nn.Identity):
        return []
    if isinstance(module, DerivedInputs):
        return [{"kind": "derived", "inputs": module.inputs}]
    if isinstance(module, MemberLinear):
        return [_linear(module.weight, module.bias)]
    if isinstance(module, nn.Linear) and kind is nn.Linear and module.bias is not None:
        return [_linear(module.weight.unsqueeze(0), module.bias.unsqueeze(0))]
    if isinstance(module, FeatureEmbedding):
        return [_embedding(module)]
    if isinstance(module, nn.PReLU) and module.weight.numel() == 1:
        return [{"kind": "activation", "name": "PReLU", "arguments": {}, "weight": module.weight}]
    if kind in _ACTIVATIONS:
        arguments = {name: getattr(module, name) for name in _ACTIVATIONS[kind]}
        return [{"kind": "activation", "name": kind.__name__, "arguments": arguments}]
    raise UnsupportedNetwork(f"the page cannot compute the layer {kind.__name__}")


def _linear(weight: Tensor, bias: Tensor) -> dict[str, Any]:
    """Return a layer of weights ``(K, O, F)`` and biases ``(K, O)``."""
    return {"kind": "linear", "weight": weight, "bias": bias}


def _embedding(module: FeatureEmbedding) -> dict[str, Any]:
    """Return the embeddings of numbers and categories; parameters of a single network get K = 1."""
    numbers = []
    for embedding in cast(Iterable[NumberEmbedding], module.numbers):
        arrays = {name: _with_members(value, 3) for name, value in embedding.named_parameters()}
        numbers.append({"kind": embedding.kind, **dict(embedding.named_buffers()), **arrays})
    tables = module.categories.tables if module.categories is not None else ()
    return {
        "kind": "embedding",
        "numeric_columns": module.numeric_columns.tolist(),
        "numbers": numbers,
        "tables": [_with_members(table.get_parameter("weight"), 2) for table in tables],
    }


def _with_members(parameter: Tensor, ndim: int) -> Tensor:
    """Return a parameter with a leading dimension of members; without it, it has ``ndim`` dimensions."""
    return parameter if parameter.ndim > ndim else parameter.unsqueeze(0)


def encode(values: Tensor) -> str:
    """Return numbers as base64 of little-endian float32.

    Examples:
        >>> import torch
        >>> encode(torch.tensor([1.0]))
        'AACAPw=='
    """
    numbers = np.ascontiguousarray(values.detach().cpu().float().numpy(), dtype="<f4")
    return base64.b64encode(numbers.tobytes()).decode()


def _array(values: Tensor) -> dict[str, Any]:
    return {"shape": list(values.shape), "data": encode(values)}
