"""Activations and selection of hidden units."""

import numpy as np
import torch

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
)
from lit_classify.model_plots.hidden_units import layer_activations, plot_hidden_units
from lit_classify.networks import MLP, evaluating


def test_activations_of_layers_are_those_of_the_network() -> None:
    network = MLP(2, 1, [3, 4], "Tanh")
    x = torch.randn(5, 2)
    activations, weights = layer_activations(network, x)
    assert [activation.shape[1] for activation in activations] == [2, 3, 4, 1]
    assert [tuple(weight.shape) for weight in weights] == [(3, 2), (4, 3), (1, 4)]
    torch.testing.assert_close(activations[1], torch.tanh(network[0](x)))
    torch.testing.assert_close(activations[-1], network(x))


def test_derived_inputs_are_the_first_layer() -> None:
    data = CirclesDataModule(inputs=["x1^2", "x1*x2", "sin(x2)"])
    model = BinaryClassifier(2, hidden=[2], inputs=data.inputs)
    with evaluating(model):
        figure = plot_hidden_units(model, data, "derived")
    assert [axes.get_title() for axes in figure.axes][:3] == data.inputs
    square, product, sine = (np.asarray(axes.get_images()[0].get_array()) for axes in figure.axes[:3])
    assert np.array_equal(square, square[:1].repeat(len(square), axis=0))  # depends on x1 alone
    assert np.array_equal(sine, sine[:, :1].repeat(len(sine), axis=1))  # on x2 alone
    middle = len(square) // 2
    assert square[0, 0].argmax() == square[0, -1].argmax() == 2  # blue: above the mean on both sides
    assert square[0, middle].argmax() == 0  # red: below it between them
    assert product[0, 0].argmax() == product[-1, -1].argmax() == 2
    assert product[0, -1].argmax() == product[-1, 0].argmax() == 0


def test_the_most_active_units_of_a_wide_layer_are_drawn() -> None:
    wide = BinaryClassifier(2, hidden=[40])
    with evaluating(wide):
        sheet = plot_hidden_units(wide, CirclesDataModule(), "wide")
    assert len(sheet.axes) == 2 + 16 + 1  # the most active 16
