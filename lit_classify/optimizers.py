"""Optimizers and schedulers of torch by name."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn, optim
from torch.optim.lr_scheduler import LRScheduler

from lit_classify.errors import UserError, unknown

Arguments = Mapping[str, Any] | None

_FUSED = {"Adam", "AdamW"}

OPTIMIZERS: dict[str, type[optim.Optimizer]] = {
    name: value
    for name, value in vars(optim).items()
    if inspect.isclass(value) and issubclass(value, optim.Optimizer) and value is not optim.Optimizer
}
SCHEDULERS: dict[str, type[LRScheduler]] = {
    name: value
    for name, value in vars(optim.lr_scheduler).items()
    if inspect.isclass(value) and issubclass(value, LRScheduler) and value is not LRScheduler
}


def check_optimizer(
    optimizer: str, lr: float, optimizer_args: Arguments, scheduler: str | None, scheduler_args: Arguments
) -> None:
    """Raise unless torch has these classes and they take these arguments.

    Raises:
        UserError: says what came and the nearest right name.
    """
    if not 0 < lr < float("inf"):
        raise UserError(f"lr must be a positive number, but is {lr}")
    _check("optimizer", OPTIMIZERS, optimizer, optimizer_args)
    if scheduler is None and scheduler_args:
        raise UserError("lr_scheduler_args are the arguments of a scheduler, but lr_scheduler names none")
    if scheduler is not None:
        _check("lr_scheduler", SCHEDULERS, scheduler, scheduler_args)


def _check(kind: str, known: Mapping[str, type], name: str, args: Arguments) -> None:
    if name not in known:
        raise UserError(unknown(kind, name, known))
    takes = list(inspect.signature(known[name]).parameters)[1:]
    for key in args or {}:
        if key not in takes:
            raise UserError(unknown(f"argument of {name}", key, takes))


def make_optimizer(
    name: str, parameters: Iterable[nn.Parameter], lr: float, args: Arguments, fused: bool = False
) -> optim.Optimizer:
    """Build an optimizer over ``parameters``.

    With ``fused``, Adam and AdamW take torch's single kernel unless the arguments say how to step; SGD stays
    as it is, bit for bit the course's.

    Raises:
        UserError: torch refuses the values.
    """
    given = dict(args or {})
    if fused and name in _FUSED and not given.keys() & {"fused", "foreach", "differentiable"}:
        given["fused"] = True
    try:
        return OPTIMIZERS[name](parameters, lr=lr, **given)  # type: ignore[call-arg]  # by name
    except Exception as error:  # torch raises many kinds
        raise UserError(f"torch refuses the optimizer {name}: {error}") from error


def make_scheduler(name: str, optimizer: optim.Optimizer, args: Arguments) -> LRScheduler:
    """Build a learning-rate scheduler over ``optimizer``.

    Raises:
        UserError: torch refuses the values.
    """
    try:
        return SCHEDULERS[name](optimizer, **(args or {}))
    except Exception as error:  # torch raises many kinds
        raise UserError(f"torch refuses the lr_scheduler {name}: {error}") from error
