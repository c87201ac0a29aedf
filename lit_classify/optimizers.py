"""Optimizers and schedulers by name or as classes."""

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn, optim
from torch.optim.lr_scheduler import LRScheduler

from lit_classify.errors import UserError, unknown_name
from lit_classify.import_policy import import_object

if TYPE_CHECKING:
    Optimizer = str | type[optim.Optimizer]
    Scheduler = str | type[LRScheduler]
else:  # the command line's parser reads these, and takes names alone
    Optimizer = Scheduler = str

Arguments = Mapping[str, Any] | None

_FUSED = (optim.Adam, optim.AdamW)

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
    optimizer: Optimizer,
    lr: float,
    optimizer_args: Arguments,
    scheduler: Scheduler | None,
    scheduler_args: Arguments,
) -> None:
    """Raise unless these classes are there and take these arguments; an import path is followed later.

    Raises:
        UserError: says what came and the nearest right name.
    """
    check_lr(lr)
    _check("optimizer", OPTIMIZERS, optim.Optimizer, optimizer, optimizer_args)
    if scheduler is None and scheduler_args:
        raise UserError("lr_scheduler_args are the arguments of a scheduler, but lr_scheduler names none")
    if scheduler is not None:
        _check("lr_scheduler", SCHEDULERS, LRScheduler, scheduler, scheduler_args)


def check_lr(lr: float) -> None:
    """Raise UserError unless a learning rate is above 0 and finite."""
    if not 0 < lr < float("inf"):
        raise UserError(f"lr must be a positive number, but is {lr}")


def _check(option: str, known: Mapping[str, type], base: type, given: str | type, args: Arguments) -> None:
    if isinstance(given, str) and given not in known and "." in given:
        return
    kind = _class(option, known, base, given)
    takes = inspect.signature(kind).parameters
    for key in args or {}:
        if key not in list(takes)[1:] and not any(part.kind is part.VAR_KEYWORD for part in takes.values()):
            raise UserError(unknown_name(f"argument of {kind.__name__}", key, list(takes)[1:]))


def _class(option: str, known: Mapping[str, type], base: type, given: str | type) -> Any:  # noqa: ANN401 - called
    """Return the class that was given, or whose name or import path was."""
    if isinstance(given, str) and given not in known and "." not in given:
        raise UserError(unknown_name(option, given, known))
    kind = given
    if isinstance(given, str):
        kind = known.get(given) or import_object(given, f"--model.{option}", base)
    if not (inspect.isclass(kind) and issubclass(kind, base)):
        raise UserError(
            f"{option} must be a class that extends {base.__name__}, or its name, but is {given!r}; "
            f"its arguments go to {option}_args"
        )
    return kind


def make_optimizer(
    optimizer: Optimizer, parameters: Iterable[nn.Parameter], lr: float, args: Arguments, fused: bool = False
) -> optim.Optimizer:
    """Build an optimizer over ``parameters``.

    With ``fused``, Adam and AdamW take torch's single kernel unless the arguments say how to step; SGD stays
    as it is, bit for bit the course's.

    Raises:
        UserError: there is no such class, or it refuses the values.
    """
    check_lr(lr)
    kind = _class("optimizer", OPTIMIZERS, optim.Optimizer, optimizer)
    given = dict(args or {})
    if fused and kind in _FUSED and not given.keys() & {"fused", "foreach", "differentiable"}:
        given["fused"] = True
    try:
        made: optim.Optimizer = kind(parameters, lr=lr, **given)
    except Exception as error:  # torch raises many kinds
        raise UserError(f"torch refuses the optimizer {kind.__name__}: {error}") from error
    return made


def make_scheduler(scheduler: Scheduler, optimizer: optim.Optimizer, args: Arguments) -> LRScheduler:
    """Build a learning-rate scheduler over ``optimizer``.

    Raises:
        UserError: there is no such class, or it refuses the values.
    """
    kind = _class("lr_scheduler", SCHEDULERS, LRScheduler, scheduler)
    try:
        made: LRScheduler = kind(optimizer, **(args or {}))
    except Exception as error:  # torch raises many kinds
        raise UserError(f"torch refuses the lr_scheduler {kind.__name__}: {error}") from error
    return made
