"""The options of a table that determine which rows are used, and what is fitted to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

from lit_classify.data.table.cell_warnings import CellWarnings, HandleUnknown
from lit_classify.data.table.column_roles import ColumnRoles
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.encoders import Scaling
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.data.table.preprocessing import Missing, check_missing
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.splits import Splitter
from lit_classify.data.table.text_conversion import ValueOptions
from lit_classify.errors import check_choice

MissingTarget = Literal["error", "drop"]
Duplicates = Literal["keep", "drop"]


@dataclass(frozen=True)
class TableOptions:
    """Options of TableDataModule; see there.

    Args:
        settings: the options that must not change after training, as plain data.
        kept_state: the state whose preprocessing is kept instead of fitted to the rows.

    Raises:
        UserError: an option is none of its choices.
    """

    roles: ColumnRoles
    splitter: Splitter
    missing: Missing
    scaling: Scaling
    handle_unknown: HandleUnknown
    missing_target: MissingTarget
    duplicates: Duplicates
    settings: Mapping[str, Any]
    kept_state: FittedState | None = None

    def __post_init__(self) -> None:
        check_choice("missing", self.missing, get_args(Missing))
        check_choice("handle_unknown", self.handle_unknown, get_args(HandleUnknown))
        check_choice("scaling", self.scaling, get_args(Scaling))
        check_choice("missing_target", self.missing_target, get_args(MissingTarget))
        check_choice("duplicates", self.duplicates, get_args(Duplicates))
        if self.settings["decimal"] is not None:
            check_choice("decimal", self.settings["decimal"], (".", ","))

    @property
    def sample_weight(self) -> str | None:
        """The column of weights."""
        return next(iter(self.roles.sample_weight), None)

    def csv_options(
        self, delimiter: str | None, header: bool | None, encoding: str, state: FittedState | None
    ) -> CsvOptions:
        """Return how to read files, so that columns have the kinds and formats of an earlier fit."""
        roles, settings = self.roles, self.settings
        text_columns, formats = [*roles.categorical, *roles.split, *roles.groups], {}
        used, expected = roles.features, roles.all
        if state is not None:
            used = expected = [encoder.name for encoder in state.preprocessor.encoders]
            text_columns += state.text_columns
            formats = state.known_formats
        elif self.kept_state is not None:
            encoders = self.kept_state.preprocessor.encoders
            used = [encoder.name for encoder in encoders]
            expected = [*used, *roles.all]
            text_columns += [encoder.name for encoder in encoders if encoder.kind == "category"]
            known_formats = self.kept_state.known_formats
            formats = {name: known_formats[name] for name in known_formats if name in used}
        values = ValueOptions(
            text_columns,
            settings["missing_values"],
            settings["decimal"],
            settings["day_first"],
            settings["ignore_case"],
            formats,
            features=used and [*used, *roles.target, *roles.sample_weight],
            ignore=[*roles.ignore, *roles.split, *roles.groups],
        )
        return CsvOptions(delimiter, header, encoding, expected, values)

    def cast(
        self, state: FittedState, table: RawTable, cell_warnings: CellWarnings | None = None
    ) -> pl.DataFrame:
        """Return the columns of rows as numbers, dates or text; see ``Preprocessor.cast_columns``.

        Args:
            state: the fitted state.
            table: the rows.
            cell_warnings: collects the warnings; if None, they are issued.
        """
        state.check_units(table, [encoder.name for encoder in state.preprocessor.encoders])
        frame = state.preprocessor.cast_columns(table, self.handle_unknown, cell_warnings)
        if cell_warnings is None:
            state.warn_extra_columns(table)
        if self.missing == "error":
            check_missing(frame, table)
        return frame
