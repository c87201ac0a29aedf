"""The rows that plots of a model show: their outputs, their number and their names.

Legend: N rows, O outputs.
"""

from pathlib import Path

from torch import Tensor

from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data.table.column_roles import as_list
from lit_classify.evaluation.evaluated_rows import evaluate_rows
from lit_classify.messages import plural
from lit_classify.modules import LitModule

_MAX_ROWS = 50_000


def evaluate(model: LitModule, data: InMemoryDataModule, split: str) -> tuple[Tensor, Tensor]:
    """Return logits ``(N, O)`` and targets of the rows of a split that plots show, the first 50,000.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> logits, y = evaluate(BinaryClassifier(2), CirclesDataModule(), "test")
        >>> logits.shape, y.shape
        (torch.Size([200, 1]), torch.Size([200]))
    """
    return evaluate_rows(model, data, split, _MAX_ROWS)


def describe_rows(data: InMemoryDataModule, split: str) -> str:
    """Return which rows ``evaluate`` uses, as a title.

    Examples:
        >>> from lit_classify import CirclesDataModule
        >>> describe_rows(CirclesDataModule(), "test")
        'Test: 200 rows'
    """
    name = validation_split_name(data) if split == "val" else split.capitalize()
    num_rows = len(data.split(split).y)
    first = f"the first {_MAX_ROWS:,} of " if num_rows > _MAX_ROWS else ""
    return f"{name}: {first}{plural(num_rows, 'row')}"


def validation_split_name(data: InMemoryDataModule) -> str:
    """Return the name in plots of the rows that are used for validation.

    Examples:
        >>> from lit_classify import CirclesDataModule
        >>> validation_split_name(CirclesDataModule())
        'Test'
        >>> validation_split_name(CirclesDataModule(val_fraction=0.1))
        'Validation'
    """
    if data.folds:
        return "Out-of-fold"
    return "Test" if data.validates_on_test else "Validation"


def data_name(data: InMemoryDataModule) -> str:
    """Return the name of the data, under which TensorBoard groups precision-recall curves.

    Examples:
        >>> from lit_classify import CirclesDataModule
        >>> data_name(CirclesDataModule())
        'Circles'
    """
    if isinstance(data, TableDataModule):
        return Path(as_list(data.hparams["path"])[0]).stem
    return type(data).__name__.removesuffix("DataModule")
