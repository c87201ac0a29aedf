"""Activation maps of the hidden units of a network on two features.

Legend: U units of a layer, G points of a grid.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule
from lit_classify.networks import MLP, split_inputs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GRID = 40  # points per axis


def has_hidden_unit_plot(model: LitModule, data: InMemoryDataModule) -> bool:
    """Return whether the model is an MLP on two numeric features.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> has_hidden_unit_plot(BinaryClassifier(2), CirclesDataModule())
        True
        >>> has_hidden_unit_plot(BinaryClassifier(2, network=nn.Linear(2, 1)), CirclesDataModule())
        False
    """
    _, network = split_inputs(model.network)
    return isinstance(network, MLP) and data.in_features == 2 and len(data.numeric_features) == 2


def plot_hidden_units(model: LitModule, data: InMemoryDataModule, title: str) -> "Figure":
    """Plot the units of a model for which ``has_hidden_unit_plot`` is true.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> with torch.no_grad():
        ...     figure = plot_hidden_units(BinaryClassifier(2, hidden=[3]), CirclesDataModule(), "epoch 9")
        ...
        >>> len(figure.axes)  # two inputs, three hidden units and an output
        6
    """
    from lit_classify.plots.hidden_units import hidden_unit_maps

    derive, _ = split_inputs(model.network)
    names = derive.inputs if derive else [feature.name for feature in data.numeric_features]
    activations, weights = grid_activations(model, data)
    inputs = activations[0]
    activations = [inputs - inputs.mean(dim=0), *activations[1:]]  # centered inputs
    return hidden_unit_maps(activations, weights, names, model.output_names, title)


def grid_activations(model: LitModule, data: InMemoryDataModule) -> tuple[list[Tensor], list[Tensor]]:
    """Return the activations of each layer over a grid around the training rows, and the weights.

    They are those of ``layer_activations``; the inputs are the derived ones if the network has any.
    """
    derive, network = split_inputs(model.network)
    assert isinstance(network, MLP)
    x = data.sample("train").x.cpu()
    low, high = x.amin(dim=0), x.amax(dim=0)
    x2, x1 = torch.meshgrid(
        torch.linspace(float(low[1]), float(high[1]), _GRID),
        torch.linspace(float(low[0]), float(high[0]), _GRID),
        indexing="ij",
    )
    points = torch.stack([x1.flatten(), x2.flatten()], dim=1)
    inputs = derive(points) if derive else points
    return layer_activations(network, inputs.to(model.device))


def layer_activations(network: MLP, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the activations of each layer, ``(G, U)``, inputs first, and the weights between the layers.

    Examples:
        >>> activations, weights = layer_activations(MLP(2, 1, hidden=[3]), torch.zeros(5, 2))
        >>> [tuple(activation.shape) for activation in activations]
        [(5, 2), (5, 3), (5, 1)]
    """
    activations, weights = [x], []
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            activations.append(x)
            weights.append(layer.weight.detach())
        else:
            activations[-1] = x  # after the activation function
    return activations, weights
