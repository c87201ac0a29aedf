"""A table in memory: its rows are read, split, and encoded at once.

Legend: N rows.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.data.splits import Split
from lit_classify.data.table.concatenation import concat_tables
from lit_classify.data.table.duplicates import find_duplicates, is_first_of_duplicates
from lit_classify.data.table.files import PATH_OPTIONS, TableFiles
from lit_classify.data.table.fitted_state import Fitted, FittedState, warn_new_table, warn_other_files
from lit_classify.data.table.fitting import TableFitter
from lit_classify.data.table.notes import notes_on_rows
from lit_classify.data.table.options import TableOptions
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.sample_weights import check_totals, read_weights
from lit_classify.data.table.schema import check_columns
from lit_classify.data.table.splits import RowIndices, split_by_files
from lit_classify.data.table.targets import Targets, has_targets
from lit_classify.errors import DataError
from lit_classify.messages import warn_all


class EncodedRows(NamedTuple):
    """Rows as a network gets them.

    Attributes:
        splits: features and targets of each split.
        weights: the weights of the rows of each split in the loss, ``(N,)``; none for equal weights.
        fold: the fold of each training row, ``(N,)``, if there are folds.
    """

    splits: dict[str, Split]
    weights: dict[str, Tensor]
    fold: Tensor | None


class _SplitRows(NamedTuple):
    """Rows that have been read and split.

    Attributes:
        frame: the columns to use as features.
        rows: row indices of each split.
        targets: the targets of all rows.
        fold: fold of each training row.
        weights: weight of each row in the loss.
    """

    frame: pl.DataFrame
    rows: dict[str, RowIndices]
    targets: Targets
    fold: NDArray[np.int64] | None
    weights: NDArray[np.float32] | None


class InMemoryTable:
    """The rows of files, or of a DataFrame, in memory; they are released once they are encoded.

    Args:
        files: the files or the DataFrame.
        options: the options of the data module.

    Attributes:
        digests: the SHA-256 of each file of ``path``.

    Raises:
        DataError: a file cannot be used.
        TooLargeError: the rows do not fit into memory.
    """

    def __init__(self, files: TableFiles, options: TableOptions) -> None:
        self._options = options
        self._table: RawTable | None = files.read()
        self._split_rows: _SplitRows | None = None
        self._indices: dict[str, RowIndices] = {}
        self.files = files
        self.digests = self._table.digests

    def rows(self) -> RawTable:
        """Return the rows of ``path``."""
        return self._table or self.files.read()

    def fit(self) -> Fitted:
        """Infer the schema and the target, split the rows, and fit the preprocessor to the training rows."""
        options, num_dropped = self._options, Counter[str]()
        tables = self._read(num_dropped)
        files = {key: tables[key].as_files() if key in tables else {} for key in PATH_OPTIONS}
        table, num_rows = self._concat(tables)
        check_columns("target column", options.roles.target, table)
        check_columns("column", options.roles.all, table)
        fitter = TableFitter(options, table)
        classes = fitter.target.class_names
        y, weights = fitter.target.values(table), self._weights(table)
        rows = options.splitter.split_rows(table, num_rows, classes, y)
        fold = options.splitter.fold_rows(table, rows, classes, y)
        if weights is not None:
            check_totals(weights, rows, str(options.sample_weight))
        folds = 0 if fold is None else int(fold.max()) + 1
        fitted = fitter.fit(y, rows["train"], files, folds)
        duplicates, num_repeated = find_duplicates(fitter.frame, y, rows)
        warn_all([*fitted.warnings, *duplicates])
        notes = notes_on_rows(num_dropped, num_repeated)
        self._split_rows = _SplitRows(fitter.frame, rows, y, fold, weights)
        return replace(fitted, notes=[*fitted.notes, *notes])

    def load(self, state: FittedState, is_new_table: bool, absent: Collection[str]) -> EncodedRows:
        """Encode the rows of each split; the raw table is released.

        Args:
            state: the fitted state.
            is_new_table: whether the rows of ``path`` were not used in training, so that all are test rows.
            absent: splits whose files do not exist.
        """
        frame, rows, targets, fold, weights = self._split_rows or self._split(state, is_new_table, absent)
        self._table = self._split_rows = None
        self._indices = rows
        frames = [frame]
        del frame  # so that transform releases the rows that it has encoded
        x = torch.from_numpy(state.preprocessor.transform(frames.pop(), list(rows.values())))
        ordered = np.concatenate([targets[indices] for indices in rows.values()])
        y = torch.from_numpy(ordered if state.target.class_names is None else ordered.astype(np.int64))
        sizes = [len(indices) for indices in rows.values()]
        splits = map(Split, torch.split(x, sizes), torch.split(y, sizes))
        return EncodedRows(
            dict(zip(rows, splits, strict=True)),
            {split: torch.from_numpy(weights[rows[split]]) for split in rows if weights is not None},
            None if fold is None else torch.from_numpy(fold),
        )

    def _split(self, state: FittedState, is_new_table: bool, absent: Collection[str]) -> _SplitRows:
        """Read and split the rows as in training; rows of a new table are all test rows."""
        splitter, target = self._options.splitter, state.target
        tables = self._read(Counter(), is_new_table)
        for key in PATH_OPTIONS[1:]:
            if self.files.paths[key]:
                warn_other_files(state, key, tables[key].as_files(), len(tables[key]))
        if is_new_table:
            warn_new_table(len(tables["test_path"]), tables["test_path"].as_files())
        table, num_rows = self._concat(tables)
        state.check_units(table, target.columns)
        y, fold, weights = target.values(table), None, None
        if is_new_table:
            rows = split_by_files(num_rows)
        else:
            rows = splitter.split_rows(table, num_rows, target.class_names, y, absent)
            weights = self._weights(table)
            if state.folds:
                fold = splitter.fold_rows(table, rows, target.class_names, y)
        frame = self._options.cast(state, table)
        warn_all(find_duplicates(frame, y, rows)[0])
        return _SplitRows(frame, rows, y, fold, weights)

    def _read(self, num_dropped: Counter[str], is_new_table: bool = False) -> dict[str, RawTable]:
        """Return the rows of each path option; ``path`` of a new table counts as ``test_path``."""
        tables = self.files.read_all(self._table)
        warn_all(ambiguity for table in tables.values() for ambiguity in table.ambiguities.values())
        if is_new_table:
            tables.setdefault("test_path", tables.pop("path"))
        return {key: self._drop_rows(table, num_dropped) for key, table in tables.items()}

    def _drop_rows(self, table: RawTable, num_dropped: Counter[str]) -> RawTable:
        """Return a table without duplicates and rows without a target, if the options say so.

        Args:
            table: the rows.
            num_dropped: adds up the number of dropped rows, by the reason.
        """
        frame, roles = table.frame, self._options.roles
        if self._options.missing_target == "drop" and set(roles.target) <= set(frame.columns):
            is_present = has_targets(table, roles.target)
            num_dropped["without a target"] += int((~is_present).sum())
            table = table.filter(is_present)
            if not len(table):
                raise DataError(f"{table.files[0][0]}: no row has a target {', '.join(roles.target)}")
        if self._options.duplicates == "drop":
            ignored = {*roles.ignore, *roles.split, *roles.groups}
            is_first = is_first_of_duplicates(table.frame.drop(ignored, strict=False))
            num_dropped["equal to an earlier one"] += int((~is_first).sum())
            table = table.filter(is_first)
        return table

    def _concat(self, tables: Mapping[str, RawTable]) -> tuple[RawTable, list[int]]:
        """Concatenate the rows of each path option, and store their positions in the files.

        Returns:
            All rows, and the number from each option; only the first number if ``path`` is the only one.
        """
        table = concat_tables(
            [tables[key] for key in PATH_OPTIONS if key in tables], self.files.options.values
        )
        self.files = self.files.with_formats(table.known_formats)
        self._source = replace(table, frame=table.frame.clear())  # only the positions of its rows
        counts = [len(tables[key]) if key in tables else 0 for key in PATH_OPTIONS]
        return table, counts if any(counts[1:]) else counts[:1]

    def _weights(self, table: RawTable) -> NDArray[np.float32] | None:
        """Return the weight of each row in the loss, ``(N,)``; None for equal weights."""
        name = self._options.sample_weight
        return None if name is None else read_weights(table, name)

    def row_keys(self, split: str) -> NDArray[np.uint64]:
        """Return a key for each encoded row of a split, ``(N,)``; see ``RawTable.keys``."""
        return self._source.keys(self._indices[split])

    def raw_rows(self, split: str, indices: Sequence[int], names: Sequence[str]) -> pl.DataFrame:
        """Return columns of some encoded rows as text, as they are in the files, which are read again."""
        positions = self._source.row_positions[self._indices[split][list(indices)]].tolist()
        files = self.files.as_text(names)
        tables = [table.frame.select(names) for table in files.read_all().values()]
        ends = np.cumsum([len(table) for table in tables])
        selected = []
        for position in positions:
            index = int(np.searchsorted(ends, position, side="right"))
            cells = tables[index].row(position - int(ends[index]))  # counted from the end
            selected.append([None if cell is None else str(cell) for cell in cells])
        return pl.DataFrame(selected, dict.fromkeys(names, pl.String()), orient="row")

    def release(self) -> None:
        """Drop all rows."""
        self._table, self._split_rows, self._indices = None, None, {}
        self.files = replace(self.files, frames={})
