"""Which rows a network learns from, which it is validated on and which it is tested on.

Legend: N rows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.base import check_split, split_size
from lit_classify.data.table.source import Table
from lit_classify.data.table.targets import Targets
from lit_classify.errors import DataError, warn

RowIndices = NDArray[np.int32]  # row numbers; a table in memory has fewer than 2**31 rows
Classes = NDArray[np.int16] | NDArray[np.int32]
_BLOCK = 1 << 16
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def cut(
    rows: RowIndices,
    share: float,
    seed: int,
    classes: Classes | None = None,
    groups: NDArray[np.int32] | None = None,
) -> tuple[RowIndices, RowIndices]:
    """Cut a share off some rows, by chance, and return what is left and what was cut, both in order.

    Args:
        rows: row numbers, ``(M,)``.
        share: how much to cut off.
        seed: what chance is drawn from.
        classes: the class of each of N rows; each class is cut alike, and keeps at least one row.
        groups: the group of each of N rows; groups are cut off whole, and classes then as it comes.

    Raises:
        DataError: too few rows or groups for such a share.
    """
    random = np.random.default_rng(seed)
    if groups is not None:
        names = random.permutation(np.unique(groups[rows]))
        taken = np.isin(groups[rows], names[: max(round(share * len(names)), 1)])
        if taken.all():
            raise DataError("too few groups are left to train on")
        return rows[~taken], rows[taken]
    wanted = split_size(share, len(rows))
    if wanted >= len(rows):
        raise DataError(f"a share of {share:.2f} leaves none of {len(rows)} rows to train on")
    if classes is None:
        taken = random.permutation(len(rows)) < wanted
    else:
        turns = _turns(classes[rows], random)
        last = np.partition(turns, wanted - 1)[wanted - 1]
        taken = turns < last
        taken[np.flatnonzero(turns == last)[: wanted - int(taken.sum())]] = True
    return rows[~taken], rows[taken]


def _turns(classes: Classes, random: np.random.Generator) -> NDArray[np.float32]:
    """Return where each row stands by chance in its own class, from 0 to 1: some share of it."""
    order = np.argsort(classes, kind="stable")  # in linear time for int16
    turns = np.empty(len(classes), np.float32)
    start = 0
    for count in np.bincount(classes):
        own = order[start : start + count]
        turns[own] = (random.permutation(np.arange(count, dtype=np.float32)) + 0.5) / count
        start += count
    return turns


@dataclass(frozen=True)
class Splitter:
    """How rows are split: as a column or the files say, and for the rest by chance.

    Args:
        split: a column that says train, val or test.
        groups: a column whose rows of one value stay together.
        test_fraction: share of the rows for testing, where nothing else says.
        val_fraction: share of the rows for validation, where nothing else says; 0 for none.
        seed: what chance is drawn from.
    """

    split: str | None
    groups: str | None
    test_fraction: float
    val_fraction: float
    seed: int

    @property
    def columns(self) -> list[str]:
        """Return the columns that have a duty here and cannot be features."""
        return [name for name in (self.split, self.groups) if name is not None]

    def rows(
        self,
        table: Table,
        num_rows: Sequence[int],
        class_names: Sequence[str] | None,
        targets: Targets,
        lacking: Collection[str] = (),
    ) -> dict[str, RowIndices]:
        """Return the row numbers of ``train``, ``test`` and, unless there is to be none, ``val``.

        Args:
            table: all rows.
            num_rows: how many of them come from files for training, validation and testing.
            class_names: the classes; none for labels and numbers.
            targets: the class number of each row, where there are classes.
            lacking: splits whose files are not there; the others are what they would be with them.

        Raises:
            UserError: rows that cannot be split so, or a class without training rows.
        """
        classes: Classes | None = None
        if class_names is not None:
            classes = targets.astype(np.int16) if len(class_names) < 2**15 else targets.astype(np.int32)
        groups = None if self.groups is None else _group_numbers(table, self.groups)
        if self.split is not None and len(num_rows) > 1:
            raise DataError(f"files of their own and the column {self.split!r} both say the split; give one")
        if self.split is not None:
            rows = _by_column(table, self.split)
        elif len(num_rows) > 1:
            rows = by_files(num_rows)
        else:
            rows = {"train": np.arange(len(table), dtype=np.int32)}
            check_split(len(table), self.test_fraction, self.val_fraction)
            _note_single(classes)
        if groups is not None:
            _check_groups(rows, groups, table, str(self.groups))
        taken = 0.0
        for split, share in (("test", self.test_fraction), ("val", self.val_fraction)):
            if split not in rows and split not in lacking and share:
                train, gone = cut(rows["train"], share / (1 - taken), self.seed, classes, groups)
                rows, taken = {**rows, "train": train, split: gone}, taken + share
        if "test" not in rows and "test" not in lacking:
            raise DataError("no rows are left to test on: test_fraction must be above 0")
        if classes is None and min(map(len, rows.values())) < 2:
            raise DataError(f"{len(table)} rows are too few to train on, validate on and test on")
        if classes is not None and class_names is not None:
            _check_classes(rows["train"], classes, class_names)
        return {split: rows[split] for split in ("train", "val", "test") if split in rows}


def note_repeated(frame: pl.DataFrame, targets: Targets, rows: Mapping[str, RowIndices]) -> None:
    """Note how many rows of one split stand in another too, features and target alike.

    Args:
        frame: the used columns, ``(N,)`` each.
        targets: the target of each row, ``(N,)`` or ``(N, L)``.
        rows: the row numbers of each split.
    """
    columns = targets.reshape(len(targets), -1)
    told = [pl.Series(f"target {place}", columns[:, place]) for place in range(columns.shape[1])]
    series = [cells.alias(str(place)) for place, cells in enumerate([*frame, *told])]
    parts = pl.DataFrame(series).iter_slices(_BLOCK)  # all at once would take as much memory again
    hashes = pl.concat([part.hash_rows() for part in parts]).to_numpy()
    said = []
    for name, other in (("test", "train"), ("val", "train"), ("test", "val")):
        if name in rows and other in rows:
            repeated = _num_found(hashes[rows[name]], hashes[rows[other]])
            if repeated:
                said.append(f"{repeated:,} of {len(rows[name]):,} {name} rows stand in {other} too")
    if said:
        warn(
            f"{'; '.join(said)}, alike in all features and the target, so the metrics say less of new rows; "
            "remove repeated rows, or keep them together with --data.groups COLUMN"
        )


def _num_found(values: NDArray[np.uint64], among: NDArray[np.uint64]) -> int:
    """Count the values that are among others."""
    among, values = np.sort(among), np.sort(values)
    places = np.searchsorted(among, values)
    return int((among[np.minimum(places, len(among) - 1)] == values).sum())


def _note_single(classes: Classes | None) -> None:
    if classes is not None and (few := int((np.bincount(classes) == 1).sum())):
        warn(f"{few} class{'es have' if few > 1 else ' has'} a single row, which stays in training")


def _by_column(table: Table, name: str) -> dict[str, RowIndices]:
    """Split rows as a column says: train, val or validation, test.

    Raises:
        DataError: another word, or no row for training.
    """
    words = table.frame[name].cast(pl.String).str.strip_chars().str.to_lowercase()
    strange = (~words.fill_null("").is_in(list(_SPLITS))).arg_true()
    if len(strange):
        row = int(strange[0])
        raise DataError(
            f"{table.where(row)}: the split {name!r} is {table.frame[name][row]!r}, "
            "but should be train, val or test"
        )
    said = words.replace_strict(_SPLITS)
    rows = {
        split: (said == split).arg_true().to_numpy().astype(np.int32) for split in ("train", "val", "test")
    }
    if not len(rows["train"]):
        raise DataError(f"{table.files[0][0]}: the split {name!r} says train in no row")
    return {split: numbers for split, numbers in rows.items() if len(numbers)}


def by_files(num_rows: Sequence[int]) -> dict[str, RowIndices]:
    """Split rows that stand below each other: so many for training, validation and testing."""
    ends = np.cumsum([0, *num_rows])
    rows = {
        split: np.arange(start, end, dtype=np.int32)
        for split, start, end in zip(("train", "val", "test"), ends, ends[1:], strict=False)
    }
    return {split: numbers for split, numbers in rows.items() if len(numbers)}


def _check_groups(rows: Mapping[str, RowIndices], groups: RowIndices, table: Table, name: str) -> None:
    """Raise DataError where a column or files tear a group apart."""
    seen: set[int] = set()
    for numbers in rows.values():
        own = set(groups[numbers].tolist())
        if torn := seen & own:
            row = int(np.flatnonzero(groups == torn.pop())[0])
            raise DataError(
                f"the group {name!r} {table.frame[name][row]!r} ({table.where(row)}) is in two splits"
            )
        seen |= own


def _check_classes(train: RowIndices, classes: Classes, class_names: Sequence[str]) -> None:
    """Raise DataError unless every class has training rows; names the counts."""
    counts = np.bincount(classes[train], minlength=len(class_names))
    if not counts.all():
        said = ", ".join(f"{name} {count:,}" for name, count in zip(class_names, counts, strict=True))
        raise DataError(f"a class has no training row, so it cannot be learned; training rows: {said}")


def _group_numbers(table: Table, name: str) -> RowIndices:
    """Return a number for each row's group; a gap is a group of its own.

    Raises:
        DataError: fewer than three groups.
    """
    groups = table.frame[name].cast(pl.String).rank("dense").fill_null(0).cast(pl.Int32).to_numpy()
    if len(np.unique(groups)) < 3:
        raise DataError(f"{table.files[0][0]}: {name!r} has fewer than three groups, which cannot be split")
    return groups
