"""Summaries of small runs, as the page of a report takes them."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lit_classify.data.table.encoders import Encoder
from lit_classify.data.table.preprocessing import Preprocessor
from lit_classify.modules import LitModule
from lit_classify.report.network_data import network_data

HOSTILE = "</script><img src=x onerror=document.title=1>"


def run(model: LitModule, name: str = "circles_v2/version_0", **entries: Any) -> dict[str, Any]:
    epochs = [0.0, 1.0, 2.0]
    curves = {f"{stage}/loss": {"epoch": epochs, "value": [0.7, 0.6, 0.5]} for stage in ("train", "val")}
    metrics = {
        "accuracy": {"value": 0.75, "low": 0.6, "high": 0.9},
        "loss": {"value": 0.5, "low": None, "high": None},
    }
    return {
        "name": name,
        "purpose": "It bends the boundary.",
        "command": "lit-classify fit --config circles_v2",
        "settings": {"model.lr": 0.1},
        "versions": {"torch": "2.13"},
        "task": type(model).__name__,
        "class_names": model.class_names,
        "label_names": model.label_names,
        "parameters": 151,
        "members": model.members,
        "epochs": 50,
        "best_epoch": 49,
        "data": {
            "name": "CirclesDataModule",
            "rows": {"train": 80, "test": 20},
            "class_counts": None,
            "columns": [],
            "notes": [],
        },
        "curves": curves,
        "problems": [],
        "evaluation": {
            "split": "test",
            "num_rows": 20,
            "metrics": metrics,
            "undefined": {"auroc": "undefined: one class only"},
            "baselines": {"metric": "accuracy", "scores": {"majority class": 0.5}},
        },
        "predictions": None,
        "player": None,
        "not_replayed": None,
        "what_if": None,
        "importance": None,
        "importance_metric": None,
        "no_importance": None,
        "worst_rows": None,
        **entries,
    }


def summary(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"version": "1.0", "contains": ["points"], "has_rows": True, "runs": list(runs)}


def player(model: LitModule, states: Sequence[Tensor], points: Tensor, targets: list[Any]) -> dict[str, Any]:
    """Return a player of features with centers and scales, for snapshots at epochs 0, 1 and so on."""
    splits = ["train" if row % 5 else "test" for row in range(len(points))]
    weights = torch.stack(list(states)).numpy().astype("<f4").tobytes()
    return {
        "features": [
            {"name": "x1", "center": 0.5, "scale": 2.0},
            {"name": "x2", "center": 0.0, "scale": 1.0},
        ],
        "range": [[-2.0, 3.0], [-1.5, 1.5]],
        "points": {"x": points.tolist(), "y": targets, "split": splits},
        "epochs": list(range(len(states))),
        "thresholds": model.thresholds,
        "task": network_data(model)["task"],
        "values": [-1.0, 1.0],
        "network": network_data(model, weights=False),
        "weights": base64.b64encode(weights).decode(),
    }


def flat(model: LitModule) -> Tensor:
    return torch.nn.utils.parameters_to_vector(model.network.parameters()).detach().clone()


def what_if(model: LitModule, preprocessor: Preprocessor) -> dict[str, Any]:
    columns = [_column(encoder) for encoder in preprocessor.encoders if encoder.part in ("", "elapsed")]
    return {
        "columns": columns,
        "range": None,
        "encoders": preprocessor.to_dict(),
        "network": network_data(model),
        "start": {column["name"]: column["start"] for column in columns},
    }


def _column(encoder: Encoder) -> dict[str, Any]:
    plain = {"name": encoder.name, "kind": encoder.kind}
    if encoder.kind == "category":
        return {**plain, "options": [*encoder.categories, None], "start": encoder.categories[0]}
    low, high = encoder.center - 2 * encoder.scale, encoder.center + 2 * encoder.scale
    options = [1, 0] if encoder.kind == "boolean" else np.linspace(low, high, 9).tolist()
    return {
        **plain,
        "options": options,
        "min": low,
        "max": high,
        "median": encoder.median,
        "start": encoder.median,
    }
