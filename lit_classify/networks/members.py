"""K networks of one shape as one.

Legend: K members, N rows, F features, O outputs.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from lit_classify.errors import UserError
from lit_classify.networks.custom import evaluating

_SINGLE = "or train a single network with --model.members 1, and --data.folds 0 for a table"


class MemberLinear(nn.Module):
    """K linear layers as one.

    Args:
        layers: the layers, all of one shape.

    Shape:
        - Input: ``(N, F)``, the same for all members, or ``(K, N, F)``.
        - Output: ``(K, N, O)``.

    Examples:
        >>> MemberLinear([nn.Linear(2, 3) for _ in range(8)])(torch.zeros(5, 2)).shape
        torch.Size([8, 5, 3])
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        weights = torch.stack([layer.weight.detach() for layer in layers])
        biases = torch.stack([layer.bias.detach() for layer in layers])
        self.weight = nn.Parameter(weights, layers[0].weight.requires_grad)  # false in a frozen layer
        self.bias = nn.Parameter(biases, layers[0].bias.requires_grad)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by ``weight`` ``(K, O, F)`` and add ``bias`` ``(K, O)``.

        The rows are adjacent in memory: layers of ten units take half the time then, larger ones as much, and
        the gradient of the first weights, which two features have, a sixth.
        """
        columns = x.mT if x.ndim == 3 else x.mT.contiguous().expand(len(self.weight), -1, -1)
        return torch.baddbmm(self.bias.unsqueeze(2), self.weight, columns).mT

    def extra_repr(self) -> str:
        """Describe the shape."""
        members, out_features, in_features = self.weight.shape
        return f"members={members}, in_features={in_features}, out_features={out_features}"


class Stackable(nn.Module):
    """A layer whose ``forward`` accepts parameters with a leading dimension of members.

    Its output then has that dimension as well.
    """


def as_members(networks: Sequence[nn.Module]) -> nn.Module:
    """Return K networks of one shape as one, which computes all of them at once.

    The output of a member is that of its network. The result has copies of the parameters, each with a
    leading dimension K.

    Args:
        networks: sequences of linear layers, layers without parameters and ``Stackable`` ones.

    Raises:
        UserError: another layer has parameters or buffers, which all members would share.

    Examples:
        >>> networks = [nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)) for _ in range(4)]
        >>> x = torch.rand(5, 2)
        >>> torch.allclose(as_members(networks)(x)[2], networks[2](x), atol=1e-6)
        True
    """
    template = networks[0]
    if isinstance(template, nn.Sequential):
        return nn.Sequential(*map(as_members, zip(*networks, strict=True)))
    if isinstance(template, nn.Linear):
        return MemberLinear(networks)  # type: ignore[arg-type]  # of one shape: all are linear
    if isinstance(template, Stackable):
        stacked = deepcopy(template)
        states = [network.state_dict(keep_vars=True) for network in networks]
        for name, parameter in list(template.named_parameters()):
            owner = stacked.get_submodule(name.rpartition(".")[0])
            values = torch.stack([state[name].detach() for state in states])
            setattr(owner, name.rpartition(".")[2], nn.Parameter(values, parameter.requires_grad))
        return stacked
    if template.state_dict():
        raise UserError(
            f"{type(template).__name__} has parameters, which the members of an ensemble cannot share; "
            f"choose another activation or network, {_SINGLE}"
        )
    return template


def select_members(network: nn.Module, indices: Sequence[int]) -> nn.Module:
    """Return a network with only these members of a network, in this order.

    Args:
        network: a network of several members, whose parameters are replaced.
        indices: indices of the members, which may be repeated.

    Examples:
        >>> members = as_members([nn.Linear(2, 1) for _ in range(3)])
        >>> select_members(members, [0, 2, 0, 2])(torch.zeros(5, 2)).shape
        torch.Size([4, 5, 1])
    """
    for weight in network.parameters():
        weight.data = weight.data[list(indices)]
    return network


def build_members(build: Callable[[], nn.Module], members: int, in_features: int) -> nn.Module:
    """Return networks that differ in their seed as one.

    The first member is initialized from torch's generator, member k as if the seed had been larger by k.

    Args:
        build: builds a single network.
        members: number of networks, K.
        in_features: features per row, F.

    Raises:
        UserError: the networks cannot be computed as one.

    Examples:
        >>> build_members(lambda: nn.Linear(2, 1), members=3, in_features=2)(torch.zeros(5, 2)).shape
        torch.Size([3, 5, 1])
    """
    networks = [build()]
    if members == 1:
        return networks[0]
    seed = torch.initial_seed()
    with torch.random.fork_rng(devices=[]):
        for member in range(1, members):
            torch.default_generator.manual_seed(seed + member)  # faster than for all devices
            networks.append(build())
        stacked = as_members(networks)
        _check_members(stacked, networks, torch.zeros(2, in_features))
    return stacked


def _check_members(stacked: nn.Module, networks: Sequence[nn.Module], x: Tensor) -> None:
    """Raise UserError if the output of a member is not that of its network."""
    with evaluating(stacked):
        outputs = stacked(x)
    for network, output in zip(networks, outputs, strict=True):
        with evaluating(network):
            if not (output.is_meta or torch.allclose(network(x), output, rtol=1e-3, atol=1e-5)):
                raise UserError(
                    "the members of an ensemble need an activation that works on each number alone; choose "
                    f"another activation or network, {_SINGLE}"
                )
