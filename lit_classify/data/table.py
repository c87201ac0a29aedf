"""One's own table: a CSV or Parquet file, its columns understood, its rows split and turned into features.

Legend: N rows, F features, C classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from lit_classify.data.base import InMemoryDataModule, Split, check_split, output_size
from lit_classify.data.columns import Column, Encoder, encode, find_leaks, learn, typed, understand
from lit_classify.data.reading import read_table
from lit_classify.errors import DataError, unknown
from lit_classify.loaders import TensorLoader

_MOST_CLASSES = 20


class TableDataModule(InMemoryDataModule):
    """Rows of a CSV or Parquet file; the network learns to tell one column, the target, from the others.

    Numbers are standardised, gaps filled with the median and told by a feature of their own, categories get
    a feature for each value; all of it is learned from the training rows alone and travels in checkpoints.

    Args:
        path: the file.
        target: the column to tell.
        ignore: columns that the network must not see.
        categorical: columns whose values are names, whatever they look like.
        numeric: columns that must hold numbers.
        delimiter: what parts the fields of a CSV file; found when not given.
        header: whether the first row names the columns; found when not given.
        encoding: how the text of a CSV file is encoded.
        random_state: seed of the split and of the order of the batches.
        test_fraction: share of all rows kept for testing.
        val_fraction: share of all rows kept for validation; 0 validates on the test rows (course mode).
        batch_size: rows per training batch; none for all in one.
        shuffle: draw a new order for every epoch.
        drop_last: leave out a last batch that is shorter than the others.
        learned: what an earlier run learned from its training rows; checkpoints fill it in.

    Raises:
        DataError: the file, a column or the target cannot be used; says where and what to do.
    """

    def __init__(
        self,
        path: str,
        target: str,
        ignore: Sequence[str] = (),
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        delimiter: str | None = None,
        header: bool | None = None,
        encoding: str = "utf-8",
        random_state: int = 42,
        test_fraction: float = 0.2,
        val_fraction: float = 0.2,
        batch_size: int | None = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        learned: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(batch_size, shuffle, drop_last, random_state)
        self.target = target
        self.test_fraction = test_fraction
        self.val_fraction = val_fraction
        self._table = read_table(path, delimiter, header, encoding)
        self._declared = {"ignore": list(ignore), "categorical": list(categorical), "numeric": list(numeric)}
        self.columns: list[Column] = []
        self.leaks: set[str] = set()
        if learned is None:
            self._learn_from_train_rows()
        else:
            self._encoders = [Encoder.from_dict(encoder) for encoder in learned["encoders"]]
            self.class_names = learned["class_names"]
        self.in_features = sum(encoder.num_features for encoder in self._encoders)
        self.out_features = output_size(len(self.class_names or "1"))
        learned = {"encoders": [e.as_dict() for e in self._encoders], "class_names": self.class_names}
        self.save_hyperparameters(logger=False)

    def _learn_from_train_rows(self) -> None:
        target = self._target_column()
        features = self._table.drop(self.target)
        typed_features, self.columns = understand(features, **self._declared)
        self.class_names = _classes(target)
        self.leaks = find_leaks(typed_features, self.columns, target.cast(pl.String))
        train = self._rows()["train"]
        self._encoders = learn(typed_features[train], self.columns)
        if not self._encoders:
            raise DataError("no column is left that could tell the target; see the columns' use")

    def _target_column(self) -> pl.Series:
        if self.target not in self._table.columns:
            raise DataError(unknown("target column", self.target, self._table.columns))
        series = self._table[self.target]
        values, _ = typed(series)
        gaps = values.is_null().arg_true()
        if len(gaps):
            raise DataError(
                f"the target {self.target!r} is missing in {len(gaps):,} rows, first in row {gaps[0] + 1}"
            )
        return values if values.dtype == pl.Float64 and not _is_classes(values) else _as_names(series)

    def _rows(self) -> dict[str, NDArray[np.int64]]:
        """Return the row numbers of each split, the classes in equal shares where there are classes."""
        from sklearn.model_selection import train_test_split

        check_split(len(self._table), self.test_fraction, self.val_fraction)
        target = self._target_column()
        strata = None if _classes(target) is None else target.to_numpy()

        def cut(rows: NDArray[np.int64], share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            kept, gone = train_test_split(
                rows,
                test_size=share,
                random_state=self.random_state,
                stratify=None if strata is None else strata[rows],
            )
            return np.sort(kept), np.sort(gone)

        try:
            train, test = cut(np.arange(len(self._table)), self.test_fraction)
            if not self.val_fraction:
                return {"train": train, "test": test}
            train, val = cut(train, self.val_fraction / (1 - self.test_fraction))
        except ValueError as error:  # a class with too few rows for its share of each split
            raise DataError(f"the rows cannot be split by class: {error}") from error
        return {"train": train, "val": val, "test": test}

    def load(self) -> dict[str, Split]:
        """Encode the rows and hand them to their splits."""
        rows = self._rows()
        x = torch.from_numpy(encode(self._table, self._encoders))
        y = self._targets()
        splits = {name: Split(x[numbers], y[numbers]) for name, numbers in rows.items()}
        return splits if "val" in splits else {**splits, "val": splits["test"]}

    def _targets(self) -> torch.Tensor:
        target = self._target_column()
        if self.class_names is None:
            return torch.from_numpy(target.to_numpy().astype(np.float32))
        numbers = {name: number for number, name in enumerate(self.class_names)}
        strange = sorted(set(target.unique().to_list()) - numbers.keys())
        if strange:
            raise DataError(f"the target holds {strange[0]!r}, which is none of {', '.join(numbers)}")
        return torch.tensor([numbers[name] for name in target.to_list()])

    def predict_dataloader(self) -> TensorLoader:
        """Return all rows of the file in their order; the target need not be there."""
        x = torch.from_numpy(encode(self._table, self._encoders))
        return TensorLoader((x,), batch_size=8192, even=False)

    def describe(self) -> str:
        """Return the columns as one table: kind, gaps, different values, use."""
        width = max(len(column.name) for column in self.columns) if self.columns else 6
        lines = [f"{'column':<{width}}  {'kind':<9}{'missing':>8}{'distinct':>9}  use"]
        for column in self.columns:
            use = column.use + ("; alone tells the target: a leak?" if column.name in self.leaks else "")
            lines.append(
                f"{column.name:<{width}}  {column.kind:<9}{column.missing:>8,}{column.distinct:>9,}  {use}"
            )
        return "\n".join(lines)


def _is_classes(values: pl.Series) -> bool:
    """Whether numbers are names of classes: few different whole ones."""
    return bool((values == values.round()).all()) and values.n_unique() <= _MOST_CLASSES


def _as_names(series: pl.Series) -> pl.Series:
    """Return a class column as text, numbers without needless decimals."""
    values, kind = typed(series)
    if kind == "number":
        return values.cast(pl.Int64).cast(pl.String)
    return typed(series, "category")[0]


def _classes(target: pl.Series) -> list[str] | None:
    """Return the classes in order, numbers by size; None for a target of numbers.

    Raises:
        DataError: there is only one class.
    """
    if target.dtype != pl.String:
        return None
    names = target.unique().to_list()
    if len(names) < 2:
        raise DataError(f"the target has a single class, {names[0]!r}, in all {len(target):,} rows")
    numeric = all(name.lstrip("-").isdigit() for name in names)
    return sorted(names, key=(lambda name: (int(name), name)) if numeric else (lambda name: (0, name)))
