"""The what-if form of a report: a control for each column of a table, and the network for its predictions."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data.table.encoders import Encoder
from lit_classify.modules import LitModule, Regressor
from lit_classify.report.network_data import UnsupportedNetwork, network_data

_MIN_ROWS = 5  # of a category that is not rare
_NUM_VALUES = 81  # of a numeric column, for which the page draws predictions
_MARGIN = 0.1  # on each side, as a fraction of the range of values


def what_if_data(model: LitModule, data: InMemoryDataModule, rare: bool) -> dict[str, Any] | None:
    """Return the columns, encoders and network of the form; None for data without columns.

    Args:
        model: the model.
        data: its data.
        rare: include the names of categories of fewer than five training rows.

    Returns:
        Columns, encoders and network, or the reason why the page cannot compute the predictions.
    """
    if not isinstance(data, TableDataModule) or not data.has_split("train"):
        return None
    try:
        network = network_data(model)
    except UnsupportedNetwork as error:
        return {"reason": str(error)}
    preprocessor, x = data.preprocessor, data.sample("train").x
    columns, encoders = list[dict[str, Any]](), list[dict[str, Any]]()
    blocks = torch.split(x, [encoder.num_features for encoder in preprocessor.encoders], dim=1)
    for encoder, features in zip(preprocessor.encoders, blocks, strict=True):
        plain = encoder.to_dict()
        if encoder.kind == "category":
            counts = _count_categories(encoder, features)
            names = [
                name if rare or count >= _MIN_ROWS else None
                for name, count in zip(encoder.categories, counts, strict=True)
            ]
            plain |= {"categories": names, "infrequent": []}
            most = max(range(len(counts)), key=counts.__getitem__)
            options = [*(name for name in names if name is not None), None]
            control = {"name": encoder.name, "kind": "category", "options": options}
            columns.append({**control, "start": names[most]})
        elif encoder.part in {"", "elapsed"}:
            columns.append(_numeric_control(encoder, features))
        encoders.append(plain)
    return {
        "columns": columns,
        "range": _value_range(data) if isinstance(model, Regressor) else None,
        "encoders": encoders,
        "network": network,
        "start": {column["name"]: column.pop("start") for column in columns},
    }


def _numeric_control(encoder: Encoder, features: Tensor) -> dict[str, Any]:
    """Return the control of a number, a boolean or a date."""
    present = features[:, 0] if not encoder.indicator else features[features[:, 1] == 0][:, 0]
    raw = encoder.center + encoder.scale * present.double()
    limits = (float(raw.min()), float(raw.max())) if len(raw) else (0.0, 0.0)
    digits = 6 - math.ceil(math.log10(encoder.scale))  # after which features in single precision are inexact
    low, high = (round(limit, digits) + 0.0 for limit in limits)  # not -0.0
    return {
        "name": encoder.name,
        "kind": encoder.kind,
        "options": [1, 0] if encoder.kind == "boolean" else np.linspace(low, high, _NUM_VALUES).tolist(),
        "min": low,
        "max": high,
        "median": encoder.median,
        "start": encoder.median,
        "missing": encoder.indicator,
    }


def _value_range(data: InMemoryDataModule) -> list[float]:
    """Return the range of the training targets, with a margin for predictions beyond it."""
    y = data.sample("train").y.double()
    low, high = float(y.min()), float(y.max())
    margin = _MARGIN * (high - low) or 1.0
    return [low - margin, high + margin]


def _count_categories(encoder: Encoder, features: Tensor) -> list[int]:
    """Return the number of training rows of each category."""
    if encoder.embedded:
        return torch.bincount(features[:, 0].long(), minlength=len(encoder.categories) + 2)[2:].tolist()
    return features[:, 1:].sum(dim=0).long().tolist()
