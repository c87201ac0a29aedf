"""Weights of the positive targets of two classes, or of labels, as those of torch.nn.BCEWithLogitsLoss.

Legend: L labels, or 1 for two classes.
"""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Literal

import torch
from torch import Tensor

from lit_classify.errors import UserError
from lit_classify.losses import RowLoss

PosWeight = Literal["balanced"] | float | list[float]


def as_pos_weight(
    pos_weight: PosWeight | None, names: Sequence[str], row_loss: RowLoss | None
) -> Tensor | None:
    """Return the weight of the positive targets of each name, ``(L,)``; ones for ``balanced``.

    Args:
        pos_weight: a number for all names, a list with one for each, or ``balanced``.
        names: the labels, or the second of two classes.
        row_loss: the chosen loss; None for the binary cross entropy, which alone has such weights.

    Raises:
        UserError: a weight is not positive or missing, or there is another loss.

    Examples:
        >>> as_pos_weight(2.0, ["urgent", "spam"], None)
        tensor([2., 2.])
    """
    if pos_weight is None:
        return None
    if row_loss is not None:
        raise UserError("pos_weight requires BCEWithLogitsLoss, the default loss")
    if isinstance(pos_weight, str) and pos_weight == "balanced":
        return torch.ones(len(names))
    numbers = as_numbers(pos_weight)
    weights = [numbers] * len(names) if isinstance(numbers, float) else numbers
    if len(weights) != len(names) or not are_positive(weights):
        listed = ", ".join(names[:10]) + ", ..." * (len(names) > 10)
        raise UserError(
            f"pos_weight needs a positive number for {listed}, or balanced, but is {pos_weight!r}"
        )
    return torch.tensor(weights)


def are_positive(weights: Iterable[float]) -> bool:
    """Return whether weights are above 0 and finite."""
    return all(0 < weight < math.inf for weight in weights)


def as_numbers(weights: Any) -> float | list[float]:  # noqa: ANN401 - any argument
    """Return a number, or those of a list or array; none for anything else.

    Examples:
        >>> as_numbers(2), as_numbers(torch.tensor([1.0, 2.0])), as_numbers(["a"])
        (2.0, [1.0, 2.0], [])
    """
    with suppress(TypeError, ValueError, RuntimeError):  # of text, or lists of unequal lengths
        numbers = torch.as_tensor(weights, dtype=torch.float64, device="cpu")
        return numbers.tolist() if numbers.ndim < 2 else []
    return []


def balanced_pos_weight(positives: Sequence[int], num_rows: int, names: Sequence[str]) -> Tensor:
    """Return the number of rows without a label, divided by the number of rows with it, ``(L,)``.

    Raises:
        UserError: no row has one of the labels.

    Examples:
        >>> balanced_pos_weight([25], 100, ["spam"])
        tensor([3.])
    """
    for name, count in zip(names, positives, strict=True):
        if not count:
            raise UserError(f"pos_weight balanced needs training rows of {name}, but there are none")
    counts = torch.tensor(positives, dtype=torch.float64)
    return ((num_rows - counts) / counts).float()
