"""The list of layers, which leaves the network as it was."""

import torch
from torch import nn

from lit_classify import BinaryClassifier
from lit_classify.networks.layer_list import list_layers


def test_layers_are_listed_in_the_order_of_computation() -> None:
    network = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5)), nn.Linear(4, 2, bias=False))
    assert [layer[1:] for layer in list_layers(network, 3)] == [("(N, 4)", 16), ("(N, 4)", 0), ("(N, 2)", 8)]


def test_members_come_before_rows() -> None:
    model = BinaryClassifier(2, hidden=[4], members=3)
    layers = list_layers(model.network, 2, 3)
    assert [layer.output_shape for layer in layers] == ["(3, N, 4)", "(3, N, 4)", "(3, N, 1)"]
    assert sum(layer.num_parameters for layer in layers) == sum(
        weight.numel() for weight in model.parameters()
    )


def test_mode_hooks_and_random_state_are_restored() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    state = torch.get_rng_state()
    list_layers(network, 2)
    assert network[1].training
    assert not network[1]._forward_hooks
    assert torch.equal(torch.get_rng_state(), state)


def test_layers_of_any_precision_are_listed() -> None:
    assert list_layers(nn.Linear(2, 4).double(), in_features=2) == list_layers(nn.Linear(2, 4), in_features=2)
