"""The first pass over a table in blocks: which rows are for what, totals of columns, and a sample of rows.

Legend: N rows of a block, M rows of the sample.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.cells import as_text
from lit_classify.data.table.column_roles import ColumnRoles
from lit_classify.data.table.column_totals import MAX_CATEGORIES, ColumnTotals
from lit_classify.data.table.files import RawTable
from lit_classify.data.table.schema import Kind, cast_column, mask_out_of_range
from lit_classify.data.table.splits import NO_EVALUATION, RowIndices, Splitter, check_classes, read_splits
from lit_classify.data.table.streaming.blocks import Block, BlockReader, OtherFormat
from lit_classify.data.table.streaming.hashing import Hashes, below, hash_numbers, hash_text
from lit_classify.data.table.targets import Target, check_complete, has_targets
from lit_classify.data.table.text_conversion import convert_text
from lit_classify.data.table.value_formats import ValueFormat
from lit_classify.errors import DataError

SPLITS = ("train", "val", "test")
_OF_OPTION = {"path": "train", "val_path": "val", "test_path": "test"}
_MIN_VALUES = 1000  # cells with a value before the first text above which the text is an error
_SAMPLE_BYTES = 1 << 26
_MAX_PENDING = 64  # parts of the sample that are concatenated at once

Codes = NDArray[np.int8]  # the index in SPLITS of each row, (N,)
Progress = Callable[[int], None]  # called with the number of rows of each block


@dataclass(frozen=True)
class Assignment:
    """Which split each row belongs to: by file, by a column, or by a hash of the row or its group.

    Rows are not stratified, and shares are not exact, because neither number nor classes of all rows are
    known in advance.

    Args:
        splitter: how to split.
        given: the splits that files or the column determine.
        is_new_table: whether the rows of ``path`` were not used in training, so that all are test rows.
    """

    splitter: Splitter
    given: frozenset[str]
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
        given = frozenset(SPLITS if splitter.split is not None else (_OF_OPTION[key] for key in keys))
        return cls(splitter, given.union(absent), is_new_table)

    def codes(self, block: Block, numbers: NDArray[np.int64]) -> Codes:
        """Return the index in ``SPLITS`` of the split of each row, ``(N,)``.

        Args:
            block: the rows.
            numbers: their numbers in all files, ``(N,)``.
        """
        splitter, table = self.splitter, block.table
        if self.is_new_table:
            split = "test" if block.key == "path" else _OF_OPTION[block.key]
            return np.full(len(table), SPLITS.index(split), np.int8)
        if splitter.split is not None:
            words = read_splits(table, splitter.split)
            codes = words.replace_strict(list(SPLITS), [0, 1, 2], return_dtype=pl.Int8).to_numpy(
                writable=True
            )
        else:
            codes = np.full(len(table), SPLITS.index(_OF_OPTION[block.key]), np.int8)
        test = 0.0 if "test" in self.given else splitter.test_fraction
        val = 0.0 if "val" in self.given else splitter.val_fraction
        if test or val:
            hashes = self._hashes(table, numbers)
            is_train, is_test = codes == 0, below(hashes, test)
            codes[is_train & below(hashes, test + val)] = SPLITS.index("val")
            codes[is_train & is_test] = SPLITS.index("test")
        return codes

    def folds(self, block: Block, numbers: NDArray[np.int64], num_folds: int) -> NDArray[np.int64]:
        """Return the cross-validation fold of each row, ``(N,)``."""
        hashes = self._hashes(block.table, numbers, "fold")
        return (hashes % np.uint64(num_folds)).astype(np.int64)

    def _hashes(self, table: RawTable, numbers: NDArray[np.int64], purpose: str = "split") -> Hashes:
        if self.splitter.groups is None:
            return hash_numbers(numbers, purpose, self.splitter.seed)
        return hash_text(as_text(table.frame[self.splitter.groups]), purpose, self.splitter.seed)


class _Sample:
    """A random sample of the rows: all until they are too large, then those with the smallest hashes."""

    def __init__(self, seed: int) -> None:
        self._seed, self._share = seed, 1.0
        self._parts: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame, numbers: NDArray[np.int64], codes: Codes) -> None:
        """Add the rows of a block."""
        hashes = hash_numbers(numbers, "sample", self._seed)
        labeled = pl.DataFrame({"\0number": numbers, "\0code": codes, "\0hash": hashes})
        self._parts.append(self._filter(pl.concat([labeled, frame], how="horizontal")))
        if (
            len(self._parts) > _MAX_PENDING
            or sum(part.estimated_size() for part in self._parts) > _SAMPLE_BYTES
        ):
            whole = pl.concat(self._parts, rechunk=True)
            while whole.estimated_size() > _SAMPLE_BYTES:
                self._share /= 2
                whole = self._filter(whole)
            self._parts = [whole]

    def _filter(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self._share == 1:
            return frame
        return frame.filter(pl.Series(below(frame["\0hash"].to_numpy(), self._share)))

    def rows(self) -> tuple[pl.DataFrame, NDArray[np.int64], Codes]:
        """Return the columns, the numbers and the split codes of the sample, in the order of the table."""
        whole = pl.concat(self._parts, rechunk=True)
        labels = [name for name in whole.columns if name.startswith("\0")]
        return whole.drop(labels), whole["\0number"].to_numpy(), whole["\0code"].to_numpy()


@dataclass
class Survey:
    """What one pass over all rows has found.

    Args:
        reader: the files, with the types of their columns.
        assignment: which split each row belongs to.
        counts: the number of rows of each split.
        num_dropped: the number of rows without a target, which are left out.
        files: path and number of rows of each file.
        totals: totals of the columns that may be features, and of a single target that is not text.
        target_name: the column of a single target.
        targets: for a single target, its distinct values, with the number of the first row of each, and the
            number of training rows; None if there are too many to count.
        sample: some of the rows, or all if there are few.
        rows: indices of the rows of each split in the sample.
    """

    reader: BlockReader
    assignment: Assignment
    counts: dict[str, int]
    num_dropped: int
    files: tuple[tuple[str, int], ...]
    totals: dict[str, ColumnTotals]
    target_name: str | None
    targets: pl.DataFrame | None
    sample: RawTable
    rows: dict[str, RowIndices]

    @property
    def is_complete(self) -> bool:
        """Whether the sample has all rows."""
        return len(self.sample) == sum(self.counts.values())

    @property
    def num_folds(self) -> int:
        """Number of cross-validation folds; 0 if there are validation rows."""
        return 0 if self.counts["val"] else self.assignment.splitter.folds

    def check_splits(self, target: Target) -> None:
        """Check that there are rows for training and for an evaluation, and of each class for training.

        Raises:
            DataError: there are not; gives the counts.
        """
        chosen = (
            "rows are chosen by a hash, so give other ones with --seed_everything, or --data.split COLUMN"
        )
        if not self.counts["train"]:
            column = self.assignment.splitter.split
            reason = chosen if column is None else f"the split {column!r} has no row with train"
            raise DataError(f"{self.files[0][0]}: no rows are left to train on; {reason}")
        if not self.num_folds and not self.counts["val"] and not self.counts["test"]:
            raise DataError(NO_EVALUATION)
        if target.class_names is not None and self.targets is not None:
            classes = self.targets.with_columns(as_text(self.targets["value"]))
            counts = dict(classes.group_by("value").agg(pl.col("train").sum()).iter_rows())
            check_classes([counts.get(name, 0) for name in target.class_names], target.class_names, chosen)

    @property
    def spread(self) -> float | None:
        """Standard deviation of the target, if it is of values."""
        totals = None if self.target_name is None else self.totals.get(self.target_name)
        return None if totals is None else totals.everywhere.std

    @property
    def target_table(self) -> RawTable:
        """The targets of the sample, and for a single target the first rows with its other values."""
        if self.targets is None or self.target_name is None:
            return self.sample
        assert self.sample.positions is not None
        others = self.targets.filter(~pl.col("number").is_in(pl.Series(self.sample.positions).implode()))
        cells = self.sample.frame[self.target_name]
        values = pl.concat([cells, others["value"].alias(cells.name)])
        positions = np.concatenate([self.sample.positions, others["number"].to_numpy()])
        return replace(self.sample, frame=pl.DataFrame([values]), positions=positions)


@dataclass
class Surveyor:
    """Read all rows until the types of all columns are known.

    Args:
        roles: the roles of columns.
        missing_target: whether to leave out rows without a target (``drop``).
        progress: called with the number of rows of each block.
        only_counts: whether to count rows only, for a state that has been fitted before.
    """

    roles: ColumnRoles
    missing_target: str
    progress: Progress
    only_counts: bool = False
    totals: dict[str, ColumnTotals] = field(default_factory=dict)
    _refused: dict[str, set[ValueFormat]] = field(default_factory=dict)  # formats that a column does not have

    def survey(self, reader: BlockReader, assignment: Assignment) -> Survey:
        """Return what all rows have in common.

        Raises:
            DataError: a cell is not valid, or a split has no rows.
        """
        reader = reader.with_text([name for name in self.roles.categorical if name in reader.names])
        while True:
            try:
                found = self._pass(reader, assignment)
            except OtherFormat as error:
                if not self.only_counts:
                    self._refuse(error)
                reader = reader.with_text([error.column])
                continue
            filled = frozenset(split for split, count in found.counts.items() if count)
            if (
                assignment.splitter.split is not None
                and not assignment.is_new_table
                and filled != assignment.given
            ):
                assignment = replace(assignment, given=filled)
                continue
            if not self.only_counts and (formats := self._late_formats(found)):
                reader = reader.with_formats(formats)
                continue
            return found

    @property
    def _target_name(self) -> str | None:
        return self.roles.target[0] if len(self.roles.target) == 1 else None

    def _pass(self, reader: BlockReader, assignment: Assignment) -> Survey:
        self.totals = {name: ColumnTotals() for name in self._candidates(reader)}
        sample, targets = _Sample(assignment.splitter.seed), _Targets(self._target_name)
        counts, files, dropped = np.zeros(3, np.int64), dict[str, int](), 0
        for block in reader:
            path = block.table.files[0][0]
            files[path] = files.get(path, 0) + len(block.table)
            kept, numbers = with_targets(block, self.roles.target, self.missing_target)
            dropped += len(block.table) - len(numbers)
            codes = assignment.codes(kept, numbers)
            counts += np.bincount(codes, minlength=3)
            is_train = pl.Series(codes == 0)
            for name, totals in self.totals.items():
                totals.add(self._values(kept, name), is_train)
            if self._target_name is not None:
                check_complete(kept.table, self._target_name)
            targets.add(kept.table.frame, numbers, is_train)
            sample.add(
                kept.table.frame if not self.only_counts else kept.table.frame.select([]), numbers, codes
            )
            self.progress(len(block.table))
        frame, numbers, codes = sample.rows()
        if not len(frame):
            raise DataError(f"{next(iter(files))}: no row has a target {', '.join(self.roles.target)}")
        table = RawTable(frame, tuple(files.items()), ("",) * len(files), reader.special_formats, numbers)
        rows = {split: np.flatnonzero(codes == code).astype(np.int32) for code, split in enumerate(SPLITS)}
        return Survey(
            reader,
            assignment,
            dict(zip(SPLITS, counts.tolist(), strict=True)),
            dropped,
            tuple(files.items()),
            self.totals,
            self._target_name,
            targets.found(),
            table,
            {split: indices for split, indices in rows.items() if len(indices)},
        )

    def _candidates(self, reader: BlockReader) -> Iterator[str]:
        """Yield the columns that may be features, and a single target of values."""
        if self._target_name is not None and self._target_name not in reader.texts:
            yield self._target_name
        for name in () if self.only_counts else reader.names:
            is_selected = not self.roles.features or name in self.roles.features
            if is_selected and name not in self.roles.not_features and name not in self.roles.ignore:
                yield name

    def _values(self, block: Block, name: str) -> pl.Series:
        """Return a column as numbers, dates or text."""
        series, table = block.table.frame[name], block.table
        declared: Kind | None = "number" if name in self.roles.numeric else None
        if series.dtype == pl.String and declared is None:
            return as_text(series)
        values, kind = cast_column(series, declared, table.locate, table.formats.get(name))
        if kind == "category":  # integers that floats cannot represent
            raise OtherFormat(block, name)
        return mask_out_of_range(values, table.locate)[0] if kind == "number" else values

    def _refuse(self, error: OtherFormat) -> None:
        """Note that a column does not have a format.

        Raises:
            DataError: many cells before the first text are values.
        """
        table, name = error.block.table, error.column
        known = error.block.table.formats.get(name, ValueFormat())
        self._refused.setdefault(name, set()).add(known)
        if table.frame[name].dtype != pl.String:
            return
        text = as_text(table.frame[name])
        wrong = (text.is_not_null() & known.parse(text).is_null()).arg_true()
        before = self.totals[name].num_rows - self.totals[name].missing if name in self.totals else 0
        if not len(wrong):  # integers that floats cannot represent
            return
        row = int(wrong[0])
        before += row - text.head(row).null_count()
        if before >= _MIN_VALUES:
            expected = "a date or time" if known.pattern else "a number"
            raise DataError(
                f"{table.locate(row)}, column {name!r}: {text[row]!r} is not {expected}, but {before:,} "
                "cells before it are; fix it, name it in --data.missing_values, or declare the column "
                "categorical"
            )

    def _late_formats(self, found: Survey) -> dict[str, ValueFormat]:
        """Return the formats of columns that are text in the first block, but values in all of the sample."""
        values, kept = found.reader.files.options.values, found.sample.frame
        names = [name for name in found.reader.texts if name not in {*values.text, *self.roles.categorical}]
        names = [name for name in names if found.sample.frame[name].null_count() < len(found.sample)]
        converted, formats = convert_text(kept.select(names), values, found.files[0][0])
        late = {
            part.name: formats.get(part.name, ValueFormat()) for part in converted if part.dtype != pl.String
        }
        return {name: part for name, part in late.items() if part not in self._refused.get(name, ())}


class _Targets:
    """The distinct values of a single target."""

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._parts: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame, numbers: NDArray[np.int64], is_train: pl.Series) -> None:
        if self._name is None or not len(frame):
            return
        rows = pl.DataFrame({"value": frame[self._name], "number": numbers, "train": is_train})
        self._parts = [_sum_targets([*self._parts, rows.with_columns(pl.col("train").cast(pl.Int64))])]
        if len(self._parts[0]) > MAX_CATEGORIES:
            self._name, self._parts = None, []

    def found(self) -> pl.DataFrame | None:
        return self._parts[0] if self._parts else None


def _sum_targets(parts: list[pl.DataFrame]) -> pl.DataFrame:
    rows = pl.concat(parts, how="vertical_relaxed").group_by("value")
    return rows.agg(pl.col("number").min(), pl.col("train").sum()).sort("number")


def with_targets(block: Block, names: list[str], missing_target: str) -> tuple[Block, NDArray[np.int64]]:
    """Return a block and the numbers of its rows, without rows that lack a target if these are dropped."""
    numbers = block.first + np.arange(len(block.table))
    if missing_target != "drop" or not set(names) <= set(block.table.frame.columns):
        return block, numbers
    is_present = has_targets(block.table, names)
    return replace(block, table=block.table.filter(is_present)), numbers[is_present.to_numpy()]
