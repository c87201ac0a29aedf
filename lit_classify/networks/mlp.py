"""Multilayer perceptron with an activation by name, class or instance.

Legend: N rows, F features, O outputs.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from torch import nn

from lit_classify.errors import check_at_least, check_fraction, check_type
from lit_classify.networks.activations import Activation, activation_factory
from lit_classify.networks.members import build_members


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
        make_activation = None if activation is None else activation_factory(activation)
        layers: list[nn.Module] = []
        widths = [in_features, *hidden]
        for fan_in, fan_out in pairwise(widths):
            layers.append(nn.Linear(fan_in, fan_out))
            if make_activation is not None:
                layers.append(make_activation())
            if dropout:
                layers.append(nn.Dropout(dropout))
        super().__init__(*layers, nn.Linear(widths[-1], out_features))
