"""Activations and selection of hidden units."""

import torch

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
)
from lit_classify.callbacks.hidden_units import layer_activations, plot_hidden_units
from lit_classify.networks import MLP, evaluating


def test_activations_of_layers_are_those_of_the_network() -> None:
    network = MLP(2, 1, [3, 4], "Tanh")
    x = torch.randn(5, 2)
    activations, weights = layer_activations(network, x)
    assert [activation.shape[1] for activation in activations] == [2, 3, 4, 1]
    assert [tuple(weight.shape) for weight in weights] == [(3, 2), (4, 3), (1, 4)]
    torch.testing.assert_close(activations[1], torch.tanh(network[0](x)))
    torch.testing.assert_close(activations[-1], network(x))
    wide = BinaryClassifier(2, hidden=[40])
    with evaluating(wide):
        sheet = plot_hidden_units(wide, CirclesDataModule(), "wide")
    assert len(sheet.axes) == 2 + 16 + 1  # the most active 16
