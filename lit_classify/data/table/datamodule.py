"""One's own table: a CSV or Parquet file, its columns understood, its rows split and turned into features.

Legend: N rows, F features, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl
import torch

from lit_classify.data.base import InMemoryDataModule, NumericFeature, Split
from lit_classify.data.loaders import TensorLoader
from lit_classify.data.table.encoding import Scaling, encode, learn, num_features
from lit_classify.data.table.learned import ROLES, HandleUnknown, Learned, check_missing, conform, say_use
from lit_classify.data.table.roles import Declared, Names, listed, names, one_of
from lit_classify.data.table.schema import Column, check_names, describe, find_leaks, understand
from lit_classify.data.table.source import Files, Table, find_files, stack
from lit_classify.data.table.splits import RowIndices, Splitter, by_files, note_repeated
from lit_classify.data.table.targets import Targets, understand_target
from lit_classify.errors import DataError, escape_control, warn

Missing = Literal["impute", "error"]


class TableDataModule(InMemoryDataModule):
    """Rows of CSV or Parquet files; the network learns to tell the target from the other columns.

    Numbers are scaled, gaps filled with the median and told by a feature of their own; a category gets a
    feature for each value, or an embedding where there are many. All of it is learned from the training rows
    alone and travels in checkpoints. Built from a checkpoint on another table than was learned from, all
    rows are test rows.

    Args:
        path: the file, several files, or a pattern such as data/*.csv.
        target: the column to tell; several columns of 0 and 1 are labels that may hold together.
        val_path: files whose rows are for validation.
        test_path: files whose rows are for testing.
        split: a column that says train, val or test of each row.
        groups: a column whose rows of one value must not be torn apart by the split.
        features: the only columns that the network may see.
        ignore: columns that the network must not see.
        categorical: columns whose values are names, whatever they look like; the target too.
        numeric: columns that must hold numbers; a target named here is a number however few values it has.
        missing: impute fills missing and infinite values with the median; error refuses them.
        scaling: standard (mean and standard deviation) or robust (median and interquartile range).
        handle_unknown: ignore encodes a category that the training rows lack as unseen; error refuses it.
        delimiter: what parts the fields of a CSV file; found when not given.
        header: whether the first row names the columns; found when not given.
        encoding: how the text of a CSV file is encoded.
        random_state: seed of the split and of the order of the batches.
        test_fraction: share of all rows kept for testing, where neither a column nor a file says.
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
        path: list[str] | str,
        target: list[str] | str,
        val_path: Names = None,
        test_path: Names = None,
        split: str | None = None,
        groups: str | None = None,
        features: Names = None,
        ignore: Names = None,
        categorical: Names = None,
        numeric: Names = None,
        missing: Missing = "impute",
        scaling: Scaling = "standard",
        handle_unknown: HandleUnknown = "ignore",
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
        one_of("missing", missing, ("impute", "error"))
        one_of("handle_unknown", handle_unknown, ("error", "ignore"))
        one_of("scaling", scaling, ("standard", "robust"))
        self.columns: list[Column] = []
        self.leaks: set[str] = set()
        self._missing, self._handle_unknown = missing, handle_unknown
        self._splitter = Splitter(split, groups, test_fraction, val_fraction, random_state)
        self._learned = None if learned is None else Learned.from_dict(learned)
        declared = Declared.of(
            target=target,
            features=features,
            ignore=ignore,
            categorical=categorical,
            numeric=numeric,
            split=split,
            groups=groups,
        )
        settings = {
            **declared.as_dict(),
            "path": names(path),
            "val_path": names(val_path),
            "test_path": names(test_path),
            "missing": missing,
            "scaling": scaling,
            "random_state": random_state,
            "test_fraction": test_fraction,
            "val_fraction": val_fraction,
        }
        named, text = declared.all, declared.categorical
        if self._learned is not None:
            self._learned.check(settings)
            named = [encoder.name for encoder in self._learned.encoders]
            text = list(self._learned.text_columns)
            text += self._learned.target.columns if self._learned.target.class_names is not None else ()
        paths = names(path), names(val_path), names(test_path)
        self.is_new_table = False
        self._files = Files(*paths, delimiter, header, encoding, text, named)
        self._table: Table | None = self._files.read()
        self._prepared: tuple[pl.DataFrame, dict[str, RowIndices], Targets] | None = None
        if self._learned is None:
            self._learned = self._learn(declared, scaling, settings)
        self.is_new_table = self._table.digests != tuple(self._learned.files["path"].values())
        if self.is_new_table and settings["path"] != self._learned.settings["path"]:
            self._files = self._files.without_others(self._learned.settings)
        self._absent_files = self._files.missing(
            self._learned.settings
        )  # an error once their rows are needed
        if "val" in self._absent_files:
            self._files = replace(self._files, val_paths=())
        if "test" in self._absent_files:
            self._files = replace(self._files, test_paths=())
        self.class_names = listed(self._learned.target.class_names)
        self.label_names = listed(self._learned.target.label_names)
        self.in_features = num_features(self._learned.encoders)
        self.out_features = self._learned.target.out_features
        self.num_categories = self._learned.num_categories
        learned = self._learned.as_dict()
        self.save_hyperparameters(logger=False)

    def _learn(self, declared: Declared, scaling: Scaling, settings: dict[str, Any]) -> Learned:
        """Understand the columns, split the rows, and learn from those for training."""
        assert self._table is not None
        tables = self._read()
        files = {role: tables[role].as_files() if role in tables else {} for role in ROLES}
        table, num_rows = stack(tables)
        check_names("target column", declared.target, table)
        check_names("column", declared.all, table)
        kinds = declared.categorical, declared.numeric
        target = understand_target(table, declared.target, *kinds)
        seen = replace(table, frame=table.frame.drop(declared.no_features))
        frame, columns = understand(seen, declared.features, declared.ignore, *kinds)
        if self._missing == "error":
            check_missing(frame, table)
        values = target.values(table)
        rows = self._splitter.rows(table, num_rows, target.class_names, values)
        self.leaks = find_leaks(frame, columns, values)
        encoders = learn(frame, rows["train"], columns, scaling)
        by_name = {encoder.name: encoder for encoder in encoders}
        self.columns = [say_use(column, by_name) for column in columns]
        if not num_features(encoders):
            raise DataError(
                f"{table.files[0][0]}: no column is left to predict the target from\n"
                + describe(self.columns, self.leaks)
            )
        self._warn()
        note_repeated(frame, values, rows)
        self._prepared = frame, rows, values
        used = tuple(encoder for encoder in encoders if encoder.num_features)
        return Learned(files, used, target, settings, tuple(table.frame.columns))

    def _warn(self) -> None:
        """Say what the owner of the table should look at."""
        if self.leaks:
            warn(
                f"possible target leakage: {', '.join(sorted(self.leaks))} determines the target; if it is "
                "not known at prediction time, exclude it with --data.ignore"
            )
        alike = ("dropped: all missing", "dropped: constant")
        useless = [column.name for column in self.columns if column.use in alike]
        if useless:
            warn(f"dropped columns without variation: {', '.join(useless)}")

    @property
    def numeric_features(self) -> list[NumericFeature]:
        """Return the columns of numbers, each with its place among the features."""
        assert self._learned is not None
        found, place = [], 0
        for encoder in self._learned.encoders:
            if encoder.kind == "number":
                found.append(NumericFeature(place, encoder.name, encoder.center, encoder.scale))
            place += encoder.num_features
        return found

    @property
    def target_scale(self) -> tuple[float, float] | None:
        """Return mean and standard deviation of the training targets; none for classes and labels."""
        if self.class_names is not None or self.label_names is not None:
            return None
        y = self.split("train").y.double()
        return float(y.mean()), float(y.std(correction=0)) or 1.0

    def load(self) -> dict[str, Split]:
        """Encode the rows and hand them to their splits; what was read is let go."""
        assert self._learned is not None
        frame, rows, values = self._prepared or self._prepare()
        self._table = self._prepared = None
        self._row_numbers = rows
        x = torch.from_numpy(encode(frame, self._learned.encoders, list(rows.values())))
        targets = np.concatenate([values[numbers] for numbers in rows.values()])
        y = torch.from_numpy(targets if self.class_names is None else targets.astype(np.int64))
        sizes = [len(numbers) for numbers in rows.values()]
        parts = zip(torch.split(x, sizes), torch.split(y, sizes), strict=True)
        splits = {name: Split(*part) for name, part in zip(rows, parts, strict=True)}
        return splits if {"val"} & {*splits, *self._absent_files} else {**splits, "val": splits["test"]}

    def split(self, name: str) -> Split:
        """Return the rows of ``train``, ``val`` or ``test``.

        Raises:
            DataError: the file that has them is not there, or there are none.
        """
        if name in self._absent_files:
            find_files(self._absent_files[name])
        return super().split(name)

    def _prepare(self) -> tuple[pl.DataFrame, dict[str, RowIndices], Targets]:
        """Prepare rows as an earlier run has learned: its own in its splits, others all for testing."""
        assert self._learned is not None
        tables, target = self._read(), self._learned.target
        self._note_other_files(tables)
        table, num_rows = stack(tables)
        values = target.values(table)
        if self.is_new_table:
            rows = by_files(num_rows)
        else:
            rows = self._splitter.rows(table, num_rows, target.class_names, values, self._absent_files)
        frame = self._conform(table)
        note_repeated(frame, values, rows)
        return frame, rows, values

    def _read(self) -> dict[str, Table]:
        """Return the rows by the path that they come from; those of a foreign table are for testing."""
        tables = {"path": self._table or self._files.read(), **self._files.read_others()}
        if self.is_new_table:
            tables.setdefault("test_path", tables.pop("path"))
        return tables

    def _note_other_files(self, tables: Mapping[str, Table]) -> None:
        """Say which rows are not those that training had."""
        assert self._learned is not None
        for role, paths in (("val_path", self._files.val_paths), ("test_path", self._files.test_paths)):
            before, now = self._learned.files[role], tables[role].as_files() if paths else {}
            if paths and list(before.values()) != list(now.values()):
                warn(
                    f"{', '.join(now)} is not what training had as data.{role} ({', '.join(before)}): "
                    f"{len(tables[role]):,} other rows are scored"
                )
        if self.is_new_table:
            scored = tables["test_path"]
            warn(
                "data.path is not the table that training had, whose rows cannot be told from others now: "
                f"all {len(scored):,} rows of {', '.join(scored.as_files())} are scored"
            )

    def _conform(self, table: Table) -> pl.DataFrame:
        assert self._learned is not None
        frame = conform(table, self._learned.encoders, self._handle_unknown)
        self._learned.note_others(table)
        if self._missing == "error":
            check_missing(frame, table)
        return frame

    def predict_dataloader(self) -> TensorLoader:
        """Return all rows of ``path`` in their order; the target need not be there."""
        assert self._learned is not None
        x = encode(self._conform(self._table or self._files.read()), self._learned.encoders)
        return self._batches((torch.from_numpy(x),), batch_size=8192)

    def raw_columns(self, wanted: Sequence[str]) -> pl.DataFrame:
        """Return columns of ``path`` as they are, to stand beside its predictions.

        Raises:
            DataError: a column is not there.
        """
        table = (
            replace(self._files, text=tuple(wanted)).read() if wanted else self._table or self._files.read()
        )
        check_names("column", wanted, table)
        return table.frame.select(wanted)

    def raw_rows(self, split: str, places: Sequence[int]) -> pl.DataFrame:
        """Return rows of a split as they stand in the files, read anew; ``places`` count in the split."""
        table, _ = stack(self._read())
        rows = self._row_numbers if split in self._row_numbers else {split: self._row_numbers["test"]}
        found: pl.DataFrame = table.frame[rows[split][list(places)].tolist()]
        return found

    def describe(self) -> str:
        """Return the columns as one table: kind, gaps, different values, use; and the classes' rows."""
        table, counts = describe(self.columns, self.leaks), self.class_counts
        if counts is None or self.class_names is None:
            return table
        each = ", ".join(
            f"{escape_control(name, is_name=True)} {count:,}"
            for name, count in zip(self.class_names, counts, strict=True)
        )
        return f"{table}\n\ntraining rows of each class: {each}"
