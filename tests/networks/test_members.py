"""K networks as one equal K single networks."""

import pytest
import torch
from torch import nn

from lit_classify.errors import UserError
from lit_classify.networks import MLP, FeatureEmbedding, as_members, build_members


def build() -> nn.Module:
    embedding = FeatureEmbedding(4, [0, 2], "both", [7])
    return nn.Sequential(embedding, MLP(embedding.out_features, 3, [5, 4], "Tanh"))


def test_each_member_equals_the_network_of_its_seed() -> None:
    torch.manual_seed(3)
    members = build_members(build, 4, 4)
    x = torch.cat([torch.randn(10, 3), torch.randint(7, (10, 1)).float()], dim=1)
    outputs = members(x)
    for member in range(4):
        torch.manual_seed(3 + member)
        assert torch.allclose(build()(x), outputs[member], atol=1e-6)


def test_members_accept_other_rows_for_each() -> None:
    members = build_members(build, 3, 4)
    x = torch.cat([torch.randn(3, 10, 3), torch.randint(7, (3, 10, 1)).float()], dim=2)
    expected = torch.stack([members(x[member])[member] for member in range(3)])
    assert torch.allclose(members(x), expected, atol=1e-6)


def test_building_members_leaves_the_generator_as_a_single_network_does() -> None:
    torch.manual_seed(3)
    build()
    after_single = torch.rand(1)
    torch.manual_seed(3)
    build_members(build, 4, 4)
    assert torch.equal(torch.rand(1), after_single)


def test_one_member_is_the_network_itself() -> None:
    torch.manual_seed(0)
    network = build_members(lambda: MLP(2, 1), 1, 2)
    torch.manual_seed(0)
    assert isinstance(network, MLP)
    assert all(map(torch.equal, network.parameters(), MLP(2, 1).parameters()))


def test_the_gradient_of_a_member_does_not_depend_on_the_others() -> None:
    networks = [MLP(2, 1, [8]) for _ in range(3)]
    members = as_members(networks)
    x = torch.randn(6, 2)
    members(x)[1].sum().backward()
    networks[1](x).sum().backward()
    weight = next(members.parameters())
    assert weight.grad is not None
    assert not weight.grad[[0, 2]].any()
    expected = next(networks[1].parameters()).grad
    assert expected is not None
    assert torch.allclose(weight.grad[1], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "message"), [("PReLU", "PReLU has parameters"), ("Softmin", "works on each number alone")]
)
@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
def test_activations_that_members_would_share_are_refused(activation: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_members(lambda: MLP(2, 1, [8], activation), 3, 2)
