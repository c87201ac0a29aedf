"""Build the cache of a table in two passes over its files, and map its rows.

Legend: N rows, F features.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from lit_classify import __version__
from lit_classify.data.memory import format_size
from lit_classify.data.splits import Split
from lit_classify.data.table.cell_warnings import CellWarnings
from lit_classify.data.table.duplicates import find_duplicates
from lit_classify.data.table.files import PATH_OPTIONS
from lit_classify.data.table.fitted_state import Fitted, FittedState
from lit_classify.data.table.fitting import TableFitter
from lit_classify.data.table.notes import notes_on_rows
from lit_classify.data.table.options import TableOptions
from lit_classify.data.table.streaming.blocks import FIRST_BLOCK, BlockReader, OtherFormatError, Position
from lit_classify.data.table.streaming.cache import CachedTable, arrays_of, free_space
from lit_classify.data.table.streaming.first_pass import FirstPass, FirstPassResult, Progress
from lit_classify.data.table.streaming.row_assignment import Assignment
from lit_classify.data.table.streaming.second_pass import BlockEncoder, layouts, saved_position, write_shards
from lit_classify.data.table.streaming.shards import Layout
from lit_classify.data.table.text_conversion import ValueOptions
from lit_classify.data.table.value_formats import ValueFormat
from lit_classify.errors import DataError, UserError
from lit_classify.messages import echo_once, warn, warn_all

_FORMAT = 6  # of the files in the cache
_MAX_STEM = 50  # characters of a file's name; names of folders have 255 bytes at most
_CONTINUING = "continuing {}, which was interrupted"


@dataclass(frozen=True)
class StreamedRows:
    """The rows of a table, mapped from the cache.

    Args:
        fitted: what is learned from the table.
        splits: the rows of each split, in shards.
        layouts: where the shards of each split begin.
        rows: the index of each row over all files, ``(N,)`` int64.
        weights: the weights of the rows in the loss, ``(N,)``.
        fold: the fold of each training row, ``(N,)``, if there are folds.
        ambiguities: what to warn about after a fit: text that can be read in two ways.
        cell_warnings: what to warn about.
        duplicates: the same: rows in two splits.
    """

    fitted: Fitted
    splits: dict[str, Split]
    layouts: dict[str, Layout]
    rows: dict[str, Tensor]
    weights: dict[str, Tensor]
    fold: Tensor | None
    ambiguities: list[str]
    cell_warnings: CellWarnings
    duplicates: list[str]


@dataclass(frozen=True)
class CacheBuilder:
    """Build the cache of a table that is read in blocks, or open it if it is there.

    Args:
        reader: the files, with the types of their columns.
        assignment: which split each row belongs to.
        digests: the SHA-256 of each file of each option.
        stamps: size and time of the last change of each file of each option, from before the digest.
        directory: the directory of caches.
        options: the options of the data module.
    """

    reader: BlockReader
    assignment: Assignment
    digests: Mapping[str, Mapping[str, str]]
    stamps: Mapping[str, list[list[int]]]
    directory: Path
    options: TableOptions

    def open(self, state: FittedState | None) -> StreamedRows:
        """Return the rows from the cache, which is built if it is not there.

        Args:
            state: the state of an earlier fit; fitted to the rows if None.

        Raises:
            DataError: the rows cannot be used.
            UserError: the cache cannot be written.
        """
        cached = CachedTable(self.directory, self._name(state))
        try:
            rows = self._open(cached, state)
        except FileNotFoundError as error:
            if self.directory not in Path(str(error.filename)).parents:
                raise
            raise UserError(
                f"{cached.folder} was deleted while it was built or opened; start again"
            ) from error
        if state is not None:
            return rows
        files = {
            key: self.digests.get(key, {}) for key in PATH_OPTIONS
        }  # which may be copies of the cached ones
        fitted_state = replace(rows.fitted.state, files=files, settings=self.options.settings)
        return replace(rows, fitted=replace(rows.fitted, state=fitted_state))

    def _open(self, cached: CachedTable, state: FittedState | None) -> StreamedRows:
        """Map the rows from the cache, which no other process builds meanwhile."""
        is_read_only = cached.folder.is_dir() and not os.access(self.directory, os.W_OK)
        if is_read_only and (record := self._read(cached, state)):  # no process can build it there
            return self._map(cached, record)
        with cached.locked():
            return self._map(cached, self._read(cached, state) or self._build(cached, state))

    def _read(self, cached: CachedTable, state: FittedState | None) -> dict[str, Any] | None:
        """Return the record of the complete table; None if it is not there, corrupt, or of another state."""
        try:
            record = cached.read()
        except ValueError as error:
            warn(f"the cache is corrupt and is built again: {error}")
            return None
        return record if record is not None and _has_state(record["fitted"], state) else None

    def _name(self, state: FittedState | None) -> str:
        """Return the name of the cache, which differs for other content or settings."""
        path = next(iter(self.digests["path"]))
        digests = {key: list(files.values()) for key, files in self.digests.items()}
        foreign_state = None
        if state is not None:
            trained = {key: list(files.values()) for key, files in state.files.items() if files}
            if digests != trained:
                foreign_state = state.to_dict()  # a fit to these files would give another one
        options, csv = self.options, replace(self.reader.files.options, expected=(), values=ValueOptions())
        settings = {
            **{name: value for name, value in options.settings.items() if name not in PATH_OPTIONS},
            "csv": asdict(csv),
            "sample_weight": options.sample_weight,
            "kept": options.kept_state and options.kept_state.to_dict(),
            "handle_unknown": options.handle_unknown,
        }
        key = [_FORMAT, __version__, digests, options.missing_target, settings, foreign_state]
        return f"{Path(path).stem[:_MAX_STEM]}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}"

    def _build(self, cached: CachedTable, state: FittedState | None) -> dict[str, Any]:
        """Read the table twice, and return the record of its cache."""
        result = cached.load_first_pass_result()
        if result is None or result["files"] != self.stamps or not _has_state(result["fitted"], state):
            try:
                result = self._run_first_pass(cached, state)
            except DataError:
                shutil.rmtree(cached.partial, ignore_errors=True)
                raise
            cached.start_second_pass(result)
        else:
            echo_once(_CONTINUING.format(cached.partial))
        fitted, cell_warnings = Fitted.from_dict(result["fitted"]), CellWarnings()
        encoder = BlockEncoder(
            fitted.state,
            replace(self.assignment, fixed_splits=frozenset(result["fixed_splits"])),
            self.options,
            cell_warnings,
            result["spread"],
        )
        size, free = encoder.num_bytes(result["counts"]), free_space(cached.partial)
        rows = f"{sum(result['counts'].values()):,} encoded rows need {format_size(size)}"
        if size > free + cached.partial_size():
            raise DataError(
                f"{self.directory} has {format_size(free)} free, but {rows}; choose another directory with "
                "--data.cache_dir"
            )
        echo_once(f"{rows} in {cached.folder}")
        formats = {name: ValueFormat.from_dict(entry) for name, entry in result["formats"].items()}
        reader = replace(self.reader, formats=formats, texts=frozenset(result["texts"]))
        try:
            with _progress("second pass", result["num_rows"], saved_position(cached.partial)) as progress:
                arrays = write_shards(reader, encoder, result["counts"], cached.partial, progress)
        except OtherFormatError as error:
            self.options.cast(fitted.state, error.block.table, cell_warnings)  # names the cell at fault
            raise DataError(f"the column {error.column!r} was changed while it was read") from error
        except OSError as error:
            raise DataError(
                f"cannot write the cache {cached.partial}: {error.strerror}; choose another directory with "
                "--data.cache_dir"
            ) from error
        if {key: self.reader.stamps(key) for key in self.stamps} != self.stamps:
            shutil.rmtree(cached.partial)
            raise DataError("the table was changed while it was read; start again")
        return cached.finish({**result, "cell_warnings": cell_warnings.to_dict()}, arrays)

    def _run_first_pass(self, cached: CachedTable, state: FittedState | None) -> dict[str, Any]:
        """Return the result of the first pass, as plain data."""
        table = {
            "paths": list(self.digests["path"]),
            "files": self.stamps,
            "state": state and state.to_dict(),
        }
        saved = cached.load_first_pass(table)
        if saved is not None:
            echo_once(_CONTINUING.format(cached.partial))
        start = FIRST_BLOCK if saved is None else Position.from_dict(saved[0]["position"])
        with _progress("first pass", self.reader.estimate_rows(), start) as progress:
            first_pass = FirstPass(
                self.options.roles,
                self.options.missing_target,
                progress,
                partial(cached.save_first_pass, table),
                only_counts=state is not None,
            )
            result = first_pass.run(self.reader, self.assignment, saved)
        if state is None:
            try:
                fitted, duplicates = self._fit(result)
            except DataError:
                warn_all(result.ambiguities)  # which may be the cause
                raise
        else:
            fitted, duplicates = Fitted(state), self._find_duplicates(result, state)
        return {
            "fitted": fitted.to_dict(),
            "ambiguities": result.ambiguities,
            "duplicates": duplicates,
            "paths": table["paths"],
            "files": self.stamps,
            "counts": result.counts,
            "spread": result.spread,
            "num_rows": sum(rows for _, rows in result.files),
            "fixed_splits": sorted(result.assignment.fixed_splits),
            "formats": {name: value_format.to_dict() for name, value_format in result.reader.formats.items()},
            "texts": sorted(result.reader.texts),
        }

    def _fit(self, result: FirstPassResult) -> tuple[Fitted, list[str]]:
        """Fit to the result of the first pass; return also warnings about rows in two splits."""
        fitter = TableFitter(self.options, result.sample, result.target_table, result.totals)
        result.check_splits(fitter.target)
        y = fitter.target.values(result.sample, result.spread)
        files = {key: self.digests.get(key, {}) for key in PATH_OPTIONS}
        fitted = fitter.fit(y, result.rows["train"], files, result.num_folds)
        duplicates, num_repeated = list[str](), 0
        if result.is_complete:
            duplicates, num_repeated = find_duplicates(fitter.frame, y, result.rows)
        notes = notes_on_rows({"without a target": result.num_dropped}, num_repeated)
        return replace(fitted, notes=[*fitted.notes, *notes]), duplicates

    def _find_duplicates(self, result: FirstPassResult, state: FittedState) -> list[str]:
        """Return warnings about rows in two splits of a table that was fitted before."""
        if not result.is_complete:
            return []
        frame = self.options.cast(state, result.sample, CellWarnings())
        return find_duplicates(frame, state.target.values(result.sample, result.spread), result.rows)[0]

    def _map(self, cached: CachedTable, record: Mapping[str, Any]) -> StreamedRows:
        arrays = {name: torch.from_numpy(array) for name, array in cached.map(record).items()}
        splits = [split for split, count in record["counts"].items() if count]
        weights = {split: arrays[f"{split}-weights"] for split in splits if f"{split}-weights" in arrays}
        for split in weights.keys() & {"train", "val"}:
            if not weights[split].any():
                raise DataError(f"the sample_weight {self.options.sample_weight!r} is 0 in all {split} rows")
        fold = arrays.get("train-fold")
        if fold is not None and not bool(
            torch.bincount(fold, minlength=record["fitted"]["state"]["folds"]).all()
        ):
            raise DataError("there are too few rows or groups for that many folds: one has none; use fewer")
        return StreamedRows(
            Fitted.from_dict(record["fitted"]),
            {split: Split(arrays[f"{split}-x"], arrays[f"{split}-y"]) for split in splits},
            layouts(record["counts"], arrays_of(record), self.assignment.splitter.seed),
            {split: arrays[f"{split}-rows"] for split in splits},
            weights,
            fold,
            record["ambiguities"],
            CellWarnings.from_dict(record["cell_warnings"]),
            record["duplicates"],
        )


def _has_state(fitted: Mapping[str, Any], state: FittedState | None) -> bool:
    """Return whether rows are encoded with a state, or if it is None, with one that was fitted to them."""
    if state is None:
        return bool(fitted["columns"])  # only a fit has a schema
    return bool(fitted["state"] == state.to_dict())


@contextmanager
def _progress(name: str, num_rows: int | None, start: Position) -> Iterator[Progress]:
    """Show a bar with the number of rows, their rate and the time left, on a terminal."""
    is_shown = sys.stderr.isatty() and os.environ.get("LOCAL_RANK", "0") == "0"
    with tqdm(
        desc=name,
        total=num_rows,
        initial=start.table_row,
        unit=" rows",
        unit_scale=True,
        leave=False,
        disable=not is_shown,
    ) as bar:

        def update(count: int) -> None:
            bar.update(count)

        yield update
