"""Optimizers and learning-rate schedulers, given by name or as classes."""

import inspect
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from torch import nn, optim
from torch.optim.lr_scheduler import LRScheduler

from lit_classify.allowed_imports import import_object
from lit_classify.errors import UserError, check_type
from lit_classify.messages import unknown_name

if TYPE_CHECKING:
    Optimizer = str | type[optim.Optimizer]
    Scheduler = str | type[LRScheduler]
else:  # the parser of the command line accepts names only
    Optimizer = Scheduler = str

T = TypeVar("T")
Arguments = Mapping[str, Any] | None

_FUSED = (optim.Adam, optim.AdamW)
_FUSED_ON_DEVICES = (*_FUSED, optim.SGD, optim.Adagrad)
# each weight's step depends on the gradients of that weight alone, and is proportional to the learning rate
_PROPORTIONAL_STEPS = {
    *(optim.SGD, optim.Adam, optim.AdamW, optim.Adamax, optim.NAdam, optim.RAdam),
    *(optim.RMSprop, optim.Adagrad, optim.Adadelta),
}
_PROPORTIONAL_RATES = {"StepLR", "MultiStepLR", "ExponentialLR", "ConstantLR", "LinearLR", "PolynomialLR"}
_COSINE = {"CosineAnnealingLR", "CosineAnnealingWarmRestarts"}


def _subclasses(module: ModuleType, base: type[T]) -> dict[str, type[T]]:
    classes = ((name, value) for name, value in vars(module).items() if inspect.isclass(value))
    return {name: cls for name, cls in classes if issubclass(cls, base) and cls is not base}


OPTIMIZERS = _subclasses(optim, optim.Optimizer)
SCHEDULERS = _subclasses(optim.lr_scheduler, LRScheduler)


def check_optimizer(
    optimizer: Optimizer,
    lr: float,
    optimizer_args: Arguments,
    scheduler: Scheduler | None,
    scheduler_args: Arguments,
) -> None:
    """Check that the classes exist and accept these arguments; import paths are not imported yet.

    Raises:
        UserError: the learning rate is invalid, or a class or an argument is unknown.

    Examples:
        >>> check_optimizer("SGD", 0.1, {"momentum": 0.9}, "StepLR", {"step_size": 10})
        >>> check_optimizer("SGD", 0.1, {"momentm": 0.9}, None, None)
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: unknown argument of SGD 'momentm': did you mean 'momentum'?
    """
    check_lr(lr)
    _check("optimizer", OPTIMIZERS, optim.Optimizer, optimizer, optimizer_args)
    if scheduler is None and scheduler_args:
        raise UserError("lr_scheduler_args requires lr_scheduler, which is None")
    if scheduler is not None:
        _check("lr_scheduler", SCHEDULERS, LRScheduler, scheduler, scheduler_args)


def check_lr(lr: float) -> None:
    """Raise UserError unless a learning rate is above 0 and finite.

    Examples:
        >>> check_lr(0.0)
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: lr must be a positive number, but is 0.0
    """
    check_type("lr", lr, float)
    if not 0 < lr < float("inf"):
        raise UserError(f"lr must be a positive number, but is {lr}")


def steps_are_proportional(optimizer: optim.Optimizer) -> bool:
    """Return whether members can share an optimizer, each taking a fraction of its steps for a smaller rate.

    Each weight's step must depend on the gradients of that weight alone, and be proportional to the rate.

    Examples:
        >>> weights = list(nn.Linear(1, 1).parameters())
        >>> steps_are_proportional(optim.Adam(weights)), steps_are_proportional(optim.LBFGS(weights))
        (True, False)
    """
    return type(optimizer) in _PROPORTIONAL_STEPS


def rates_are_proportional(scheduler: Scheduler | None, args: Arguments) -> bool:
    """Return whether the rates of a schedule are always proportional to its initial rate.

    Examples:
        >>> rates_are_proportional("StepLR", {"step_size": 10}), rates_are_proportional("CyclicLR", {})
        (True, False)
    """
    if scheduler in _COSINE:
        return not (args or {}).get("eta_min")
    return scheduler is None or scheduler in _PROPORTIONAL_RATES


def _check(option: str, known: Mapping[str, type], base: type, value: str | type, args: Arguments) -> None:
    check_type(f"{option}_args", args, Mapping | None)
    if isinstance(value, str) and value not in known and "." in value:
        return
    cls: type = _class(option, known, base, value)
    parameters = inspect.signature(cls).parameters
    has_kwargs = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    names = list(parameters)[1:]
    for key in args or {}:
        if key not in names and not has_kwargs:
            without = "; for no weight decay, add --model.weight_decay null" * (key == "weight_decay")
            raise UserError(unknown_name(f"argument of {cls.__name__}", key, names) + without)


def _class(option: str, known: Mapping[str, type[T]], base: type[T], value: str | type[T]) -> type[T]:
    """Return a class given as a class, a name or an import path."""
    if isinstance(value, str) and value not in known and "." not in value:
        raise UserError(unknown_name(option, value, known))
    cls = value
    if isinstance(value, str):
        cls = known.get(value) or import_object(value, f"--model.{option}", base)
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        is_named = isinstance(value, str) or inspect.isclass(value)
        description = repr(value) if is_named else f"an instance of {type(value).__name__}"
        raise UserError(
            f"{option} must be a class that extends {base.__name__}, or its name, but is {description}; "
            f"its arguments go to {option}_args"
        )
    return cls


def make_optimizer(
    optimizer: Optimizer, parameters: Iterable[nn.Parameter], lr: float, args: Arguments, fused: bool = False
) -> optim.Optimizer:
    """Build an optimizer over ``parameters``.

    With ``fused``, optimizers use the fused kernel of torch unless the arguments select another one; on a CPU
    only Adam and AdamW, so that the results of SGD are bit for bit those of the course.

    Raises:
        UserError: the class is unknown, or its constructor raises an error.

    Examples:
        >>> optimizer = make_optimizer("SGD", nn.Linear(2, 1).parameters(), lr=0.1, args={"momentum": 0.9})
        >>> optimizer.param_groups[0]["momentum"]
        0.9
    """
    check_lr(lr)
    cls = _class("optimizer", OPTIMIZERS, optim.Optimizer, optimizer)
    kwargs, parameters = dict(args or {}), list(parameters)
    on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
    if (
        fused
        and cls in (_FUSED if on_cpu else _FUSED_ON_DEVICES)
        and not kwargs.keys() & {"fused", "foreach", "differentiable"}
    ):
        kwargs["fused"] = True
    return _build("optimizer", cls, parameters, lr=lr, **kwargs)


def make_scheduler(scheduler: Scheduler, optimizer: optim.Optimizer, args: Arguments) -> LRScheduler:
    """Build a learning-rate scheduler over ``optimizer``.

    Raises:
        UserError: the class is unknown, or its constructor raises an error.

    Examples:
        >>> optimizer = make_optimizer("SGD", nn.Linear(2, 1).parameters(), lr=0.1, args=None)
        >>> scheduler = make_scheduler("StepLR", optimizer, {"step_size": 1, "gamma": 0.5})
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.05]
    """
    cls = _class("lr_scheduler", SCHEDULERS, LRScheduler, scheduler)
    return _build("lr_scheduler", cls, optimizer, **(args or {}))


def _build(option: str, cls: type[T], *args: Any, **kwargs: Any) -> T:
    for name, value in kwargs.items():
        if isinstance(value, np.generic):  # which the state of an optimizer in a checkpoint must not contain
            kwargs[name] = value.item()
    try:
        return cls(*args, **kwargs)
    except Exception as error:  # torch raises many types
        raise UserError(f"{option} {cls.__name__} could not be built: {error}") from error
