"""Networks, and how a name, a class or an instance becomes one.

Legend: N rows, F features, O outputs.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation as activations

from lit_classify.errors import UserError, check_at_least, unknown_name
from lit_classify.import_policy import import_object

if TYPE_CHECKING:
    Activation = str | type[nn.Module] | nn.Module
    Network = str | Callable[..., nn.Module] | nn.Module
else:  # the command line's parser reads these, and takes names alone
    Activation = Network = str

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
        activation: name of a class of torch.nn, such as ReLU, an import path, a class, or an instance, of
            which every hidden layer gets a copy; None for straight lines.
        dropout: share of hidden answers that is zeroed while training, from 0 to below 1.

    Raises:
        UserError: an unknown activation, a width below 1 or a dropout outside [0, 1).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden: Sequence[int] = (10, 10),
        activation: Activation | None = "ReLU",
        dropout: float = 0.0,
    ) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            check_at_least(name, size, 1)
        for width in hidden:
            check_at_least("every width in hidden", width, 1)
        if not 0 <= dropout < 1:
            raise UserError(f"dropout must be at least 0 and below 1, but is {dropout}")
        make = None if activation is None else _maker(activation)
        layers: list[nn.Module] = []
        widths = [in_features, *hidden]
        for before, after in pairwise(widths):
            layers.append(nn.Linear(before, after))
            if make is not None:
                layers.append(make())
            if dropout:
                layers.append(nn.Dropout(dropout))
        super().__init__(*layers, nn.Linear(widths[-1], out_features))


def _maker(activation: Activation) -> Callable[[], nn.Module]:
    """Return what makes an activation for each layer."""
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
            "for a function write a Module whose forward calls it"
        )

    def make() -> nn.Module:
        try:
            return kind()
        except Exception as error:  # its author may raise anything
            what = f"{type(error).__name__}: {error}"
            raise UserError(f"activation {kind.__name__} could not be built: {what}") from error

    return make


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


def make_network(network: Network, in_features: int, out_features: int, args: Mapping[str, Any]) -> nn.Module:
    """Return a network of the user's.

    Args:
        network: an import path, a class, or a function, which is called with ``in_features``,
            ``out_features`` and ``args``; or an instance, which is taken as it is.
        in_features: features per row, F.
        out_features: outputs per row, O.
        args: further arguments.

    Raises:
        UserError: no such class, or it does not take these arguments.
    """
    if isinstance(network, nn.Module):
        if args:
            raise UserError("network_args are the arguments of a network's class, but network is an instance")
        return network
    build = import_object(network, "--model.network", nn.Module) if isinstance(network, str) else network
    named = repr(network if isinstance(network, str) else getattr(network, "__qualname__", network))
    try:
        built = build(in_features=in_features, out_features=out_features, **args)
    except Exception as error:  # its author may raise anything
        what = f"{type(error).__name__}: {error}"
        raise UserError(f"network {named} could not be built: {what}") from error
    if not isinstance(built, nn.Module):
        raise UserError(f"network {named} must be a torch.nn.Module, but is a {type(built).__name__}")
    return built


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
