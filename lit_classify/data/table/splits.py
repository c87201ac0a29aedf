"""Training, validation and test rows of a table.

Legend: N rows, M of them to be split.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.splits import check_split, split_size
from lit_classify.data.table.cells import as_text
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.targets import Targets
from lit_classify.errors import DataError
from lit_classify.messages import plural, warn

RowIndices = NDArray[np.int32]  # a table in memory has fewer than 2**31 rows
Classes = NDArray[np.int16] | NDArray[np.int32]
_MAX_NAMES = 3  # in a message
NO_EVALUATION = (
    "there are neither validation nor test rows; set --data.folds 5, --data.val_fraction 0.2 or "
    "--data.test_fraction 0.2"
)
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def split_off(
    rows: RowIndices,
    fraction: float,
    seed: int,
    classes: Classes | None = None,
    groups: NDArray[np.int32] | None = None,
) -> tuple[RowIndices, RowIndices]:
    """Split a random fraction off some rows.

    Args:
        rows: row indices, ``(M,)``.
        fraction: fraction of the rows to split off.
        seed: seed of the random choice.
        classes: class of each row of the table, ``(N,)``, to stratify by; each class keeps at least one row.
        groups: group of each row of the table, ``(N,)``; a group is not divided, and rows are not stratified.

    Returns:
        The remaining rows and those split off, both in order.

    Raises:
        DataError: there are too few rows or groups.

    Examples:
        >>> train, test = split_off(np.arange(10, dtype=np.int32), 0.2, seed=0)
        >>> len(train), len(test)
        (8, 2)
    """
    random = np.random.default_rng(seed)
    if groups is not None:
        shuffled = random.permutation(np.unique(groups[rows]))
        is_taken = np.isin(groups[rows], shuffled[: max(round(fraction * len(shuffled)), 1)])
        if is_taken.all():
            raise DataError("no groups are left to train on")
        return rows[~is_taken], rows[is_taken]
    size = split_size(fraction, len(rows))
    if size >= len(rows):
        raise DataError(f"a fraction of {fraction:.2f} leaves no training rows out of {len(rows)}")
    if classes is None:
        is_taken = random.permutation(len(rows)) < size
    else:
        ranks = _ranks(classes[rows], random)
        threshold = np.partition(ranks, size - 1)[size - 1]
        is_taken = ranks < threshold
        is_taken[np.flatnonzero(ranks == threshold)[: size - int(is_taken.sum())]] = True
    return rows[~is_taken], rows[is_taken]


def _ranks(classes: Classes, random: np.random.Generator) -> NDArray[np.float32]:
    """Return the rank of each row in a random order of its class, scaled to (0, 1)."""
    order = np.argsort(classes, kind="stable")  # linear time for int16
    ranks = np.empty(len(classes), np.float32)
    start = 0
    for count in np.bincount(classes):
        rows = order[start : start + count]
        ranks[rows] = (random.permutation(np.arange(count, dtype=np.float32)) + 0.5) / count
        start += count
    return ranks


def assign_folds(
    rows: RowIndices,
    folds: int,
    seed: int,
    classes: Classes | None = None,
    groups: NDArray[np.int32] | None = None,
) -> NDArray[np.int64]:
    """Assign rows to cross-validation folds of about equal size.

    Args:
        rows: row indices, ``(M,)``.
        folds: number of folds; there are fewer if there are fewer rows or groups.
        seed: seed of the random choice.
        classes: class of each row of the table, ``(N,)``, to stratify by.
        groups: group of each row of the table, ``(N,)``; a group is not divided, and rows are not stratified.

    Returns:
        The fold of each row, ``(M,)``.

    Examples:
        >>> classes = np.array([0, 0, 0, 1, 1, 1], np.int16)
        >>> folds = assign_folds(np.arange(6, dtype=np.int32), 3, 0, classes)
        >>> sorted(folds[classes == 0].tolist())
        [0, 1, 2]
    """
    random = np.random.default_rng([seed, folds])
    order = random.permutation(len(rows))
    assigned = np.empty(len(rows), np.int64)
    if groups is None:
        if classes is not None:
            order = order[np.argsort(classes[rows][order], kind="stable")]
        assigned[order] = np.arange(len(rows)) % folds
        return assigned
    _, group_of_row, counts = np.unique(groups[rows], return_inverse=True, return_counts=True)
    sizes = np.zeros(min(folds, len(counts)), np.int64)
    fold_of_group = np.empty(len(counts), np.int64)
    shuffled = random.permutation(len(counts))
    for group in shuffled[np.argsort(-counts[shuffled], kind="stable")]:  # the largest first
        fold_of_group[group] = sizes.argmin()
        sizes[fold_of_group[group]] += counts[group]
    return fold_of_group[group_of_row]


@dataclass(frozen=True)
class Splitter:
    """Split rows by a column, by files, or at random.

    Args:
        split: column that contains train, val or test for each row.
        groups: column of groups that are not divided.
        test_fraction: fraction of the rows used for testing, unless a column or file determines them.
        val_fraction: fraction of the rows used for validation, likewise; 0 for none.
        folds: number of cross-validation folds of the training rows, unless there are validation rows.
        seed: seed of the random choice.

    Examples:
        >>> table = RawTable(pl.DataFrame({"x": range(10)}), (("t.csv", 10),), ("1f",))
        >>> splitter = Splitter(None, None, test_fraction=0.2, val_fraction=0.2, folds=0, seed=0)
        >>> targets = np.array([0, 1] * 5, dtype=np.int32)
        >>> rows = splitter.split_rows(table, [10], ["no", "yes"], targets)
        >>> {split: len(indices) for split, indices in rows.items()}
        {'train': 6, 'val': 2, 'test': 2}
    """

    split: str | None
    groups: str | None
    test_fraction: float
    val_fraction: float
    folds: int
    seed: int

    def split_rows(
        self,
        table: RawTable,
        num_rows: Sequence[int],
        class_names: Sequence[str] | None,
        targets: Targets,
        absent: Collection[str] = (),
    ) -> dict[str, RowIndices]:
        """Return the row indices of ``train`` and, unless their fractions are 0, ``test`` and ``val``.

        Args:
            table: all rows.
            num_rows: number of rows in the files for training, validation and testing.
            class_names: names of the classes; None for labels and values.
            targets: the targets, ``(N,)`` or ``(N, L)``.
            absent: splits whose files do not exist, which does not change the other splits.

        Raises:
            UserError: the rows cannot be split, or a class has no training row.
        """
        classes = _to_classes(targets, class_names)
        groups = None if self.groups is None else _group_indices(table, self.groups)
        if self.split is not None and len(num_rows) > 1:
            raise DataError(f"the split is given by files and by the column {self.split!r}; use only one")
        if self.split is not None:
            rows = _by_column(table, self.split)
        elif len(num_rows) > 1:
            rows = split_by_files(num_rows)
        else:
            rows = {"train": np.arange(len(table), dtype=np.int32)}
            check_split(len(table), self.test_fraction, self.val_fraction, has_test=False)
            if classes is not None and len(rare := np.flatnonzero(np.bincount(classes) == 1)):
                assert class_names is not None
                count = f"{len(rare)} class{'es have' if len(rare) > 1 else ' has'} a single row"
                names = [repr(class_names[code]) for code in rare[:_MAX_NAMES]]
                names += ["..."] if len(rare) > _MAX_NAMES else []
                warn(f"{count}, which is used for training: {', '.join(names)}")
        if groups is not None:
            _check_groups(rows, groups, table, str(self.groups))
        used = 0.0
        for split, fraction in (("test", self.test_fraction), ("val", self.val_fraction)):
            if split not in rows and split not in absent and fraction:
                train, taken = split_off(rows["train"], fraction / (1 - used), self.seed, classes, groups)
                rows, used = {**rows, "train": train, split: taken}, used + fraction
        if not self.folds and not {"val", "test"} & {*rows, *absent}:
            raise DataError(NO_EVALUATION)
        if classes is None and min(map(len, rows.values())) < 2:
            count = plural(len(table), "row")
            raise DataError(f"{count} cannot be split for training, validation and testing")
        if classes is not None and class_names is not None:
            check_classes(
                np.bincount(classes[rows["train"]], minlength=len(class_names)).tolist(), class_names
            )
        return {split: rows[split] for split in ("train", "val", "test") if split in rows}

    def fold_rows(
        self,
        table: RawTable,
        rows: Mapping[str, RowIndices],
        class_names: Sequence[str] | None,
        targets: Targets,
    ) -> NDArray[np.int64] | None:
        """Return the fold of each training row, ``(M,)``; None without folds or if there are validation rows.

        Args:
            table: all rows.
            rows: the row indices of each split.
            class_names: names of the classes; None for labels and values.
            targets: the targets, ``(N,)`` or ``(N, L)``.

        Raises:
            DataError: there are fewer than two training rows or groups.
        """
        if not self.folds or "val" in rows:
            return None
        groups = None if self.groups is None else _group_indices(table, self.groups)
        classes = _to_classes(targets, class_names)
        assigned = assign_folds(rows["train"], self.folds, self.seed, classes, groups)
        if assigned.max() < 1:
            raise DataError(
                "cross-validation needs at least two training rows, and two groups if there are any"
            )
        return assigned


def _to_classes(targets: Targets, class_names: Sequence[str] | None) -> Classes | None:
    """Return the targets as small integers; None for labels and values."""
    if class_names is None:
        return None
    return targets.astype(np.int16) if len(class_names) < 2**15 else targets.astype(np.int32)


def _by_column(table: RawTable, name: str) -> dict[str, RowIndices]:
    """Split rows by a column that contains train, val or test.

    Raises:
        DataError: the column contains anything else, or no training row.
    """
    splits = read_splits(table, name)
    rows = {
        split: (splits == split).arg_true().to_numpy().astype(np.int32) for split in ("train", "val", "test")
    }
    if not len(rows["train"]):
        raise DataError(f"{table.files[0][0]}: the split {name!r} has no row with train")
    return {split: indices for split, indices in rows.items() if len(indices)}


def read_splits(table: RawTable, name: str) -> pl.Series:
    """Return train, val or test for each row, from a column.

    Raises:
        DataError: the column contains anything else; names the first.

    Examples:
        >>> table = RawTable(pl.DataFrame({"split": ["Training", "dev"]}), (("t.csv", 2),), ("1f",))
        >>> read_splits(table, "split").to_list()
        ['train', 'val']
    """
    splits = table.frame[name].cast(pl.String).str.strip_chars().str.to_lowercase()
    invalid = (~splits.fill_null("").is_in(list(SPLITS))).arg_true()
    if len(invalid):
        row = int(invalid[0])
        cell = f"{table.locate(row)}: the split {name!r} is {table.frame[name][row]!r}"
        raise DataError(f"{cell}, but must be train, val or test")
    return splits.replace_strict(SPLITS)


def split_by_files(num_rows: Sequence[int]) -> dict[str, RowIndices]:
    """Split concatenated rows, given the number for training, validation and testing.

    Examples:
        >>> {split: rows.tolist() for split, rows in split_by_files([3, 0, 2]).items()}
        {'train': [0, 1, 2], 'test': [3, 4]}
    """
    boundaries = np.cumsum([0, *num_rows])
    rows = {
        split: np.arange(start, end, dtype=np.int32)
        for split, start, end in zip(("train", "val", "test"), boundaries, boundaries[1:], strict=False)
    }
    return {split: indices for split, indices in rows.items() if len(indices)}


def _check_groups(rows: Mapping[str, RowIndices], groups: RowIndices, table: RawTable, name: str) -> None:
    """Raise DataError if a group is in two splits."""
    seen: set[int] = set()
    for indices in rows.values():
        members = set(groups[indices].tolist())
        if divided := seen & members:
            row = int(np.flatnonzero(groups == divided.pop())[0])
            group = f"{name!r} {table.frame[name][row]!r} ({table.locate(row)})"
            raise DataError(f"the group {group} is in two splits")
        seen |= members


def check_classes(counts: Sequence[int], class_names: Sequence[str], advice: str = "") -> None:
    """Raise DataError unless every class has training rows, given their numbers.

    Examples:
        >>> check_classes([3, 0], ["no", "yes"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: a class has no training row, ...; training rows: no 3, yes 0
    """
    if not all(counts):
        per_class = ", ".join(f"{name} {count:,}" for name, count in zip(class_names, counts, strict=True))
        message = f"a class has no training row, so it cannot be learned; training rows: {per_class}"
        raise DataError(f"{message}; {advice}" if advice else message)


def _group_indices(table: RawTable, name: str) -> RowIndices:
    """Return the index of each row's group; missing values are one group.

    Raises:
        DataError: there are fewer than three groups.
    """
    groups = as_text(table.frame[name]).rank("dense").fill_null(0).cast(pl.Int32).to_numpy()
    if len(np.unique(groups)) < 3:
        raise DataError(f"{table.files[0][0]}: {name!r} has fewer than three groups, too few for a split")
    return groups
