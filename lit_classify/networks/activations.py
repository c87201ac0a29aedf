"""Activation functions by name, class or instance."""

import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.modules import activation as activations

from lit_classify.allowed_imports import import_object
from lit_classify.errors import UserError
from lit_classify.messages import unknown_name

if TYPE_CHECKING:
    Activation = str | type[nn.Module] | nn.Module
else:  # the parser of the command line accepts names only
    Activation = str

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "Identity": nn.Identity,
    **{name: getattr(activations, name) for name in activations.__all__ if name != "MultiheadAttention"},
}


def activation_factory(activation: Activation) -> Callable[[], nn.Module]:
    """Return a function that builds the activation of a layer.

    Args:
        activation: its name, class or instance, as ``MLP`` takes it.

    Raises:
        UserError: it is unknown, or not a module.

    Examples:
        >>> activation_factory("Tanh")()
        Tanh()
    """
    if isinstance(activation, nn.Module):
        return lambda: deepcopy(activation)
    if isinstance(activation, str):
        if activation not in ACTIVATIONS and "." not in activation:
            raise UserError(unknown_name("activation", activation, ACTIVATIONS))
        cls = ACTIVATIONS.get(activation) or import_object(activation, "--model.activation", nn.Module)
    else:
        cls = activation
    if not (inspect.isclass(cls) and issubclass(cls, nn.Module)):
        raise UserError(
            f"activation must be a torch.nn.Module, its name or None, but is {activation!r}; "
            "to use a function, call it in the forward of a Module"
        )

    def make() -> nn.Module:
        try:
            return cls()
        except Exception as error:  # user code may raise any type
            reason = f"{type(error).__name__}: {error}"
            raise UserError(f"activation {cls.__name__} could not be built: {reason}") from error

    return make
