"""What all data modules share: splits in memory, handed out by TensorLoader.

Legend: N rows, F features.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.callbacks import BatchSizeFinder
from torch import Tensor

from lit_classify.data.loaders import TensorLoader
from lit_classify.errors import DataError, UserError, check_at_least, check_fraction


class Split(NamedTuple):
    """Rows for one purpose: x ``(N, F)`` float32; y ``(N,)`` int64, or float32 for values and labels.

    Labels that may hold together are ``(N, L)``.
    """

    x: Tensor
    y: Tensor

    def to(self, device: torch.device) -> "Split":
        """Return the same rows on ``device``."""
        return Split(self.x.to(device), self.y.to(device))


class Axis(NamedTuple):
    """A feature that is a number: where it stands among the features, and how to read it.

    A network's value x stands for ``center + scale * x``.
    """

    place: int
    name: str
    center: float = 0.0
    scale: float = 1.0


class InMemoryDataModule(LightningDataModule, ABC):
    """Hold a train, a validation and a test split as tensors and hand out batches of them.

    A subclass knows ``in_features``, ``out_features`` (numbers that the model gives per row) and, for
    classes, ``class_names`` (for labels that may hold together, ``label_names``) before any row is encoded,
    and says in ``load`` where the rows come from. Where the last features are numbers of categories,
    ``num_categories`` says how many each may have.

    Args:
        batch_size: rows per training batch; none for all rows in one (the course's way).
        shuffle: draw a new order of the training rows for every epoch when they come in several batches.
        drop_last: leave out a last training batch that is shorter than the others.
        random_state: seed of the rows, the split and the order of the batches.
    """

    in_features: int
    out_features: int
    class_names: list[str] | None
    label_names: list[str] | None = None
    num_categories: Sequence[int] = ()

    def __init__(self, batch_size: int | None, shuffle: bool, drop_last: bool, random_state: int) -> None:
        super().__init__()
        if batch_size is not None:
            check_at_least("batch_size", batch_size, 1)
        check_at_least("random_state", random_state, 0)
        if random_state >= 2**32:
            raise UserError(f"random_state must be below {2**32}, but is {random_state}")
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.random_state = random_state
        self._splits: dict[str, Split] = {}

    def __str__(self) -> str:
        """Return the number of rows of each split, as Lightning writes it; None before ``setup``."""
        sizes = {name: f"size={len(split.y):,}" for name, split in self._splits.items()}
        lines = [f"{{{name}: {sizes.get(name)}}}" for name in ("train", "val", "test")]
        return "\n".join([type(self).__name__, *lines])

    @abstractmethod
    def load(self) -> dict[str, Split]:
        """Return the splits ``train``, ``val`` and ``test``; called once.

        ``val`` may be the very rows of ``test`` ("course mode").

        Raises:
            DataError: the rows cannot be used.
        """

    def setup(self, stage: str | None = None) -> None:
        """Read or make the rows, the first time only; predictions ask for what they need themselves."""
        if stage is not None and self.batch_size is None and self.trainer is not None:
            self._refuse_a_search(self.trainer)
        if not self._splits and stage != "predict":
            self._splits = self.load()

    def _refuse_a_search(self, trainer: Trainer) -> None:
        """Raise UserError if Lightning is to search a batch size where there is none to begin with."""
        if any(isinstance(callback, BatchSizeFinder) for callback in getattr(trainer, "callbacks", ())):
            raise UserError(
                "a batch size can be searched only where there is one: all rows are one batch here; "
                "give batch_size, such as --data.batch_size 32"
            )

    def split(self, name: str) -> Split:
        """Return the rows of ``train``, ``val`` or ``test``."""
        self.setup()
        if name not in self._splits:
            raise DataError(f"there are no rows for {name}: these are not the rows that were learned from")
        return self._splits[name]

    def has(self, name: str) -> bool:
        """Whether there are rows of ``train``, ``val`` or ``test``."""
        self.setup()
        return name in self._splits

    @property
    def class_counts(self) -> list[int] | None:
        """Return the training rows of each class; none for other targets."""
        if self.class_names is None:
            return None
        return torch.bincount(self.split("train").y, minlength=len(self.class_names)).tolist()

    @property
    def axes(self) -> list[Axis]:
        """Return the features that are numbers, which pictures can be drawn over."""
        return [
            Axis(place, f"x{place + 1}" if self.in_features > 1 else "x") for place in range(self.in_features)
        ]

    @property
    def validates_on_test(self) -> bool:
        """Whether validation looks at the test rows (course mode)."""
        return self.split("val") is self.split("test")

    def train_dataloader(self) -> TensorLoader:
        """Return training batches, in a new order every epoch if asked for."""
        return self._loader("train", self.batch_size, training=True)

    def val_dataloader(self) -> TensorLoader:
        """Return the validation rows in their order."""
        return self._loader("val", self._evaluation_batch_size)

    def test_dataloader(self) -> TensorLoader:
        """Return the test rows in their order."""
        return self._loader("test", self._evaluation_batch_size)

    def predict_dataloader(self) -> TensorLoader:
        """Return the test rows in their order, for predictions."""
        return self._loader("test", self._evaluation_batch_size)

    @property
    def _evaluation_batch_size(self) -> int | None:
        """Rows per evaluation batch: no gradients are kept, so more fit, unless batches are counted."""
        if self.batch_size is None or self._counts_batches:
            return self.batch_size
        return max(self.batch_size, 8192)

    @property
    def _counts_batches(self) -> bool:
        """Whether the trainer takes some of the batches, which must then be of the size that was given."""
        if self.trainer is None:
            return False
        limits = [getattr(self.trainer, f"limit_{stage}_batches") for stage in ("val", "test", "predict")]
        every = all(isinstance(limit, float) and limit == 1 for limit in limits)  # the int 1 is one batch
        return self._overfits or not every

    @property
    def _overfits(self) -> bool:
        """Whether the trainer is to see the same few batches in every epoch."""
        return self.trainer is not None and bool(getattr(self.trainer, "overfit_batches", 0))

    def _loader(self, name: str, batch_size: int | None, training: bool = False) -> TensorLoader:
        """Return batches of a split that lies on the trainer's device, this rank's share of it."""
        split = self.split(name)
        if self.trainer is not None:
            split = split.to(self.trainer.strategy.root_device)
        return self._batches(split, batch_size, training)

    def _batches(
        self, tensors: Sequence[Tensor], batch_size: int | None, training: bool = False
    ) -> TensorLoader:
        """Return batches of this rank's share of the rows."""
        return TensorLoader(
            tensors,
            batch_size=batch_size,
            shuffle=training and self.shuffle and not self._overfits,
            seed=self.random_state,
            drop_last=training and self.drop_last,
            rank=self.trainer.global_rank if self.trainer else 0,
            world_size=self.trainer.world_size if self.trainer else 1,
            even=training,
        )


def share(fraction: float, num_rows: int) -> int:
    """Return a fraction of the rows, rounded up as scikit-learn does; a trifle of binary is no row."""
    return math.ceil(fraction * num_rows - 1e-9)


def check_split(num_samples: int, test_fraction: float, val_fraction: float) -> None:
    """Raise unless each split that is asked for gets at least one of ``num_samples`` rows.

    Raises:
        UserError: a fraction outside [0, 1) or too few rows.
    """
    check_at_least("num_samples", num_samples, 2)
    check_fraction("test_fraction", test_fraction)
    check_fraction("val_fraction", val_fraction)
    if test_fraction == 0:
        raise UserError("test_fraction must be above 0: without test points there is nothing to test on")
    test, val = share(test_fraction, num_samples), share(val_fraction, num_samples)
    if test + val >= num_samples:
        raise UserError(
            f"test_fraction {test_fraction} and val_fraction {val_fraction} "
            f"leave none of {num_samples} points to train on"
        )


def output_size(num_classes: int) -> int:
    """Return how many numbers the model gives: one for two classes or for a value, else one per class."""
    return 1 if num_classes <= 2 else num_classes
