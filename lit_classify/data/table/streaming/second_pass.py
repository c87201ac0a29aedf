"""The second pass over a table in blocks: write encoded rows to the files of their splits.

Legend: N rows, F features, L labels.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lit_classify.atomic_write import atomic_write
from lit_classify.data.table.cell_warnings import CellWarnings
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.data.table.options import TableOptions
from lit_classify.data.table.sample_weights import read_weights
from lit_classify.data.table.streaming.blocks import FIRST_BLOCK, Block, BlockReader, Position
from lit_classify.data.table.streaming.cache import Array, open_array_file
from lit_classify.data.table.streaming.first_pass import Progress, with_targets
from lit_classify.data.table.streaming.row_assignment import SPLITS, Assignment
from lit_classify.data.table.streaming.shards import Layout

_SECONDS = 10.0  # between saving the progress, from which an interrupted pass is resumed
_PROGRESS = "progress.json"
_PENDING_BYTES = 1 << 26  # of encoded rows that are written at once


class EncodedBlock(NamedTuple):
    """Rows of a block as they are written.

    Attributes:
        codes: the index in ``SPLITS`` of each row, ``(N,)``.
        arrays: ``x``, ``y``, the row indices ``rows`` and perhaps ``weights`` and ``fold``, ``(N, ...)``.
    """

    codes: NDArray[np.int8]
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class BlockEncoder:
    """Encode blocks with a fitted state.

    Args:
        state: the fitted state.
        assignment: which split each row belongs to.
        options: the options of the data module.
        cell_warnings: collects what to warn about.
        spread: standard deviation of the target, if it is of values.
    """

    state: FittedState
    assignment: Assignment
    options: TableOptions
    cell_warnings: CellWarnings
    spread: float | None

    @property
    def _target_dtype(self) -> str:
        return "float32" if self.state.target.class_names is None else "int64"

    @property
    def _sample_weight(self) -> str | None:
        return None if self.assignment.is_new_table else self.options.sample_weight

    @property
    def _num_folds(self) -> int:
        return 0 if self.assignment.is_new_table else self.state.folds

    def arrays(self, counts: Mapping[str, int]) -> dict[str, Array]:
        """Return the arrays of all splits with rows, by name, such as ``train-x``."""
        target = self.state.target
        labels = [] if target.label_names is None else [len(target.label_names)]
        shapes = {
            "x": ([self.state.preprocessor.num_features], "float32"),
            "y": (labels, self._target_dtype),
            "rows": ([], "int64"),
        }
        if self._sample_weight is not None:
            shapes["weights"] = ([], "float32")
        if self._num_folds:
            shapes["fold"] = ([], "int64")
        return {
            f"{split}-{name}": Array((count, *shape), dtype)
            for split, count in counts.items()
            if count
            for name, (shape, dtype) in shapes.items()
            if name != "fold" or split == "train"
        }

    def num_bytes(self, counts: Mapping[str, int]) -> int:
        """Return the size of all arrays."""
        return sum(array.num_bytes for array in self.arrays(counts).values())

    def encode(self, block: Block) -> EncodedBlock:
        """Return the rows of a block as they are written."""
        labeled, indices = with_targets(block, self.options.roles.target, self.options.missing_target)
        codes = self.assignment.codes(labeled, indices)
        self.state.check_units(labeled.table, self.state.target.columns)
        frame = self.options.cast(self.state, labeled.table, self.cell_warnings)
        arrays: dict[str, NDArray[Any]] = {
            "x": self.state.preprocessor.transform(frame),
            "y": self.state.target.values(labeled.table, self.spread).astype(self._target_dtype),
            "rows": indices,
        }
        if self._sample_weight is not None:
            arrays["weights"] = read_weights(labeled.table, self._sample_weight)
        if self._num_folds:
            arrays["fold"] = self.assignment.folds(labeled, indices, self._num_folds)
        return EncodedBlock(codes, arrays)


def layouts(counts: Mapping[str, int], arrays: Mapping[str, Array], seed: int) -> dict[str, Layout]:
    """Return the layout of each split with rows."""
    sizes = {
        split: sum(array.num_bytes for name, array in arrays.items() if name.startswith(f"{split}-"))
        for split in SPLITS
    }
    return {split: Layout.of(count, sizes[split] // count, seed) for split, count in counts.items() if count}


def write_shards(
    reader: BlockReader,
    encoder: BlockEncoder,
    counts: Mapping[str, int],
    folder: Path,
    progress: Progress,
) -> dict[str, Array]:
    """Write the encoded rows of all splits into a folder; resume an interrupted pass.

    Raises:
        DataError: a cell is not valid.
        OSError: there is no space left.
    """
    arrays = encoder.arrays(counts)
    split_layouts = layouts(counts, arrays, encoder.assignment.splitter.seed)
    position, written, cell_warnings = _read_progress(folder)
    encoder.cell_warnings.add(cell_warnings)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(open_array_file(folder / name, array)) for name, array in arrays.items()
        }
        writer, saved_at = _ShardWriter(files, split_layouts, written), time.monotonic()
        for block in reader.blocks_from(position):
            progress(len(block.table))
            writer.add(encoder.encode(block))
            if time.monotonic() - saved_at > _SECONDS:
                writer.flush()
                _write_progress(folder, files.values(), block.end, writer.written, encoder.cell_warnings)
                saved_at = time.monotonic()
        writer.flush()
        for file in files.values():
            os.fsync(file.fileno())
    (folder / _PROGRESS).unlink(missing_ok=True)
    return arrays


class _ShardWriter:
    """Write rows to their shards, many at a time, so that each shard gets many adjacent rows.

    Args:
        files: the file of each array, by its name.
        split_layouts: the layout of each split.
        written: the number of rows of each split that are written.
    """

    def __init__(
        self, files: Mapping[str, BinaryIO], split_layouts: Mapping[str, Layout], written: Sequence[int]
    ) -> None:
        self._files, self._layouts, self.written = files, split_layouts, list(written)
        self._pending: list[EncodedBlock] = []
        self._size = 0

    def add(self, block: EncodedBlock) -> None:
        """Add the rows of a block, and write all pending rows once they are many."""
        self._pending.append(block)
        self._size += sum(array.nbytes for array in block.arrays.values())
        if self._size > _PENDING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write all pending rows."""
        pending, self._pending, self._size = self._pending, [], 0
        for code, split in enumerate(SPLITS):
            rows = [np.flatnonzero(block.codes == code) for block in pending]
            if not (count := sum(map(len, rows))):
                continue
            positions = self._layouts[split].positions(self.written[code] + np.arange(count))
            order = np.argsort(positions)
            starts = np.flatnonzero(np.diff(positions[order], prepend=-2) != 1)  # of adjacent rows
            for name in pending[0].arrays:
                if file := self._files.get(f"{split}-{name}"):
                    arrays = [
                        block.arrays[name][indices] for block, indices in zip(pending, rows, strict=True)
                    ]
                    values = np.concatenate(arrays)[order]
                    for start, adjacent in zip(starts, np.split(values, starts[1:]), strict=True):
                        file.seek(int(positions[order[start]]) * adjacent[0].nbytes)
                        file.write(adjacent.tobytes())
                    file.flush()
            self.written[code] += count


def saved_position(folder: Path) -> Position:
    """Return the position after the last block that an interrupted pass has written into a folder."""
    return _read_progress(folder)[0]


def _read_progress(folder: Path) -> tuple[Position, list[int], CellWarnings]:
    """Return the position after the last written block, the written rows of each split, and warnings."""
    if not (folder / _PROGRESS).is_file():
        return FIRST_BLOCK, [0] * len(SPLITS), CellWarnings()
    saved = json.loads((folder / _PROGRESS).read_text("utf-8"))
    cell_warnings = CellWarnings.from_dict(saved["cell_warnings"])
    return Position.from_dict(saved["position"]), saved["written"], cell_warnings


def _write_progress(
    folder: Path,
    files: Iterable[BinaryIO],
    end: Position,
    written: Sequence[int],
    cell_warnings: CellWarnings,
) -> None:
    """Save the position after the last written block, once all rows are on the disk."""
    for file in files:
        os.fsync(file.fileno())
    saved = {
        "position": end.to_dict(),
        "written": list(written),
        "cell_warnings": cell_warnings.to_dict(),
    }
    with atomic_write(folder / _PROGRESS) as path:
        path.write_text(json.dumps(saved), "utf-8")
