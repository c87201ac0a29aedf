"""Data module for tables in files and for DataFrames.

Legend: N rows, F features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_classify.data.base import InMemoryDataModule
from lit_classify.data.loaders import TensorLoader
from lit_classify.data.splits import Split
from lit_classify.data.table.cell_warnings import HandleUnknown
from lit_classify.data.table.column_roles import ColumnRoles, Names, as_list
from lit_classify.data.table.column_totals import Moments
from lit_classify.data.table.encoders import Scaling
from lit_classify.data.table.files import PATH_OPTIONS, TableFiles, read_frame
from lit_classify.data.table.fitted_state import Fitted, FittedState
from lit_classify.data.table.frames import FRAMES, is_frame
from lit_classify.data.table.in_memory import InMemoryTable
from lit_classify.data.table.options import Duplicates, MissingTarget, TableOptions
from lit_classify.data.table.preprocessing import Missing, Preprocessor
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.schema import check_columns, format_schema
from lit_classify.data.table.splits import Splitter
from lit_classify.data.table.streaming.cache import default_directory
from lit_classify.data.table.streaming.cache_builder import StreamedRows
from lit_classify.data.table.streaming.shards import ShardLoader
from lit_classify.data.table.streaming.streamed_table import BlockLoader, StreamedTable
from lit_classify.data_interface import NumericFeature
from lit_classify.errors import DataError, TooLargeError, UserError, check_at_least, check_path, check_type
from lit_classify.messages import escape_control, shorten, warn, warn_all

if TYPE_CHECKING:
    Source = Any  # paths or a DataFrame of any package
else:
    Source = list[str] | str  # what the command line accepts
_MAX_CLASS = 32  # characters of a class in the description of a table
_BLOCK = 1 << 20  # rows of a target that are summed at a time
_EVALUATION_ROWS = 2048  # in a batch of a table in blocks: the activations of large batches need memory
_MAX_EVALUATED = 1_000_000  # rows of a table in blocks whose outputs an evaluation keeps


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
        check_type("folds", folds, int)
        if folds:
            check_at_least("folds", folds, 2)
        val_fraction = (0.0 if folds else 0.2) if val_fraction is None else val_fraction
        if cache_dir is not None:
            if not cache_dir.strip():  # such as a variable of the shell that is not set
                raise UserError("cache_dir is empty: give a directory, auto or none")
            check_path(cache_dir)
        state = None if fitted_state is None else FittedState.from_dict(fitted_state)
        names = target, features, ignore, categorical, numeric, split, groups, sample_weight
        roles = ColumnRoles(*map(as_list, names))
        sources = dict(zip(PATH_OPTIONS, (path, val_path, test_path), strict=True))
        frames = {key: read_frame(source, FRAMES[key]) for key, source in sources.items() if is_frame(source)}
        sources |= {key: FRAMES[key] for key in frames}
        path, val_path, test_path = sources.values()  # which save_hyperparameters records
        paths = {key: as_list(source) for key, source in sources.items()}
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
        self._options = TableOptions(
            roles,
            Splitter(split, groups, test_fraction, val_fraction, folds, random_state),
            missing,
            scaling,
            handle_unknown,
            missing_target,
            duplicates,
            settings,
            None if preprocessing is None else FittedState.from_dict(preprocessing),
        )
        if state is not None:
            state.check_settings(settings)
        files = TableFiles(paths, self._options.csv_options(delimiter, header, encoding, state), frames)
        self._table = self._open(files, cache_dir, state)
        self.is_new_table = False
        self.absent_files: dict[str, str] = {}
        self._validation_source = "val"  # the split whose rows are the validation rows
        fitted = self._table.fit() if state is None else Fitted(state)
        self._state = fitted.state
        self.columns, self.notes, self.leaking = fitted.columns, fitted.notes, set(fitted.leaking)
        if state is not None:
            self._compare_with_training()
        class_names, label_names = self._state.target.class_names, self._state.target.label_names
        self.class_names = None if class_names is None else list(class_names)
        self.label_names = None if label_names is None else list(label_names)
        self.in_features = self._state.preprocessor.num_features
        self.out_features = self._state.target.out_features
        self.num_categories = self._state.preprocessor.num_categories
        self.folds = self._state.folds
        fitted_state = self._state.to_dict()
        self.save_hyperparameters(logger=False, ignore=["preprocessing"])  # which fitted_state contains

    def _open(
        self, files: TableFiles, cache_dir: str | None, state: FittedState | None
    ) -> InMemoryTable | StreamedTable:
        """Read the rows of ``path``, or prepare to read them in blocks.

        Raises:
            TooLargeError: the table does not fit into memory, and must not be read in blocks.
        """
        cache_dir = None if cache_dir in {None, "none"} else str(cache_dir)
        was_streamed = state is not None and state.streamed
        in_blocks = was_streamed or cache_dir not in {None, "auto"}
        if not in_blocks or (files.frames and state is not None):
            try:
                return InMemoryTable(files, self._options)
            except TooLargeError as error:
                if cache_dir is None or files.frames:
                    raise
                warn(f"{str(error).rpartition(';')[0]}; so the table is read in blocks")
        needs = {
            "data.duplicates drop": self._options.duplicates == "drop",
            "data.batch_size null": self.batch_size is None and not self._has_auto_batches,
            "a DataFrame": bool(files.frames),
        }
        if needing := [name for name, is_set in needs.items() if is_set]:
            raise UserError(
                f"{needing[0]} needs all rows in memory, but the table is read in blocks; leave it out, or "
                "hold the table in memory, without --data.cache_dir"
            )
        if cache_dir is None:
            raise UserError(
                "the model was trained on a table that was read in blocks; give a directory for them with "
                "--data.cache_dir"
            )
        self.max_evaluated = _MAX_EVALUATED
        directory = default_directory() if cache_dir == "auto" else Path(cache_dir)
        return StreamedTable(files, self._options, directory)

    def _compare_with_training(self) -> None:
        """Find out whether this is the table used in training, and which of its files are absent.

        Raises:
            DataError: the split of training cannot be repeated.
        """
        state, files = self._state, self._table.files
        self.is_new_table = self._table.digests != tuple(state.files["path"].values())
        if state.streamed and not self.is_streamed:  # the same rows in memory would be split differently
            self.is_new_table = True
        if self.is_new_table and files.paths["path"] != state.settings["path"]:
            files = files.without(files.shared_paths(state.settings))
        # absent files are an error only if their rows are needed
        self.absent_files = files.find_absent(state.settings)
        self._table.files = files.without([f"{split}_path" for split in self.absent_files])
        if self.is_streamed and not state.streamed and not self.is_new_table:
            raise DataError(
                f"{next(iter(state.files['path']))} was held in memory in training, and its split "
                "cannot be repeated in blocks; free memory, or leave out --data.cache_dir"
            )

    @property
    def preprocessor(self) -> Preprocessor:
        """The preprocessor, fitted to the training rows."""
        return self._state.preprocessor

    @property
    def numeric_features(self) -> list[NumericFeature]:
        """The features that are numbers, which plots use as axes."""
        return self.preprocessor.numeric_features

    @property
    def column_features(self) -> dict[str, list[int]]:
        """The columns of x that hold the features of each column of the table."""
        return self.preprocessor.column_features

    @property
    def target_scale(self) -> tuple[float, float] | None:
        """Mean and standard deviation of the training targets; None for classes and labels."""
        if self.class_names is not None or self.label_names is not None:
            return None
        y = self.split("train").y
        if self.is_streamed:
            blocks = (Moments.of(pl.Series(block.numpy())) for block in torch.split(y, _BLOCK))
            moments = sum(blocks, Moments())
            return moments.mean, moments.std or 1.0
        y = y.double()
        return float(y.mean()), float(y.std(correction=0)) or 1.0

    @property
    def sources(self) -> dict[str, Any]:
        """The files or the DataFrame of ``path``, ``val_path`` and ``test_path``."""
        files = self._table.files
        return {**files.paths, **{key: table.frame for key, table in files.frames.items()}}

    @property
    def is_streamed(self) -> bool:
        """Whether the table is read in blocks, and not held in memory."""
        return isinstance(self._table, StreamedTable)

    def load(self) -> dict[str, Split]:
        """Return the encoded rows of each split; the raw rows are released."""
        rows = self._table.load(self._state, self.is_new_table, self.absent_files)
        if isinstance(rows, StreamedRows):  # the cache has the schema of the training
            fitted = rows.fitted
            self.columns, self.notes, self.leaking = fitted.columns, fitted.notes, set(fitted.leaking)
        splits, self.fold = dict(rows.splits), rows.fold
        if self._has_auto_batches:
            self.batch_size = auto_batch_size(len(splits["train"].y)) if "train" in splits else 256
        if "val" in splits:
            self._validation_source = "val"
        else:
            self._validation_source = "test" if self.fold is None else "train"
        if "val" not in self.absent_files:
            splits["val"] = splits[self._validation_source]
        sources = {"train": "train", "val": self._validation_source}
        self.sample_weights = {
            name: rows.weights[source] for name, source in sources.items() if source in rows.weights
        }
        return splits

    def explain_missing(self, name: str) -> str:
        """Return why there are no rows of a split."""
        if name in self.absent_files:
            return self.absent_files[name]
        if name == "test" and not self.is_new_table:
            return (
                "there are no test rows: data.test_fraction is 0, and this is the table of the training; "
                "evaluate another one with --data.path FILE"
            )
        return super().explain_missing(name)

    def _loader(self, name: str, training: bool = False) -> TensorLoader:
        """Return the batches of a split; those of a table that is read in blocks stay on the disk."""
        if not isinstance(self._table, StreamedTable):
            return super()._loader(name, training)
        tensors = super().batch_tensors(name)
        if name in self.sample_weights:
            tensors.append(self.sample_weights[name])
        options = self._loader_options(self.batch_size if training else self._evaluation_batch_size, training)
        on_gpu = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        return ShardLoader(tensors, self._table.layout(self._split_of(name)), **options, pin=on_gpu)

    @property
    def _evaluation_batch_size(self) -> int | None:
        """Rows per evaluation batch."""
        size = super()._evaluation_batch_size
        return min(size or 1, _EVALUATION_ROWS) if self.is_streamed and not self._limits_batches else size

    def _split_of(self, name: str) -> str:
        """Return the split that the rows of ``name`` are from: validation rows may be the test rows."""
        return self._validation_source if name == "val" else name

    def predict_dataloader(self) -> TensorLoader | BlockLoader:  # type: ignore[override]  # both iterate
        """Return all rows of ``path``, in order; they need no target."""
        if isinstance(self._table, StreamedTable):
            return self._table.feature_batches(self._state, _EVALUATION_ROWS)
        return self._batches((self._features(self._table.rows()),), batch_size=8192)

    def transform(self, frame: Any) -> Tensor:  # noqa: ANN401 - a DataFrame of any package
        """Return the features ``(N, F)`` of the rows of a DataFrame, which need no target."""
        files = replace(self._table.files, frames={"path": read_frame(frame, FRAMES["path"])})
        return self._features(files.with_text(self._state.text_columns).read())

    def _features(self, table: RawTable) -> Tensor:
        """Return the features ``(N, F)`` of new rows."""
        warn_all(table.ambiguities.values())
        return torch.from_numpy(self.preprocessor.transform(self._options.cast(self._state, table)))

    def sample(self, name: str) -> Split:
        """Return the rows of a split, or a random sample of them if the table is read in blocks."""
        split = self.split(name)
        if not isinstance(self._table, StreamedTable):
            return split
        end = int(self._table.layout(self._split_of(name)).starts[1])  # a shard is a random sample
        return Split(split.x[:end], split.y[:end])

    def batch_tensors(self, name: str) -> list[Tensor]:
        """Return x and y of ``sample``, and the folds of the rows if they have some."""
        size = len(self.sample(name).y)
        return [tensor[:size] for tensor in super().batch_tensors(name)]

    def row_keys(self, name: str) -> NDArray[np.uint64]:
        """Return a key for each row of a split, the same in any split of any table that has its file.

        Raises:
            DataError: the table is read in blocks.
        """
        if isinstance(self._table, StreamedTable):
            raise DataError("rows of a table that is read in blocks cannot be compared")
        self.setup()
        return self._table.row_keys(self._split_of(name))

    def raw_rows(self, split: str, indices: Sequence[int]) -> pl.DataFrame:
        """Return rows of a split as text, as they are in the files, which are read again."""
        self.setup()
        return self._table.raw_rows(self._split_of(split), indices, self._state.columns)

    def raw_columns(self, names: Sequence[str]) -> pl.DataFrame:
        """Return columns of ``path`` as they are in the file, for the output of predictions.

        Raises:
            DataError: a column does not exist.
        """
        table = self._table.files.as_text(names).read()
        check_columns("column", names, table)
        return table.frame.select(names)

    def raw_blocks(self, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield columns of ``path`` as they are in the file, block by block.

        Raises:
            DataError: a column does not exist.
        """
        assert isinstance(self._table, StreamedTable)
        return self._table.raw_blocks(names)

    def release(self) -> None:
        """Drop all rows, so that a pickle holds only what has been learned from them."""
        self._table.release()
        self._splits, self.fold, self.sample_weights = {}, None, {}

    def describe(self) -> str:
        """Return the schema, the number of training rows of each class, and notes as printable text."""
        paragraphs, counts = [format_schema(self.columns, self.leaking)], self.class_counts
        if counts is not None and self.class_names is not None:
            names = [shorten(escape_control(name, is_name=True), _MAX_CLASS) for name in self.class_names]
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
