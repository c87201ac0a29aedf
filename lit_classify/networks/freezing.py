"""Layers of a network by name, and layers that are not trained."""

from collections.abc import Sequence

from torch import nn

from lit_classify.errors import UserError
from lit_classify.messages import unknown_name

Layers = Sequence[str | int | float] | str | int | float  # YAML reads the layers 0 and 1.0 as numbers


def as_names(layers: Layers) -> list[str]:
    """Return layers as a list of names.

    Examples:
        >>> as_names([0, "2.0"]), as_names(4)
        (['0', '2.0'], ['4'])
    """
    return [str(layers)] if isinstance(layers, str | int | float) else [str(layer) for layer in layers]


def layer_names(network: nn.Module) -> list[str]:
    """Return the names of the layers that have parameters of their own, as a printed network shows them.

    Names of nested layers are joined by dots. A network that is a single layer has the name "".

    Examples:
        >>> layer_names(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 1))))
        ['0', '2.0']
    """
    return [name for name, layer in network.named_modules() if list(layer.parameters(recurse=False))]


def freeze_layers(network: nn.Module, layers: Sequence[str]) -> list[nn.Module]:
    """Exclude the parameters of layers from training, and return the layers.

    Args:
        network: the network.
        layers: names of layers, of groups of layers, or of parameters.

    Raises:
        UserError: a name is unknown, a layer has no parameters, or nothing is left to train.

    Examples:
        >>> network = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
        >>> freeze_layers(network, ["0"])
        [Linear(in_features=2, out_features=4, bias=True)]
        >>> [parameter.requires_grad for parameter in network.parameters()]
        [False, False, True, True]
        >>> freeze_layers(network, ["1"])
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: layer 1, ReLU(), has no parameters to freeze; choose from 0, 2
    """
    modules, parameters = dict(network.named_modules()), dict(network.named_parameters())
    del modules[""]  # the network itself
    choices = [name for name in layer_names(network) if name] or sorted(parameters)
    frozen = []
    for name in layers:
        matches = [key for key in parameters if key == name or key.startswith(f"{name}.")]
        if not matches and name in modules:
            raise UserError(
                f"layer {name}, {modules[name]}, has no parameters to freeze; choose from "
                f"{', '.join(choices)}"
            )
        if not matches:
            raise UserError(unknown_name("layer to freeze", name, choices))
        for key in matches:
            parameters[key].requires_grad_(False)
        if name in modules:
            frozen.append(modules[name])
    if layers and not any(parameter.requires_grad for parameter in parameters.values()):
        raise UserError("all layers are frozen, so that nothing would be trained; leave the last one out")
    return frozen
