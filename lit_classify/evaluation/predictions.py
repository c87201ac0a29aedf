"""Predictions as tables and files: one row for each row of the data, in the same order."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import polars as pl
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from lit_classify.atomic_write import atomic_write
from lit_classify.checkpoints import Checkpoint
from lit_classify.checkpoints.compatibility import DATA_MODULES
from lit_classify.data import TableDataModule
from lit_classify.data.table.frames import as_same_kind, is_frame
from lit_classify.errors import UserError, check_path
from lit_classify.messages import echo, unknown_name
from lit_classify.modules import LitModule
from lit_classify.networks import Activation, Network

_SUFFIXES = (".csv", ".parquet", ".pq")
_WRITTEN_ROWS = 1 << 16  # that are written at a time
_FORMULA = "^[=+\\-@\t\r]"  # text that a spreadsheet evaluates
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?%?$"


def check_output_path(path: Path, overwrite: bool) -> None:
    """Check that predictions can be written to a path.

    Raises:
        UserError: the file exists and may not be replaced, or has no directory or an unknown format.

    Examples:
        >>> check_output_path(Path("predictions.csv"), overwrite=True)
        >>> check_output_path(Path("predictions.xlsx"), overwrite=False)
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: unknown file format '.xlsx': choose from .csv, .parquet, .pq
    """
    check_path(path)
    if path.exists() and (not path.is_file() or path.is_symlink()):
        raise UserError(f"{path} is not a regular file; choose another --out")
    if path.exists() and not overwrite:
        raise UserError(f"{path} already exists; add --overwrite, or choose another --out")
    if not path.parent.is_dir():
        raise UserError(f"no directory {path.parent} to write {path.name} into")
    if path.suffix not in _SUFFIXES:
        raise UserError(unknown_name("file format", path.suffix or path.name, _SUFFIXES))


def prediction_table(model: LitModule, probabilities: Tensor, spread: Tensor | None = None) -> pl.DataFrame:
    """Return the column ``prediction`` and, for classes and labels, a column ``p_<name>`` for each.

    Args:
        model: the model.
        probabilities: probabilities or values of all rows, as ``predict`` returns them.
        spread: their standard deviation over members, for columns ``spread_<name>``.

    Examples:
        >>> import torch
        >>> from lit_classify import BinaryClassifier
        >>> p = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
        >>> prediction_table(BinaryClassifier(2, class_names=["no", "yes"]), p).rows()
        [('no', 0.75, 0.25), ('no', 0.5, 0.5)]
    """
    table = pl.DataFrame(model.prediction_columns(probabilities))
    if spread is None:
        return table
    names = list(model.probability_columns) or table.columns
    columns = spread.reshape(len(spread), -1).numpy().T
    return table.with_columns(
        [pl.Series(f"spread_{name}", column) for name, column in zip(names, columns, strict=True)]
    )


def predict(
    checkpoint: str | Path | Checkpoint,
    path: Any,  # noqa: ANN401 - a path, or a DataFrame of any package
    spread: bool = False,
    network: Network | None = None,
    activation: Activation | None = None,
) -> Any:  # noqa: ANN401 - of the same kind
    """Return a checkpoint's predictions for the rows of a table, which need no target.

    Args:
        checkpoint: the file, or a ``Checkpoint``.
        path: the table: a DataFrame of pandas or polars, an Arrow table, or files as for ``TableDataModule``.
        spread: whether to add the standard deviation of each probability over the members of the model.
        network: the custom network of the checkpoint; see ``load``.
        activation: the custom activation, or an instance with settings.

    Returns:
        The columns of ``prediction_table`` as a DataFrame of the same kind as ``path``, with the same index;
        for files, of polars.

    Raises:
        UserError: the checkpoint or the table is not valid, or a single network has no spread.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from lightning.pytorch import Trainer
        >>> from lit_classify import BinaryClassifier, TableDataModule
        >>> frame = pl.DataFrame({"size": range(50), "target": ["small", "large"] * 25})
        >>> data = TableDataModule(frame, "target")
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> trainer = Trainer(max_epochs=2, accelerator="cpu", enable_checkpointing=False, **quiet)
        >>> trainer.fit(BinaryClassifier(data.in_features, class_names=data.class_names), data)
        >>> with TemporaryDirectory() as directory:
        ...     trainer.save_checkpoint(Path(directory, "model.ckpt"))
        ...     predictions = predict(Path(directory, "model.ckpt"), pl.DataFrame({"size": [1, 2, 3]}))
        ...
        >>> predictions.shape, predictions.columns
        ((3, 3), ['prediction', 'p_large', 'p_small'])
    """
    checkpoint = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint.read(checkpoint)
    data_class = DATA_MODULES.get(checkpoint.data.class_path) if checkpoint.data else None
    if data_class and not issubclass(data_class, TableDataModule):
        raise UserError(
            f"predict reads a table, but {checkpoint.path} was trained on {data_class.__name__}; use "
            "load(checkpoint).predict(x) with the features x"
        )
    model = checkpoint.build_model(network, activation=activation)
    data = checkpoint.build_data({"path": path})
    model.predicts_spread = spread
    check_spread(model)
    with torch.inference_mode():
        outputs = torch.cat([model.predict_step(batch, 0) for batch in data.predict_dataloader()])
    table = prediction_table(model, *(outputs.unbind(dim=-1) if spread else [outputs]))
    return as_same_kind(path, table) if is_frame(path) else table


def check_spread(model: LitModule) -> None:
    """Raise UserError if a single network should return a spread over members."""
    if model.predicts_spread and model.members == 1:
        raise UserError("--spread needs several members, but the model is a single network")


def write_predictions(path: Path, table: pl.DataFrame, overwrite: bool = False) -> None:
    r"""Write a table as CSV or Parquet atomically.

    Raises:
        UserError: the file cannot be written, or already exists.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "p.csv")
        ...     write_predictions(path, pl.DataFrame({"prediction": ["yes", "no"]}))  # doctest: +ELLIPSIS
        ...     path.read_text()
        ...
        2 predictions: ...p.csv
        'prediction\nyes\nno\n'
    """
    with prediction_file(path, overwrite) as write:
        write(table)


@contextmanager
def prediction_file(path: Path, overwrite: bool = False) -> Iterator[Callable[[pl.DataFrame], None]]:
    r"""Yield a function that appends rows to a CSV or Parquet file, which is written atomically.

    Raises:
        UserError: the file cannot be written, or already exists.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "p.csv")
        ...     with prediction_file(path) as write:  # doctest: +ELLIPSIS
        ...         write(pl.DataFrame({"prediction": ["yes"]}))
        ...         write(pl.DataFrame({"prediction": ["no"]}))
        ...     path.read_text()
        ...
        2 predictions: ...p.csv
        'prediction\nyes\nno\n'
    """
    num_rows = 0
    with atomic_write(path, overwrite) as unfinished, ExitStack() as stack:
        if path.suffix == ".csv":
            append = csv_writer(stack.enter_context(unfinished.open("wb")))
        else:
            append = stack.enter_context(_parquet_writer(unfinished))

        def write(table: pl.DataFrame) -> None:
            nonlocal num_rows
            append(table)
            num_rows += len(table)

        yield write
    echo(f"{num_rows:,} predictions: {path}")


def csv_writer(file: BinaryIO) -> Callable[[pl.DataFrame], None]:
    """Return a function that appends rows to a CSV file, after a header; formulas are escaped."""
    has_header = False

    def append(table: pl.DataFrame) -> None:
        nonlocal has_header
        file.write(escape_formulas(table).write_csv(include_header=not has_header).encode())
        has_header = True

    return append


@contextmanager
def _parquet_writer(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Yield a function that appends rows to a Parquet file; until the end they are in temporary files."""
    paths = list[Path]()
    with TemporaryDirectory(prefix=f"{path.stem}-", suffix=".tmp", dir=path.parent) as folder:

        def append(table: pl.DataFrame) -> None:
            paths.append(Path(folder, str(len(paths))))
            table.write_parquet(paths[-1])

        try:
            yield append
            if len(paths) == 1:
                paths[0].rename(path)
            else:
                pl.scan_parquet(paths, glob=False).sink_parquet(path)
        except pl.exceptions.PolarsError as error:  # polars converts the error of the system
            raise OSError(str(error)) from error


class BatchWriter(Callback):
    """Write the outputs of a few batches at a time, so that they are never all in memory.

    Args:
        write: writes the outputs of consecutive rows.
    """

    def __init__(self, write: Callable[[Tensor], None]) -> None:
        self.num_rows = 0
        self._write = write
        self._outputs: list[Tensor] = []

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's
        batch: Any,  # noqa: ANN401 - Lightning's
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the outputs of the last batches once there are many rows."""
        self._outputs.append(outputs.cpu())
        if sum(map(len, self._outputs)) >= _WRITTEN_ROWS:
            self._flush()

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the rest."""
        if self._outputs:
            self._flush()

    def _flush(self) -> None:
        outputs, self._outputs = torch.cat(self._outputs), []
        self.num_rows += len(outputs)
        self._write(outputs)


def escape_formulas(table: pl.DataFrame) -> pl.DataFrame:
    """Prefix text that a spreadsheet would evaluate as a formula with an apostrophe; keep numbers.

    Examples:
        >>> escape_formulas(pl.DataFrame({"name": ["=1+1", "-2", "text"]}))["name"].to_list()
        ["'=1+1", '-2', 'text']
    """
    names = _escape(pl.Series(table.columns, dtype=pl.String))
    columns = [_escape(series) if series.dtype == pl.String else series for series in table]
    return pl.DataFrame([series.alias(name) for series, name in zip(columns, names, strict=True)])


def _escape(series: pl.Series) -> pl.Series:
    is_formula = series.str.contains(_FORMULA) & ~series.str.contains(_NUMBER)
    return series.zip_with(~is_formula.fill_null(False), "'" + series)
