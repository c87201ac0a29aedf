"""Networks, and how a name becomes one.

Legend: N rows, F features, O outputs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation as activations

from lit_classify.errors import UserError, at_least, unknown
from lit_classify.trust import import_object

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "Identity": nn.Identity,
    **{name: getattr(activations, name) for name in activations.__all__ if name != "MultiheadAttention"},
}


class MLP(nn.Sequential):
    """Stack linear layers with an activation, and dropout if asked for, after each hidden one.

    Input ``(N, F)``, output ``(N, O)``. Without activation it is a straight line however deep it is
    (course, section 5); no hidden layer at all makes it a logistic or linear regression.

    Args:
        in_features: features per row, F.
        out_features: outputs per row, O.
        hidden: width of each hidden layer.
        activation: name of a class of torch.nn, such as ReLU; none for straight lines.
        dropout: share of hidden answers that is zeroed while training, from 0 to below 1.

    Raises:
        UserError: an unknown activation, a width below 1 or a dropout outside [0, 1).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden: Sequence[int] = (10, 10),
        activation: str | None = "ReLU",
        dropout: float = 0.0,
    ) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            at_least(name, size, 1)
        for width in hidden:
            at_least("every width in hidden", width, 1)
        if not 0 <= dropout < 1:
            raise UserError(f"dropout must be at least 0 and below 1, but is {dropout}")
        if activation is not None and activation not in ACTIVATIONS:
            raise UserError(unknown("activation", activation, ACTIVATIONS))
        layers: list[nn.Module] = []
        widths = [in_features, *hidden]
        for before, after in pairwise(widths):
            layers.append(nn.Linear(before, after))
            if activation is not None:
                layers.append(ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout))
        super().__init__(*layers, nn.Linear(widths[-1], out_features))


class Embedded(nn.Module):
    """Let a network see a vector of its own for each category instead of the category's number.

    Input ``(N, F)``, whose last features are numbers of categories; output that of the network. A vector has
    ``1.6 n^0.56`` entries for n categories, at most 50 (the rule of fastai), and begins small.

    Args:
        num_categories: how many numbers each of the last features may have.
    """

    def __init__(self, num_categories: Sequence[int]) -> None:
        super().__init__()
        widths = [min(50, round(1.6 * n**0.56)) for n in num_categories]
        tables = list(map(nn.Embedding, num_categories, widths))
        for table in tables:
            nn.init.normal_(table.weight, std=0.1)
        self.tables = nn.ModuleList(tables)
        self.more_features = sum(widths) - len(widths)

    def forward(self, x: Tensor) -> Tensor:
        """Return the first features and the categories' vectors beside them."""
        first = x.shape[1] - len(self.tables)
        vectors = [table(x[:, first + place].long()) for place, table in enumerate(self.tables)]
        return torch.cat([x[:, :first], *vectors], dim=1)


def import_network(path: str, in_features: int, out_features: int, args: Mapping[str, Any]) -> nn.Module:
    """Build the network class at an import path, called with ``in_features``, ``out_features`` and ``args``.

    Raises:
        UserError: no such class, or it does not take these arguments.
    """
    build = import_object(path, "--model.network", nn.Module)
    try:
        network = build(in_features=in_features, out_features=out_features, **args)
    except Exception as error:  # its author may raise anything
        what = f"{type(error).__name__}: {error}"
        raise UserError(f"network {path!r} could not be built: {what}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"network {path!r} must be a torch.nn.Module, but is a {type(network).__name__}")
    return network


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Ask a network without gradients and in evaluation mode; every part's own mode comes back after."""
    modes = [(module, module.training) for module in network.modules()]
    try:
        with torch.no_grad():
            network.eval()
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def check_output(network: nn.Module, in_features: int, out_features: int) -> None:
    """Send two rows through the network and hold the answer's shape against ``(2, out_features)``.

    The caller's random state, the network's mode and its buffers stay as they were.

    Raises:
        UserError: the network fails on ``(2, in_features)`` or answers with another shape.
    """
    try:
        with evaluating(network), torch.random.fork_rng(devices=[]):
            answer: Tensor = network(torch.zeros(2, in_features))
    except Exception as error:  # its author may raise anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(
            f"the network does not take rows of {in_features} features, shape (N, {in_features}): {reason}"
        ) from error
    shape = tuple(getattr(answer, "shape", ()))
    if shape != (2, out_features):
        raise UserError(
            f"the network must give {out_features} outputs per row, shape (N, {out_features}), "
            f"but for 2 rows its output has shape {shape}"
        )
