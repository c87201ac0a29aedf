"""The second pass over a table in blocks: write encoded rows to the files of their splits.

Legend: N rows, F features, L labels.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.atomic_write import atomic_write
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.data.table.preprocessing import Findings
from lit_classify.data.table.sample_weights import read_weights
from lit_classify.data.table.source import RawTable
from lit_classify.data.table.streaming.blocks import Block, BlockReader
from lit_classify.data.table.streaming.cache import Array, map_array, reserve
from lit_classify.data.table.streaming.shards import Layout
from lit_classify.data.table.streaming.survey import SPLITS, Assignment, Progress, with_targets

_SECONDS = 10.0  # between notes of the progress, from which an interrupted pass continues
_NOTE = "progress.json"


class EncodedBlock(NamedTuple):
    """Rows of a block as they are written.

    Attributes:
        codes: the index in ``SPLITS`` of each row, ``(N,)``.
        arrays: ``x``, ``y``, the row numbers ``rows`` and perhaps ``weights`` and ``fold``, ``(N, ...)``.
    """

    codes: NDArray[np.int8]
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class BlockEncoder:
    """Encode blocks with a fitted state.

    Args:
        state: the fitted state.
        assignment: which split each row belongs to.
        cast: returns the columns of the state's preprocessor as numbers, dates or text.
        findings: collects what to warn about.
        missing_target: whether to leave out rows without a target (``drop``).
        sample_weight: the column of weights.
        spread: standard deviation of the target, if it is of values.
    """

    state: FittedState
    assignment: Assignment
    cast: Callable[[FittedState, RawTable, Findings], pl.DataFrame]
    findings: Findings
    missing_target: str
    sample_weight: str | None
    spread: float | None

    @property
    def _num_folds(self) -> int:
        return 0 if self.assignment.is_new_table else self.state.folds

    def arrays(self, counts: Mapping[str, int]) -> dict[str, Array]:
        """Return the arrays of all splits with rows, by name, such as ``train-x``."""
        target = self.state.target
        labels = [] if target.label_names is None else [len(target.label_names)]
        parts = {
            "x": ([self.state.preprocessor.num_features], "float32"),
            "y": (labels, "float32" if target.class_names is None else "int64"),
            "rows": ([], "int64"),
        }
        if self.sample_weight is not None and not self.assignment.is_new_table:
            parts["weights"] = ([], "float32")
        if self._num_folds:
            parts["fold"] = ([], "int64")
        return {
            f"{split}-{part}": Array((count, *shape), dtype)
            for split, count in counts.items()
            if count
            for part, (shape, dtype) in parts.items()
            if part != "fold" or split == "train"
        }

    def num_bytes(self, counts: Mapping[str, int]) -> int:
        """Return the size of all arrays."""
        return sum(array.num_bytes for array in self.arrays(counts).values())

    def encode(self, block: Block) -> EncodedBlock:
        """Return the rows of a block as they are written."""
        kept, numbers = with_targets(block, list(self.state.target.columns), self.missing_target)
        codes = self.assignment.codes(kept, numbers)
        frame = self.cast(self.state, kept.table, self.findings)
        arrays: dict[str, NDArray[Any]] = {
            "x": self.state.preprocessor.transform(frame),
            "y": self.state.target.values(kept.table, self.spread),
            "rows": numbers,
        }
        if self.sample_weight is not None and not self.assignment.is_new_table:
            arrays["weights"] = read_weights(kept.table, self.sample_weight)
        if self._num_folds:
            arrays["fold"] = self.assignment.folds(kept, numbers, self._num_folds)
        return EncodedBlock(codes, arrays)


def layouts(counts: Mapping[str, int], arrays: Mapping[str, Array], seed: int) -> dict[str, Layout]:
    """Return the layout of each split with rows."""
    sizes = {
        split: sum(part.num_bytes for name, part in arrays.items() if name.startswith(f"{split}-"))
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
    """Write the encoded rows of all splits into a folder; continue if it has been begun.

    Raises:
        DataError: a cell is not valid.
        OSError: there is no space left.
    """
    arrays = encoder.arrays(counts)
    places = layouts(counts, arrays, encoder.assignment.splitter.seed)
    done, written = _read_note(folder)
    files = {}
    for name, array in arrays.items():
        reserve(folder / name, array)
        files[name] = map_array(folder / name, array, "r+")
    noted = time.monotonic()
    for index, block in enumerate(reader):
        progress(len(block.table))
        if index < done:
            continue
        codes, parts = encoder.encode(block)
        for code, split in enumerate(SPLITS):
            chosen = np.flatnonzero(codes == code)
            if len(chosen):
                target = places[split].places(np.arange(written[code], written[code] + len(chosen)))
                for name, values in parts.items():
                    if f"{split}-{name}" in files:
                        files[f"{split}-{name}"][target] = values[chosen]
                written[code] += len(chosen)
        if time.monotonic() - noted > _SECONDS:
            _write_note(folder, files.values(), index + 1, written)
            noted = time.monotonic()
    for file in files.values():
        file.flush()
    (folder / _NOTE).unlink(missing_ok=True)
    return arrays


def _read_note(folder: Path) -> tuple[int, list[int]]:
    """Return the number of blocks that are written, and the rows of each split in them."""
    if not (folder / _NOTE).is_file():
        return 0, [0] * len(SPLITS)
    note = json.loads((folder / _NOTE).read_text("utf-8"))
    return note["blocks"], note["written"]


def _write_note(
    folder: Path, files: "Iterable[np.memmap[Any, Any]]", blocks: int, written: Sequence[int]
) -> None:
    """Note what is written, once it is on the disk."""
    for file in files:
        file.flush()
    with atomic_write(folder / _NOTE) as path:
        path.write_text(json.dumps({"blocks": blocks, "written": list(written)}), "utf-8")
