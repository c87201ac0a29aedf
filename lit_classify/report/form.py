"""The what-if form of a report: a control for each column of a table, and what computes the predictions."""

from typing import Any

import torch
from torch import Tensor

from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data.table.encoders import Encoder
from lit_classify.modules import LitModule
from lit_classify.report.network_data import UnsupportedNetwork, network_data

_MIN_ROWS = 5  # of a category that is not rare


def form_data(model: LitModule, data: InMemoryDataModule, rare: bool) -> dict[str, Any] | None:
    """Return the columns, encoders and network of a form; None for data without columns.

    Args:
        model: the model.
        data: its data.
        rare: include the names of categories of fewer than five training rows.

    Returns:
        The form, or the reason why the page cannot compute the predictions.
    """
    if not isinstance(data, TableDataModule) or not data.has_split("train"):
        return None
    try:
        network = network_data(model)
    except UnsupportedNetwork as error:
        return {"reason": str(error)}
    preprocessor, x = data.preprocessor, data.sample("train").x
    columns, encoders, start = list[dict[str, Any]](), list[dict[str, Any]](), 0
    for encoder in preprocessor.encoders:
        features = x[:, start : start + encoder.num_features]
        start += encoder.num_features
        plain = encoder.to_dict()
        if encoder.kind == "category":
            counts = _count_categories(encoder, features)
            names = [
                name if rare or count >= _MIN_ROWS else None
                for name, count in zip(encoder.categories, counts, strict=True)
            ]
            plain |= {"categories": names, "infrequent": []}
            most = max(range(len(counts)), key=counts.__getitem__)
            control = {"name": encoder.name, "kind": "category", "categories": names}
            columns.append({**control, "start": encoder.categories[most]})
        elif encoder.part in {"", "elapsed"}:
            present = features[:, 0] if not encoder.indicator else features[features[:, 1] == 0][:, 0]
            raw = encoder.center + encoder.scale * present.double()
            low, high = (float(raw.min()), float(raw.max())) if len(raw) else (0.0, 0.0)
            columns.append(
                {
                    "name": encoder.name,
                    "kind": encoder.kind,
                    "min": low,
                    "max": high,
                    "median": encoder.median,
                    "start": encoder.median,
                    "missing": encoder.indicator,
                }
            )
        encoders.append(plain)
    return {
        "columns": columns,
        "encoders": encoders,
        "network": network,
        "start": {column["name"]: column.pop("start") for column in columns},
    }


def _count_categories(encoder: Encoder, features: Tensor) -> list[int]:
    """Return the number of training rows of each category."""
    if encoder.embedded:
        return torch.bincount(features[:, 0].long(), minlength=len(encoder.categories) + 2)[2:].tolist()
    return features[:, 1:].sum(dim=0).long().tolist()
