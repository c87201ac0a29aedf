"""A preprocessor and a task as one module: from the raw columns of a table to predictions.

Legend: N rows, K columns, C classes, L labels.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl
from torch import Tensor, nn

from lit_classify.data.table.cells import BOOLEANS, MISSING_VALUES, to_numbers
from lit_classify.data.table.encoders import Encoder
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.data.table.preprocessing import Preprocessor
from lit_classify.data.table.value_formats import ValueFormat
from lit_classify.modules import LitModule
from lit_classify.networks import FeatureEmbedding, split_inputs


class ExportedModel(nn.Module):
    """Preprocess raw rows and predict.

    Args:
        preprocessor: the preprocessor of the training.
        model: the task, with its weights.

    Shape:
        - Input: ``(N, K)`` float64, as for ``Preprocessor``.
        - Output: probabilities ``(N, C)`` or ``(N, L)``, or values ``(N,)``, float32.

    Examples:
        >>> import polars as pl
        >>> import torch
        >>> from lit_classify import BinaryClassifier
        >>> from lit_classify.data.table.schema import Column
        >>> frame = pl.DataFrame({"age": [20.0, 40.0]})
        >>> preprocessor = Preprocessor().fit(frame, [Column("age", "number", 0, 2)])
        >>> exported = ExportedModel(preprocessor, BinaryClassifier(1))
        >>> exported(torch.tensor([[30.0], [float("nan")]], dtype=torch.float64)).shape
        torch.Size([2, 2])
    """

    def __init__(self, preprocessor: Preprocessor, model: LitModule) -> None:
        super().__init__()
        self.preprocessor = preprocessor
        self.model = model

    def forward(self, rows: Tensor) -> Tensor:
        """Return the predictions."""
        return self.model.probabilities(self.model(self.preprocessor(rows)))


def describe_inputs(
    exported: ExportedModel, version: str, state: FittedState | None = None
) -> dict[str, Any]:
    """Return the content of schema.json: how to encode a raw row, and what the outputs mean.

    Args:
        exported: the model.
        version: the version of this package.
        state: how the table of the training was read; None for synthetic data.

    Examples:
        >>> import polars as pl
        >>> from lit_classify import BinaryClassifier
        >>> from lit_classify.data.table.schema import Column
        >>> frame = pl.DataFrame({"age": [20.0, 40.0]})
        >>> preprocessor = Preprocessor().fit(frame, [Column("age", "number", 0, 2)])
        >>> schema = describe_inputs(ExportedModel(preprocessor, BinaryClassifier(1)), "1.0")
        >>> schema["columns"][0]["name"], schema["columns"][0]["kind"]
        ('age', 'number')
    """
    model, encoders = exported.model, exported.preprocessor.encoders
    missing = list(state.settings["missing_values"]) if state else []
    derive, network = split_inputs(model.network)
    embedded = isinstance(network, nn.Sequential) and isinstance(network[0], FeatureEmbedding)
    network = network[1] if embedded and isinstance(network, nn.Sequential) else network
    layers = None
    if model.hparams["network"] is None and isinstance(network, nn.Sequential):
        layers = [type(layer).__name__ for layer in network]
    return {
        "lit_classify": version,
        "task": type(model).__name__,
        "classes": model.class_names,
        "labels": model.label_names,
        "thresholds": model.hparams.get("thresholds", model.hparams.get("threshold")),
        "members": model.members,
        "input": {"name": "rows", "shape": ["N", len(encoders)], "dtype": "float64"},
        "outputs": list(model.probability_columns.values()) or ["prediction"],
        "columns": [_column(encoder, state.formats if state else {}) for encoder in encoders],
        "missing": [*MISSING_VALUES, *missing],
        "missing_numbers": to_numbers(pl.Series(missing, dtype=pl.String)).drop_nulls().to_list(),
        "ignore_case": bool(state and state.settings["ignore_case"]),
        "words": BOOLEANS,
        "inputs": derive.inputs if derive else None,
        "layers": layers,
        "prefix": "model.network.1." if embedded or derive else "model.network.",
        "embedding": "model.network.0." if embedded else None,
        "tables": [f"model.{name}" for name in model.state_dict() if ".tables." in name and embedded],
        "unseen_code": 0,
        "missing_code": 1,
        "encoding": "Strip spaces. Numbers: NaN if the cell is in missing, its value in words if it is a key "
        "there in lower case, otherwise the number in its format, times of day in seconds; NaN if that is in "
        "missing_numbers. Dates: the part, in UTC; elapsed is the number of days since 1970. Categories: "
        "missing_code if the cell is in missing, its value in codes, otherwise unseen_code; with "
        "ignore_case, in lower case and with single spaces.",
    }


def _column(encoder: Encoder, formats: Mapping[str, ValueFormat]) -> dict[str, Any]:
    description: dict[str, Any] = {"name": encoder.name, "kind": encoder.kind}
    if encoder.kind == "category":
        codes = {name: code for code, name in enumerate(encoder.categories, 2)}
        return {**description, "embedded": encoder.embedded, "codes": codes}
    if encoder.part:
        description["part"] = encoder.part
    return {**description, "format": formats.get(encoder.name, ValueFormat()).to_dict()}
