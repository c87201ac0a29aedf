"""``lit-classify predict``: write a checkpoint's predictions to a file."""

import shutil
import sys
from contextlib import ExitStack, nullcontext, redirect_stdout
from pathlib import Path
from tempfile import gettempdir
from typing import Any, ClassVar, cast

import polars as pl
import torch
from lightning.pytorch.cli import LightningArgumentParser
from torch import Tensor

from lit_classify.atomic_write import temporary_path
from lit_classify.cli.checkpoint_cli import COMMON_OPTIONS, CheckpointCLI
from lit_classify.data import TableDataModule
from lit_classify.data.loaders import TensorLoader
from lit_classify.data.table.column_roles import as_list
from lit_classify.data.table.files import STANDARD_INPUT
from lit_classify.data.table.streaming.row_buffer import RowBuffer
from lit_classify.errors import UserError
from lit_classify.evaluation.predictions import (
    BatchWriter,
    check_output_path,
    check_spread,
    csv_writer,
    escape_formulas,
    prediction_file,
    prediction_table,
    write_predictions,
)

STANDARD_OUTPUT = "-"


class PredictCLI(CheckpointCLI):
    """The command line of predict."""

    command = "predict"
    common_options: ClassVar = {
        **COMMON_OPTIONS,
        "--out predictions.csv": "output file, .csv or .parquet",
        "--keep COLUMN": "a column of the table, or a list of them, to copy to the output file",
        "--data.path - --out -": "read the table from standard input, write CSV to standard output",
    }

    def __init__(self, args: list[str]) -> None:
        with temporary_path(Path(gettempdir()), "standard-input-") as self._input:
            super().__init__(args)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options of the output file."""
        super().add_arguments_to_parser(parser)
        parser.add_argument(
            "--out",
            type=str,
            default="predictions.csv",
            help="Output file, .csv or .parquet; - writes CSV to standard output.",
        )
        parser.add_argument(
            "--keep",
            type=list[str] | str,
            default=[],
            help="Columns of the table to copy to the output file.",
        )
        parser.add_argument(
            "--spread",
            action="store_true",
            help="Add columns with the standard deviation of each probability over the members of the model.",
        )
        parser.add_argument("--overwrite", action="store_true", help="Replace an existing output file.")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - Lightning's
        """Parse the options; copy standard input, if it is the table, to a file, to read it repeatedly."""
        super().parse_arguments(parser, args)
        paths = as_list(self._typed.get("data.init_args.path"))
        if STANDARD_INPUT in paths:
            self._input.touch(mode=0o600)
            with open(0, "rb", closefd=False) as source, self._input.open("wb") as file:
                shutil.copyfileobj(source, file)
            paths[paths.index(STANDARD_INPUT)] = str(self._input)
            self._typed.data.init_args.path = paths

    def predict(self, **kwargs: Any) -> None:
        """Write the predicted label and the probabilities of each row."""
        out = self.parsed("out")
        if out != STANDARD_OUTPUT:
            check_output_path(Path(out), self.parsed("overwrite"))
        if self._input.exists() and self.trainer.world_size > 1:
            raise UserError("--data.path - needs a single process; save the rows to a file")
        if isinstance(self.datamodule, TableDataModule) and self.datamodule.is_streamed:
            self._predict_in_blocks(self.datamodule, out, **kwargs)
            return
        with redirect_stdout(sys.stderr) if out == STANDARD_OUTPUT else nullcontext():
            table = self._predictions(**kwargs)
        if self.trainer.is_global_zero:
            if out == STANDARD_OUTPUT:
                sys.stdout.buffer.write(escape_formulas(table).write_csv().encode())
            else:
                write_predictions(Path(out), table, self.parsed("overwrite"))

    def _predictions(self, **kwargs: Any) -> pl.DataFrame:
        """Return the predicted label and the probabilities of each row; on ranks other than 0, no rows."""
        copied = self._copied_columns(as_list(self.parsed("keep")))
        self.model.predicts_spread = self.parsed("spread")
        check_spread(self.model)
        batches = self.trainer.predict(**{**kwargs, "weights_only": True, "return_predictions": True})
        if not batches:
            raise UserError("no rows were predicted: the limit is 0 batches")
        outputs = TensorLoader.merge_ranks(self._of_all_ranks(cast(list[Tensor], batches)))
        return self._table(outputs, copied) if self.trainer.is_global_zero else pl.DataFrame()

    def _predict_in_blocks(self, data: TableDataModule, out: str, **kwargs: Any) -> None:
        """Write the predictions of each batch before the next one is read."""
        if self.trainer.world_size > 1:
            raise UserError("a table that is read in blocks needs a single process; add --trainer.devices 1")
        self.model.predicts_spread = self.parsed("spread")
        check_spread(self.model)
        names = as_list(self.parsed("keep"))
        copied = RowBuffer(data.raw_blocks(names)) if names else None
        with ExitStack() as stack:
            if out == STANDARD_OUTPUT:
                write = csv_writer(sys.stdout.buffer)
                stack.enter_context(redirect_stdout(sys.stderr))
            else:
                write = stack.enter_context(prediction_file(Path(out), self.parsed("overwrite")))

            def write_outputs(outputs: Tensor) -> None:
                write(self._table(outputs, copied.take(len(outputs)) if copied else pl.DataFrame()))

            writer = BatchWriter(write_outputs)
            self.trainer.callbacks.append(writer)
            self.trainer.predict(**{**kwargs, "weights_only": True, "return_predictions": False})
            if not writer.num_rows:
                raise UserError("no rows were predicted: the limit is 0 batches")

    def _table(self, outputs: Tensor, copied: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions of rows, beside the columns that are copied."""
        spread = None
        if self.model.predicts_spread:
            outputs, spread = outputs.unbind(dim=-1)
        predicted = prediction_table(self.model, outputs, spread)
        if duplicates := set(predicted.columns) & set(copied.columns):
            raise UserError(f"--keep {duplicates.pop()}: the predictions have a column of that name")
        return pl.concat([copied, predicted], how="horizontal") if copied.width else predicted

    def _of_all_ranks(self, batches: list[Tensor]) -> list[list[Tensor]]:
        """Gather the batches of all ranks."""
        shares: list[Any] = [[batch.cpu() for batch in batches]] * self.trainer.world_size
        if self.trainer.world_size > 1:
            torch.distributed.all_gather_object(shares, shares[0])
        return shares

    def _copied_columns(self, names: list[str]) -> pl.DataFrame:
        """Return the columns of the table to copy to the output file."""
        if not names:
            return pl.DataFrame()
        if not isinstance(self.datamodule, TableDataModule):
            raise UserError("--keep copies columns of a table, but the data is not a table")
        return self.datamodule.raw_columns(names)


main = PredictCLI.main
