"""Predictions as tables and files: one row for each row of the data, in the same order."""

from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch import Tensor

from lit_classify.atomic_write import atomic_write
from lit_classify.checkpoints import Checkpoint
from lit_classify.data.table.frames import is_frame, like
from lit_classify.errors import UserError
from lit_classify.messages import echo, unknown_name
from lit_classify.modules import LitModule
from lit_classify.networks import Activation, Network

_SUFFIXES = (".csv", ".parquet", ".pq")
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
    names = [name.removeprefix("p_") for name in table.columns if name.startswith("p_")] or table.columns
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
) -> Any:  # noqa: ANN401 - as given
    """Return a checkpoint's predictions for the rows of a table, which need no target.

    Args:
        checkpoint: the file, or what ``Checkpoint.read`` returns.
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
    checkpoint.check_options("data", ["path"])
    model = checkpoint.build_model(network, activation=activation)
    data = checkpoint.build_data({"path": path})
    model.predicts_spread = spread
    check_spread(model)
    with torch.inference_mode():
        outputs = torch.cat([model.predict_step(batch, 0) for batch in data.predict_dataloader()])
    table = prediction_table(model, *(outputs.unbind(dim=-1) if spread else [outputs]))
    return like(path, table) if is_frame(path) else table


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
    with atomic_write(path, overwrite) as unfinished, unfinished.open("wb") as file:
        if path.suffix == ".csv":
            escape_formulas(table).write_csv(file)
        else:
            try:
                table.write_parquet(file)
            except pl.exceptions.PolarsError as error:  # polars converts the error of the system
                raise OSError(str(error)) from error
    echo(f"{len(table):,} predictions: {path}")


def escape_formulas(table: pl.DataFrame) -> pl.DataFrame:
    """Prefix text that a spreadsheet would evaluate as a formula with an apostrophe; keep numbers.

    Examples:
        >>> escape_formulas(pl.DataFrame({"name": ["=1+1", "-2", "text"]}))["name"].to_list()
        ["'=1+1", '-2', 'text']
    """
    names = _escape(pl.Series(table.columns, dtype=pl.String))
    columns = [_escape(series) if series.dtype == pl.String else series for series in table]
    return pl.DataFrame([series.alias(name) for series, name in zip(columns, names, strict=True)])


def _escape(text: pl.Series) -> pl.Series:
    is_formula = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    return text.zip_with(~is_formula.fill_null(False), "'" + text)
