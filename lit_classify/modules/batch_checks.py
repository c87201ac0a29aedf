"""Checks of batches before a module computes with them.

Legend: N rows, F features.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lit_classify.errors import DataError
from lit_classify.messages import plural
from lit_classify.modules.feature_checks import check_features, check_finite
from lit_classify.modules.target_checks import describe_tensor

if TYPE_CHECKING:
    from lit_classify.modules.base import LitModule


class BatchChecks:
    """Check the features, targets and folds of batches, until the rows of an epoch have been checked.

    Attributes:
        training: whether to check training batches; true in the first epoch of a fit.
        evaluation: whether to check other batches; true in the first validation of a fit, and outside fits.
    """

    def __init__(self) -> None:
        self.training = self.evaluation = True

    def check(self, module: "LitModule", x: Tensor, y: Tensor, fold: Tensor | None) -> None:
        """Check a batch if it is due.

        Args:
            module: the module that processes the batch.
            x: features ``(N, F)``.
            y: targets.
            fold: the fold of each row, ``(N,)``; None without cross-validation.

        Raises:
            DataError: the features are not finite numbers of the shape and type that the module expects,
                the targets are not valid for its task, or the numbers of members and folds differ.
        """
        is_due = self.training if module.training else self.evaluation
        if not is_due or not (len(y) or module.training):  # a process may lack rows of an evaluation
            return
        name, has_own_layers = type(module).__name__, module.hparams["network"] is None
        if has_own_layers:
            check_features(name, x, module.hparams["in_features"], module.dtype)
        try:
            if has_own_layers:
                check_finite(name, x)
            module.check_targets(y)
        except DataError as error:
            raise DataError(f"{error}; rows are counted within the batch") from error
        if fold is not None:
            check_folds(max(int(fold.max()) + 1, module.members, 2), module.members)


def unpack_batch(batch: object) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Return a batch's features, targets and, if it has them, folds and sample weights.

    Raises:
        DataError: the batch is not a pair of tensors, followed by folds, int64 of shape ``(N,)``, or weights,
            floating point of shape ``(N,)``, or both.

    Examples:
        >>> x, y, *_ = unpack_batch([torch.zeros(3, 2), torch.tensor([0, 1, 1])])
        >>> unpack_batch({"x": x, "y": y})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: a batch must be a pair of tensors (x, y), ... but is a dict ...
    """
    match batch:
        case [Tensor() as x, Tensor() as y]:
            return x, y, None, None
        case [Tensor() as x, Tensor() as y, Tensor(dtype=torch.int64, ndim=1) as fold]:
            return x, y, fold, None
        case [Tensor() as x, Tensor() as y, Tensor(ndim=1) as weight] if weight.is_floating_point():
            return x, y, None, weight
        case [Tensor() as x, Tensor() as y, Tensor() as fold, Tensor() as weight]:
            return x, y, fold, weight
        case Tensor():
            description = f"a tensor, {describe_tensor(batch)}"
        case {}:
            description = f"a dict with the keys {', '.join(map(repr, batch))}"
        case [*elements]:
            types = ", ".join(type(element).__name__ for element in elements)
            description = f"a sequence of {plural(len(elements), 'element')}: {types}"
        case _:
            description = f"of the type {type(batch).__name__}"
    raise DataError(
        f"a batch must be a pair of tensors (x, y), x float32 of shape (N, F), but is {description}; "
        "torch.utils.data.TensorDataset(x, y) gives such pairs"
    )


def check_folds(folds: int, members: int) -> None:
    """Check that there is a member for each fold of the rows, and no other member.

    Raises:
        DataError: the numbers differ.
    """
    if folds != members:
        raise DataError(
            f"the rows are in {folds} cross-validation folds, but the model has {plural(members, 'member')}; "
            "build it with folds=data.folds"
        )
