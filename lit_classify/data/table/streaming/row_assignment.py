"""The split and the fold of each row of a table that is read in blocks.

Legend: N rows of a block.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.cells import as_text
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.splits import Splitter, read_splits
from lit_classify.data.table.streaming.blocks import Block, BlockReader
from lit_classify.data.table.streaming.hashing import Hashes, below, hash_numbers, hash_text
from lit_classify.errors import DataError

SPLITS = ("train", "val", "test")
_SPLIT_OF_OPTION = {"path": "train", "val_path": "val", "test_path": "test"}

Codes = NDArray[np.int8]  # the index in SPLITS of each row, (N,)


@dataclass(frozen=True)
class Assignment:
    """Which split each row belongs to: by file, by a column, or by a hash of the row or its group.

    Rows are not stratified, and the fractions are not exact: neither the number of rows nor their classes are
    known in advance.

    Args:
        splitter: how to split.
        fixed_splits: the splits that files or the column determine.
        is_new_table: whether the rows of ``path`` were not used in training, so that all are test rows.
    """

    splitter: Splitter
    fixed_splits: frozenset[str]
    is_new_table: bool = False

    @classmethod
    def of(
        cls, splitter: Splitter, reader: BlockReader, is_new_table: bool, absent: Collection[str] = ()
    ) -> "Assignment":
        """Return the assignment of the rows of files; ``absent`` are splits whose files do not exist.

        Raises:
            DataError: files and a column, or one of these and groups, contradict each other.
        """
        keys = reader.paths.keys()
        if splitter.split is not None and len(keys) > 1:
            raise DataError(f"the split is given by files and by the column {splitter.split!r}; use only one")
        if splitter.groups is not None and (splitter.split is not None or len(keys) > 1):
            raise DataError(
                "a table that is read in blocks can be split by groups, or by files or a column, but not by "
                "both; leave out --data.groups"
            )
        by_file = [_SPLIT_OF_OPTION[key] for key in keys]
        fixed_splits = frozenset(by_file if splitter.split is None else SPLITS)
        return cls(splitter, fixed_splits.union(absent), is_new_table)

    def codes(self, block: Block, indices: NDArray[np.int64]) -> Codes:
        """Return the index in ``SPLITS`` of the split of each row, ``(N,)``.

        Args:
            block: the rows.
            indices: their indices over all files, ``(N,)``.
        """
        splitter, table = self.splitter, block.table
        if self.is_new_table:
            split = "test" if block.key == "path" else _SPLIT_OF_OPTION[block.key]
            return np.full(len(table), SPLITS.index(split), np.int8)
        if splitter.split is not None:
            splits = read_splits(table, splitter.split)
            codes = splits.replace_strict(list(SPLITS), [0, 1, 2], return_dtype=pl.Int8).to_numpy(
                writable=True
            )
        else:
            codes = np.full(len(table), SPLITS.index(_SPLIT_OF_OPTION[block.key]), np.int8)
        test_fraction = 0.0 if "test" in self.fixed_splits else splitter.test_fraction
        val_fraction = 0.0 if "val" in self.fixed_splits else splitter.val_fraction
        if test_fraction or val_fraction:
            hashes = self._hashes(table, indices)
            is_train, is_test = codes == 0, below(hashes, test_fraction)
            codes[is_train & below(hashes, test_fraction + val_fraction)] = SPLITS.index("val")
            codes[is_train & is_test] = SPLITS.index("test")
        return codes

    def folds(self, block: Block, indices: NDArray[np.int64], num_folds: int) -> NDArray[np.int64]:
        """Return the cross-validation fold of each row, ``(N,)``."""
        hashes = self._hashes(block.table, indices, "fold")
        return (hashes % np.uint64(num_folds)).astype(np.int64)

    def _hashes(self, table: RawTable, indices: NDArray[np.int64], purpose: str = "split") -> Hashes:
        if self.splitter.groups is None:
            return hash_numbers(indices, purpose, self.splitter.seed)
        return hash_text(as_text(table.frame[self.splitter.groups]), purpose, self.splitter.seed)
