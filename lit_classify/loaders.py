"""Batches whose order depends on a seed and the epoch alone, and that can go on amid an epoch.

Of tensors in memory, handed out by slicing, or of any dataset, through torch's workers.

Legend: N rows, B rows per batch, W processes (ranks).
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lit_classify.errors import UserError, at_least
from lit_classify.streams import stream_seed

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
        at_least("the number of rows", lengths[0], 1)
        if batch_size is not None:
            at_least("batch_size", batch_size, 1)
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


class _Batches:
    """Row numbers in batches, as torch's DataLoader takes them; some of the first may be left out."""

    sampler: _Resumable  # what Lightning tells the epoch

    def __init__(self, num_rows: int, batch_size: int, shuffle: bool, seed: int, drop_last: bool) -> None:
        self.num_rows, self.batch_size, self.shuffle = num_rows, batch_size, shuffle
        self.seed, self.drop_last = seed, drop_last
        self.epoch = self.first = 0

    def __len__(self) -> int:
        return self.num_rows // self.batch_size if self.drop_last else -(-self.num_rows // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        generator = _drawn(self.seed, self.epoch)
        order = (
            torch.randperm(self.num_rows, generator=generator)
            if self.shuffle
            else torch.arange(self.num_rows)
        )
        for step in range(self.first, len(self)):
            yield order[step * self.batch_size : (step + 1) * self.batch_size].tolist()


class SeededDataLoader(_Resumable, DataLoader[Any]):
    """torch's DataLoader for a dataset of one's own, whose runs can go on at any step, bit for bit.

    What is left out when a run goes on is not loaded. A dataset that draws random numbers itself gets other
    ones after the point where the run went on.

    Args:
        dataset: gives row ``i``, and its number of rows.
        batch_size: rows per batch, B.
        shuffle: draw a new order for every epoch.
        seed: what the order is drawn from, together with the epoch.
        drop_last: leave out a last batch that is shorter than the others.
        more: further arguments of torch's DataLoader, such as ``num_workers``.

    Raises:
        UserError: no rows, or sizes below 1.
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
        num_rows = len(dataset)  # type: ignore[arg-type]  # torch leaves it out of the class
        at_least("the number of rows", num_rows, 1)
        at_least("batch_size", batch_size, 1)
        batches = _Batches(num_rows, batch_size, shuffle, seed, drop_last)
        super().__init__(dataset, batch_sampler=batches, generator=torch.Generator(), **more)
        self._batches, batches.sampler = batches, self

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch names its own iterator
        first, self._resume_at = self._resume_at, 0  # now: the first batch may never be asked for
        return self._from(first)

    def _from(self, first: int) -> Iterator[Any]:
        self.generator.manual_seed(self.epoch)  # or torch would draw from the generator that all share
        self._batches.epoch, self._batches.first = self.epoch, first
        self._position = first
        for batch in DataLoader.__iter__(self):
            self._position += 1
            yield batch

    def __len__(self) -> int:
        return len(self._batches)
