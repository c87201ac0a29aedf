"""A checkpoint's network with all that comes before and after it: from a table's raw rows to predictions.

Legend: N rows, K columns, F features, C classes, L labels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lit_classify.data.table.dialect import MISSING
from lit_classify.data.table.encoding import FARTHEST, Encoder
from lit_classify.data.table.schema import LARGEST, WORDS
from lit_classify.modules import LitModule
from lit_classify.networks import MLP, Embedded


class RowsToPredictions(nn.Module):
    """Fill gaps, scale numbers, tell categories apart, and ask the network.

    Input ``(N, K)`` float64, a number for each column: NaN or what single precision does not hold is a gap,
    a category is its code.
    Output probabilities ``(N, C)`` or ``(N, L)``, or values ``(N,)``, float32.

    Args:
        encoders: how each column becomes features.
        model: the task, with its weights.
    """

    def __init__(self, encoders: Sequence[Encoder], model: LitModule) -> None:
        super().__init__()
        self.model = model
        numbers = [place for place, encoder in enumerate(encoders) if encoder.kind != "category"]
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.long))
        for name in ("center", "scale", "median"):
            values = [getattr(encoders[place], name) for place in numbers]
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64))
        told = [at for at, place in enumerate(numbers) if encoders[place].indicator]
        self.register_buffer("told", torch.tensor(told, dtype=torch.long))
        self.categories = [place for place, encoder in enumerate(encoders) if encoder.kind == "category"]
        self.one_hot = nn.ParameterList(
            nn.Parameter(_one_hot(encoders[place]), requires_grad=False) for place in self.categories
        )
        self.register_buffer("order", torch.tensor(_order(encoders, numbers, told, self.categories)))

    numbers: Tensor
    center: Tensor
    scale: Tensor
    median: Tensor
    told: Tensor
    order: Tensor

    def features(self, rows: Tensor) -> Tensor:
        """Return the features ``(N, F)`` float32 of rows ``(N, K)``."""
        numbers = rows.index_select(1, self.numbers)
        gaps = torch.isnan(numbers) | (numbers.abs() > LARGEST)
        scaled = (torch.where(gaps, self.median, numbers) - self.center) / self.scale
        scaled = scaled.clamp(-FARTHEST, FARTHEST)
        parts = [scaled.float(), gaps.index_select(1, self.told).float()]
        for place, table in zip(self.categories, self.one_hot, strict=True):
            codes = rows[:, place]
            parts.append(table[codes.long()] if table.numel() else codes.float().unsqueeze(1))
        return torch.cat(parts, dim=1).index_select(1, self.order)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the predictions."""
        return self.model.predict(self.features(rows))


def _one_hot(encoder: Encoder) -> Tensor:
    """Return a row of features for each code; nothing for a category whose code is the feature."""
    if encoder.embedded:
        return torch.zeros(0)
    return torch.cat([torch.zeros(1, encoder.num_features), torch.eye(encoder.num_features)])


def _order(
    encoders: Sequence[Encoder], numbers: Sequence[int], told: Sequence[int], categories: Sequence[int]
) -> list[int]:
    """Return which of the parts that stand side by side each feature is."""
    first = {place: at for at, place in enumerate(numbers)}
    indicator = {numbers[column]: len(numbers) + at for at, column in enumerate(told)}
    start = len(numbers) + len(told)
    order: list[int] = []
    for place, encoder in enumerate(encoders):
        if encoder.kind != "category":
            order += [first[place], *([indicator[place]] if encoder.indicator else [])]
            continue
        before = sum(encoders[other].num_features for other in categories if other < place)
        order += range(start + before, start + before + encoder.num_features)
    return order


def schema(encoders: Sequence[Encoder], model: LitModule, version: str) -> dict[str, Any]:
    """Return how a raw row becomes the input, and what the output means, as plain data for JSON."""
    names = model.class_names or model.label_names
    embedded = isinstance(model.network, nn.Sequential) and isinstance(model.network[0], Embedded)
    network = model.network[1] if embedded and isinstance(model.network, nn.Sequential) else model.network
    return {
        "lit_classify": version,
        "task": type(model).__name__,
        "classes": model.class_names,
        "labels": model.label_names,
        "thresholds": model.hparams.get("thresholds"),
        "input": {"name": "rows", "shape": ["N", len(encoders)], "dtype": "float64"},
        "outputs": ["prediction"] if names is None else [f"p_{name}" for name in names],
        "columns": [_column(encoder) for encoder in encoders],
        "missing": list(MISSING),
        "words": WORDS,
        "categories": [place for place, encoder in enumerate(encoders) if encoder.kind == "category"],
        "layers": [type(layer).__name__ for layer in network] if isinstance(network, MLP) else None,
        "prefix": "model.network.1." if embedded else "model.network.",
        "embeddings": [f"model.{name}" for name in model.state_dict() if ".tables." in name and embedded],
        "unseen": 0,
        "gap": 1,
        "how": "Strip spaces. A number stands for itself, a word as in words, a gap (a cell in missing) for "
        "NaN. A category stands for its code; any other for unseen, and a gap among categories for gap.",
    }


def _column(encoder: Encoder) -> dict[str, Any]:
    if encoder.kind != "category":
        return {"name": encoder.name, "kind": encoder.kind}
    codes = {name: number for number, name in enumerate(encoder.categories, 2)}
    return {"name": encoder.name, "kind": "category", "codes": codes}
