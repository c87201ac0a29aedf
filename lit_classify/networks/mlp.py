"""Multilayer perceptron with an activation by name, class or instance.

Legend: N rows, F features, O outputs.
"""

import inspect
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.modules import activation as activations

from lit_classify.allowed_imports import import_object
from lit_classify.errors import UserError, check_at_least, check_fraction, check_type
from lit_classify.messages import unknown_name
from lit_classify.networks.members import build_members

if TYPE_CHECKING:
    Activation = str | type[nn.Module] | nn.Module
else:  # the parser of the command line accepts names only
    Activation = str

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "Identity": nn.Identity,
    **{name: getattr(activations, name) for name in activations.__all__ if name != "MultiheadAttention"},
}


class MLP(nn.Sequential):
    """Multilayer perceptron: each hidden layer is linear, followed by an activation and optional dropout.

    Without an activation the network is linear for any depth (course, section 5); without hidden layers it is
    a logistic or linear regression.

    Args:
        in_features: features per row, F.
        out_features: outputs per row, O.
        hidden: width of each hidden layer.
        activation: name of a class of torch.nn, such as ReLU, an import path, a class, or an instance, which
            is copied for each hidden layer; None for a linear network.
        dropout: fraction of hidden activations to zero during training, in [0, 1).
        members: number of networks that are computed as one, K; see ``build_members``.

    Shape:
        - Input: ``(N, F)``; with several members also ``(K, N, F)``.
        - Output: ``(N, O)``; with several members ``(K, N, O)``.

    Raises:
        UserError: the activation is unknown or unsuitable for members, a size is below 1 or ``dropout`` is
            outside [0, 1).

    Examples:
        >>> MLP(2, 1, hidden=[4], activation="Tanh")
        MLP(
          (0): Linear(in_features=2, out_features=4, bias=True)
          (1): Tanh()
          (2): Linear(in_features=4, out_features=1, bias=True)
        )
        >>> import torch
        >>> MLP(2, 1, members=8)(torch.zeros(5, 2)).shape
        torch.Size([8, 5, 1])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden: Sequence[int] = (10, 10),
        activation: Activation | None = "ReLU",
        dropout: float = 0.0,
        members: int = 1,
    ) -> None:
        sizes = {"in_features": in_features, "out_features": out_features, "members": members}
        for name, size in sizes.items():
            check_at_least(name, size, 1)
        check_type("hidden", hidden, Sequence[int])
        for width in hidden:
            check_at_least("every width in hidden", width, 1)
        check_fraction("dropout", dropout)
        if members > 1:
            single = partial(MLP, in_features, out_features, hidden, activation, dropout)
            super().__init__(*build_members(single, members, in_features).children())
            return
        make = None if activation is None else _activation_factory(activation)
        layers: list[nn.Module] = []
        widths = [in_features, *hidden]
        for ends in pairwise(widths):
            layers.append(nn.Linear(*ends))
            if make is not None:
                layers.append(make())
            if dropout:
                layers.append(nn.Dropout(dropout))
        super().__init__(*layers, nn.Linear(widths[-1], out_features))


def _activation_factory(activation: Activation) -> Callable[[], nn.Module]:
    """Return a function that builds the activation of a layer."""
    if isinstance(activation, nn.Module):
        return lambda: deepcopy(activation)
    if isinstance(activation, str):
        if activation not in ACTIVATIONS and "." not in activation:
            raise UserError(unknown_name("activation", activation, ACTIVATIONS))
        kind = ACTIVATIONS.get(activation) or import_object(activation, "--model.activation", nn.Module)
    else:
        kind = activation
    if not (inspect.isclass(kind) and issubclass(kind, nn.Module)):
        raise UserError(
            f"activation must be a torch.nn.Module, its name or None, but is {activation!r}; "
            "to use a function, call it in the forward of a Module"
        )

    def make() -> nn.Module:
        try:
            return kind()
        except Exception as error:  # user code may raise any type
            reason = f"{type(error).__name__}: {error}"
            raise UserError(f"activation {kind.__name__} could not be built: {reason}") from error

    return make
