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
        expected = (scheduler["scheduler"] if isinstance(scheduler, dict) else scheduler).state_dict()
        if "last_epoch" in expected.keys() - state.keys():
            raise KeyError("last_epoch of lr_schedulers")
        _compare(expected, state, "lr_schedulers")
    loop, recorded = trainer.fit_loop.state_dict(), content["loops"]["fit_loop"]
    _compare(loop, recorded, "loops.fit_loop")
    if missing := sorted(loop.keys() - recorded.keys()):
        raise KeyError(f"{missing[0]} of loops.fit_loop")
    _check_callbacks(_typed(content.get("callbacks", {}), dict, "callbacks"), content["state_dict"], trainer)


def _pairs(
    configured: Sequence[Any], content: Mapping[str, Any], name: str
) -> list[tuple[Any, dict[str, Any]]]:
    states = [_typed(state, dict, name) for state in _typed(content[name], list, name)]
    if len(states) != len(configured):
        raise ValueError(f"{len(states)} {name}, but this training has {len(configured)}")
    return list(zip(configured, states, strict=True))


def _check_optimizer(optimizer: optim.Optimizer, state: Mapping[str, Any]) -> None:
    expected, groups = optimizer.state_dict()["param_groups"], state["param_groups"]
    if [group["params"] for group in groups] != [group["params"] for group in expected]:
        raise ValueError("param_groups of optimizer_states differ from those of the model")
    _compare(expected, groups, "optimizer_states.param_groups")
    weights = dict(enumerate(weight for group in optimizer.param_groups for weight in group["params"]))
    same_shape = type(optimizer).__module__.startswith("torch.") and not isinstance(optimizer, _OTHER_SHAPES)
    for index, values in state["state"].items():
        if index not in weights:
            raise ValueError(f"optimizer_states contain a weight {index!r}, which the model does not have")
        for name, value in _typed(values, dict, "optimizer_states.state").items():
            location = f"{name} of weight {index} in optimizer_states"
            if isinstance(value, Tensor):
                _check_tensor(value, weights[index], same_shape, location)
            elif isinstance(value, str):
                raise TypeError(f"{location} is {value!r:.40}")


def _check_tensor(value: Tensor, weight: Tensor, same_shape: bool, location: str) -> None:
    if same_shape and value.shape not in {weight.shape, ()}:
        raise ValueError(f"{location} has the shape {tuple(value.shape)}, not {tuple(weight.shape)}")
    if value.is_complex() and not weight.is_complex():
        raise TypeError(f"{location} is complex")
    if not bool(value.isfinite().all()):
        raise ValueError(f"{location} contains NaN or infinity")


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


def _compare(expected: Any, recorded: Any, location: str) -> None:  # noqa: ANN401 - content of a file
    """Compare types and signs recursively; entries that are None or empty in a new fit are not checked."""
    if isinstance(expected, dict):
        _typed(recorded, dict, location)
        for name in expected.keys() & recorded.keys():
            _compare(expected[name], recorded[name], f"{location}.{name}")
    elif isinstance(expected, list | tuple):
        for index, entry in enumerate(_typed(recorded, list | tuple, location)):
            if expected:
                _compare(expected[min(index, len(expected) - 1)], entry, location)
    elif isinstance(expected, str | bool):
        _typed(recorded, type(expected), location)
    elif isinstance(expected, int | float) or (isinstance(expected, Tensor) and expected.numel() == 1):
        if isinstance(recorded, bool) or not isinstance(recorded, int | float | Tensor):
            raise TypeError(f"{location} is {recorded!r:.40}")
        initial, value = float(expected), float(recorded)
        overflow = math.isinf(value) and math.isfinite(initial)
        if overflow or math.isnan(value) or (isinstance(expected, int) and value < 0 <= initial):
            raise ValueError(f"{location} is {value}")


def _typed(value: Any, expected_type: Any, location: str) -> Any:  # noqa: ANN401 - content of a file
    if not isinstance(value, expected_type):
        raise TypeError(f"{location} is {value!r:.40}")
    return value
