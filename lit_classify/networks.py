"""Networks, built from a name, a class or an instance.

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
else:  # the parser of the command line accepts names only
    Activation = Network = str

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "Identity": nn.Identity,
    **{name: getattr(activations, name) for name in activations.__all__ if name != "MultiheadAttention"},
}


class MLP(nn.Sequential):
    """Multilayer perceptron: each hidden layer is linear, followed by an activation and optional dropout.

    Input ``(N, F)``, output ``(N, O)``. Without an activation the network is linear for any depth
    (course, section 5); without hidden layers it is a logistic or linear regression.

    Args:
        in_features: features per row, F.
        out_features: outputs per row, O.
        hidden: width of each hidden layer.
        activation: name of a class of torch.nn, such as ReLU, an import path, a class, or an instance, which
            is copied for each hidden layer; None for a linear network.
        dropout: fraction of hidden activations to zero during training, in [0, 1).

    Raises:
        UserError: the activation is unknown, a width is below 1 or ``dropout`` is outside [0, 1).
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
        make = None if activation is None else _activation_factory(activation)
        layers: list[nn.Module] = []
        widths = [in_features, *hidden]
        for sizes in pairwise(widths):
            layers.append(nn.Linear(*sizes))
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


class Embedded(nn.Module):
    """Replace the category codes in the last features by learned embeddings.

    Input ``(N, F)``, whose last features are category codes; output ``(N, F + more_features)``. The embedding
    of a feature with n categories has ``1.6 n^0.56`` dimensions, at most 50 (the rule of fastai), and is
    initialized with standard deviation 0.1.

    Args:
        num_categories: number of categories of each of the last features.
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
        """Concatenate the numeric features and the embeddings of the categories."""
        first = x.shape[1] - len(self.tables)
        embeddings = [table(x[:, first + index].long()) for index, table in enumerate(self.tables)]
        return torch.cat([x[:, :first], *embeddings], dim=1)


def make_network(network: Network, in_features: int, out_features: int, args: Mapping[str, Any]) -> nn.Module:
    """Build a user-defined network.

    Args:
        network: an import path, a class, or a function, which is called with ``in_features``,
            ``out_features`` and ``args``; or an instance, which is returned unchanged.
        in_features: features per row, F.
        out_features: outputs per row, O.
        args: further arguments.

    Raises:
        UserError: the class cannot be imported or built with these arguments.
    """
    if isinstance(network, nn.Module):
        if args:
            raise UserError("network_args requires a network class, but network is an instance")
        return network
    build = import_object(network, "--model.network", nn.Module) if isinstance(network, str) else network
    name = repr(network if isinstance(network, str) else getattr(network, "__qualname__", network))
    try:
        built = build(in_features=in_features, out_features=out_features, **args)
    except Exception as error:  # user code may raise any type
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"network {name} could not be built: {reason}") from error
    if not isinstance(built, nn.Module):
        raise UserError(f"network {name} must be a torch.nn.Module, but is a {type(built).__name__}")
    return built


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the mode of each submodule is restored afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    try:
        with torch.no_grad():
            network.eval()
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def check_output(network: nn.Module, in_features: int, out_features: int) -> None:
    """Check that the network maps shape ``(2, in_features)`` to ``(2, out_features)``.

    The random state of the caller and the mode and buffers of the network are unchanged.

    Raises:
        UserError: the network raises an error, or its output has another shape.
    """
    try:
        with evaluating(network), torch.random.fork_rng(devices=[]):
            output: Tensor = network(torch.zeros(2, in_features))
    except Exception as error:  # user code may raise any type
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(
            f"the network must accept {in_features} features per row, shape (N, {in_features}): {reason}"
        ) from error
    shape = tuple(getattr(output, "shape", ()))
    if shape != (2, out_features):
        raise UserError(
            f"the network must return {out_features} outputs per row, shape (N, {out_features}), "
            f"but for 2 rows its output has shape {shape}"
        )
