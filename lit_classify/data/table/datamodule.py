"""Data module for tables in files and for DataFrames.

Legend: N rows, F features.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.data.base import InMemoryDataModule
from lit_classify.data.loaders import TensorLoader
from lit_classify.data.splits import Split
from lit_classify.data.table.cells import as_text
from lit_classify.data.table.column_roles import ColumnRoles, Names, as_list
from lit_classify.data.table.column_totals import ColumnTotals, Moments
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.duplicates import is_first_of_duplicates, warn_duplicates
from lit_classify.data.table.encoders import Scaling
from lit_classify.data.table.files import (
    PATH_OPTIONS,
    RawTable,
    TableFiles,
    concat_splits,
    find_files,
    read_frame,
)
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.data.table.frames import FRAMES, is_frame
from lit_classify.data.table.notes import notes_on_rows, notes_on_values
from lit_classify.data.table.preprocessing import (
    Findings,
    HandleUnknown,
    Missing,
    Preprocessor,
    check_missing,
)
from lit_classify.data.table.sample_weights import check_totals, read_weights
from lit_classify.data.table.schema import Column, check_columns, find_leakage, format_schema, infer_schema
from lit_classify.data.table.splits import RowIndices, Splitter, split_by_files
from lit_classify.data.table.streaming.blocks import BlockReader
from lit_classify.data.table.streaming.cache import default_directory
from lit_classify.data.table.streaming.shards import Layout, ShardLoader
from lit_classify.data.table.streaming.stream import BlockLoader, Fitted, StreamedRows, TableStream
from lit_classify.data.table.streaming.survey import Assignment, Survey
from lit_classify.data.table.targets import Target, Targets, has_targets, infer_target
from lit_classify.data.table.text_conversion import ValueOptions
from lit_classify.data.table.value_formats import ValueFormat
from lit_classify.data_interface import NumericFeature
from lit_classify.errors import DataError, TooLargeError, UserError, check_at_least, check_choice
from lit_classify.messages import escape_control, warn

if TYPE_CHECKING:
    Source = Any  # paths or a DataFrame of any package
else:
    Source = list[str] | str  # what the command line accepts
MissingTarget = Literal["error", "drop"]
Duplicates = Literal["keep", "drop"]
_BLOCK = 1 << 20  # rows of a target that are summed at a time
_NEW_TABLE = (
    "data.path is not the table used in training, so training rows cannot be recognized: all {:,} rows of {} "
    "are evaluated"
)
_EVALUATION_ROWS = (
    2048  # of a table in blocks in an evaluation batch: the activations of large ones need memory
)
_MAX_EVALUATED = 1_000_000  # rows of a table in blocks whose outputs an evaluation keeps


class Prepared(NamedTuple):
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


class TableDataModule(InMemoryDataModule):
    r"""Rows of table files, or of a DataFrame, whose other columns predict the target.

    Files may be CSV or JSON lines, also compressed (.gz, .bz2, .xz, .zst, .zip), Parquet, Arrow (Feather), or
    Excel workbooks with one sheet; the content decides, not the name.

    Numbers are scaled; missing values are imputed with the median and get a missing-value indicator.
    Categories are one-hot encoded, or embedded if there are many. All of this is fitted to the training rows
    and stored in checkpoints. If a data module is built from a checkpoint for a table that was not used in
    training, all rows are test rows.

    With ``folds``, no rows are held out for validation alone: the model has one member (network) for each
    fold of the training rows, which holds out that fold and is validated on it.

    Args:
        path: a file, several files, or a pattern such as data/*.csv. From Python also a DataFrame of pandas
            or polars, an Arrow table, or any object with Arrow's C stream interface.
        target: column to predict; several columns of 0 and 1 are labels (multilabel classification).
        val_path: files with the validation rows; from Python also a DataFrame.
        test_path: files with the test rows; from Python also a DataFrame.
        split: column that contains train, val or test for each row.
        groups: column of groups, such as patients; rows of one group are never in two splits.
        sample_weight: column of weights of the rows in the loss, numbers of at least 0; used in training and
            validation, but not for test metrics.
        features: the only columns to use as features; by default all.
        ignore: columns not to use as features.
        categorical: columns, or the target, whose values are categories even if they look like numbers.
        numeric: columns, or the target, that must hold numbers.
        missing: impute fills missing and infinite values with the median; error raises an error.
        scaling: standard (mean and standard deviation) or robust (median and interquartile range).
        handle_unknown: ignore encodes a category that does not occur in the training rows as unseen; error
            raises an error.
        missing_values: cells that are missing values, besides empty ones and words such as NA, for example
            -999 or unknown.
        missing_target: error raises an error if a row has no target; drop leaves such rows out.
        duplicates: keep, or drop rows that equal an earlier row of the same files; columns of IDs that are
            ignored or text, split and groups do not count.
        ignore_case: whether text that differs only in case or spaces is the same category or class.
        decimal: decimal separator of columns that can be read in two ways, such as 1,234; by default that of
            the other columns.
        day_first: whether dates that can be read in two ways, such as 02/03/2024, begin with the day; by
            default as in the other columns.
        delimiter: field delimiter of CSV files; detected by default.
        header: whether the first row of CSV and Excel files contains names; by default detected in CSV files.
        encoding: text encoding of CSV files.
        random_state: seed of the split and of the order of the batches; by default 42, on the command line
            --seed_everything.
        folds: number of cross-validation folds of the training rows, stratified by class; groups are kept
            together. Not used if there are validation rows.
        test_fraction: fraction of the rows used for testing, unless split or test_path determines them; 0 to
            train on all rows.
        val_fraction: fraction of the rows used for validation, unless split or val_path determines them; 0
            validates on the test rows (course mode). By default 0.2, and 0 with folds.
        batch_size: rows per training batch; None for a single batch, auto for an eighth of the training rows,
            from 8 to 256, or 512 if there are more than 20,000.
        shuffle: whether to shuffle the training rows in every epoch.
        drop_last: whether to drop a last training batch that is smaller than the others.
        cache_dir: where to store the encoded rows of a table that is larger than the memory: it is read in
            blocks, and split by a hash of each row or group, so not stratified. auto is
            ~/.cache/lit_classify; none refuses such a table; any directory also stores a table that would fit
            into memory.
        fitted_state: state of an earlier fit; set from a checkpoint.
        preprocessing: such a state of another table with the same columns, whose preprocessing is kept
            instead of fitted to the training rows, for weights that were trained with it; set from the
            checkpoint of ``--init_from``. From Python it is
            ``Checkpoint.read(path).data.init_args["fitted_state"]``.

    Raises:
        DataError: a file, a column or the target cannot be used.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> rows = [f"{n},{'red' if n % 3 else 'blue'},{'yes' if n > 20 else 'no'}" for n in range(50)]
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "table.csv")
        ...     _ = path.write_text("\n".join(["size,color,target", *rows]))
        ...     data = TableDataModule(str(path), "target")
        ...
        >>> data.class_names, data.in_features
        (['no', 'yes'], 4)
        >>> data.split("train").x.shape
        torch.Size([30, 4])
        >>> print(data.describe())
        column  kind      missing  distinct  use
        size    number          0        50  used
        color   category        0         2  used, 3 features
        <BLANKLINE>
        training rows of each class: no 13, yes 17
        <BLANKLINE>
        notes:
        - 'size': 50 different integers, like an ID; leave it out with --data.ignore size
    """

    def __init__(
        self,
        path: Source,
        target: list[str] | str,
        val_path: Source | None = None,
        test_path: Source | None = None,
        split: str | None = None,
        groups: str | None = None,
        sample_weight: str | None = None,
        features: Names = None,
        ignore: Names = None,
        categorical: Names = None,
        numeric: Names = None,
        missing: Missing = "impute",
        scaling: Scaling = "standard",
        handle_unknown: HandleUnknown = "ignore",
        missing_values: list[str | int | float] | str | None = None,
        missing_target: MissingTarget = "error",
        duplicates: Duplicates = "keep",
        ignore_case: bool = False,
        decimal: Literal[".", ","] | None = None,
        day_first: bool | None = None,
        delimiter: str | None = None,
        header: bool | None = None,
        encoding: str = "utf-8",
        random_state: int | None = None,
        folds: int = 0,
        test_fraction: float = 0.2,
        val_fraction: float | None = None,
        batch_size: int | Literal["auto"] | None = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        cache_dir: str | None = "auto",
        fitted_state: dict[str, Any] | None = None,
        preprocessing: dict[str, Any] | None = None,
    ) -> None:
        random_state = 42 if random_state is None else random_state
        self._has_auto_batches = batch_size == "auto"
        super().__init__(None if batch_size == "auto" else batch_size, shuffle, drop_last, random_state)
        if folds:
            check_at_least("folds", folds, 2)
        val_fraction = (0.0 if folds else 0.2) if val_fraction is None else val_fraction
        check_choice("missing", missing, get_args(Missing))
        check_choice("handle_unknown", handle_unknown, get_args(HandleUnknown))
        check_choice("scaling", scaling, get_args(Scaling))
        check_choice("missing_target", missing_target, get_args(MissingTarget))
        check_choice("duplicates", duplicates, get_args(Duplicates))
        if decimal is not None:
            check_choice("decimal", decimal, (".", ","))
        self.columns: list[Column] = []
        self.notes: list[str] = []
        self._num_dropped = Counter[str]()  # rows, by the reason
        self.leaking: set[str] = set()
        self._missing, self._handle_unknown = missing, handle_unknown
        self._missing_target, self._duplicates = missing_target, duplicates
        self._sample_weight = sample_weight
        self._splitter = Splitter(split, groups, test_fraction, val_fraction, folds, random_state)
        self._state = None if fitted_state is None else FittedState.from_dict(fitted_state)
        self._kept = None if preprocessing is None else FittedState.from_dict(preprocessing)
        names = target, features, ignore, categorical, numeric, split, groups, sample_weight
        roles = ColumnRoles(*map(as_list, names))
        self._roles = roles
        sources = dict(zip(PATH_OPTIONS, (path, val_path, test_path), strict=True))
        frames = {key: read_frame(part, FRAMES[key]) for key, part in sources.items() if is_frame(part)}
        sources |= {key: FRAMES[key] for key in frames}
        path, val_path, test_path = sources.values()  # what a checkpoint records
        paths = {key: as_list(part) for key, part in sources.items()}
        settings = {
            **asdict(roles),
            **paths,
            "missing": missing,
            "missing_values": as_list(missing_values),
            "duplicates": duplicates,
            "ignore_case": ignore_case,
            "decimal": decimal,
            "day_first": day_first,
            "scaling": scaling,
            "random_state": random_state,
            "folds": folds,  # before val_fraction, whose default depends on it
            "test_fraction": test_fraction,
            "val_fraction": val_fraction,
        }
        text = [*roles.categorical, *roles.split, *roles.groups]
        expected, formats = roles.all, dict[str, ValueFormat]()
        used = roles.features
        self._absent_files: dict[str, Sequence[str]] = {}
        if self._state is not None:
            self._state.check_settings(settings)
            used = expected = [encoder.name for encoder in self._state.preprocessor.encoders]
            text += self._state.text_columns
            formats = self._state.known_formats
        elif self._kept is not None:
            encoders = self._kept.preprocessor.encoders
            used = [encoder.name for encoder in encoders]
            expected = [*used, *roles.all]
            text += [encoder.name for encoder in encoders if encoder.kind == "category"]
            formats = {name: part for name, part in self._kept.known_formats.items() if name in used}
        self.is_new_table = False
        values = ValueOptions(
            text,
            settings["missing_values"],
            decimal,
            day_first,
            ignore_case,
            formats,
            features=used and [*used, *roles.target, *roles.sample_weight],
            ignore=[*roles.ignore, *roles.split, *roles.groups],
        )
        self._files = TableFiles(paths, CsvOptions(delimiter, header, encoding, expected, values), frames)
        if cache_dir == "":  # such as a variable of the shell that is not set
            raise UserError("cache_dir is empty: give a directory, auto or none")
        self._cache_dir = None if cache_dir in {None, "none"} else str(cache_dir)
        self._settings, self._scaling = settings, scaling
        self._table: RawTable | None = None
        self._reader: BlockReader | None = None  # of a table that is not held in memory
        self._streamed: StreamedRows | None = None
        self._digests, self._stamps = dict[str, dict[str, str]](), dict[str, list[list[int]]]()
        self._prepared: Prepared | None = None
        digests = self._read_or_stream()
        if self._state is None:
            self._state = self._fit() if self._reader is None else self._open_stream().fitted.state
        self.is_new_table = digests != tuple(self._state.files["path"].values())
        if self._state.streamed and self._reader is None:  # the same rows in memory would be split otherwise
            self.is_new_table = True
        if self.is_new_table and settings["path"] != self._state.settings["path"]:
            self._files = self._files.without(self._files.shared_paths(self._state.settings))
        # absent files are an error only if their rows are needed
        self._absent_files = self._files.find_absent(self._state.settings)
        self._files = self._files.without([f"{split}_path" for split in self._absent_files])
        if self._reader is not None and not self._state.streamed and not self.is_new_table:
            raise DataError(
                f"{next(iter(self._state.files['path']))} was held in memory in training, and its split "
                "cannot be repeated in blocks; free memory, or leave out --data.cache_dir"
            )
        class_names, label_names = self._state.target.class_names, self._state.target.label_names
        self.class_names = None if class_names is None else list(class_names)
        self.label_names = None if label_names is None else list(label_names)
        self.in_features = self._state.preprocessor.num_features
        self.out_features = self._state.target.out_features
        self.num_categories = self._state.preprocessor.num_categories
        self.folds = self._state.folds
        fitted_state = self._state.to_dict()
        self.save_hyperparameters(logger=False, ignore=["preprocessing"])  # which fitted_state contains

    def _read_or_stream(self) -> tuple[str, ...]:
        """Read the rows of ``path``, or prepare to read them in blocks; return the digests of its files.

        Raises:
            TooLargeError: the table does not fit into memory, and must not be read in blocks.
        """
        was_streamed = self._state is not None and self._state.streamed
        is_wanted = was_streamed or self._cache_dir not in {None, "auto"}
        if not is_wanted or (self._files.frames and self._state is not None):
            try:
                self._table = self._files.read()
            except TooLargeError as error:
                if self._cache_dir is None or self._files.frames:
                    raise
                warn(f"{str(error).rpartition(';')[0]}; so the table is read in blocks")
            else:
                self._files = self._files.with_formats(self._table.known_formats)
                return self._table.digests
        self._check_streamable()
        self.max_evaluated = _MAX_EVALUATED
        self._reader = BlockReader.detect(self._files)
        if self._state is None:
            check_columns("target column", self._roles.target, self._reader.no_rows)
            check_columns("column", self._roles.all, self._reader.no_rows)
        else:
            self._reader = self._reader.for_state(self._state)
        self._digest("path")
        return tuple(self._digests["path"].values())

    def _digest(self, key: str) -> None:
        """Digest the files of an option, and note when they were written before that."""
        assert self._reader is not None
        self._stamps[key] = self._reader.stamps(key)
        self._digests[key] = self._reader.digests(key)

    def _check_streamable(self) -> None:
        """Raise an error if the options need all rows in memory."""
        needs = {
            "data.duplicates drop": self._duplicates == "drop",
            "data.batch_size null": self.batch_size is None and not self._has_auto_batches,
            "a DataFrame": bool(self._files.frames),
        }
        if needing := [name for name, is_set in needs.items() if is_set]:
            raise UserError(
                f"{needing[0]} needs all rows in memory, but the table is read in blocks; leave it out, or "
                "hold the table in memory, without --data.cache_dir"
            )
        if self._cache_dir is None:
            raise UserError(
                "the model was trained on a table that was read in blocks; give a directory for them with "
                "--data.cache_dir"
            )

    def _open_stream(self) -> StreamedRows:
        """Return the rows from the cache, which is built if it is not there."""
        assert self._reader is not None
        self._reader = replace(self._reader, files=self._files)
        keys = [key for key in PATH_OPTIONS if self._files.paths[key]]
        for key in keys:
            if key not in self._digests:
                self._digest(key)
        settings = {key: part for key, part in self._settings.items() if key not in PATH_OPTIONS}
        csv = replace(self._files.options, expected=(), values=ValueOptions())
        kept = None if self._kept is None else self._kept.to_dict()
        options = {**settings, "csv": asdict(csv), "sample_weight": self._sample_weight, "kept": kept}
        stream = TableStream(
            self._reader,
            Assignment.of(self._splitter, self._reader, self.is_new_table, self._absent_files),
            {key: self._digests[key] for key in keys},
            {key: self._stamps[key] for key in keys},
            default_directory() if self._cache_dir in {None, "auto"} else Path(self._cache_dir),
            self._roles,
            self._sample_weight,
            self._missing_target,
            {**options, "handle_unknown": self._handle_unknown},
            self._cast,
        )
        self._streamed = stream.open(self._fit_survey, self._state)
        fitted = self._streamed.fitted
        self._files = self._files.with_formats(fitted.state.known_formats)
        self.columns, self.notes, self.leaking = fitted.columns, fitted.notes, set(fitted.leaking)
        return self._streamed

    def _fit_survey(self, survey: Survey) -> Fitted:
        """Fit to what the first pass over a table in blocks has found, as ``_fit`` does."""
        table, roles = survey.sample, self._roles
        target = infer_target(survey.target_table, roles.target, roles.categorical, roles.numeric)
        frame, columns = self._infer_schema(table, survey.totals)
        survey.check_splits(target)
        y = target.values(table, survey.spread)
        preprocessor = self._fit_preprocessor(
            table, target, y, frame, columns, survey.rows["train"], survey.totals
        )
        num_repeated = warn_duplicates(frame, y, survey.rows) if survey.is_complete else 0
        notes = [*self.notes, *notes_on_rows({"without a target": survey.num_dropped}, num_repeated)]
        files = {key: self._digests.get(key, {}) for key in PATH_OPTIONS}
        state = FittedState(
            files,
            preprocessor,
            target,
            self._settings,
            survey.reader.names,
            survey.num_folds,
            survey.reader.special_formats,
            streamed=True,
        )
        return Fitted(state, self.columns, notes, sorted(self.leaking))

    def _fit(self) -> FittedState:
        """Infer the schema and the target, split the rows, and fit the preprocessor to the training rows."""
        assert self._table is not None
        roles = self._roles
        tables = self._read()
        files = {key: tables[key].as_files() if key in tables else {} for key in PATH_OPTIONS}
        table, num_rows = concat_splits(tables)
        self._source = replace(table, frame=table.frame.clear())
        check_columns("target column", roles.target, table)
        check_columns("column", roles.all, table)
        target = infer_target(table, roles.target, roles.categorical, roles.numeric)
        frame, columns = self._infer_schema(table)
        y, weights = target.values(table), self._weights(table)
        rows = self._splitter.split_rows(table, num_rows, target.class_names, y)
        fold = self._splitter.fold_rows(table, rows, target.class_names, y)
        if weights is not None:
            check_totals(weights, rows, str(self._sample_weight))
        preprocessor = self._fit_preprocessor(table, target, y, frame, columns, rows["train"])
        self.notes += notes_on_rows(self._num_dropped, warn_duplicates(frame, y, rows))
        self._prepared = Prepared(frame, rows, y, fold, weights)
        folds = 0 if fold is None else int(fold.max()) + 1
        return FittedState(
            files, preprocessor, target, self._settings, tuple(table.frame.columns), folds, table.formats
        )

    def _infer_schema(
        self, table: RawTable, totals: Mapping[str, ColumnTotals] | None = None
    ) -> tuple[pl.DataFrame, list[Column]]:
        """Return the used columns as numbers, dates or text, and the schema of all that may be features."""
        roles = self._roles
        candidates = replace(table, frame=table.frame.drop(roles.not_features))
        if self._kept is None:
            kinds = roles.categorical, roles.numeric
            frame, columns = infer_schema(candidates, roles.features, roles.ignore, *kinds, totals)
        else:
            frame, columns = self._cast_kept(self._kept.preprocessor, candidates)
        if self._missing == "error":
            check_missing(frame, table)
        return frame, columns

    def _fit_preprocessor(
        self,
        table: RawTable,
        target: Target,
        y: Targets,
        frame: pl.DataFrame,
        columns: Sequence[Column],
        rows: RowIndices,
        totals: Mapping[str, ColumnTotals] | None = None,
    ) -> Preprocessor:
        """Return the preprocessor, fitted to the training rows; note and warn about columns."""
        self.leaking = find_leakage(frame, columns, y)
        if self._kept is None:
            preprocessor = Preprocessor(self._scaling).fit(frame, columns, rows, totals)
        else:
            preprocessor = self._kept.preprocessor
        self.columns = [replace(column, use=preprocessor.describe_use(column)) for column in columns]
        is_text = target.class_names is not None and table.frame[target.columns[0]].dtype == pl.String
        classes = as_text(table.frame[target.columns[0]]) if is_text else None
        dropped = [part.name for part in columns if part.kind == "category" and not part.is_used]
        values = pl.DataFrame([*frame, *(table.frame[name] for name in dropped)])
        self.notes = notes_on_values(values, columns, classes, self._roles.categorical, table.formats)
        if not preprocessor.num_features:
            message = f"{table.files[0][0]}: no feature is left to predict the target"
            raise DataError("\n".join([message, format_schema(self.columns, self.leaking), *self.notes]))
        self._warn()
        return preprocessor

    def _cast_kept(self, kept: Preprocessor, table: RawTable) -> tuple[pl.DataFrame, list[Column]]:
        """Return the columns of a kept preprocessor, and the schema of all columns.

        Args:
            kept: the preprocessor of another table.
            table: the rows, without columns that cannot be features.

        Raises:
            DataError: columns are missing, not to be used, or of another kind.
        """
        roles = self._roles
        left_out = {
            *roles.ignore,
            *(set(table.frame.columns) - set(roles.features) if roles.features else ()),
        }
        if names := [encoder.name for encoder in kept.encoders if encoder.name in left_out]:
            raise DataError(
                f"the kept preprocessing needs the columns {', '.join(names)}, which --data.ignore or "
                "--data.features leaves out"
            )
        frame = kept.cast_columns(table, self._handle_unknown)
        categorical, numeric = (
            [part.name for part in kept.encoders if part.kind == kind] for kind in ("category", "number")
        )
        _, columns = infer_schema(table, frame.columns, roles.ignore, categorical, numeric)
        uses = dict.fromkeys(frame.columns, "used")
        unused = "dropped: not in the kept preprocessing"
        return frame, [replace(column, use=uses.get(column.name, unused)) for column in columns]

    def _warn(self) -> None:
        """Warn about possible target leakage and about columns without variation."""
        if self.leaking:
            warn(
                f"possible target leakage: {', '.join(sorted(self.leaking))} determines the target; if it is "
                "not known at prediction time, exclude it with --data.ignore"
            )
        constant = ("dropped: all missing", "dropped: constant")
        names = [column.name for column in self.columns if column.use in constant]
        if names:
            warn(f"dropped columns without variation: {', '.join(names)}")

    @property
    def preprocessor(self) -> Preprocessor:
        """The preprocessor, fitted to the training rows."""
        assert self._state is not None
        return self._state.preprocessor

    @property
    def numeric_features(self) -> list[NumericFeature]:
        """The features that are numbers, which plots use as axes."""
        assert self._state is not None
        return self._state.preprocessor.numeric_features

    @property
    def column_features(self) -> dict[str, list[int]]:
        """The columns of x that hold the features of each column of the table."""
        assert self._state is not None
        return self._state.preprocessor.column_features

    @property
    def target_scale(self) -> tuple[float, float] | None:
        """Mean and standard deviation of the training targets; None for classes and labels."""
        if self.class_names is not None or self.label_names is not None:
            return None
        y = self.split("train").y
        if self._streamed is not None:
            moments = sum((Moments.of(pl.Series(part.numpy())) for part in torch.split(y, _BLOCK)), Moments())
            return moments.mean, moments.std or 1.0
        y = y.double()
        return float(y.mean()), float(y.std(correction=0)) or 1.0

    def load(self) -> dict[str, Split]:
        """Preprocess the rows and split them; the raw table is released."""
        assert self._state is not None
        if self._reader is not None:
            return self._load_stream()
        frame, rows, targets, fold, weights = self._prepared or self._prepare()
        self._table = self._prepared = None
        self._row_indices = rows
        if self._has_auto_batches:
            self.batch_size = auto_batch_size(len(rows["train"])) if "train" in rows else 256
        frames = [frame]
        del frame  # so that transform releases the rows that it has encoded
        x = torch.from_numpy(self._state.preprocessor.transform(frames.pop(), list(rows.values())))
        ordered = np.concatenate([targets[indices] for indices in rows.values()])
        y = torch.from_numpy(ordered if self.class_names is None else ordered.astype(np.int64))
        sizes = [len(indices) for indices in rows.values()]
        parts = map(Split, torch.split(x, sizes), torch.split(y, sizes))
        splits = dict(zip(rows, parts, strict=True))
        self.fold = None if fold is None else torch.from_numpy(fold)
        validated = "val" if "val" in rows else "test" if fold is None else "train"
        if "val" not in self._absent_files:
            splits["val"] = splits[validated]
        if weights is not None:
            pairs = (("train", "train"), ("val", validated))
            self.sample_weights = {name: torch.from_numpy(weights[rows[part]]) for name, part in pairs}
        return splits

    def _load_stream(self) -> dict[str, Split]:
        """Return the splits, mapped from the cache."""
        streamed = self._streamed or self._open_stream()
        splits = dict(streamed.splits)
        if self.is_new_table and "test" in splits:
            warn(_NEW_TABLE.format(len(splits["test"].y), ", ".join(self._digests["path"])))
        if self._has_auto_batches:
            self.batch_size = auto_batch_size(len(splits["train"].y)) if "train" in splits else 256
        self.fold = streamed.fold
        validated = "val" if "val" in splits else "test" if self.fold is None else "train"
        if "val" not in self._absent_files:
            splits["val"] = splits[validated]
        pairs = (("train", "train"), ("val", validated))
        self.sample_weights = {
            name: streamed.weights[part] for name, part in pairs if part in streamed.weights
        }
        return splits

    def _loader(self, name: str, training: bool = False) -> TensorLoader:
        """Return the batches of a split; those of a table that is read in blocks stay on the disk."""
        if self._reader is None:
            return super()._loader(name, training)
        tensors = super().batch_tensors(name)
        tensors += [self.sample_weights[name]] if name in self.sample_weights else []
        options = self._loader_options(self.batch_size if training else self._evaluation_batch_size, training)
        on_gpu = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        return ShardLoader(tensors, self._layout(name), **options, pin=on_gpu)

    @property
    def _evaluation_batch_size(self) -> int | None:
        """Rows per evaluation batch."""
        size = super()._evaluation_batch_size
        return size if self._reader is None or self._limits_batches else min(size or 1, _EVALUATION_ROWS)

    def _layout(self, name: str) -> Layout:
        """Return where the shards of a split begin."""
        assert self._streamed is not None
        return self._streamed.layouts[self._streamed_split(name)]

    def _streamed_split(self, name: str) -> str:
        """Return the name of a split in the cache: validation rows may be the test rows."""
        assert self._streamed is not None
        rows = self.split(name)
        return next(key for key, part in self._streamed.splits.items() if part is rows)

    def sample(self, name: str) -> Split:
        """Return the rows of a split, or of a table that is read in blocks a random sample of them."""
        split = self.split(name)
        if self._reader is None:
            return split
        end = int(self._layout(name).starts[1])  # a shard has rows from everywhere in the table
        return Split(split.x[:end], split.y[:end])

    def batch_tensors(self, name: str) -> list[Tensor]:
        """Return x and y of ``sample``, and the folds of the rows if they have some."""
        size = len(self.sample(name).y)
        return [tensor[:size] for tensor in super().batch_tensors(name)]

    def row_keys(self, name: str) -> NDArray[np.uint64]:
        """Return a number for each row of a split, which the row has in any split of a table with its file.

        Raises:
            DataError: the table is read in blocks.
        """
        if self._reader is not None:
            raise DataError("rows of a table that is read in blocks cannot be compared")
        self.setup()
        return self._source.keys(self._row_indices[name])

    @property
    def sources(self) -> dict[str, Any]:
        """The files or the DataFrame of ``path``, ``val_path`` and ``test_path``."""
        return {**self._files.paths, **{key: table.frame for key, table in self._files.frames.items()}}

    @property
    def is_streamed(self) -> bool:
        """Whether the table is read in blocks, and not held in memory."""
        return self._reader is not None

    def split(self, name: str) -> Split:
        """Return the split ``train``, ``val`` or ``test``.

        Raises:
            DataError: the split or its file does not exist.
        """
        if name in self._absent_files:
            find_files(self._absent_files[name])
        return super().split(name)

    def explain_missing(self, name: str) -> str:
        """Return why there are no rows of a split."""
        if name == "test" and not self.is_new_table:
            return (
                "there are no test rows: data.test_fraction is 0; evaluate another file with --data.path FILE"
            )
        return super().explain_missing(name)

    def _prepare(self) -> Prepared:
        """Read and split the rows as in training; rows of a new table are all test rows."""
        assert self._state is not None
        tables, target = self._read(), self._state.target
        self._warn_other_files(tables)
        table, num_rows = concat_splits(tables)
        self._source = replace(table, frame=table.frame.clear())
        y, fold, weights = target.values(table), None, None
        if self.is_new_table:
            rows = split_by_files(num_rows)
        else:
            rows = self._splitter.split_rows(table, num_rows, target.class_names, y, self._absent_files)
            weights = self._weights(table)
            if self._state.folds:
                fold = self._splitter.fold_rows(table, rows, target.class_names, y)
        frame = self._cast(self._state, table)
        warn_duplicates(frame, y, rows)
        return Prepared(frame, rows, y, fold, weights)

    def _weights(self, table: RawTable) -> NDArray[np.float32] | None:
        """Return the weight of each row in the loss, ``(N,)``; None for equal weights."""
        return None if self._sample_weight is None else read_weights(table, self._sample_weight)

    def _read(self) -> dict[str, RawTable]:
        """Return the rows of each path option; ``path`` of a new table counts as ``test_path``."""
        tables = {"path": self._table or self._files.read(), **self._files.read_other_splits()}
        if self.is_new_table:
            tables.setdefault("test_path", tables.pop("path"))
        self._num_dropped.clear()
        return {key: self._drop_rows(table) for key, table in tables.items()}

    def _drop_rows(self, table: RawTable) -> RawTable:
        """Return a table without duplicates and rows without a target, if the options say so."""
        frame = table.frame
        if self._missing_target == "drop" and set(self._roles.target) <= set(frame.columns):
            is_present = has_targets(table, self._roles.target)
            self._num_dropped["without a target"] += int((~is_present).sum())
            table = table.filter(is_present)
            if not len(table):
                raise DataError(f"{table.files[0][0]}: no row has a target {', '.join(self._roles.target)}")
        if self._duplicates == "drop":
            ignored = {*self._roles.ignore, *self._roles.split, *self._roles.groups}
            is_first = is_first_of_duplicates(table.frame.drop(ignored, strict=False))
            self._num_dropped["equal to an earlier one"] += int((~is_first).sum())
            table = table.filter(is_first)
        return table

    def _warn_other_files(self, tables: Mapping[str, RawTable]) -> None:
        """Warn about files that were not used in training."""
        assert self._state is not None
        for key in PATH_OPTIONS[1:]:
            before, now = self._state.files[key], tables[key].as_files() if self._files.paths[key] else {}
            if now and list(before.values()) != list(now.values()):
                change = f"{', '.join(now)} differs from data.{key} in training ({', '.join(before)})"
                warn(f"{change}: {len(tables[key]):,} other rows are evaluated")
        if self.is_new_table:
            table = tables["test_path"]
            warn(_NEW_TABLE.format(len(table), ", ".join(table.as_files())))

    def _cast(self, state: FittedState, table: RawTable, findings: Findings | None = None) -> pl.DataFrame:
        """Return the columns of a fitted state's preprocessor as numbers, dates or text."""
        frame = state.preprocessor.cast_columns(table, self._handle_unknown, findings)
        if findings is None:
            state.warn_extra_columns(table)
        if self._missing == "error":
            check_missing(frame, table)
        return frame

    def predict_dataloader(self) -> TensorLoader | BlockLoader:  # type: ignore[override]  # both iterate
        """Return all rows of ``path``, in order; they need no target."""
        if self._reader is not None:
            assert self._state is not None
            reader = self._reader.only("path").for_state(self._state)
            return BlockLoader(reader, self._state, self._cast, _EVALUATION_ROWS)
        return self._batches((self._features(self._table or self._files.read()),), batch_size=8192)

    def transform(self, frame: Any) -> Tensor:  # noqa: ANN401 - a DataFrame of any package
        """Return the features ``(N, F)`` of the rows of a DataFrame, which need no target."""
        assert self._state is not None
        rows = {"path": read_frame(frame, FRAMES["path"])}
        return self._features(replace(self._files, frames=rows).with_text(self._state.text_columns).read())

    def _features(self, table: RawTable) -> Tensor:
        """Return the features ``(N, F)`` of new rows."""
        assert self._state is not None
        return torch.from_numpy(self._state.preprocessor.transform(self._cast(self._state, table)))

    def release(self) -> None:
        """Drop all rows, so that a pickle holds only what has been learned from them."""
        self._splits, self._table, self._prepared = {}, None, None
        self._reader = self._streamed = None
        self._files = replace(self._files, frames={})
        self._row_indices, self.fold, self.sample_weights = {}, None, {}

    def raw_columns(self, names: Sequence[str]) -> pl.DataFrame:
        """Return columns of ``path`` as they are in the file, for the output of predictions.

        Raises:
            DataError: a column does not exist.
        """
        table = self._files.as_text(names).read() if names else self._table or self._files.read()
        check_columns("column", names, table)
        return table.frame.select(names)

    def raw_blocks(self, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield columns of ``path`` as they are in the file, block by block.

        Raises:
            DataError: a column does not exist.
        """
        assert self._reader is not None
        check_columns("column", names, self._reader.no_rows)
        return (block.table.frame.select(names) for block in self._reader.only("path").as_text())

    def raw_rows(self, split: str, indices: Sequence[int]) -> pl.DataFrame:
        """Return rows of a split as text, as they are in the files, which are read again."""
        assert self._state is not None
        if self._reader is not None:
            assert self._streamed is not None
            numbers = self._streamed.rows[self._streamed_split(split)][list(indices)].tolist()
            rows = self._reader.as_text().rows_at(numbers)
            schema = dict.fromkeys(self._reader.names, pl.String())
            return pl.DataFrame(rows, schema, orient="row", strict=False).select(self._state.columns)
        if split not in self._row_indices:  # the rows of another one
            split = "train" if self.folds else "test"
        rows = self._row_indices[split][list(indices)].tolist()
        positions = rows if self._source.positions is None else self._source.positions[rows].tolist()
        names = self._state.columns
        files = self._files.as_text(names)
        tables = [table.frame.select(names) for table in (files.read(), *files.read_other_splits().values())]
        ends = np.cumsum([len(table) for table in tables])
        selected = []
        for row in positions:
            number = int(np.searchsorted(ends, row, side="right"))
            cells = tables[number].row(row - int(ends[number]))  # counted from the end
            selected.append([None if cell is None else str(cell) for cell in cells])
        return pl.DataFrame(selected, dict.fromkeys(names, pl.String()), orient="row")

    def describe(self) -> str:
        """Return the schema, the number of training rows of each class, and notes as printable text."""
        paragraphs, counts = [format_schema(self.columns, self.leaking)], self.class_counts
        if counts is not None and self.class_names is not None:
            names = [escape_control(name, is_name=True) for name in self.class_names]
            line = ", ".join(f"{name} {count:,}" for name, count in zip(names, counts, strict=True))
            paragraphs.append(f"training rows of each class: {line}")
        if self.notes:
            notes = [f"- {escape_control(note, is_name=True)}" for note in self.notes]
            paragraphs.append("\n".join(["notes:", *notes]))
        return "\n\n".join(paragraphs)


def auto_batch_size(num_rows: int) -> int:
    """Return a batch size for a number of training rows: small tables need more steps, large ones fewer.

    Examples:
        >>> auto_batch_size(40), auto_batch_size(1_000), auto_batch_size(30_000)
        (8, 125, 512)
    """
    return 512 if num_rows > 20_000 else min(max(num_rows // 8, 8), 256)
