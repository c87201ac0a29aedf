"""Training, validation and test splits: their tensors, sizes and checks.

Legend: N rows, F features, L labels.
"""

import math
from typing import NamedTuple

from torch import Tensor

from lit_classify.errors import UserError, check_at_least, check_fraction


class Split(NamedTuple):
    """Features and targets of the training, validation or test rows.

    Args:
        x: features, ``(N, F)`` float32.
        y: classes ``(N,)`` int64, values ``(N,)`` float32, or labels ``(N, L)`` float32.

    Examples:
        >>> import torch
        >>> x, y = Split(torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64))
        >>> x.shape
        torch.Size([5, 2])
    """

    x: Tensor
    y: Tensor


def split_size(fraction: float, num_rows: int) -> int:
    """Return the number of rows of a fraction, rounded up as in scikit-learn but without rounding errors.

    Examples:
        >>> split_size(0.2, 11)
        3
        >>> split_size(0.07, 100)  # 0.07 * 100 is above 7 in floating point
        7
    """
    return math.ceil(fraction * num_rows - 1e-9)


def check_split(num_samples: int, test_fraction: float, val_fraction: float, has_test: bool = True) -> None:
    """Check that each split gets at least one of ``num_samples`` rows.

    Args:
        num_samples: number of rows.
        test_fraction: fraction of the rows used for testing.
        val_fraction: fraction of the rows used for validation.
        has_test: whether there must be test rows.

    Raises:
        UserError: a fraction is outside [0, 1), or there are too few rows.

    Examples:
        >>> check_split(10, test_fraction=0.2, val_fraction=0.0)
        >>> check_split(10, test_fraction=0.5, val_fraction=0.5)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: test_fraction 0.5 and val_fraction 0.5 leave no training points ...
    """
    check_at_least("num_samples", num_samples, 2)
    check_fraction("test_fraction", test_fraction)
    check_fraction("val_fraction", val_fraction)
    if has_test and test_fraction == 0:
        raise UserError("test_fraction must be above 0: there must be test points")
    test, val = split_size(test_fraction, num_samples), split_size(val_fraction, num_samples)
    if test + val >= num_samples:
        fractions = f"test_fraction {test_fraction} and val_fraction {val_fraction}"
        raise UserError(f"{fractions} leave no training points out of {num_samples}")
