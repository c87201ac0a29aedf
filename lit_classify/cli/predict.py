"""``lit-classify predict``: write a checkpoint's predictions to a file."""

from pathlib import Path
from typing import Any, cast

import polars as pl
import torch
from lightning.pytorch.cli import LightningArgumentParser
from torch import Tensor

from lit_classify.cli.checkpoint_cli import CheckpointCLI
from lit_classify.data import TableDataModule
from lit_classify.data.loaders import TensorLoader
from lit_classify.errors import UserError
from lit_classify.evaluation.predictions import (
    check_output_path,
    check_spread,
    prediction_table,
    write_predictions,
)


class PredictCLI(CheckpointCLI):
    """The command line of predict."""

    command = "predict"

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options of the output file."""
        super().add_arguments_to_parser(parser)
        parser.add_argument("--out", default="predictions.csv", help="Output file, .csv or .parquet.")
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

    def predict(self, **kwargs: Any) -> None:
        """Write the predicted label and the probabilities of each test row."""
        out, keep = Path(self.parsed("out")), self.parsed("keep")
        check_output_path(out, self.parsed("overwrite"))
        kept = self._kept([keep] if isinstance(keep, str) else keep)
        self.model.predicts_spread = self.parsed("spread")
        check_spread(self.model)
        batches = self.trainer.predict(**{**kwargs, "weights_only": True, "return_predictions": True})
        if not batches:
            raise UserError("no rows were predicted: the limit is 0 batches")
        outputs = TensorLoader.put_together(self._of_all_ranks(cast(list[Tensor], batches)))
        if not self.trainer.is_global_zero:
            return
        spread = None
        if self.model.predicts_spread:
            outputs, spread = outputs.unbind(dim=-1)
        predicted = prediction_table(self.model, outputs, spread)
        if both := set(predicted.columns) & set(kept.columns):
            raise UserError(f"--keep {both.pop()}: the predictions have a column of that name")
        table = pl.concat([kept, predicted], how="horizontal") if kept.width else predicted
        write_predictions(out, table, self.parsed("overwrite"))

    def _of_all_ranks(self, batches: list[Tensor]) -> list[list[Tensor]]:
        """Gather the batches of all ranks."""
        shares: list[Any] = [[batch.cpu() for batch in batches]] * self.trainer.world_size
        if self.trainer.world_size > 1:
            torch.distributed.all_gather_object(shares, shares[0])
        return shares

    def _kept(self, names: list[str]) -> pl.DataFrame:
        """Return the columns of the table to copy to the output file."""
        if not names:
            return pl.DataFrame()
        if not isinstance(self.datamodule, TableDataModule):
            raise UserError("--keep copies columns of a table, but the data is not a table")
        return self.datamodule.raw_columns(names)


main = PredictCLI.main
