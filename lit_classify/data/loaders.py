"""Batches whose order depends on a seed and the epoch alone, and that can go on amid an epoch.

Of tensors in memory, handed out by slicing, or of any dataset, through torch's workers.

Legend: N rows, B rows per batch, W processes (ranks).
"""

import random
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from lit_classify.errors import UserError, check_at_least
from lit_classify.random_streams import stream_seed

Batch = tuple[Tensor, ...]


class _Resumable:
    """A place in an epoch, as Lightning asks and tells it."""

    epoch = 0
    _position = 0  # batches handed out in this epoch
    _resume_at = 0  # where the next iteration begins

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration takes."""
        self.epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch and the number of batches handed out, so that a run can go on mid-epoch."""
        return {"epoch": self.epoch, "position": self._position % max(len(self), 1)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken; a finished epoch starts anew."""
        self.epoch = state["epoch"]
        self._position = self._resume_at = state["position"]

    def __len__(self) -> int:
        raise TypeError("a loader says itself how many batches it has")


def _drawn(seed: int, epoch: int) -> torch.Generator:
    """Return what an epoch's order is drawn from."""
    return torch.Generator().manual_seed(stream_seed("order", seed, epoch))


class TensorLoader(_Resumable):
    """Batches of tensors that share their first dimension; every row once in an epoch.

    The order depends on ``(seed, epoch)`` alone. Lightning tells the epoch through ``batch_sampler``, as it
    does for a distributed sampler. With several ranks every step takes ``B * W`` rows and deals them out one
    by one, so each row is in exactly one rank; a training tail too short to give each rank a row joins the
    step before it, so all ranks take the same number of steps. A batch that is the whole table is the table
    itself, not a copy.

    Args:
        tensors: the columns, each of shape ``(N, ...)``, all on one device.
        batch_size: rows per batch and rank, B; None for all rows at once.
        shuffle: draw a new order for every epoch.
        seed: what the order is drawn from, together with the epoch.
        drop_last: leave out a last batch that is shorter than the others.
        rank: which share of the rows this process takes, from 0.
        world_size: number of processes, W.
        even: give every rank the same number of steps (training); else ranks may run out of rows.

    Raises:
        UserError: tensors of different lengths, no rows, or sizes below 1.
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
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) != 1:
            raise UserError(f"tensors must have the same number of rows, but have {lengths}")
        check_at_least("the number of rows", lengths[0], 1)
        if batch_size is not None:
            check_at_least("batch_size", batch_size, 1)
        if not 0 <= rank < world_size:
            raise UserError(f"rank must be in 0..{world_size - 1}, but is {rank}")
        if even and lengths[0] < world_size:
            raise UserError(
                f"{world_size} processes need at least {world_size} rows, but there are {lengths[0]}"
            )
        self.tensors: Batch = tuple(tensors)
        self.num_rows = lengths[0]
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.rank = rank
        self.world_size = world_size
        self.even = even
        self._stride = self.num_rows if batch_size is None else batch_size * world_size
        self._num_steps = self._count_steps()
        if even and not self._num_steps:
            raise UserError(
                f"drop_last leaves no batch: {self.num_rows} rows are fewer than one batch of {self._stride}"
            )

    def _count_steps(self) -> int:
        """Count the steps of this rank; a short tail is dropped, joined or this rank's own as asked."""
        full, tail = divmod(self.num_rows, self._stride)
        if self.drop_last or not tail:
            return full
        if self.even:
            return full + (tail >= self.world_size or not full)
        return max(full + (tail > self.rank), 1)  # a rank without rows evaluates a batch without rows

    def _rows(self, step: int) -> slice:
        """Return this rank's share of the rows that all ranks together take in a step."""
        start = step * self._stride
        stop = start + self._stride
        if step == self._num_steps - 1 and not self.drop_last and self.even:
            stop = self.num_rows
        return slice(start + self.rank, min(stop, self.num_rows), self.world_size)

    @property
    def _whole(self) -> bool:
        """Whether the only batch is the table itself."""
        return self.world_size == 1 and self._stride >= self.num_rows and self._num_steps == 1

    def __len__(self) -> int:
        return self._num_steps

    def order(self) -> Tensor | None:
        """Return this epoch's row numbers, shape ``(N,)`` int64 on the tensors' device; None if in order."""
        if not self.shuffle or self._whole:
            return None
        order = torch.randperm(self.num_rows, generator=_drawn(self.seed, self.epoch))
        return order.to(self.tensors[0].device, non_blocking=True)

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """Where Lightning tells the epoch; a ``sampler`` of the loader it would take for torch's."""
        return SimpleNamespace(sampler=self)

    @staticmethod
    def put_together(shares: Sequence[Sequence[Tensor]]) -> Tensor:
        """Return rows in their order, ``(N, ...)``, from what each rank made of each of its batches."""
        steps = []
        for parts in zip_longest(*shares):
            held = [part for part in parts if part is not None]
            step = held[0].new_empty(sum(map(len, held)), *held[0].shape[1:])
            for rank, part in enumerate(held):
                step[rank :: len(held)] = part
            steps.append(step)
        return torch.cat(steps)

    def __iter__(self) -> Iterator[Batch]:
        first, self._resume_at = self._resume_at, 0  # now: the first batch may never be asked for
        return self._from(first)

    def _from(self, first: int) -> Iterator[Batch]:
        order = self.order()  # now: Lightning tells the epoch after it has asked for an iterator
        for step in range(first, self._num_steps):
            self._position = step + 1
            if self._whole:
                yield self.tensors
            elif order is None:
                yield tuple(tensor[self._rows(step)] for tensor in self.tensors)
            else:
                rows = order[self._rows(step)]
                yield tuple(tensor.index_select(0, rows) for tensor in self.tensors)


class _Rows(Dataset[Any]):
    """A dataset's rows in batches, each after the seed of what the dataset draws for it in a worker."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]  # torch leaves it out of the class

    def __getitems__(self, batch: list[int]) -> list[Any]:
        seed, *rows = batch
        if get_worker_info() is not None:
            torch.manual_seed(seed)
            random.seed(seed)
            if numpy := sys.modules.get("numpy"):
                numpy.random.seed(seed % 2**32)
        together = getattr(self.dataset, "__getitems__", None)
        found: list[Any] = together(rows) if together else [self.dataset[row] for row in rows]
        return found


class _Batches:
    """What torch's DataLoader asks for the rows of each batch."""

    def __init__(self, loader: "SeededDataLoader") -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[list[int]]:
        return self.loader.numbered()

    def __len__(self) -> int:
        return len(self.loader)


class SeededDataLoader(_Resumable):
    """torch's DataLoader for a dataset of your own, whose fits can be resumed at any step, bit for bit.

    Several processes share the rows as in ``TensorLoader``; each needs one at least. What is left out when an
    epoch is resumed is not loaded. Random numbers of ``torch``, ``numpy.random`` and ``random`` that the
    dataset draws in workers depend on the seed, the epoch, the process and the batch alone; without workers
    they continue the process's own, which a LitModule saves and restores. Generators that the dataset keeps
    are its own to seed, by the row's number for instance. A ``worker_init_fn`` finds the dataset as
    ``get_worker_info().dataset.dataset``.

    It is not a subclass of torch's DataLoader: Lightning would replace the order of one.

    Args:
        dataset: gives row ``i``, and its number of rows.
        batch_size: rows per batch and process, B.
        shuffle: draw a new order for every epoch.
        seed: what the order is drawn from, together with the epoch.
        drop_last: leave out a last batch that is shorter than the others.
        more: further arguments of torch's DataLoader, such as ``num_workers``.

    Raises:
        UserError: no rows, fewer than processes, or sizes below 1.

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
        **more: Any,
    ) -> None:
        rows = _Rows(dataset)
        check_at_least("the number of rows", len(rows), 1)
        check_at_least("batch_size", batch_size, 1)
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.seed, self.drop_last = seed, drop_last
        self._numbers = torch.arange(len(rows))
        more.setdefault("generator", torch.Generator())  # or torch would draw from the one that all share
        self._generator: torch.Generator = more["generator"]
        self._loader: DataLoader[Any] = DataLoader(rows, batch_sampler=_Batches(self), **more)

    def shares(self) -> TensorLoader:
        """Return the batches of row numbers; processes are known only once a trainer has started them."""
        rank, world_size = _processes()
        return TensorLoader(
            (self._numbers,), self.batch_size, self.shuffle, self.seed, self.drop_last, rank, world_size
        )

    def numbered(self) -> Iterator[list[int]]:
        """Give each batch's seed and row numbers, from the place where the iteration began."""
        shares, first = self.shares(), self._position
        shares.load_state_dict({"epoch": self.epoch, "position": first})
        for step, (rows,) in enumerate(shares, first):
            place = (self.epoch * len(shares) + step) * shares.world_size + shares.rank
            yield [stream_seed("rows", self.seed, place), *rows.tolist()]

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """Where Lightning tells the epoch, as for ``TensorLoader``."""
        return SimpleNamespace(sampler=self)

    def __iter__(self) -> Iterator[Any]:
        first, self._resume_at = self._resume_at, 0  # now: the first batch may never be asked for
        return self._from(first)

    def _from(self, first: int) -> Iterator[Any]:
        rank, world_size = _processes()
        self._generator.manual_seed(stream_seed("workers", self.seed, self.epoch * world_size + rank))
        self._position = first
        for batch in self._loader:
            self._position += 1
            yield batch

    def __len__(self) -> int:
        return len(self.shares())


def _processes() -> tuple[int, int]:
    """Return this process's rank and the number of processes, W."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
