"""Preprocessing of a table's columns: the same code for training, prediction and export.

Legend: N rows, M training rows, K columns, F features.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lit_classify.data.table.casting import LARGEST_FLOAT32, cast_column, mask_out_of_range
from lit_classify.data.table.cell_warnings import CellWarnings, HandleUnknown, WarnedCells
from lit_classify.data.table.cells import respell, to_numbers
from lit_classify.data.table.column_totals import ColumnTotals
from lit_classify.data.table.encoders import Encoder, Scaling, fit_encoders
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.schema import Column, to_unique_strings
from lit_classify.data_interface import NumericFeature
from lit_classify.errors import DataError
from lit_classify.messages import plural

Missing = Literal["impute", "error"]
_MAX_ERRORS = 6
_BLOCK = 1 << 14  # rows that polars encodes at a time
_MAX_SERIAL = 1 << 15  # elements up to which torch starts no threads, which cost more than they save here
_TINY = 1e-30  # smaller scales need double precision
_MAX_SCALED = 1e15  # its square is still finite in single precision


class Preprocessor(nn.Module):
    """Impute, scale and encode the columns of a table.

    ``fit`` and ``transform`` work on columns of polars; calling the module works on a tensor and contains all
    the arithmetic, so that an exported model runs the same code.

    Args:
        scaling: ``standard`` (mean and standard deviation) or ``robust`` (median and interquartile range).
        encoders: fitted encoders, as from ``from_dict``.

    Shape:
        - Input: ``(N, K)`` float32 or float64. A number that is NaN or beyond 3.4e38 is missing; a category
          is its code.
        - Output: ``(N, F)`` float32. Codes of embeddings come last.

    Examples:
        >>> frame = pl.DataFrame({"age": [20.0, 40.0, None], "sex": ["f", "m", "f"]})
        >>> columns = [Column("age", "number", 1, 2), Column("sex", "category", 0, 2)]
        >>> Preprocessor().fit(frame, columns).transform(frame)
        array([[-1.,  0.,  0.,  1.,  0.],
               [ 1.,  0.,  0.,  0.,  1.],
               [ 0.,  1.,  0.,  1.,  0.]], dtype=float32)
    """

    numbers: Tensor
    center: Tensor
    scale: Tensor
    median: Tensor
    indicators: Tensor
    order: Tensor

    def __init__(self, scaling: Scaling = "standard", encoders: Sequence[Encoder] = ()) -> None:
        super().__init__()
        self.scaling = scaling
        self._set_encoders(encoders)

    def _set_encoders(self, encoders: Sequence[Encoder]) -> None:
        """Store the encoders, and their parameters as buffers."""
        self.encoders = tuple(encoders)
        self._by_column: dict[str, list[Encoder]] = {}
        for encoder in encoders:
            self._by_column.setdefault(encoder.name, []).append(encoder)
        numbers = [index for index, encoder in enumerate(encoders) if encoder.kind != "category"]
        categories = [index for index, encoder in enumerate(encoders) if encoder.kind == "category"]
        indicators = [column for column, index in enumerate(numbers) if encoders[index].indicator]
        self.categories = categories
        for name in ("center", "scale", "median"):
            values = [getattr(encoders[index], name) for index in numbers]
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64))
        # forward computes numbers, indicators and categories in turn: (encoder, feature of the encoder)
        computed = [(index, 0) for index in numbers] + [(numbers[column], 1) for column in indicators]
        computed += [(index, code) for index in categories for code in range(encoders[index].num_features)]
        order = sorted(range(len(computed)), key=lambda position: computed[position])
        for name, indices in (("numbers", numbers), ("indicators", indicators), ("order", order)):
            self.register_buffer(name, torch.tensor(indices, dtype=torch.long))
        self._in_order = order == list(range(len(order)))
        self._needs_double = bool((self.scale <= _TINY).any())

    @property
    def num_features(self) -> int:
        """Number of features, F."""
        return len(self.order)

    @property
    def num_categories(self) -> list[int]:
        """Number of codes of each embedded column, including unseen and missing."""
        return [len(encoder.categories) + 2 for encoder in self.encoders if encoder.embedded]

    @property
    def numeric_features(self) -> list[NumericFeature]:
        """The features that are numbers, or parts of dates."""
        ends = np.cumsum([encoder.num_features for encoder in self.encoders]).tolist()
        return [
            NumericFeature(encoder.label, encoder.center, encoder.scale, end - encoder.num_features)
            for encoder, end in zip(self.encoders, ends, strict=True)
            if encoder.kind in {"number", "date"}
        ]

    @property
    def column_features(self) -> dict[str, list[int]]:
        """Indices of the features of each column, by its name."""
        indices: dict[str, list[int]] = {}
        start = 0
        for encoder in self.encoders:
            indices.setdefault(encoder.name, []).extend(range(start, start + encoder.num_features))
            start += encoder.num_features
        return indices

    @classmethod
    def from_dict(cls, data: Sequence[Mapping[str, Any]]) -> "Preprocessor":
        """Return the fitted preprocessor of ``to_dict``.

        Raises:
            KeyError, TypeError, ValueError: an entry is missing, of the wrong type or out of range.
        """
        encoders = [Encoder.from_dict(encoder) for encoder in data]
        to_unique_strings([encoder.label for encoder in encoders], "encoders")
        return cls(encoders=encoders)

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the encoders as plain data."""
        return [encoder.to_dict() for encoder in self.encoders]

    def fit(
        self,
        frame: pl.DataFrame,
        columns: Sequence[Column],
        rows: NDArray[np.int32] | None = None,
        totals: Mapping[str, ColumnTotals] | None = None,
    ) -> "Preprocessor":
        """Fit the encoders to the training rows.

        Args:
            frame: the used columns as numbers, dates or text.
            columns: the schema of the table.
            rows: indices of the training rows, ``(M,)``; all rows if None.
            totals: the totals of all training rows by column, if the frame is a sample.
        """
        encoders, totals = [], totals or {}
        for column in columns:
            if column.is_used:
                values = frame[column.name]
                values = values if rows is None else values.gather(rows)
                fitted = fit_encoders(column, values, self.scaling, totals.get(column.name))
                encoders += [encoder for encoder in fitted if encoder.num_features]
        self._set_encoders(sorted(encoders, key=lambda encoder: encoder.embedded))
        return self

    def transform(
        self, frame: pl.DataFrame, splits: Sequence[NDArray[np.int32]] | None = None
    ) -> NDArray[np.float32]:
        """Return the features ``(N, F)``.

        Args:
            frame: the columns of the encoders as numbers, dates or text; see ``cast_columns``.
            splits: row indices of each split; the features are in their order, split by split. If None, in
                the order of ``frame``.
        """
        x = np.empty((len(frame), self.num_features), np.float32)
        row_of_x = np.arange(len(frame), dtype=np.int32)  # for each row of the frame
        blocks = dict(enumerate(frame.iter_slices(_BLOCK)))
        del frame  # releases each block once it is encoded, unless the caller still needs the frame
        if splits is not None:
            order = np.concatenate(splits)
            row_of_x[order] = np.arange(len(order), dtype=np.int32)
        chunk_size = max(_MAX_SERIAL // max(self.num_features, len(self.encoders), 1), 1)

        def encode(index: int) -> None:
            matrix = torch.from_numpy(self._to_matrix(blocks.pop(index)))
            start = index * _BLOCK
            for chunk in torch.split(matrix, chunk_size):
                stop = start + len(chunk)
                x[row_of_x[start:stop]] = self(chunk).numpy()
                start = stop

        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(encode, list(blocks)))
        return x

    def _to_matrix(self, frame: pl.DataFrame) -> NDArray[np.float32] | NDArray[np.float64]:
        """Return numbers, NaN where missing, and codes, ``(N, K)``."""
        columns = [
            encoder.to_numbers(frame[encoder.name]).alias(str(index))
            for index, encoder in enumerate(self.encoders)
        ]
        return pl.DataFrame(columns).to_numpy(writable=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features ``(N, F)`` of numbers and codes ``(N, K)``."""
        numbers = x.index_select(1, self.numbers) if self.categories else x
        if self._needs_double:
            numbers = numbers.double()
        center, scale, median = (
            tensor.to(numbers.dtype) for tensor in (self.center, self.scale, self.median)
        )
        present = numbers.abs() <= LARGEST_FLOAT32
        scaled = (torch.where(present, numbers, median) - center) / scale
        columns = [scaled.clamp(-_MAX_SCALED, _MAX_SCALED).float()]
        if len(self.indicators):
            columns.append(1 - present.index_select(1, self.indicators).float())
        for index in self.categories:
            codes, encoder = x[:, index], self.encoders[index]
            if encoder.embedded:
                columns.append(codes.float().unsqueeze(1))
            else:
                one_hot = torch.eye(encoder.num_features + 1, device=x.device)[:, 1:]
                columns.append(one_hot.index_select(0, codes.long()))
        features = torch.cat(columns, dim=1) if len(columns) > 1 else columns[0]
        return features if self._in_order else features.index_select(1, self.order)

    def cast_columns(
        self,
        table: RawTable,
        handle_unknown: HandleUnknown = "ignore",
        cell_warnings: CellWarnings | None = None,
    ) -> pl.DataFrame:
        """Return the columns of the encoders as numbers, dates or text; others are ignored.

        Args:
            table: new rows, with columns in any order.
            handle_unknown: ``error`` refuses categories that the training rows lack, ``ignore`` warns.
            cell_warnings: collects the warnings; if None, they are issued.

        Raises:
            DataError: columns are missing or of another kind than in training; lists all of them.
        """
        by_name = {encoder.name: encoder for encoder in self.encoders}  # for a date, any of its encoders
        names, available = list(by_name), set(table.frame.columns)
        lacking = [name for name in names if name not in available]
        errors = [f"{table.files[0][0]} lacks {', '.join(lacking)}"] if lacking else []
        columns, new_warnings = [], CellWarnings()
        for name, encoder in by_name.items():
            if name not in available:
                continue
            try:
                value_format = table.formats.get(name)
                values, _ = cast_column(table.frame[name], encoder.kind, table.locate, value_format)
            except DataError as error:
                errors.append(f"{error}, as it was in training")
                continue
            if encoder.kind == "number":
                values, out_of_range = mask_out_of_range(values, table.locate)
                if out_of_range is not None:
                    new_warnings.out_of_range[name] = out_of_range
            elif encoder.kind == "category":
                try:
                    values, unseen = _match_categories(values, encoder, table)
                except DataError as error:
                    errors.append(str(error))
                    continue
                if unseen is not None:
                    new_warnings.unseen[name] = unseen
            columns.append(values)
        if errors:
            extra = sorted(available - set(names))
            if lacking:
                errors[0] += f"; it has, not expected, {', '.join(extra[:20]) or 'nothing'}"
            raise DataError("\n".join(errors[:_MAX_ERRORS]))
        if cell_warnings is None:
            new_warnings.report(handle_unknown)
        else:
            cell_warnings.add(new_warnings)
        return pl.DataFrame(columns)

    def describe_use(self, column: Column) -> str:
        """Return how a column is used, for the printed schema."""
        if not column.is_used:
            return column.use
        encoders = self._by_column.get(column.name)
        if not encoders:
            return "dropped: all values are rare"
        encoder = encoders[0]
        if encoder.part:
            indicator = " and missing-value indicator" if encoder.indicator else ""
            parts = ", ".join(encoder.part for encoder in encoders)
            return f"used as {parts}{indicator}"
        if encoder.embedded:
            return f"used, {plural(len(encoder.categories), 'value')} embedded"
        if encoder.kind == "category":
            return f"used, {plural(encoder.num_features, 'feature')}"
        return "used, with missing-value indicator" if encoder.indicator else "used"


def _match_categories(
    values: pl.Series, encoder: Encoder, table: RawTable
) -> tuple[pl.Series, WarnedCells | None]:
    """Return a column in the spelling of the training rows, and the cells with categories that these lack.

    Raises:
        DataError: all cells are numbers, but training had text.
    """
    trained = pl.Series([*encoder.categories, *encoder.infrequent], dtype=pl.String)
    known = values.is_in(trained.implode())
    if not known.all():
        values = respell(values, trained)
        known = values.is_in(trained.implode())
    unseen = (values.is_not_null() & ~known).arg_true()
    if not len(unseen):
        return values, None
    row = int(unseen[0])
    are_numbers = to_numbers(values).null_count() == values.null_count()
    was_text = to_numbers(trained).null_count() == len(trained)
    if are_numbers and was_text and not known.any():
        raise DataError(
            f"{table.locate(row)}, column {encoder.name!r}: {values[row]!r} "
            "is a number, but training had text, and no row has one of its categories"
        )
    return values, WarnedCells(len(unseen), f"{values[row]!r} in {table.locate(row)}")


def check_missing(frame: pl.DataFrame, table: RawTable) -> None:
    """Check that there are no missing values, for ``missing="error"``.

    Args:
        frame: columns as numbers, dates or text.
        table: the raw values of the same rows.

    Raises:
        DataError: a value is missing or not finite in single precision; names the first.

    Examples:
        >>> table = RawTable(pl.DataFrame({"age": [20.0, None]}), (("t.csv", 2),), ("1f",))
        >>> check_missing(table.frame, table)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: t.csv, row 2, column 'age': None is missing ...
    """
    for series in frame:
        if series.null_count():
            row = int(series.is_null().arg_true()[0])
            raise DataError(
                f"{table.locate(row)}, column {series.name!r}: {table.frame[series.name][row]!r} is missing "
                f"or not finite in single precision, as in {plural(series.null_count(), 'row')}; set "
                "--data.missing impute to fill it"
            )
