"""The positions of the rows of a split in its file, and the order in which training reads them.

A file consists of shards, each of which has rows from everywhere in the table. Every epoch permutes the
shards, and then the rows within a few shards at a time, so that no permutation of all rows is held.

Legend: N rows, S shards, B rows per batch, W processes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.data.loaders import Batch, TensorLoader
from lit_classify.data.table.streaming.hashing import hash_numbers
from lit_classify.seeds import stream_seed

_SHARD_BYTES = 1 << 24
_MAX_SHARDS = 1 << 10  # more would get too few rows of a block at a time
_PAGE_BYTES = 4096  # what the system reads at least
_SHUFFLED_SHARDS = 8  # whose rows are permuted together


@dataclass(frozen=True)
class Layout:
    """The positions of the rows of a split in its file.

    Of every S consecutive rows, each goes to another shard, which a hash of the seed chooses.

    Args:
        num_rows: number of rows, N.
        num_shards: number of shards, S.
        seed: seed of the choice.

    Examples:
        >>> layout = Layout(num_rows=7, num_shards=3, seed=0)
        >>> layout.starts.tolist()
        [0, 3, 5, 7]
        >>> sorted(layout.positions(np.arange(7)).tolist())
        [0, 1, 2, 3, 4, 5, 6]
    """

    num_rows: int
    num_shards: int
    seed: int

    @classmethod
    def of(cls, num_rows: int, row_bytes: int, seed: int) -> "Layout":
        """Return the layout of rows of some size."""
        num_shards = -(-num_rows * row_bytes // _SHARD_BYTES)
        return cls(num_rows, min(max(num_shards, 1), _MAX_SHARDS, max(num_rows, 1)), seed)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first row of each shard, and the end of the last, ``(S + 1,)``."""
        shards = np.arange(self.num_shards + 1)
        return shards * (self.num_rows // self.num_shards) + np.minimum(
            shards, self.num_rows % self.num_shards
        )

    def positions(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the position in the file of each row of the split, whose indices are in table order."""
        turns, shards = np.divmod(rows, self.num_shards)
        shifts = (hash_numbers(turns, "shards", self.seed) % np.uint64(self.num_shards)).astype(np.int64)
        shifts[turns == self.num_rows // self.num_shards] = 0  # the last turn has only the first shards
        return self.starts[(shards + shifts) % self.num_shards] + turns


class ShardOrder:
    """The order of the rows of an epoch, computed for a few shards at a time.

    Args:
        starts: the first row of each shard, and the end of the last, ``(S + 1,)``.
        seed: seed of the order.
        epoch: the epoch.
        prefetch: called with the rows of each shard that is needed next.

    Examples:
        >>> order = ShardOrder(np.array([0, 3, 5, 7]), seed=0, epoch=0)
        >>> sorted(order[0:4].tolist() + order[4:7].tolist())
        [0, 1, 2, 3, 4, 5, 6]
    """

    def __init__(
        self,
        starts: NDArray[np.int64],
        seed: int,
        epoch: int,
        prefetch: Callable[[slice], None] = lambda rows: None,
    ) -> None:
        num_shards = len(starts) - 1
        shards = np.random.default_rng(stream_seed("shards", seed, epoch)).permutation(num_shards)
        self._groups = [
            shards[start : start + _SHUFFLED_SHARDS] for start in range(0, num_shards, _SHUFFLED_SHARDS)
        ]
        sizes = [int((starts[group + 1] - starts[group]).sum()) for group in self._groups]
        self._ends = np.cumsum(sizes)
        self._starts, self._seed, self._first_group = starts, seed, epoch * len(self._groups)
        self._prefetch = prefetch
        self._group, self._rows = -1, torch.empty(0, dtype=torch.long)

    def __getitem__(self, positions: slice) -> Tensor:
        """Return the rows at some positions in the epoch, ``(B,)``."""
        stop, step = int(positions.stop), positions.step or 1
        selections, position = [], int(positions.start)
        while position < stop:
            group = int(np.searchsorted(self._ends, position, side="right"))
            rows = self._shuffled(group)
            start = int(self._ends[group]) - len(rows)
            selected = rows[position - start : stop - start : step]
            selections.append(selected)
            position += step * len(selected)
        return torch.cat(selections) if len(selections) != 1 else selections[0]

    def _shuffled(self, group: int) -> Tensor:
        """Return the rows of a group of shards in a random order; the last group is cached."""
        if group != self._group:
            shards = self._groups[group]
            bounds = [(int(self._starts[shard]), int(self._starts[shard + 1])) for shard in shards]
            for start, stop in bounds:
                self._prefetch(slice(start, stop))
            rows = torch.cat([torch.arange(start, stop) for start, stop in bounds])
            seed = stream_seed("order", self._seed, self._first_group + group)
            generator = torch.Generator().manual_seed(seed)
            self._rows, self._group = rows[torch.randperm(len(rows), generator=generator)], group
        return self._rows


class ShardLoader(TensorLoader):
    """Iterate over batches of rows in shards; see ``TensorLoader``.

    A single group of shards has the order of ``TensorLoader``.

    Args:
        tensors: tensors of shape ``(N, ...)``, mapped from files.
        layout: where the shards begin.
        batch_size: rows per batch and rank, B.
        shuffle: whether to shuffle the rows in every epoch.
        seed: seed of the order, together with the epoch.
        drop_last: whether to drop a last batch that is smaller than the others.
        rank: rank of this process, from 0.
        world_size: number of processes, W.
        even: whether all ranks take the same number of steps.
        pin: whether to put batches into pinned memory, from which a GPU copies them while the next is read.

    Examples:
        >>> loader = ShardLoader([torch.arange(5)], Layout(5, 2, seed=0), batch_size=2, shuffle=True)
        >>> sorted(row for (rows,) in loader for row in rows.tolist())
        [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        tensors: list[Tensor],
        layout: Layout,
        batch_size: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        even: bool = True,
        pin: bool = False,
    ) -> None:
        super().__init__(tensors, batch_size, shuffle, seed, drop_last, rank, world_size, even)
        self._layout, self._pin = layout, pin

    def order(self) -> ShardOrder | None:
        """Return the order of this epoch; None if not shuffled."""
        if not self.shuffle or self._is_single_batch:
            return None
        return ShardOrder(self._layout.starts, self.seed, self.epoch, self._read)

    def _iterate_from(self, start: int) -> Iterator[Batch]:
        for batch in super()._iterate_from(start):
            yield tuple(tensor.pin_memory() for tensor in batch) if self._pin else batch

    def _read(self, rows: slice) -> None:
        """Read rows in order, which is faster than in the random order of the epoch if they are on a disk."""
        for tensor in self.tensors:
            tensor[rows].flatten()[:: _PAGE_BYTES // tensor.element_size()].sum()
