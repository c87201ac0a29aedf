"""Data loaders whose order depends only on a seed and the epoch, and that can resume within an epoch.

TensorLoader slices tensors in memory; SeededDataLoader wraps torch's DataLoader for any dataset.

Legend: N rows, B rows per batch, W processes (ranks).
"""

import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from lit_classify.errors import UserError, check_at_least, check_type
from lit_classify.messages import plural
from lit_classify.seeds import stream_seed

Batch = tuple[Tensor, ...]


class _Resumable(ABC):
    """A loader whose position in an epoch Lightning saves and restores."""

    epoch = 0
    _position = 0  # batches yielded in this epoch
    _resume_at = 0  # first batch of the next iteration

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that determines the order of the next iteration."""
        self.epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch and the number of batches yielded, to resume within an epoch."""
        return {"epoch": self.epoch, "position": self._position % max(len(self), 1)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume where ``state_dict`` was taken; a completed epoch starts again."""
        self.epoch = state["epoch"]
        self._position = self._resume_at = state["position"]

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """Where Lightning sets the epoch; it would mistake an attribute ``sampler`` for torch's."""
        return SimpleNamespace(sampler=self)

    def __iter__(self) -> Iterator[Any]:
        start, self._resume_at = self._resume_at, 0  # reset now: the first batch may never be requested
        return self._iterate_from(start)

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _iterate_from(self, start: int) -> Iterator[Any]: ...


class RowOrder(Protocol):
    """The order of the rows of an epoch, such as a permutation as a tensor."""

    def __getitem__(self, positions: slice, /) -> Tensor:
        """Return the rows at some positions in the epoch, ``(B,)`` int64."""


class TensorLoader(_Resumable):
    """Iterate over batches of tensors that share their first dimension; each row occurs once per epoch.

    The order depends only on ``(seed, epoch)``. Lightning sets the epoch through ``batch_sampler``, as it
    does for a distributed sampler. With several ranks, each step takes ``B * W`` rows and distributes them in
    turn, so each row is in exactly one rank; a training tail with fewer rows than ranks joins the step
    before it, so all ranks take the same number of steps. A single batch of all rows is not copied.

    Args:
        tensors: tensors of shape ``(N, ...)``, all on one device.
        batch_size: rows per batch and rank, B; None for all rows at once.
        shuffle: whether to shuffle the rows in every epoch.
        seed: seed of the order, together with the epoch.
        drop_last: whether to drop a last batch that is smaller than the others.
        rank: rank of this process, from 0.
        world_size: number of processes, W.
        even: whether all ranks take the same number of steps (training); otherwise some may run out of rows.

    Raises:
        UserError: the tensors are of another type or differ in length, there are no rows, or a size is
            below 1.

    Examples:
        >>> [rows.tolist() for (rows,) in TensorLoader([torch.arange(5)], batch_size=2)]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        tensors: Sequence[Tensor],
        batch_size: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        even: bool = True,
    ) -> None:
        if isinstance(tensors, Tensor) or not all(
            isinstance(tensor, Tensor) and tensor.ndim for tensor in tensors
        ):
            raise UserError("TensorLoader takes a list of tensors with rows, such as [x, y]")
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) != 1:
            raise UserError(f"tensors must have the same number of rows, but have {lengths}")
        check_at_least("the number of rows", lengths[0], 1)
        if batch_size is not None:
            check_at_least("batch_size", batch_size, 1)
        if not 0 <= rank < world_size:
            raise UserError(f"rank must be in 0..{world_size - 1}, but is {rank}")
        if even and lengths[0] < world_size:
            raise UserError(f"{world_size} processes need at least {world_size} rows, but got {lengths[0]}")
        self.tensors: Batch = tuple(tensors)
        self.num_rows, self.batch_size, self.shuffle, self.seed = lengths[0], batch_size, shuffle, seed
        self.drop_last, self.rank, self.world_size, self.even = drop_last, rank, world_size, even
        self._stride = self.num_rows if batch_size is None else batch_size * world_size
        self._num_steps = self._count_steps()
        if even and not self._num_steps:
            rows = plural(self.num_rows, "row")
            raise UserError(f"drop_last leaves no batch: {rows}, but batches of {self._stride}")

    def _count_steps(self) -> int:
        """Return the number of steps of this rank."""
        full, tail = divmod(self.num_rows, self._stride)
        if self.drop_last or not tail:
            return full
        if self.even:
            return full + (tail >= self.world_size or not full)
        return max(full + (tail > self.rank), 1)  # a rank without rows evaluates an empty batch

    def _rows(self, step: int) -> slice:
        """Return the rows of this rank in a step."""
        start = step * self._stride
        stop = start + self._stride
        if step == self._num_steps - 1 and not self.drop_last and self.even:
            stop = self.num_rows
        return slice(start + self.rank, min(stop, self.num_rows), self.world_size)

    @property
    def _is_single_batch(self) -> bool:
        """Whether all rows are one batch, which is not copied."""
        return self.world_size == 1 and self._stride >= self.num_rows and self._num_steps == 1

    def __len__(self) -> int:
        return self._num_steps

    def order(self) -> RowOrder | None:
        """Return this epoch's permutation, ``(N,)`` int64 on the tensors' device; None if not shuffled."""
        if not self.shuffle or self._is_single_batch:
            return None
        generator = torch.Generator().manual_seed(stream_seed("order", self.seed, self.epoch))
        order = torch.randperm(self.num_rows, generator=generator)
        return order.to(self.tensors[0].device, non_blocking=True)

    @staticmethod
    def merge_ranks(rank_batches: Sequence[Sequence[Tensor]]) -> Tensor:
        """Return the rows of all ranks' batches in order, ``(N, ...)``."""
        steps = []
        for step_batches in zip_longest(*rank_batches):
            batches = [batch for batch in step_batches if batch is not None]
            rows = batches[0].new_empty(sum(map(len, batches)), *batches[0].shape[1:])
            for rank, batch in enumerate(batches):
                rows[rank :: len(batches)] = batch
            steps.append(rows)
        return torch.cat(steps)

    def _iterate_from(self, start: int) -> Iterator[Batch]:
        order = self.order()  # at the first batch: Lightning sets the epoch after it creates the iterator
        for step in range(start, self._num_steps):
            self._position = step + 1
            if self._is_single_batch:
                yield self.tensors
            elif order is None:
                yield tuple(tensor[self._rows(step)] for tensor in self.tensors)
            else:
                rows = order[self._rows(step)]
                yield tuple(tensor.index_select(0, rows) for tensor in self.tensors)


class _Rows(Dataset[Any]):
    """Batches of a dataset; in a worker, the generators are seeded for each batch."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]  # torch's Dataset does not declare it

    def __getitems__(self, batch: list[int]) -> list[Any]:
        seed, *rows = batch
        if get_worker_info() is not None:
            torch.manual_seed(seed)
            random.seed(seed)
            if numpy := sys.modules.get("numpy"):
                numpy.random.seed(seed % 2**32)
        getitems = getattr(self.dataset, "__getitems__", None)
        samples: list[Any] = getitems(rows) if getitems else [self.dataset[row] for row in rows]
        return samples


class _Batches:
    """Batch sampler of torch's DataLoader."""

    def __init__(self, loader: "SeededDataLoader") -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[list[int]]:
        return self.loader.seeded_batches()

    def __len__(self) -> int:
        return len(self.loader)


class SeededDataLoader(_Resumable):
    """Load a map-style dataset so that training can resume at any step, bit for bit.

    The rows are distributed over the processes as in ``TensorLoader``; each process needs at least one.
    Batches before the resumed step are not loaded. Random numbers of ``torch``, ``numpy.random`` and
    ``random`` that the dataset draws in workers depend only on the seed, the epoch, the process and the
    batch; without workers they come from the generators of the process, which a LitModule saves and restores.
    The dataset must seed its own generators itself, for example by the row index. A ``worker_init_fn`` finds
    the dataset as ``get_worker_info().dataset.dataset``.

    It is not a subclass of torch's DataLoader, whose sampler Lightning would replace.

    Args:
        dataset: map-style dataset.
        batch_size: rows per batch and process, B.
        shuffle: whether to shuffle the rows in every epoch.
        seed: seed of the order, together with the epoch.
        drop_last: whether to drop a last batch that is smaller than the others.
        **kwargs: further arguments of torch's DataLoader, such as ``num_workers``.

    Raises:
        UserError: the dataset has no length, there are fewer rows than processes, or a size is below 1.

    Examples:
        >>> from torch.utils.data import TensorDataset
        >>> [rows.tolist() for (rows,) in SeededDataLoader(TensorDataset(torch.arange(5)), batch_size=2)]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        **kwargs: Any,
    ) -> None:
        if not hasattr(dataset, "__len__"):
            kind = type(dataset).__name__
            raise UserError(f"a dataset needs a length and rows by number (map-style), unlike this {kind}")
        check_type("batch_size", batch_size, int)
        rows = _Rows(dataset)
        check_at_least("the number of rows", len(rows), 1)
        check_at_least("batch_size", batch_size, 1)
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.seed, self.drop_last = seed, drop_last
        self._row_indices = torch.arange(len(rows))
        kwargs.setdefault("generator", torch.Generator())  # torch would draw from the global generator
        self._generator: torch.Generator = kwargs["generator"]
        self._loader: DataLoader[Any] = DataLoader(rows, batch_sampler=_Batches(self), **kwargs)

    def index_batches(self) -> TensorLoader:
        """Return the batches of row indices of this process; called once the processes have started."""
        rank, world_size = _processes()
        return TensorLoader(
            (self._row_indices,), self.batch_size, self.shuffle, self.seed, self.drop_last, rank, world_size
        )

    def seeded_batches(self) -> Iterator[list[int]]:
        """Yield the seed and the row indices of each batch, from the first batch of the iteration."""
        batches, start = self.index_batches(), self._position
        batches.load_state_dict({"epoch": self.epoch, "position": start})
        for step, (rows,) in enumerate(batches, start):
            batch_index = (self.epoch * len(batches) + step) * batches.world_size + batches.rank
            yield [stream_seed("rows", self.seed, batch_index), *rows.tolist()]

    def _iterate_from(self, start: int) -> Iterator[Any]:
        rank, world_size = _processes()
        self._generator.manual_seed(stream_seed("workers", self.seed, self.epoch * world_size + rank))
        self._position = start
        for batch in self._loader:
            self._position += 1
            yield batch

    def __len__(self) -> int:
        return len(self.index_batches())


def _processes() -> tuple[int, int]:
    """Return this process's rank and the number of processes, W."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
