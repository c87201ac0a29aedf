"""A table that is larger than the memory: read in blocks, with its encoded rows on the disk.

Legend: N rows, B rows of a batch, F features.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch
from torch import Tensor

from lit_classify.data.table.cell_warnings import CellWarnings
from lit_classify.data.table.files import PATH_OPTIONS, TableFiles
from lit_classify.data.table.fitted_state import Fitted, FittedState, warn_new_table, warn_other_files
from lit_classify.data.table.options import TableOptions
from lit_classify.data.table.schema import check_columns
from lit_classify.data.table.streaming.blocks import BlockReader, OtherFormatError
from lit_classify.data.table.streaming.cache_builder import CacheBuilder, StreamedRows
from lit_classify.data.table.streaming.row_assignment import Assignment
from lit_classify.data.table.streaming.shards import Layout
from lit_classify.messages import warn_all


class StreamedTable:
    """The rows of files, which are read in blocks and encoded in a cache.

    Args:
        files: the files.
        options: the options of the data module.
        directory: the directory of caches.

    Raises:
        DataError: a file does not exist, or its format cannot be read in blocks.
    """

    def __init__(self, files: TableFiles, options: TableOptions, directory: Path) -> None:
        self.files, self._options, self._directory = files, options, directory
        self._reader = BlockReader.detect(files)
        self._digests, self._stamps = dict[str, dict[str, str]](), dict[str, list[list[int]]]()
        self._rows: StreamedRows | None = None

    @property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 of each file of ``path``."""
        return tuple(self._digest("path").values())

    def _digest(self, key: str) -> dict[str, str]:
        """Return the digests of the files of an option; store their stamps, which are taken before."""
        if key not in self._digests:
            self._stamps[key] = self._reader.stamps(key)
            self._digests[key] = self._reader.digests(key)
        return self._digests[key]

    def fit(self) -> Fitted:
        """Infer the schema and the target, split the rows, and fit the preprocessor to the training rows."""
        check_columns("target column", self._options.roles.target, self._reader.empty_table)
        check_columns("column", self._options.roles.all, self._reader.empty_table)
        rows = self._open(None)
        warn_all(rows.ambiguities)
        if self._options.kept_state is None:
            rows.cell_warnings.warn_out_of_range()
        else:
            rows.cell_warnings.report(self._options.handle_unknown)
        warn_all([*rows.fitted.warnings, *rows.duplicates])
        self._rows = rows
        return rows.fitted

    def load(self, state: FittedState, is_new_table: bool, absent: Collection[str]) -> StreamedRows:
        """Return the encoded rows of each split, mapped from the cache.

        Args:
            state: the fitted state.
            is_new_table: whether the rows of ``path`` were not used in training, so that all are test rows.
            absent: splits whose files do not exist.
        """
        if self._rows is not None:
            return self._rows
        check_columns("target column", self._options.roles.target, self._reader.empty_table)
        self._reader = self._reader.for_state(state)
        rows = self._open(state, is_new_table, absent)
        if not rows.fitted.columns:  # the rows of a fit have the formats that it has found
            warn_all(rows.ambiguities)
        for key, split in (("val_path", "val"), ("test_path", "test")):
            if self.files.paths[key] and split in rows.splits:
                warn_other_files(state, key, self._digests[key], len(rows.splits[split].y))
        if is_new_table and "test" in rows.splits:
            warn_new_table(len(rows.splits["test"].y), self._digests["path"])
        rows.cell_warnings.report(self._options.handle_unknown)
        state.warn_extra_columns(self._reader.empty_table)
        warn_all(rows.duplicates)
        self._rows = rows
        return rows

    def _open(
        self, state: FittedState | None, is_new_table: bool = False, absent: Collection[str] = ()
    ) -> StreamedRows:
        """Return the rows from the cache, which is built if it is not there."""
        self._reader = replace(self._reader, files=self.files)
        keys = [key for key in PATH_OPTIONS if self.files.paths[key]]
        builder = CacheBuilder(
            self._reader,
            Assignment.of(self._options.splitter, self._reader, is_new_table, absent),
            {key: self._digest(key) for key in keys},
            {key: self._stamps[key] for key in keys},
            self._directory,
            self._options,
        )
        rows = builder.open(state)
        self.files = self.files.with_formats(rows.fitted.state.known_formats)
        return rows

    def layout(self, split: str) -> Layout:
        """Return where the shards of a split begin."""
        assert self._rows is not None
        return self._rows.layouts[split]

    def raw_rows(self, split: str, indices: Sequence[int], names: Sequence[str]) -> pl.DataFrame:
        """Return columns of some encoded rows as text, as they are in the files, which are read again."""
        assert self._rows is not None
        rows = self._reader.as_text().read_rows(self._rows.rows[split][list(indices)].tolist())
        schema = dict.fromkeys(self._reader.names, pl.String())
        return pl.DataFrame(rows, schema, orient="row", strict=False).select(names)

    def raw_blocks(self, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield columns of ``path`` as they are in the file, block by block.

        Raises:
            DataError: a column does not exist.
        """
        check_columns("column", names, self._reader.empty_table)
        return (block.table.frame.select(names) for block in self._reader.only("path").as_text())

    def feature_batches(self, state: FittedState, batch_size: int) -> "BlockLoader":
        """Return batches of the features of all rows of ``path``, in order."""
        return BlockLoader(self._reader.only("path").for_state(state), state, self._options, batch_size)

    def release(self) -> None:
        """Drop all rows."""
        self._rows = None


class BlockLoader:
    """Iterate over the features of the rows of files in batches, ``(B, F)`` each, in order.

    Args:
        reader: the files, with the types of columns that the state expects.
        state: the fitted state.
        options: the options of the data module.
        batch_size: largest number of rows in a batch.
    """

    def __init__(
        self, reader: BlockReader, state: FittedState, options: TableOptions, batch_size: int
    ) -> None:
        self._reader, self._state, self._options, self._batch_size = reader, state, options, batch_size

    def __iter__(self) -> Iterator[tuple[Tensor]]:
        cell_warnings, handle_unknown = CellWarnings(), self._options.handle_unknown
        warn_all(self._reader.ambiguities.values())
        try:
            for block in self._reader:
                frame = self._options.cast(self._state, block.table, cell_warnings)
                if handle_unknown == "error":
                    cell_warnings.refuse_unseen()
                x = torch.from_numpy(self._state.preprocessor.transform(frame))
                yield from ((batch,) for batch in torch.split(x, self._batch_size))
        except OtherFormatError as error:
            self._options.cast(self._state, error.block.table, cell_warnings)  # names the cell at fault
            raise error.explain() from error
        cell_warnings.report(handle_unknown)
        self._state.warn_extra_columns(self._reader.empty_table)
