"""Fit the target, the schema and the preprocessor to the rows of a table.

Legend: N rows, L labels.
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from lit_classify.data.table.cell_warnings import CellWarnings
from lit_classify.data.table.cells import as_text
from lit_classify.data.table.column_totals import ColumnTotals
from lit_classify.data.table.fitted_state import Fitted, FittedState
from lit_classify.data.table.notes import notes_on_values
from lit_classify.data.table.options import TableOptions
from lit_classify.data.table.preprocessing import Preprocessor, check_missing
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.schema import Column, find_leakage, format_schema, infer_schema
from lit_classify.data.table.splits import RowIndices
from lit_classify.data.table.targets import Targets, infer_target
from lit_classify.data.table.value_formats import special_formats
from lit_classify.errors import DataError


class TableFitter:
    """Infer the target and the schema of a table, and fit the preprocessor to the training rows.

    Args:
        options: the options of the data module.
        table: the rows, or a sample of them.
        target_table: rows with all values of the target, if the table is a sample.
        totals: the totals of all rows by column, if the table is a sample.

    Attributes:
        target: the target.
        frame: the used columns as numbers, dates or text; once it is fitted, those with features.

    Raises:
        DataError: the target or a column cannot be used.
    """

    def __init__(
        self,
        options: TableOptions,
        table: RawTable,
        target_table: RawTable | None = None,
        totals: Mapping[str, ColumnTotals] | None = None,
    ) -> None:
        self._options, self._table, self._totals = options, table, totals
        roles = options.roles
        self.target = infer_target(target_table or table, roles.target, roles.categorical, roles.numeric)
        self.frame, self._columns = self._infer_schema()
        if options.missing == "error":
            check_missing(self.frame, table)

    def _infer_schema(self) -> tuple[pl.DataFrame, list[Column]]:
        """Return the used columns as numbers, dates or text, and the schema of all that may be features.

        Raises:
            DataError: columns that a kept preprocessor needs are missing, not to be used, or of another kind.
        """
        roles, kept_state = self._options.roles, self._options.kept_state
        table = replace(self._table, frame=self._table.frame.drop(roles.not_features))
        if kept_state is None:
            kinds = roles.categorical, roles.numeric
            return infer_schema(table, roles.features, roles.ignore, *kinds, self._totals)
        encoders = kept_state.preprocessor.encoders
        unselected = set(table.frame.columns) - set(roles.features) if roles.features else set()
        left_out = {*roles.ignore, *unselected}
        if names := [encoder.name for encoder in encoders if encoder.name in left_out]:
            raise DataError(
                f"the kept preprocessing needs the columns {', '.join(names)}, which --data.ignore or "
                "--data.features leaves out"
            )
        kept_state.check_units(table, [encoder.name for encoder in encoders])
        cell_warnings, handle_unknown = CellWarnings(), self._options.handle_unknown
        frame = kept_state.preprocessor.cast_columns(table, handle_unknown, cell_warnings)
        if handle_unknown == "error":
            cell_warnings.refuse_unseen()
        if self._totals is None:  # the caller warns about all rows, if these are a sample
            cell_warnings.report(handle_unknown)
        categorical, numeric = (
            [encoder.name for encoder in encoders if encoder.kind == kind] for kind in ("category", "number")
        )
        _, columns = infer_schema(
            table, frame.columns, roles.ignore, categorical, numeric, cell_warnings=CellWarnings()
        )
        uses = dict.fromkeys(frame.columns, "used")
        unused = "dropped: not in the kept preprocessing"
        return frame, [replace(column, use=uses.get(column.name, unused)) for column in columns]

    def fit(self, y: Targets, rows: RowIndices, files: Mapping[str, Mapping[str, str]], folds: int) -> Fitted:
        """Fit the preprocessor.

        Args:
            y: the targets, ``(N,)`` or ``(N, L)``.
            rows: indices of the training rows.
            files: the SHA-256 of the rows of each file of ``path``, ``val_path`` and ``test_path``.
            folds: number of cross-validation folds.

        Raises:
            DataError: no feature is left.
        """
        options, table, target = self._options, self._table, self.target
        leaking = find_leakage(self.frame, self._columns, y)
        if options.kept_state is None:
            preprocessor = Preprocessor(options.scaling).fit(self.frame, self._columns, rows, self._totals)
        else:
            preprocessor = options.kept_state.preprocessor
        columns = [replace(column, use=preprocessor.describe_use(column)) for column in self._columns]
        is_text = target.class_names is not None and table.frame[target.columns[0]].dtype == pl.String
        classes = as_text(table.frame[target.columns[0]]) if is_text else None
        categorical = [column for column in self._columns if column.kind == "category"]
        dropped = [column.name for column in categorical if not column.is_used]
        values = pl.DataFrame([*self.frame, *(table.frame[name] for name in dropped)])
        notes = notes_on_values(values, self._columns, classes, options.roles.categorical, table.formats)
        if not preprocessor.num_features:
            message = f"{table.files[0][0]}: no feature is left to predict the target"
            raise DataError("\n".join([message, format_schema(columns, leaking), *notes]))
        self.frame = self.frame.select(list(preprocessor.column_features))
        names, is_sample = tuple(table.frame.columns), self._totals is not None
        formats = special_formats(table.formats)
        state = FittedState(
            files, preprocessor, target, options.settings, names, folds, formats, streamed=is_sample
        )
        return Fitted(state, columns, notes, sorted(leaking), _warnings(columns, leaking))


def _warnings(columns: list[Column], leaking: set[str]) -> list[str]:
    """Return what to warn about: possible target leakage, and columns without variation."""
    messages = []
    if leaking:
        messages.append(
            f"possible target leakage: {', '.join(sorted(leaking))} determines the target; if it is "
            "not known at prediction time, exclude it with --data.ignore"
        )
    constant = ("dropped: all missing", "dropped: constant")
    if names := [column.name for column in columns if column.use in constant]:
        messages.append(f"dropped columns without variation: {', '.join(names)}")
    return messages
