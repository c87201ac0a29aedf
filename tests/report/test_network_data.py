import base64
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lit_classify import BinaryClassifier, MulticlassClassifier, Regressor
from lit_classify.report.network_data import UnsupportedNetwork, flat_weights, network_data


def array(data: dict[str, Any]) -> torch.Tensor:
    numbers = np.frombuffer(base64.b64decode(data["data"]), "<f4")
    return torch.from_numpy(numbers.copy()).reshape(data["shape"])


@pytest.mark.parametrize("members", [1, 3])
def test_weights_of_members_come_first_and_give_the_same_logits(members: int) -> None:
    model = MulticlassClassifier(3, 4, hidden=[5], activation="Identity", members=members)
    x = torch.randn(7, 3)
    values = x.expand(members, 7, 3)
    for layer in network_data(model)["layers"]:
        values = values @ array(layer["weight"]).mT + array(layer["bias"]).unsqueeze(1)
    expected = model.network(x) if members > 1 else model.network(x).unsqueeze(0)
    torch.testing.assert_close(values, expected)


def test_arguments_of_activations_and_the_last_step_are_recorded() -> None:
    classifier = BinaryClassifier(2, activation=nn.LeakyReLU(0.3), hidden=[4], dropout=0.5, threshold=0.25)
    data = network_data(classifier)
    assert data["thresholds"] == [0.25]
    assert data["layers"][1] == {
        "kind": "activation",
        "name": "LeakyReLU",
        "arguments": {"negative_slope": 0.3},
    }
    regressor = Regressor(2, hidden=[])
    regressor.get_buffer("_center").fill_(5)
    assert (network_data(regressor)["center"], network_data(regressor)["scale"]) == (5.0, 1.0)


def test_derived_inputs_are_the_first_layer() -> None:
    data = network_data(BinaryClassifier(2, hidden=[], inputs=["x1", "x1*x2", "sin(x2)"]), weights=False)
    assert data["layers"] == [
        {"kind": "derived", "inputs": ["x1", "x1*x2", "sin(x2)"]},
        {"kind": "linear", "weight": {"shape": [1, 1, 3]}, "bias": {"shape": [1, 1]}},
    ]


@pytest.mark.parametrize("members", [1, 3])
def test_without_weights_arrays_have_a_shape_and_flat_weights_are_in_their_order(members: int) -> None:
    model = BinaryClassifier(2, hidden=[4], activation="PReLU" if members == 1 else "Tanh", members=members)
    layers = network_data(model, weights=False)["layers"]
    assert layers[0] == {
        "kind": "linear",
        "weight": {"shape": [members, 4, 2]},
        "bias": {"shape": [members, 4]},
    }
    expected = [
        value for layer in network_data(model)["layers"] for value in layer.values() if "data" in value
    ]
    weights = torch.cat([array(value).flatten() for value in expected])
    torch.testing.assert_close(flat_weights(model), weights)


class Shifted(BinaryClassifier):
    pass


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Shifted(2), "the task Shifted"),
        (BinaryClassifier(2, activation=nn.Softmax(dim=1)), "the layer Softmax"),
        (BinaryClassifier(2, network=nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))), "BatchNorm1d"),
        (BinaryClassifier(2, network=nn.Linear(2, 1, bias=False)), "the layer Linear"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_networks_that_the_page_cannot_compute_are_refused_with_a_reason(
    model: BinaryClassifier, reason: str
) -> None:
    with pytest.raises(UnsupportedNetwork, match=reason):
        network_data(model)


def test_snapshots_of_embeddings_are_refused() -> None:
    model = BinaryClassifier(2, num_categories=[4])
    network_data(model)
    with pytest.raises(UnsupportedNetwork, match="does not draw embeddings"):
        network_data(model, weights=False)
