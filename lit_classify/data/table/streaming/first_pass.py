"""The first pass over a table in blocks: the size of each split, totals of columns, and a sample of rows.

Legend: N rows of a block, M rows of the sample.
"""

import time
from collections.abc import Callable, Iterator, Set
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.casting import Kind, cast_column, mask_out_of_range
from lit_classify.data.table.cells import as_text
from lit_classify.data.table.column_roles import ColumnRoles
from lit_classify.data.table.column_totals import ColumnTotals
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.splits import NO_EVALUATION, RowIndices, check_classes
from lit_classify.data.table.streaming.blocks import (
    FIRST_BLOCK,
    Block,
    BlockReader,
    OtherFormatError,
    Position,
)
from lit_classify.data.table.streaming.row_assignment import SPLITS, Assignment
from lit_classify.data.table.streaming.running_totals import Frames, RunningTotals
from lit_classify.data.table.targets import Target, check_complete, has_targets
from lit_classify.data.table.text_conversion import convert_text
from lit_classify.data.table.value_formats import ValueFormat, candidate_formats
from lit_classify.errors import DataError

_MIN_VALUES = 1000  # cells with a value before the first text above which the text is an error
_SECONDS = 10.0  # between saving the totals, from which an interrupted pass is resumed

Progress = Callable[[int], None]  # called with the number of rows of each block
SavedPass = tuple[dict[str, Any], Frames]  # plain data and frames, from which a pass is resumed


@dataclass
class FirstPassResult:
    """The result of one pass over all rows.

    Args:
        reader: the files, with the types of their columns.
        assignment: which split each row belongs to.
        counts: the number of rows of each split.
        num_dropped: the number of rows without a target, which are left out.
        files: path and number of rows of each file.
        totals: totals of the columns that may be features, and of a single target that is not text.
        target_name: the column of a single target.
        targets: for a single target, its distinct values ``value``, the index ``row`` of the first row of
            each, and the number ``train`` of training rows; None if there are too many to count.
        sample: some of the rows, or all if there are few.
        rows: indices of the rows of each split in the sample.
        ambiguities: what to warn about: text that can be read in two ways.
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
    ambiguities: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether the sample has all rows."""
        return len(self.sample) == sum(self.counts.values())

    @property
    def num_folds(self) -> int:
        """Number of cross-validation folds; 0 if there are validation rows."""
        return 0 if self.counts["val"] else self.assignment.splitter.folds

    def check_splits(self, target: Target) -> None:
        """Check that there are training rows, some of each class, and rows for an evaluation.

        Raises:
            DataError: there are not; gives the counts.
        """
        advice = (
            "rows are chosen by a hash, so give other ones with --seed_everything, or --data.split COLUMN"
        )
        if not self.counts["train"]:
            column = self.assignment.splitter.split
            reason = advice if column is None else f"the split {column!r} has no row with train"
            raise DataError(f"{self.files[0][0]}: no rows are left to train on; {reason}")
        if not self.num_folds and not self.counts["val"] and not self.counts["test"]:
            raise DataError(NO_EVALUATION)
        if target.class_names is not None and self.targets is not None:
            classes = self.targets.with_columns(as_text(self.targets["value"]))
            counts = dict(classes.group_by("value").agg(pl.col("train").sum()).iter_rows())
            check_classes([counts.get(name, 0) for name in target.class_names], target.class_names, advice)

    @property
    def spread(self) -> float | None:
        """Standard deviation of the target, if it is of values."""
        totals = None if self.target_name is None else self.totals.get(self.target_name)
        return None if totals is None else totals.all_moments.std

    @property
    def target_table(self) -> RawTable:
        """The targets of the sample, and for a single target the first rows with its other values."""
        if self.targets is None or self.target_name is None:
            return self.sample
        assert self.sample.positions is not None
        others = self.targets.filter(~pl.col("row").is_in(pl.Series(self.sample.positions).implode()))
        cells = self.sample.frame[self.target_name]
        values = pl.concat([cells, others["value"].alias(cells.name)])
        positions = np.concatenate([self.sample.positions, others["row"].to_numpy()])
        return replace(self.sample, frame=pl.DataFrame([values]), positions=positions)


class _Pass(NamedTuple):
    """A pass over the rows from a position on."""

    reader: BlockReader
    assignment: Assignment
    totals: RunningTotals
    start: Position = FIRST_BLOCK


@dataclass
class FirstPass:
    """Read all rows until the types of all columns are known.

    Args:
        roles: the roles of columns.
        missing_target: whether to leave out rows without a target (``drop``).
        progress: called with the number of rows of each block.
        save: saves the totals so far, from which an interrupted pass is resumed.
        only_counts: whether to count rows only, for a state that has been fitted before.
    """

    roles: ColumnRoles
    missing_target: str
    progress: Progress
    save: Callable[[dict[str, Any], Frames], None]
    only_counts: bool = False
    _refused: dict[str, set[ValueFormat]] = field(default_factory=dict)  # formats that a column does not have
    _faults: dict[str, str] = field(default_factory=dict)  # errors, unless a format reads the whole column
    _undecided: Set[str] = frozenset()  # columns whose first rows can be read in two ways
    _ambiguities: dict[str, str] = field(
        default_factory=dict
    )  # warnings, unless a format turns out to be wrong

    def run(
        self, reader: BlockReader, assignment: Assignment, saved: SavedPass | None = None
    ) -> FirstPassResult:
        """Return the result of a pass over all rows; restart it if a column or split is not as expected.

        Args:
            reader: the files.
            assignment: which split each row belongs to.
            saved: the state of an interrupted pass over the same files with the same options.

        Raises:
            DataError: a cell is not valid, or a split has no rows.
        """
        declared = [name for name in self.roles.categorical if name in reader.names]
        self._undecided = reader.ambiguities.keys() - reader.other_columns
        self._ambiguities = {
            name: reader.ambiguities[name] for name in reader.ambiguities if name not in self._undecided
        }
        reader = reader.with_text([*declared, *self._undecided])
        current = (
            self._begin(reader, assignment) if saved is None else self._resume(reader, assignment, saved)
        )
        while True:
            reader, assignment, *_ = current
            try:
                self._add_rows(current)
            except OtherFormatError as error:
                if not self.only_counts or error.column in self._undecided:
                    self._refuse(error, current)
                current = self._begin(reader.with_text([error.column]), assignment)
                continue
            result = self._result(current)
            filled = frozenset(split for split, count in result.counts.items() if count)
            has_column = assignment.splitter.split is not None and not assignment.is_new_table
            if has_column and filled < assignment.fixed_splits:  # the column lacks a split
                current = self._begin(reader, replace(assignment, fixed_splits=filled))
            elif formats := self._late_formats(result):
                current = self._begin(reader.with_formats(formats), assignment)
            else:
                if unread := self._faults.keys() & result.reader.texts:
                    raise DataError(self._faults[min(unread)])
                ambiguities = [
                    ambiguity
                    for name, ambiguity in self._ambiguities.items()
                    if name not in result.reader.texts
                ]
                return replace(result, ambiguities=ambiguities)

    @property
    def _target_name(self) -> str | None:
        return self.roles.target[0] if len(self.roles.target) == 1 else None

    def _begin(self, reader: BlockReader, assignment: Assignment) -> _Pass:
        """Return a pass over all rows."""
        totals = RunningTotals.of(assignment.splitter.seed, self._target_name, self._candidates(reader))
        return _Pass(reader, assignment, totals)

    def _resume(self, reader: BlockReader, assignment: Assignment, saved: SavedPass) -> _Pass:
        """Return the pass over the rows that an interrupted one has not read."""
        data, frames = saved
        refused = data["refused"].items()
        self._refused = {name: {*map(ValueFormat.from_dict, formats)} for name, formats in refused}
        self._faults, self._ambiguities = dict(data["faults"]), dict(data["ambiguities"])
        formats = {name: ValueFormat.from_dict(entry) for name, entry in data["formats"].items()}
        return _Pass(
            replace(reader, formats=formats, texts=frozenset(data["texts"])),
            replace(assignment, fixed_splits=frozenset(data["fixed_splits"])),
            RunningTotals.from_state(assignment.splitter.seed, data["totals"], frames),
            Position.from_dict(data["position"]),
        )

    def _to_save(self, current: _Pass, end: Position) -> SavedPass:
        """Return the data and frames from which ``_resume`` continues."""
        totals, frames = current.totals.state()
        formats, refused = current.reader.formats.items(), self._refused.items()
        return {
            "position": end.to_dict(),
            "totals": totals,
            "fixed_splits": sorted(current.assignment.fixed_splits),
            "formats": {name: value_format.to_dict() for name, value_format in formats},
            "texts": sorted(current.reader.texts),
            "refused": {name: [each.to_dict() for each in value_formats] for name, value_formats in refused},
            "faults": self._faults,
            "ambiguities": self._ambiguities,
        }, frames

    def _add_rows(self, current: _Pass) -> None:
        """Add the rows from the start of the pass on to its totals."""
        reader, assignment, totals, start = current
        saved_at = time.monotonic()
        for block in reader.blocks_from(start):
            path = block.table.files[0][0]
            totals.files[path] = totals.files.get(path, 0) + len(block.table)
            labeled, indices = with_targets(block, self.roles.target, self.missing_target)
            totals.num_dropped += len(block.table) - len(indices)
            codes = assignment.codes(labeled, indices)
            is_train, frame = pl.Series(codes == 0), labeled.table.frame
            for name, column in totals.columns.items():
                column.add(self._values(labeled, name), is_train)
            if self._target_name is not None:
                check_complete(labeled.table, self._target_name)
            totals.counts += np.bincount(codes, minlength=len(SPLITS))
            totals.targets.add(frame, indices, is_train)
            totals.sample.add(frame, indices, codes)
            self.progress(len(block.table))
            if time.monotonic() - saved_at > _SECONDS:
                self.save(*self._to_save(current, block.end))
                saved_at = time.monotonic()

    def _result(self, finished: _Pass) -> FirstPassResult:
        """Return the result of a pass that has added all rows."""
        reader, assignment, totals, _ = finished
        frame, positions, codes = totals.sample.rows()
        files = tuple(totals.files.items())
        if not len(frame):
            raise DataError(f"{files[0][0]}: no row has a target {', '.join(self.roles.target)}")
        rows = {split: np.flatnonzero(codes == code).astype(np.int32) for code, split in enumerate(SPLITS)}
        return FirstPassResult(
            reader,
            assignment,
            dict(zip(SPLITS, totals.counts.tolist(), strict=True)),
            totals.num_dropped,
            files,
            totals.columns,
            self._target_name,
            totals.targets.frame,
            RawTable(frame, files, ("",) * len(files), reader.special_formats, positions),
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
            raise OtherFormatError(block, name)
        return mask_out_of_range(values, table.locate)[0] if kind == "number" else values

    def _refuse(self, error: OtherFormatError, interrupted: _Pass) -> None:
        """Record that a column does not have a format; an unused column is then read as text.

        Raises:
            DataError: many cells before the first text are values, and no format reads both.
        """
        table, name = error.block.table, error.column
        value_format = error.block.table.formats.get(name, ValueFormat())
        self._refused.setdefault(name, set()).add(value_format)
        is_used = interrupted.reader.files.options.values.is_used(name)
        if table.frame[name].dtype != pl.String or not is_used:
            return
        cells = as_text(table.frame[name])
        wrong = (cells.is_not_null() & value_format.parse(cells).is_null()).arg_true()
        column = interrupted.totals.columns.get(name, ColumnTotals())
        num_leading = column.num_rows - column.missing
        if not len(wrong):  # integers that floats cannot represent
            return
        row = int(wrong[0])
        num_leading += row - cells.head(row).null_count()
        if num_leading >= _MIN_VALUES:
            expected = "a date or time" if value_format.pattern else "a number"
            self._faults[name] = (
                f"{table.locate(row)}, column {name!r}: {cells[row]!r} is not {expected}, but "
                f"{num_leading:,} cells before it are; fix it, name it in --data.missing_values, or declare "
                "the column categorical"
            )
            candidates = candidate_formats(cells.drop_nulls(), ".")
            if all(candidate.parse(cells).null_count() > cells.null_count() for candidate in candidates):
                raise DataError(self._faults[name])

    def _late_formats(self, result: FirstPassResult) -> dict[str, ValueFormat]:
        """Return the formats of columns that are text in the first block, but values in all of the sample."""
        options, sample = result.reader.files.options.values, result.sample.frame
        remaining_text = {*options.text_columns, *self.roles.categorical, *result.reader.other_columns}
        texts = result.reader.texts - remaining_text
        if self.only_counts:  # the others have the kind that they had in training
            texts &= self._undecided
        names = [name for name in result.reader.names if name in texts]
        names = [name for name in names if sample[name].null_count() < len(sample)]
        detector = deepcopy(result.reader.detector)  # with what the columns of the first rows have in common
        path, num_rows = result.files[0]
        converted, formats, ambiguities = convert_text(sample.select(names), options, path, detector)
        if ambiguities:  # which count the cells of a file
            first_rows = sample.head(int((result.sample.row_positions < num_rows).sum()))
            ambiguities = convert_text(
                first_rows.select(ambiguities.keys()), options, path, detector
            ).ambiguities
        parsed = [series.name for series in converted if series.dtype != pl.String]
        late = {name: formats.get(name, ValueFormat()) for name in parsed}
        late = {name: late[name] for name in late if late[name] not in self._refused.get(name, ())}
        self._ambiguities |= {name: ambiguities[name] for name in ambiguities if name in late}
        return late


def with_targets(block: Block, names: list[str], missing_target: str) -> tuple[Block, NDArray[np.int64]]:
    """Return a block and the indices of its rows, without rows that lack a target if these are dropped."""
    indices = block.first_row + np.arange(len(block.table))
    if missing_target != "drop" or not set(names) <= set(block.table.frame.columns):
        return block, indices
    is_present = has_targets(block.table, names)
    return replace(block, table=block.table.filter(is_present)), indices[is_present.to_numpy()]
