"""Functions of two features as the inputs of a network, as in the TensorFlow playground.

Legend: N rows, F inputs; ``...`` stands for a leading dimension of K members, which rows may have.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lit_classify.errors import UserError

FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # network.js has the same names
    "x1": lambda x1, x2: x1,
    "x2": lambda x1, x2: x2,
    "x1^2": lambda x1, x2: x1 * x1,
    "x2^2": lambda x1, x2: x2 * x2,
    "x1*x2": lambda x1, x2: x1 * x2,
    "sin(x1)": lambda x1, x2: torch.sin(x1),
    "sin(x2)": lambda x1, x2: torch.sin(x2),
}


class DerivedInputs(nn.Module):
    """Compute the inputs of a network from two features.

    Args:
        inputs: names of ``FUNCTIONS``.

    Shape:
        - Input: ``(..., N, 2)``.
        - Output: ``(..., N, F)``.

    Examples:
        >>> DerivedInputs(["x1", "x2^2", "x1*x2"])(torch.tensor([[2.0, 3.0]]))
        tensor([[2., 9., 6.]])
    """

    def __init__(self, inputs: Sequence[str]) -> None:
        super().__init__()
        self.inputs = list(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the inputs of rows."""
        x1, x2 = x.unbind(dim=-1)
        return torch.stack([FUNCTIONS[name](x1, x2) for name in self.inputs], dim=-1)

    def extra_repr(self) -> str:
        """Name the inputs."""
        return ", ".join(self.inputs)


def check_inputs(inputs: Sequence[str]) -> list[str]:
    """Return the names of inputs without spaces; none if they are the two features themselves.

    Raises:
        UserError: there are none, or a name is unknown or repeated.

    Examples:
        >>> check_inputs(["x1", "x1 * x2"]), check_inputs(["x1", "x2"])
        (['x1', 'x1*x2'], [])
        >>> check_inputs(["x3"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: unknown input 'x3': choose from x1, x2, x1^2, x2^2, x1*x2, ...
    """
    names = [str(name).replace(" ", "") for name in inputs]
    choices = f"choose from {', '.join(FUNCTIONS)}"
    if not names:
        raise UserError(f"inputs is empty: {choices}")
    for name in names:
        if name not in FUNCTIONS:
            raise UserError(f"unknown input {name!r}: {choices}")
        if names.count(name) > 1:
            raise UserError(f"the input {name} is given {names.count(name)} times: {choices}, each once")
    return [] if names == ["x1", "x2"] else names


def split_inputs(network: nn.Module) -> tuple[DerivedInputs | None, nn.Module]:
    """Return the layer that derives the inputs of a network, if it has one, and the network after it.

    Examples:
        >>> derive, network = split_inputs(nn.Sequential(DerivedInputs(["x1^2"]), nn.Linear(1, 1)))
        >>> derive, network
        (DerivedInputs(x1^2), Linear(in_features=1, out_features=1, bias=True))
        >>> split_inputs(network)[0] is None
        True
    """
    if isinstance(network, nn.Sequential) and isinstance(network[0], DerivedInputs):
        return network[0], network[1]
    return None, network
