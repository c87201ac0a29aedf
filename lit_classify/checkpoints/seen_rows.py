"""Rows that a run evaluates although its initial weights were trained on them."""

import json
import shlex
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.compatibility import DATA_MODULES
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data.table.files import PATH_OPTIONS
from lit_classify.data.table.streaming.cache import default_directory
from lit_classify.errors import DataError, UserError
from lit_classify.messages import warn
from lit_classify.serialization import ClassSpec

_Digests = Mapping[str, list[str]]  # of the files of each option
_NO_SPLIT = {  # options that do not determine which rows are in which split
    *("batch_size", "shuffle", "drop_last", "inputs"),
    *("missing", "scaling", "handle_unknown", "cache_dir", "fitted_state", "preprocessing"),
}


def warn_seen_rows(source: Checkpoint, data: InMemoryDataModule) -> None:
    """Warn if validation or test rows were training rows of the run whose weights a model has.

    A row of a table is the same in both runs if it has the same position in files of equal content; generated
    rows are the same if their features and targets are equal.

    Args:
        source: the checkpoint of the other run.
        data: the data module of the new run.
    """
    recorded, spec = source.data, ClassSpec.of(data)
    if recorded is None or recorded.class_path not in {*DATA_MODULES, spec.class_path}:
        return
    files, new_files = _digests(recorded), _digests(spec)
    if files and not set(files["path"]) & {digest for digests in new_files.values() for digest in digests}:
        return
    is_same_class = recorded.class_path == spec.class_path
    changed = {
        name: value
        for name, value in recorded.init_args.items()
        if name not in _NO_SPLIT
        and (files[name] != new_files[name] if name in files else spec.init_args.get(name) != value)
    }
    if files and _is_streamed(recorded) != _is_streamed(spec) and not _is_split_by_files(spec):
        changed["cache_dir"] = _cache_dir(recorded)
    if is_same_class and not changed:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that run has issued them
            seen = _count_seen(_build(source, data, files, new_files), data)
    except UserError:  # files of that run are absent, or read in blocks
        seen = ["validation and test rows, if the table was split in another way,"]
    if seen:
        options = " ".join(f"--data.{name} {_quote(value)}" for name, value in changed.items())
        advice = f"; split the rows as that run did, with {options}" if is_same_class else ""
        warn(
            f"{' and '.join(seen)} were training rows of {source.path}, whose weights this run starts from; "
            f"the metrics overestimate the performance on new rows{advice}"
        )


def warn_seen_rows_again(resumed: Checkpoint, data: InMemoryDataModule) -> None:
    """Repeat the warning of a resumed run, if the checkpoint of its initial weights still exists.

    Args:
        resumed: the checkpoint of the run that is resumed.
        data: the data module of the run.
    """
    path = resumed.content["lit_classify"].get("initialization", {}).get("path")
    with suppress(UserError):  # only its rows are needed
        if path and Path(path).is_file():
            warn_seen_rows(Checkpoint.read(path), data)


def _digests(spec: ClassSpec) -> _Digests:
    """Return the digests of the files of a table, by option; none of other data."""
    if spec.class_path != "TableDataModule":
        return {}
    files = spec.init_args["fitted_state"]["files"]
    return {option: list(files[option].values()) for option in PATH_OPTIONS}


def _is_streamed(table: ClassSpec) -> bool:
    """Return whether a table was read in blocks, and therefore split by a hash."""
    return bool(table.init_args["fitted_state"].get("streamed", False))  # which earlier checkpoints lack


def _is_split_by_files(table: ClassSpec) -> bool:
    """Return whether files or a column determine all splits."""
    args = table.init_args
    return not args.get("folds") and bool(args.get("split") or (args["val_path"] and args["test_path"]))


def _cache_dir(table: ClassSpec) -> str:
    """Return the option that reads a table in blocks, or holds it in memory, as a run did."""
    if not _is_streamed(table):
        return "none"
    cache_dir = str(table.init_args["cache_dir"])
    return str(default_directory()) if cache_dir == "auto" else cache_dir


def _build(
    source: Checkpoint, data: InMemoryDataModule, files: _Digests, new_files: _Digests
) -> InMemoryDataModule:
    """Return the data of a checkpoint, from the files of other data where their content is the same.

    Raises:
        DataError: a file is absent or has changed.
    """
    paths = {
        option: data.sources[new_option]
        for option, digests in files.items()
        for new_option, new_digests in new_files.items()
        if isinstance(data, TableDataModule) and digests and digests == new_digests
    }
    custom_class = type(data) if source.data and source.data.class_path not in DATA_MODULES else None
    recorded_data = source.build_data(paths, custom_class)
    if isinstance(recorded_data, TableDataModule) and recorded_data.is_new_table:
        raise DataError(f"the table of {source.path} has changed")
    return recorded_data


def _count_seen(source_data: InMemoryDataModule, data: InMemoryDataModule) -> list[str]:
    """Describe how many rows of each split are evaluated by weights that were trained on them."""
    train_keys = source_data.row_keys("train")
    order = np.argsort(train_keys)

    def positions(keys: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Return the position of each row among the training rows of the other run, or -1."""
        index = order[np.searchsorted(train_keys, keys, sorter=order).clip(max=len(order) - 1)]
        return np.where(train_keys[index] == keys, index, -1)

    is_seen = {}
    if data.has_split("test"):
        is_seen["test"] = positions(data.row_keys("test")) >= 0
    if data.fold is not None:
        index = positions(data.row_keys("train"))
        is_seen["validation"] = index >= 0
        if source_data.fold is not None:  # a member has not seen its own fold
            is_seen["validation"] &= source_data.fold.numpy()[index] != data.fold.numpy()
    elif not data.validates_on_test:
        is_seen["validation"] = positions(data.row_keys("val")) >= 0
    return [f"{seen.sum():,} of {len(seen):,} {split} rows" for split, seen in is_seen.items() if seen.any()]


def _quote(value: Any) -> str:  # noqa: ANN401 - any argument
    """Return the value of an option, quoted for a command line."""
    return shlex.quote(value if isinstance(value, str) else json.dumps(value))
