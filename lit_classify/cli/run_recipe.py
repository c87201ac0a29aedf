"""Running a recipe from start to end in this process, with nothing written and nothing printed."""

import io
import math
import time
from contextlib import redirect_stdout
from dataclasses import dataclass

from lightning.pytorch import Callback

from lit_classify.callbacks import EpochLog
from lit_classify.cli.lightning_cli import RunCLI
from lit_classify.cli.warning_filters import quiet
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule

_NOTHING_WRITTEN = ["logger=false", "enable_checkpointing=false", "enable_progress_bar=false"]


@dataclass
class RecipeRun:
    """What a recipe gave: the trained model, its data, printed rows, test metrics and epochs.

    A figure that is undefined on the test rows is NaN.
    """

    name: str
    model: LitModule
    data: InMemoryDataModule
    rows: list[str]
    figures: dict[str, float]
    epochs: int
    seconds: float


def run(recipe: str) -> RecipeRun:
    """Train and test a recipe.

    Raises:
        UserError: the recipe cannot be used.
    """
    quiet()
    begun = time.monotonic()
    with redirect_stdout(io.StringIO()):
        cli = RunCLI(["fit", "--config", recipe, *(f"--trainer.{setting}" for setting in _NOTHING_WRITTEN)])
        (figures,) = cli.trainer.test(cli.model, cli.datamodule, verbose=False)
    found = cli.model.evaluation
    undefined = {f"test/{name}": math.nan for name in (found.metrics.notes if found else ())}
    callbacks: list[Callback] = cli.trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
    rows = [callback for callback in callbacks if isinstance(callback, EpochLog)]
    return RecipeRun(
        name=cli.run_name(),
        model=cli.model,
        data=cli.datamodule,
        rows=rows[0].printed,
        figures=undefined | {tag: float(value) for tag, value in figures.items()},
        epochs=cli.trainer.current_epoch,
        seconds=time.monotonic() - begun,
    )
