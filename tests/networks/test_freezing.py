"""Frozen layers: named as a printed network shows them, and unchanged by training."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lit_classify import BinaryClassifier, CirclesDataModule, load
from lit_classify.errors import UserError
from tests.training import trainer


class Normalized(nn.Module):
    """A custom network with running statistics."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(in_features, 4), nn.BatchNorm1d(4), nn.ReLU())
        self.head = nn.Linear(4, out_features)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.encoder(x))
        return output


SETTINGS: dict[str, dict[str, Any]] = {
    "SGD": {"optimizer_args": {"momentum": 0.9}},
    "AdamW": {"optimizer": "AdamW", "weight_decay": 0.5},
    "LBFGS": {"optimizer": "LBFGS"},
    "members": {"members": 3, "weight_decay": 0.1},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_frozen_weights_stay_the_same_to_the_bit_without_gradient_and_decay(name: str) -> None:
    model = BinaryClassifier(2, hidden=[4, 4], freeze=[0, "2"], **SETTINGS[name])
    before = {key: weight.clone() for key, weight in model.named_parameters()}
    made = trainer(max_epochs=3, gradient_clip_val=None if name == "LBFGS" else 1.0)
    made.fit(model, CirclesDataModule())
    for key, weight in model.named_parameters():
        is_frozen = not key.startswith("network.4.")
        assert torch.equal(weight, before[key]) == is_frozen
        assert (weight.grad is None) == is_frozen
    in_optimizer = [weight for group in made.optimizers[0].param_groups for weight in group["params"]]
    assert [id(weight) for weight in in_optimizer] == [id(weight) for weight in model.network[4].parameters()]  # type: ignore[index]


@pytest.mark.filterwarnings("ignore:Found 1 module")  # Lightning counts modules in evaluation mode
def test_running_statistics_of_frozen_layers_do_not_change() -> None:
    model = BinaryClassifier(2, network=Normalized, freeze=["encoder"])
    made = trainer(max_epochs=3)
    made.fit(model, CirclesDataModule())
    norm = model.get_submodule("network.encoder.1")
    assert torch.equal(norm.running_mean, torch.zeros(4))  # type: ignore[arg-type]
    assert not model.eval().train().get_submodule("network.encoder.1").training
    assert model.get_submodule("network.head").training


def test_a_checkpoint_records_frozen_layers() -> None:
    model = BinaryClassifier(2, hidden=[4], freeze=0)
    made = trainer(max_epochs=1)
    made.fit(model, CirclesDataModule())
    made.save_checkpoint("frozen.ckpt")
    loaded = load("frozen.ckpt")
    assert loaded.hparams["freeze"] == ["0"]
    assert [weight.requires_grad for weight in loaded.parameters()] == [False, False, True, True]


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        ([5], "unknown layer to freeze '5': choose from 0, 2, 4"),
        (["network.0"], "unknown layer to freeze 'network.0'"),
        ([1], r"layer 1, ReLU\(\), has no parameters to freeze; choose from 0, 2, 4"),
        ([0, 2, 4], "all layers are frozen, so that nothing would be trained"),
    ],
)
def test_unsuitable_layers_are_refused(freeze: list[str | int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        BinaryClassifier(2, freeze=freeze)


def test_a_similar_name_is_suggested() -> None:
    with pytest.raises(UserError, match="'haed': did you mean 'head'"):
        BinaryClassifier(2, network=Normalized, freeze=["haed"])
