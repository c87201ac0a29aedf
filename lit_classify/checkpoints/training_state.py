"""Check the optimizer, loop and callback states of a checkpoint before a run is resumed from them."""

import math
import warnings
from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from typing import Any

from lightning.pytorch import Trainer
from torch import Tensor, optim

from lit_classify._lightning.configure_optimizers import optimizers_and_schedulers

_OTHER_SHAPES = (optim.LBFGS, optim.Adafactor)  # their states do not have the shapes of the weights


def check_state(content: Mapping[str, Any], configured: Any, trainer: Trainer) -> None:  # noqa: ANN401 - Lightning's
    """Compare the states that a checkpoint would restore with those of a new fit.

    Args:
        content: content of the checkpoint.
        configured: what the module's ``configure_optimizers`` returned.
        trainer: the trainer, before its fit.

    Raises:
        KeyError: an entry is missing.
        TypeError: an entry has another type.
        ValueError: an entry does not fit this model or trainer, or is NaN, infinite or negative.
    """
    optimizers, schedulers = optimizers_and_schedulers(configured)
    for optimizer, state in _pairs(optimizers, content, "optimizer_states"):
        _check_optimizer(optimizer, state)
    for scheduler, state in _pairs(schedulers, content, "lr_schedulers"):
        fresh = (scheduler["scheduler"] if isinstance(scheduler, dict) else scheduler).state_dict()
        if "last_epoch" in fresh.keys() - state.keys():
            raise KeyError("last_epoch of lr_schedulers")
        _compare(fresh, state, "lr_schedulers")
    loop, recorded = trainer.fit_loop.state_dict(), content["loops"]["fit_loop"]
    _compare(loop, recorded, "loops.fit_loop")
    if missing := sorted(loop.keys() - recorded.keys()):
        raise KeyError(f"{missing[0]} of loops.fit_loop")
    _check_callbacks(_typed(content.get("callbacks", {}), dict, "callbacks"), content["state_dict"], trainer)


def _pairs(fresh: Sequence[Any], content: Mapping[str, Any], name: str) -> list[tuple[Any, dict[str, Any]]]:
    states = [_typed(state, dict, name) for state in _typed(content[name], list, name)]
    if len(states) != len(fresh):
        raise ValueError(f"{len(states)} {name}, but this training has {len(fresh)}")
    return list(zip(fresh, states, strict=True))


def _check_optimizer(optimizer: optim.Optimizer, state: Mapping[str, Any]) -> None:
    fresh, groups = optimizer.state_dict()["param_groups"], state["param_groups"]
    if [group["params"] for group in groups] != [group["params"] for group in fresh]:
        raise ValueError("param_groups of optimizer_states differ from those of the model")
    _compare(fresh, groups, "optimizer_states.param_groups")
    weights = dict(enumerate(weight for group in optimizer.param_groups for weight in group["params"]))
    same_shape = type(optimizer).__module__.startswith("torch.") and not isinstance(optimizer, _OTHER_SHAPES)
    for index, values in state["state"].items():
        if index not in weights:
            raise ValueError(f"optimizer_states contain a weight {index!r}, which the model does not have")
        for name, value in _typed(values, dict, "optimizer_states.state").items():
            where = f"{name} of weight {index} in optimizer_states"
            if isinstance(value, Tensor):
                _check_tensor(value, weights[index], same_shape, where)
            elif isinstance(value, str):
                raise TypeError(f"{where} is {value!r:.40}")


def _check_tensor(value: Tensor, weight: Tensor, same_shape: bool, where: str) -> None:
    if same_shape and value.shape not in {weight.shape, ()}:
        raise ValueError(f"{where} has the shape {tuple(value.shape)}, not {tuple(weight.shape)}")
    if value.is_complex() and not weight.is_complex():
        raise TypeError(f"{where} is complex")
    if not bool(value.isfinite().all()):
        raise ValueError(f"{where} contains NaN or infinity")


def _check_callbacks(states: Mapping[str, Any], weights: Mapping[str, Tensor], trainer: Trainer) -> None:
    """Compare the states of callbacks with new ones; callbacks of other packages are not checked."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set in its constructor
        state = states.get(callback.state_key)
        if state is not None and type(callback).__module__.startswith(("lightning.", "lit_classify.")):
            _compare(callback.state_dict(), _typed(state, dict, callback.state_key), callback.state_key)
            with warnings.catch_warnings(action="ignore"):
                copy(callback).load_state_dict(deepcopy(state))
            for name, weight in state.get("weights", {}).items():  # that the callback keeps of the model
                _check_tensor(weight, weights[name], True, f"{name} of {callback.state_key}")


def _compare(fresh: Any, recorded: Any, where: str) -> None:  # noqa: ANN401 - content of a file
    """Compare types and signs recursively; entries that are None or empty in a new fit are not checked."""
    if isinstance(fresh, dict):
        _typed(recorded, dict, where)
        for name in fresh.keys() & recorded.keys():
            _compare(fresh[name], recorded[name], f"{where}.{name}")
    elif isinstance(fresh, list | tuple):
        for index, entry in enumerate(_typed(recorded, list | tuple, where)):
            if fresh:
                _compare(fresh[min(index, len(fresh) - 1)], entry, where)
    elif isinstance(fresh, str | bool):
        _typed(recorded, type(fresh), where)
    elif isinstance(fresh, int | float) or (isinstance(fresh, Tensor) and fresh.numel() == 1):
        if isinstance(recorded, bool) or not isinstance(recorded, int | float | Tensor):
            raise TypeError(f"{where} is {recorded!r:.40}")
        initial, value = float(fresh), float(recorded)
        overflow = math.isinf(value) and math.isfinite(initial)
        if overflow or math.isnan(value) or (isinstance(fresh, int) and value < 0 <= initial):
            raise ValueError(f"{where} is {value}")


def _typed(value: Any, expected_type: Any, where: str) -> Any:  # noqa: ANN401 - content of a file
    if not isinstance(value, expected_type):
        raise TypeError(f"{where} is {value!r:.40}")
    return value
