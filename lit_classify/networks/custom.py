"""User-defined networks, built from a name, a class or an instance.

Legend: N rows, F features, O outputs.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from lit_classify.allowed_imports import import_object
from lit_classify.errors import UserError

if TYPE_CHECKING:
    Network = str | Callable[..., nn.Module] | nn.Module
else:  # the parser of the command line accepts names only
    Network = str
Module = TypeVar("Module", bound=nn.Module)


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

    Examples:
        >>> make_network(nn.Linear, 2, 1, {"bias": False})
        Linear(in_features=2, out_features=1, bias=False)
    """
    if isinstance(network, nn.Module):
        if args:
            raise UserError("network_args requires a network class, but network is an instance")
        return network
    build = import_object(network, "--model.network", nn.Module) if isinstance(network, str) else network
    name = repr(network if isinstance(network, str) else getattr(network, "__qualname__", network))
    try:
        module = build(in_features=in_features, out_features=out_features, **args)
    except Exception as error:  # user code may raise any type
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"network {name} could not be built: {reason}") from error
    if not isinstance(module, nn.Module):
        raise UserError(f"network {name} must be a torch.nn.Module, but is a {type(module).__name__}")
    return module


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the mode of each submodule is restored afterwards.

    Examples:
        >>> network = nn.Sequential(nn.Linear(2, 1), nn.Dropout(0.5))
        >>> with evaluating(network):
        ...     bool(torch.equal(network(torch.ones(1, 2)), network(torch.ones(1, 2))))
        ...
        True
        >>> network.training
        True
    """
    modes = [(module, module.training) for module in network.modules()]
    try:
        with torch.no_grad():
            network.eval()
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def in_single_precision(network: Module) -> Module:
    """Return the network, or a copy in float32, the precision of the data, if it has another one.

    Examples:
        >>> in_single_precision(nn.Linear(2, 1).double())(torch.ones(1, 2)).dtype
        torch.float32
    """
    weights = (weight for weight in network.parameters() if weight.is_floating_point())
    return network if all(weight.dtype == torch.float32 for weight in weights) else deepcopy(network).float()


def check_output(network: nn.Module, in_features: int, out_features: int) -> None:
    """Check that the network maps shape ``(2, in_features)`` to ``(2, out_features)``.

    The random state of the caller and the mode and buffers of the network are unchanged.

    Raises:
        UserError: the network raises an error, or its output has another shape.

    Examples:
        >>> check_output(nn.Linear(2, 1), 2, 1)
        >>> check_output(nn.Linear(2, 3), 2, 1)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: the network must return 1 outputs per row, shape (N, 1), ...
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
