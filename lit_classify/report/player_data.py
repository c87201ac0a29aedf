"""What the player of a report shows: snapshots of a network of two features, and points.

Legend: F features, S snapshots, P parameters, C classes.
"""

import base64
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lit_classify.callbacks.snapshots import FILE_NAME, MAX_BYTES, load_snapshots, unflatten_state
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule, Regressor
from lit_classify.report.network_data import UnsupportedNetwork, encode, flat_weights, network_data

_MAX_POINTS = 1000  # of each split
_GRID = 41  # points of a grid of probabilities along each feature
_MARGIN = 0.1  # around the points, as a fraction of their range


def player_data(
    model: LitModule, data: InMemoryDataModule, folder: Path, rows: bool
) -> dict[str, Any] | None:
    """Return the snapshots of a network of two features, and the points; None for other networks.

    Args:
        model: the model.
        data: its data.
        folder: the directory of the run.
        rows: whether the page may contain the points.

    Raises:
        UnsupportedNetwork: the page cannot compute the predictions of a regression.
    """
    axes = data.numeric_features
    if data.in_features != 2 or len(axes) != 2 or not (folder / FILE_NAME).is_file():
        return None
    epochs, states = load_snapshots(folder)
    x = torch.cat([data.sample(split).x for split in ("train", "test") if data.has_split(split)])
    low, high = x.amin(dim=0), x.amax(dim=0)
    limits = torch.stack([low - _MARGIN * (high - low), high + _MARGIN * (high - low)])  # (2, F)
    player: dict[str, Any] = {
        "features": [{"name": axis.name, "center": axis.center, "scale": axis.scale} for axis in axes],
        "range": [(axis.center + axis.scale * limits[:, axis.column]).tolist() for axis in axes],
        "points": _points(data) if rows else None,
        "epochs": epochs,
        **_decision(model, data),
    }
    try:
        network = network_data(model, weights=False)
        if model.members > 1 and states.nbytes > MAX_BYTES:
            raise UnsupportedNetwork(
                f"the weights of {len(states)} snapshots take {states.nbytes >> 10:,} kB"
            )
        return player | {"network": network, "weights": encode(_weights(model, states))}
    except UnsupportedNetwork as error:
        if isinstance(model, Regressor):  # values are not between 0 and 1
            raise
        surfaces = _surfaces(model, states, limits, [axis.column for axis in axes])
        content = base64.b64encode(surfaces.numpy().tobytes()).decode()
        return player | {"grids": {"size": _GRID, "probabilities": content, "reason": str(error)}}


def _decision(model: LitModule, data: InMemoryDataModule) -> dict[str, Any]:
    """Return how outputs become predictions, and the range of values that the colors of a regression show."""
    if isinstance(model, Regressor):
        values = np.quantile(data.sample("train").y.double().numpy(), (0.05, 0.95)).tolist()
        return {"task": "regression", "thresholds": [], "values": values}
    of_classes = "binary" if model.thresholds else "multiclass"
    task = of_classes if model.class_names else "multilabel"
    return {"task": task, "thresholds": model.thresholds, "values": None}


def _each_snapshot(model: LitModule, states: Tensor) -> Iterator[LitModule]:
    """Yield the model with the weights of each snapshot; its own are restored."""
    trained = deepcopy(model.network.state_dict())
    for state in states:
        model.network.load_state_dict(unflatten_state(model.network, state))
        yield model
    model.network.load_state_dict(trained)


def _weights(model: LitModule, states: Tensor) -> Tensor:
    """Return the weights at each snapshot in the order of ``network_data``, ``(S, P)``."""
    return torch.stack([flat_weights(snapshot) for snapshot in _each_snapshot(model, states)])


def _surfaces(model: LitModule, states: Tensor, limits: Tensor, columns: Sequence[int]) -> Tensor:
    """Return the probabilities over a grid at each snapshot, from 0 to 255, ``(S, size, size, C)`` uint8.

    Args:
        model: the model; its weights are restored.
        states: the states of the network, ``(S, P)``.
        limits: smallest and largest value of each feature, ``(2, F)``.
        columns: the feature along the horizontal and along the vertical axis.
    """
    horizontal, vertical = (
        torch.linspace(float(limits[0, column]), float(limits[1, column]), _GRID) for column in columns
    )
    grid = torch.empty(_GRID, _GRID, 2)
    grid[..., columns[0]], grid[..., columns[1]] = horizontal, vertical.unsqueeze(1)
    points = grid.reshape(-1, 2)
    surfaces = [
        snapshot.predict(points).reshape(_GRID, _GRID, -1) for snapshot in _each_snapshot(model, states)
    ]
    return (255 * torch.stack(surfaces)).round().clamp(0, 255).to(torch.uint8)


def _points(data: InMemoryDataModule) -> dict[str, Any]:
    """Return the points of the training and test rows in the units of the data, at most 1,000 of each."""
    axes, points, targets, splits = data.numeric_features, list[list[float]](), list[float](), list[str]()
    for split in ("train", "val", "test"):
        if not data.has_split(split) or (split == "val" and (data.folds or data.validates_on_test)):
            continue
        x, y = (tensor[:_MAX_POINTS] for tensor in data.split(split))
        raw = torch.stack([axis.center + axis.scale * x[:, axis.column] for axis in axes], dim=1)
        points += [[round_number(value) for value in point] for point in raw.tolist()]
        targets += y.tolist()
        splits += [split] * len(y)
    return {"x": points, "y": targets, "split": splits}


def round_number(number: float) -> float:
    """Return a number with five significant digits, which a plot can show.

    Examples:
        >>> round_number(1 / 3)
        0.33333
    """
    return float(f"{number:.5g}")
