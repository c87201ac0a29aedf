"""The layers of a network, with the shapes of their outputs."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lit_classify.networks.custom import evaluating


class Layer(NamedTuple):
    """A layer that contains no other layers.

    Args:
        name: its name in the network, class and arguments, and whether it is frozen.
        output_shape: shape of its output for N rows.
        num_parameters: number of its parameters.
    """

    name: str
    output_shape: str
    num_parameters: int


def list_layers(network: nn.Module, in_features: int, members: int = 1) -> list[Layer]:
    """Return the layers of a network in the order in which they are computed.

    Args:
        network: the network.
        in_features: features per row.
        members: number of networks that are computed as one.

    Examples:
        >>> list_layers(nn.Sequential(nn.Linear(2, 4), nn.ReLU()), in_features=2)[1]
        Layer(name='(1): ReLU()', output_shape='(N, 4)', num_parameters=0)
    """
    layers: list[Layer] = []

    def record(layer: nn.Module, _: object, output: object) -> None:
        size: list[int | str] = [*output.shape] if isinstance(output, Tensor) else []
        rows = int(members > 1)  # the dimension of rows follows that of members
        size[rows : rows + 1] = ["N"]
        weights = list(layer.parameters(recurse=False))
        name = f"({names[layer]}): {layer}" if names[layer] else str(layer)
        name += ", frozen" * any(not weight.requires_grad for weight in weights)
        count = sum(weight.numel() for weight in weights)
        layers.append(Layer(name, f"({', '.join(map(str, size))})", count))

    names = {layer: name for name, layer in network.named_modules() if not list(layer.children())}
    handles = [layer.register_forward_hook(record) for layer in names]
    parameter = next(network.parameters(), torch.zeros(1))  # for its device and precision
    try:
        with evaluating(network), torch.random.fork_rng(devices=[]):
            network(parameter.new_zeros(1, in_features))
    finally:
        for handle in handles:
            handle.remove()
    return layers
