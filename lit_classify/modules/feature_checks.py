"""Checks of the features of rows, and their conversion to tensors.

Legend: N rows, F features.
"""

from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lit_classify.errors import DataError
from lit_classify.messages import plural


def to_features(x: Any, dtype: torch.dtype | str, device: torch.device) -> Tensor:  # noqa: ANN401 - any array
    """Return real numbers of any type, in lists, an array or a tensor, as a tensor.

    Raises:
        DataError: they are no such numbers, or a DataFrame, whose columns must be prepared.

    Examples:
        >>> to_features([[1, 2], [3, 4]], torch.float32, torch.device("cpu"))
        tensor([[1., 2.],
                [3., 4.]])
        >>> to_features([["red"]], torch.float32, torch.device("cpu"))
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: a model takes rows of numbers, shape (N, F), which this list is not
    """
    if hasattr(x, "columns"):
        raise DataError(
            "a model takes features as its data module prepares them, but x is a DataFrame; use "
            "lit_classify.predict(CHECKPOINT, frame), which prepares its columns"
        )
    numbers = x if isinstance(x, Tensor) else None
    if numbers is None:
        with suppress(TypeError, ValueError):  # of None, text, or rows of unequal lengths
            array = np.asarray(x)
            if array.dtype.kind in "biufO":
                numbers = torch.from_numpy(array.astype(np.float64))  # a copy: x may be read-only
    if numbers is None or numbers.is_complex():
        type_name = type(x).__name__
        raise DataError(f"a model takes rows of numbers, shape (N, F), which this {type_name} is not")
    return numbers.to(device).type(dtype)


def check_features(name: str, x: Tensor, num_features: int, dtype: torch.dtype | str = torch.float32) -> None:
    """Check the shape and the type of the features of a model called ``name``.

    Raises:
        DataError: features that are not ``dtype`` of shape ``(N, F)``.

    Examples:
        >>> check_features("Regressor", torch.zeros(5, 2).double(), 2)
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: Regressor takes features of float32, not float64; give x.float()
    """
    expected = f"{name} takes rows of {plural(num_features, 'feature')}"
    if x.ndim != 2:
        column_or_row = "-1, 1" if num_features == 1 else "1, -1"
        fits = x.ndim == 1 and num_features in {1, len(x)}
        hint = f"; give x.reshape({column_or_row})" if fits else ""
        raise DataError(f"{expected}, shape (N, {num_features}), but x has shape {tuple(x.shape)}{hint}")
    if x.shape[1] != num_features:
        raise DataError(f"{expected}, but these have {x.shape[1]:,}; build it with in_features={x.shape[1]}")
    if x.dtype != dtype:
        to_dtype = "x.float()" if dtype == torch.float32 else f"x.to({dtype})"
        expected_dtype = str(dtype).removeprefix("torch.")
        actual_dtype = str(x.dtype).removeprefix("torch.")
        raise DataError(f"{name} takes features of {expected_dtype}, not {actual_dtype}; give {to_dtype}")


def check_finite(name: str, x: Tensor) -> None:
    """Check that the features ``(N, F)`` of a model called ``name`` are finite.

    Raises:
        DataError: NaN or infinity; names the first.

    Examples:
        >>> check_finite("Regressor", torch.tensor([[0.5], [float("nan")]]))
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: Regressor needs finite features, but row 1 has nan in column 0
    """
    if not bool(x.isfinite().all()):
        row, column = (~x.isfinite()).nonzero()[0].tolist()
        raise DataError(
            f"{name} needs finite features, but row {row} has {float(x[row, column])} in column {column}"
        )
