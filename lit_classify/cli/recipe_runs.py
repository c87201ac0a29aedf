"""Train and test a recipe in this process, without printing or writing files."""

import io
import math
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from lit_classify import recipes
from lit_classify.cli.fit import FitCLI
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule

NO_FILES = ["logger=false", "enable_checkpointing=false", "enable_progress_bar=false"]


@dataclass
class RecipeRun:
    """The result of a recipe.

    Args:
        name: name of the recipe.
        model: the trained model.
        data: its data module.
        lines: lines of the epoch log.
        metrics: test metrics; NaN where a metric is undefined on the test rows.
        epochs: number of epochs trained.
        seconds: duration of training and test.
    """

    name: str
    model: LitModule
    data: InMemoryDataModule
    lines: list[str]
    metrics: dict[str, float]
    epochs: int
    seconds: float


def run(recipe: str) -> RecipeRun:
    """Train and test a recipe.

    Raises:
        UserError: the recipe is invalid.
    """
    start = time.monotonic()
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        quiet = [f"--trainer.{setting}" for setting in (*NO_FILES, f"default_root_dir={folder}")]
        source = recipes.read(recipe).get("init_from")
        if source in recipes.names():  # from whose checkpoint the recipe starts
            FitCLI(["fit", "--config", source, *quiet, "--trainer.enable_checkpointing=true"])
        cli = FitCLI(["fit", "--config", recipe, *quiet])
        (logged,) = cli.trainer.test(cli.model, cli.datamodule, verbose=False)
    evaluation = cli.model.evaluation
    undefined = {f"test/{name}": math.nan for name in (evaluation.metrics.notes if evaluation else ())}
    return RecipeRun(
        name=cli.run_name(),
        model=cli.model,
        data=cli.datamodule,
        lines=cli.epoch_log.lines,
        metrics=undefined | {tag: float(value) for tag, value in logged.items()},
        epochs=cli.trainer.current_epoch,
        seconds=time.monotonic() - start,
    )
