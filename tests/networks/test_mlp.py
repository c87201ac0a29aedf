"""The multilayer perceptron: weights, activations and settings."""

from typing import Any

import pytest
import torch
from torch import nn

from lit_classify import BinaryClassifier
from lit_classify.errors import UserError
from lit_classify.networks import MLP


def test_building_a_module_draws_random_numbers_for_its_weights_only() -> None:
    torch.manual_seed(42)
    model = BinaryClassifier(2, hidden=[5], activation=None, dropout=0.5)
    state = torch.get_rng_state()
    torch.manual_seed(42)
    plain = nn.Sequential(nn.Linear(2, 5), nn.Dropout(0.5), nn.Linear(5, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))


def test_each_hidden_layer_has_its_own_activation() -> None:
    model = BinaryClassifier(2, hidden=[3, 3], activation=nn.PReLU())
    assert sum(isinstance(layer, nn.PReLU) for layer in model.modules()) == 2


@pytest.mark.reliability(20)
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, activation="relu"), "did you mean 'ReLU'"),
        (lambda: BinaryClassifier(2, hidden=[0]), "every width in hidden must be at least 1, but is 0"),
        (lambda: BinaryClassifier(2, dropout=1), "dropout must be at least 0 and below 1, but is 1"),
        (lambda: BinaryClassifier(2, activation=torch.tanh), "to use a function, call it in the forward"),
        (
            lambda: BinaryClassifier(2, activation=nn.Linear),
            "activation Linear could not be built: TypeError",
        ),
    ],
)
def test_unsuitable_activations_and_sizes_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


def test_the_members_of_a_perceptron_are_those_of_its_seeds() -> None:
    x = torch.randn(6, 2)
    torch.manual_seed(3)
    outputs = MLP(2, 3, [5], "Tanh", members=4)(x)
    for member in range(4):
        torch.manual_seed(3 + member)
        assert torch.allclose(MLP(2, 3, [5], "Tanh")(x), outputs[member], atol=1e-6)
