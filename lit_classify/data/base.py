"""Base class of the data modules: splits held in memory and batched by TensorLoader.

Legend: N rows, F features, L labels.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.callbacks import BatchSizeFinder
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.data.loaders import TensorLoader
from lit_classify.data.splits import Split
from lit_classify.data_interface import NumericFeature
from lit_classify.errors import DataError, UserError, check_at_least, check_type
from lit_classify.messages import unknown_name
from lit_classify.notebook_cards import html_card, list_names
from lit_classify.serialization import constructor_parameters

_SPLITS = ("train", "val", "test")
_MAX_CARD_CLASSES = 12  # of which a card shows the rows


class InMemoryDataModule(LightningDataModule, ABC):
    """Base class of data modules that hold their splits as tensors.

    A subclass sets ``in_features``, ``out_features`` (the number of outputs of the model), ``class_names``
    and ``label_names`` in its constructor, so that LightningCLI can link them to the model, and implements
    ``load``. If the last features are category codes for embeddings, ``num_categories`` holds the number of
    codes of each. With ``folds``, the training rows are the validation rows too. ``inputs`` names the
    functions of two features that the network gets instead of them, if any.

    Args:
        batch_size: rows per training batch; None for a single batch, as in the course.
        shuffle: whether to shuffle the training rows in every epoch; has no effect on a single batch.
        drop_last: whether to drop a last training batch that is smaller than the others.
        random_state: seed of the data, the split and the order of the batches.

    Raises:
        UserError: a size or the seed is out of range.

    Examples:
        >>> class Blocks(InMemoryDataModule):
        ...     in_features, out_features, class_names = 1, 1, ["low", "high"]
        ...
        ...     def load(self):
        ...         x = torch.arange(6.0)[:, None]
        ...         split = Split(x, (x[:, 0] > 2).long())
        ...         return {"train": split, "val": split, "test": split}
        ...
        >>> data = Blocks(batch_size=4, shuffle=False, drop_last=False, random_state=0)
        >>> [len(y) for _, y in data.train_dataloader()]
        [4, 2]
        >>> data.class_counts
        [3, 3]
    """

    in_features: int
    out_features: int
    class_names: list[str] | None
    label_names: list[str] | None = None
    num_categories: Sequence[int] = ()
    folds: int = 0
    max_evaluated: int | None = None  # rows whose outputs an evaluation keeps; None for all
    inputs: Sequence[str] = ()

    def __init__(self, batch_size: int | None, shuffle: bool, drop_last: bool, random_state: int) -> None:
        super().__init__()
        check_type("batch_size", batch_size, int | None)
        check_type("random_state", random_state, int)
        if batch_size is not None:
            check_at_least("batch_size", batch_size, 1)
        check_at_least("random_state", random_state, 0)
        if random_state >= 2**32:
            raise UserError(f"random_state must be below {2**32}, but is {random_state}")
        self.batch_size, self.shuffle = batch_size, shuffle
        self.drop_last, self.random_state = drop_last, random_state
        self._splits: dict[str, Split] = {}
        self.fold: Tensor | None = None  # of each training row, (N,) int64; set by load with folds
        self.sample_weights: dict[str, Tensor] = {}  # of the rows in train and val, (N,); set by load

    def __str__(self) -> str:
        """Return the number of rows of each split in Lightning's format; None before ``setup``."""
        sizes = {name: f"size={len(split.y):,}" for name, split in self._splits.items()}
        lines = [f"{{{name}: {sizes.get(name)}}}" for name in _SPLITS]
        return "\n".join([type(self).__name__, *lines])

    @property
    def validation_note(self) -> str:
        """Where the validation rows come from, unless they are a split of their own."""
        if self.folds:
            return f"Cross-validation: {self.folds} folds of the training rows are the validation rows."
        return "Course mode: validation uses the test rows." if self.validates_on_test else ""

    def _repr_html_(self) -> str:
        """Return a card with columns, classes, settings, and after ``setup`` the rows of each split."""
        facts: dict[str, object] = {
            "columns": list_names(list(self.column_features)),
            "inputs": list_names(self.inputs),
            "classes": list_names(self.class_names or ()),
            "labels": list_names(self.label_names or ()),
        }
        parameters = constructor_parameters(type(self))
        for name, value in self.hparams.items():
            if isinstance(value, str | int | float) and value != parameters[name].default:
                facts[name] = list_names([value])
        if not self._splits:
            return html_card(type(self).__name__, facts, notes=["The rows are loaded by setup()."])
        names = self.class_names if len(self.class_names or ()) <= _MAX_CARD_CLASSES else None
        rows: list[list[object]] = [
            ["split", "rows", *(f"class {list_names([name])}" for name in names or ())]
        ]
        for split in filter(self.has_split, _SPLITS):
            count, class_counts = self.count_rows(split)
            rows.append([split, count, *(class_counts if names else ())])
        return html_card(type(self).__name__, facts, rows, [note for note in [self.validation_note] if note])

    @abstractmethod
    def load(self) -> dict[str, Split]:
        """Return the splits ``train``, ``val`` and ``test``; called once.

        ``val`` may be the same object as ``test`` (course mode), or as ``train`` (cross-validation).

        Raises:
            DataError: the data cannot be used.
        """

    def setup(self, stage: str | None = None) -> None:
        """Load the splits on the first call; the predict stage reads its rows in its dataloader."""
        callbacks = getattr(self.trainer, "callbacks", ()) if stage is not None else ()
        if self.batch_size is None and any(isinstance(callback, BatchSizeFinder) for callback in callbacks):
            raise UserError(
                "BatchSizeFinder needs a batch size, but all rows are a single batch; "
                "set batch_size, for example --data.batch_size 32"
            )
        if not self._splits and stage != "predict":
            self._splits = self.load()

    def split(self, name: str) -> Split:
        """Return the split ``train``, ``val`` or ``test``.

        Raises:
            DataError: the name is another one, or the table was not used in training and has no such split.
        """
        self.setup()
        if name not in self._splits:
            if name not in _SPLITS:
                raise DataError(unknown_name("split", str(name), _SPLITS))
            raise DataError(self.explain_missing(name))
        return self._splits[name]

    def explain_missing(self, name: str) -> str:
        """Return why there are no rows of a split."""
        return f"there is no {name} split: this table was not used in training"

    def sample(self, name: str) -> Split:
        """Return the rows of a split, or a random sample of them if the table is not held in memory."""
        return self.split(name)

    def batch_tensors(self, name: str) -> list[Tensor]:
        """Return x and y of the rows of a split, and their folds if they have some."""
        split = self.split(name)
        return [*split] if self.fold is None or split is not self.split("train") else [*split, self.fold]

    def has_split(self, name: str) -> bool:
        """Return whether there are rows of ``train``, ``val`` or ``test``."""
        self.setup()
        return name in self._splits

    def row_keys(self, name: str) -> NDArray[np.uint64]:
        """Return a key for each row of a split: rows with equal features and targets have the same key."""
        import polars as pl

        x, y = self.split(name)
        return pl.DataFrame(torch.cat([x, y.view(len(y), -1)], dim=1).numpy()).hash_rows().to_numpy()

    @property
    def class_counts(self) -> list[int] | None:
        """Number of training rows of each class; None for other targets."""
        return None if self.class_names is None else self.count_rows("train")[1]

    def count_rows(self, name: str) -> tuple[int, list[int]]:
        """Return the number of rows of a split, and of each class in it."""
        y, names = self.split(name).y, self.class_names or ()
        return len(y), torch.bincount(y, minlength=len(names)).tolist() if names else []

    @property
    def numeric_features(self) -> list[NumericFeature]:
        """The numeric features, which plots use as axes."""
        names = ["x"] if self.in_features == 1 else [f"x{column + 1}" for column in range(self.in_features)]
        return [NumericFeature(name, column=column) for column, name in enumerate(names)]

    @property
    def column_features(self) -> dict[str, list[int]]:
        """The columns of x that hold the features of each column of the data, by its name."""
        return {feature.name: [feature.column] for feature in self.numeric_features}

    @property
    def numeric_columns(self) -> list[int]:
        """The columns in x of the numeric features."""
        return [feature.column for feature in self.numeric_features]

    @property
    def validates_on_test(self) -> bool:
        """Whether the validation rows are the test rows (course mode)."""
        has_both = self.has_split("val") and self.has_split("test")
        return has_both and self.split("val") is self.split("test")

    def train_dataloader(self) -> TensorLoader:
        """Return the training batches."""
        return self._loader("train", training=True)

    def val_dataloader(self) -> TensorLoader:
        """Return the validation batches, in order."""
        return self._loader("val")

    def test_dataloader(self) -> TensorLoader:
        """Return the test batches, in order."""
        return self._loader("test")

    def predict_dataloader(self) -> TensorLoader:
        """Return the test batches, in order."""
        return self.test_dataloader()

    @property
    def _evaluation_batch_size(self) -> int | None:
        """Rows per evaluation batch: larger, as no gradients are kept, unless the trainer limits batches."""
        if self.batch_size is None or self._limits_batches:
            return self.batch_size
        return max(self.batch_size, 8192)

    @property
    def _limits_batches(self) -> bool:
        """Whether the trainer limits the number of batches, which depends on their size."""
        if self.trainer is None:
            return False
        limits = [getattr(self.trainer, f"limit_{stage}_batches") for stage in ("val", "test", "predict")]
        unlimited = all(isinstance(limit, float) and limit == 1 for limit in limits)  # int 1 is one batch
        return self._overfits or not unlimited

    @property
    def _overfits(self) -> bool:
        """Whether the trainer uses the same few batches in every epoch (``overfit_batches``)."""
        return self.trainer is not None and bool(getattr(self.trainer, "overfit_batches", 0))

    def _loader(self, name: str, training: bool = False) -> TensorLoader:
        """Return the batches of a split, on the trainer's device."""
        tensors = self.batch_tensors(name)
        if name in self.sample_weights:
            tensors.append(self.sample_weights[name])
        if self.trainer is not None:
            tensors = [tensor.to(self.trainer.strategy.root_device) for tensor in tensors]
        batch_size = self.batch_size if training else self._evaluation_batch_size  # set while rows are loaded
        return self._batches(tensors, batch_size, training)

    def _batches(
        self, tensors: Sequence[Tensor], batch_size: int | None, training: bool = False
    ) -> TensorLoader:
        """Return the batches of this rank."""
        return TensorLoader(tensors, **self._loader_options(batch_size, training))

    def _loader_options(self, batch_size: int | None, training: bool) -> dict[str, Any]:
        """Return the arguments of a loader for this rank."""
        return {
            "batch_size": batch_size,
            "shuffle": training and self.shuffle and not self._overfits,
            "seed": self.random_state,
            "drop_last": training and self.drop_last,
            "rank": self.trainer.global_rank if self.trainer else 0,
            "world_size": self.trainer.world_size if self.trainer else 1,
            "even": training,
        }


def num_outputs(num_classes: int) -> int:
    """Return the number of outputs of a model: one for two classes, otherwise one per class.

    Examples:
        >>> num_outputs(2), num_outputs(3)
        (1, 3)
    """
    return 1 if num_classes <= 2 else num_classes
