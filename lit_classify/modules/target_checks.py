"""Checks of the targets of a task.

torch's losses silently accept the classes {1, 2}, -100 and shapes that broadcast.
Legend: N rows, C classes.
"""

import torch
from torch import Tensor

from lit_classify.errors import DataError


def check_shapes(outputs: Tensor, y: Tensor) -> None:
    """Check that outputs and targets have the same shape, ``(N,)`` or ``(N, L)``.

    Raises:
        DataError: the shapes differ; nothing is broadcast.

    Examples:
        >>> check_shapes(torch.zeros(4), torch.zeros(4, 1))
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: the model's outputs are of shape (4,), but the targets of shape (4, 1)
    """
    if outputs.shape != y.shape:
        raise DataError(
            f"the model's outputs are of shape {tuple(outputs.shape)}, "
            f"but the targets of shape {tuple(y.shape)}"
        )


def check_classes(name: str, y: Tensor, num_classes: int) -> None:
    """Check the targets of a classifier called ``name`` against the classes 0 .. C-1.

    Raises:
        DataError: targets that are not int64 of shape ``(N,)``, or outside 0 .. C-1; names the first row.

    Examples:
        >>> check_classes("BinaryClassifier", torch.tensor([0, 1, 2]), 2)
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: BinaryClassifier knows the classes 0 to 1, but row 2 has the target 2
    """
    if y.dtype != torch.int64 or y.ndim != 1:
        numbers = ", or for numbers use Regressor" if y.is_floating_point() else ""
        raise DataError(
            f"{name} needs class numbers, int64 of shape (N,), but the targets are {describe_tensor(y)}; "
            f"{_to_one_dimension(y) or f'give y.long(){numbers}'}"
        )
    if not len(y):
        raise DataError(f"{name} needs targets, but there is none")
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= num_classes:
        row = int(((y < 0) | (y >= num_classes)).nonzero()[0])
        raise DataError(
            f"{name} knows the classes 0 to {num_classes - 1}, but row {row} has the target {int(y[row])}"
        )


def to_class_indices(name: str, y: Tensor) -> Tensor:
    """Return the targets 0. and 1. of the task called ``name``, ``(N,)`` of any float type, as int64.

    Raises:
        DataError: another shape or number; names the first row.

    Examples:
        >>> to_class_indices("BinaryClassifier", torch.tensor([0.0, 1.0]))
        tensor([0, 1])
    """
    if y.ndim != 1:
        raise DataError(
            f"{name} needs a class for each row, shape (N,), but the targets are {describe_tensor(y)}; "
            f"{_to_one_dimension(y)}"
        )
    invalid = ((y != 0) & (y != 1)).nonzero()
    if len(invalid):
        row = int(invalid[0])
        raise DataError(
            f"{name} needs the classes 0 and 1, but row {row} has the target {float(y[row]):g}; "
            "for numbers use Regressor"
        )
    return y.long()


def check_values(name: str, y: Tensor, dtype: torch.dtype | str = torch.float32) -> None:
    """Check that the targets of the regressor called ``name``, of precision ``dtype``, are finite.

    Raises:
        DataError: targets that are not ``dtype`` of shape ``(N,)``, or not finite; names the first row.

    Examples:
        >>> check_values("Regressor", torch.tensor([0.5, float("nan")]))
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: Regressor needs finite targets, but row 1 has nan
    """
    if y.dtype != dtype or y.ndim != 1:
        classes = ", or for class numbers use BinaryClassifier or MulticlassClassifier"
        convert = f"give {_conversion(dtype)}{'' if y.is_floating_point() else classes}"
        raise DataError(
            f"{name} needs numbers, {_name(dtype)} of shape (N,), but the targets are {describe_tensor(y)}; "
            f"{_to_one_dimension(y, 'choose a column') or convert}"
        )
    if not bool(y.isfinite().all()):
        row = int((~y.isfinite()).nonzero()[0])
        raise DataError(f"{name} needs finite targets, but row {row} has {float(y[row])}")


def check_labels(name: str, y: Tensor, num_labels: int, dtype: torch.dtype | str = torch.float32) -> None:
    """Check that the targets of the multilabel task called ``name``, of precision ``dtype``, are 0 or 1.

    Raises:
        DataError: targets that are not ``dtype`` of shape ``(N, L)``, or neither 0 nor 1; names the first
            row.

    Examples:
        >>> check_labels("MultilabelClassifier", torch.tensor([[0.0, 1.0], [1.0, 2.0]]), 2)
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: MultilabelClassifier needs 0 or 1, but label 1 of row 1 is 2.0
    """
    if y.dtype != dtype or y.ndim != 2 or y.shape[1] != num_labels:
        raise DataError(
            f"{name} needs {num_labels} labels per row, {_name(dtype)} of shape (N, {num_labels}), "
            f"but the targets are {describe_tensor(y)}"
            f"{f'; give {_conversion(dtype)}' if y.shape[1:] == (num_labels,) else ''}"
        )
    invalid = ((y != 0) & (y != 1)).nonzero()
    if len(invalid):
        row, label = invalid[0].tolist()
        raise DataError(f"{name} needs 0 or 1, but label {label} of row {row} is {float(y[row, label])}")


def _to_one_dimension(y: Tensor, choose: str = "for one-hot rows give y.argmax(dim=1)") -> str:
    """Return how to convert targets to the shape ``(N,)``; empty if they have it."""
    if y.ndim == 1:
        return ""
    return "give y.squeeze(1)" if y.shape[1:] == (1,) else choose


def _conversion(dtype: torch.dtype | str) -> str:
    """Return the expression that converts targets."""
    return "y.float()" if dtype == torch.float32 else f"y.to({dtype})"


def describe_tensor(y: Tensor) -> str:
    """Return the dtype and the shape of a tensor.

    Examples:
        >>> describe_tensor(torch.zeros(4, 2))
        'float32 of shape (4, 2)'
    """
    return f"{_name(y.dtype)} of shape {tuple(y.shape)}"


def _name(dtype: torch.dtype | str) -> str:
    return str(dtype).removeprefix("torch.")
