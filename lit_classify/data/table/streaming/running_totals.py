"""The totals of the first pass over a table in blocks, which can be saved and resumed.

Legend: N rows of a block.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.data.table.column_totals import MAX_COUNTED_VALUES, ColumnTotals
from lit_classify.data.table.streaming.hashing import below, hash_numbers
from lit_classify.data.table.streaming.row_assignment import SPLITS, Codes

_SAMPLE_BYTES = 1 << 26
_MAX_PENDING = 64  # frames of the sample that are concatenated at once

Frames = dict[str, pl.DataFrame]


class Sample:
    """A random sample of the rows: all until they are too large, then those with the smallest hashes.

    The sample depends on the rows alone, however often the pass is interrupted.

    Args:
        seed: seed of the hashes.
        share: the share of the rows that are kept.
        frame: the rows so far.
    """

    def __init__(self, seed: int, share: float = 1.0, frame: pl.DataFrame | None = None) -> None:
        self._seed, self.share = seed, share
        self._frames = [] if frame is None else [frame]
        self._num_bytes = sum(map(_num_bytes, self._frames))

    def add(self, frame: pl.DataFrame, indices: NDArray[np.int64], codes: Codes) -> None:
        """Add the rows of a block."""
        hashes = hash_numbers(indices, "sample", self._seed)
        labels = pl.DataFrame({"\0row": indices, "\0code": codes, "\0hash": hashes})
        self._frames.append(self._filter(pl.concat([labels, frame], how="horizontal")))
        self._num_bytes += _num_bytes(self._frames[-1])
        while self._num_bytes > _SAMPLE_BYTES:
            self.share /= 2
            self._frames = [self._filter(self.frame)]
            self._num_bytes = _num_bytes(self._frames[0])
        if len(self._frames) > _MAX_PENDING:
            self._frames = [self.frame]

    def _filter(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self.share == 1:
            return frame
        return frame.filter(pl.Series(below(frame["\0hash"].to_numpy(), self.share)))

    @property
    def frame(self) -> pl.DataFrame:
        """The columns, with index, split code and hash of each row."""
        return pl.concat(self._frames, rechunk=True)

    def rows(self) -> tuple[pl.DataFrame, NDArray[np.int64], Codes]:
        """Return the columns, the row indices and the split codes of the sample, in table order."""
        frame = self.frame
        labels = [name for name in frame.columns if name.startswith("\0")]
        return frame.drop(labels), frame["\0row"].to_numpy(), frame["\0code"].to_numpy()


def _num_bytes(frame: pl.DataFrame) -> int:
    """Estimate the bytes that rows need in memory; the estimates of several frames add up."""
    texts = frame.select(pl.col(pl.String).str.len_bytes().sum())
    nested = frame.select(pl.selectors.nested() | pl.selectors.binary())
    text_bytes = sum(int(size.item()) for size in texts) + 8 * len(frame) * texts.width
    return 8 * len(frame) * frame.width + text_bytes + int(nested.estimated_size())


class TargetValues:
    """The distinct values of a single target, with the first row and the number of training rows of each.

    Args:
        name: the target; None for several.
        frame: the values so far.
    """

    def __init__(self, name: str | None, frame: pl.DataFrame | None = None) -> None:
        self.name, self.frame = name, frame

    def add(self, frame: pl.DataFrame, indices: NDArray[np.int64], is_train: pl.Series) -> None:
        """Add the rows of a block, unless there are too many values."""
        if self.name is None or not len(frame):
            return
        rows = pl.DataFrame({"value": frame[self.name], "row": indices, "train": is_train})
        rows = rows.with_columns(pl.col("train").cast(pl.Int64))
        if self.frame is not None:
            rows = pl.concat([self.frame, rows], how="vertical_relaxed")
        self.frame = rows.group_by("value").agg(pl.col("row").min(), pl.col("train").sum()).sort("row")
        if len(self.frame) > MAX_COUNTED_VALUES:
            self.name = self.frame = None


@dataclass
class RunningTotals:
    """Totals over the rows.

    Args:
        sample: some of the rows, or all if there are few.
        targets: the values of a single target.
        columns: totals of the columns that may be features, and of a single target that is not text.
        counts: the number of rows of each split, ``(3,)``.
        files: the number of rows of each file.
        num_dropped: the number of rows without a target, which are left out.
    """

    sample: Sample
    targets: TargetValues
    columns: dict[str, ColumnTotals]
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(SPLITS), np.int64))
    files: dict[str, int] = field(default_factory=dict)
    num_dropped: int = 0

    @classmethod
    def of(cls, seed: int, target: str | None, columns: Iterable[str]) -> "RunningTotals":
        """Return the totals of no rows."""
        return cls(Sample(seed), TargetValues(target), {name: ColumnTotals() for name in columns})

    def state(self) -> tuple[dict[str, Any], Frames]:
        """Return them as plain data and frames of rows."""
        columns = {name: [totals.to_dict(), totals.is_counted] for name, totals in self.columns.items()}
        texts = [
            totals.counts.select(pl.lit(name).alias("column"), pl.all())
            for name, totals in self.columns.items()
        ]
        data = {
            "share": self.sample.share,
            "target": self.targets.name,
            "columns": columns,
            "counts": self.counts.tolist(),
            "files": self.files,
            "num_dropped": self.num_dropped,
        }
        frames = {"sample": self.sample.frame}
        if texts:
            frames["texts"] = pl.concat(texts)
        if self.targets.frame is not None:
            frames["targets"] = self.targets.frame
        return data, frames

    @classmethod
    def from_state(
        cls, seed: int, data: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
    ) -> "RunningTotals":
        """Return the totals of ``state``."""
        columns = {}
        for name, (totals, is_counted) in data["columns"].items():
            counts = frames["texts"].filter(column=name).drop("column") if is_counted else None
            columns[name] = ColumnTotals.from_dict(totals, counts)
        return cls(
            Sample(seed, data["share"], frames["sample"]),
            TargetValues(data["target"], frames.get("targets")),
            columns,
            np.array(data["counts"], np.int64),
            data["files"],
            data["num_dropped"],
        )
