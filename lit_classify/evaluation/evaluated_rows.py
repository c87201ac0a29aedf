"""A model's outputs for the rows of a split, and the rows with the largest errors.

Legend: N rows, O outputs.
"""

import polars as pl
from torch import Tensor

from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.modules import LitModule
from lit_classify.modules.results import RowErrors


def evaluate_rows(
    model: LitModule, data: InMemoryDataModule, split: str, max_rows: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return logits ``(N, O)`` and targets of the rows of a split, or of its first ones.

    With cross-validation, each row is predicted by the member that was not trained on it.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> logits, y = evaluate_rows(BinaryClassifier(2), CirclesDataModule(), "test")
        >>> logits.shape, y.shape
        (torch.Size([200, 1]), torch.Size([200]))
    """
    x, y, *fold = (tensor[:max_rows].to(model.device) for tensor in data.batch_tensors(split))
    return model.held_out_logits(x, *fold) if fold else model(x), model.prepare_targets(y)


def find_worst_rows(
    model: LitModule, data: InMemoryDataModule, split: str, logits: Tensor, y: Tensor, count: int
) -> tuple[pl.DataFrame, RowErrors] | None:
    """Return the rows of a table with the largest errors, and these errors; None for other data.

    Args:
        model: the model.
        data: its data.
        split: the evaluated split.
        logits: logits ``(N, O)`` of ``evaluate_rows``.
        y: targets ``(N,)`` or ``(N, L)``.
        count: number of rows to return at most.

    Examples:
        >>> from lit_classify import BinaryClassifier, TableDataModule
        >>> frame = pl.DataFrame({"size": range(50), "target": ["small", "large"] * 25})
        >>> model, data = BinaryClassifier(1), TableDataModule(frame, "target")
        >>> table, errors = find_worst_rows(model, data, "val", *evaluate_rows(model, data, "val"), count=3)
        >>> table.shape, len(errors.actual)
        ((3, 2), 3)
    """
    if not isinstance(data, TableDataModule) or data.is_new_table:
        return None
    errors = model.row_errors(logits, y)
    if errors is None:
        return None
    worst = errors.errors.argsort(descending=True)[:count].tolist()
    actual = [errors.actual[row] for row in worst]
    predicted = [errors.predicted[row] for row in worst]
    return data.raw_rows(split, worst), RowErrors(errors.errors[worst], actual, predicted)
