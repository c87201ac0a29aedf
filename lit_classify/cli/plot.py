"""``lit-classify plot``: plots of finished runs and of recipes, without TensorBoard."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from lit_classify import plots, recipes
from lit_classify.atomic_write import write_all
from lit_classify.callbacks.plot_callback import skip_on_error
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.custom_classes import CustomClasses
from lit_classify.checkpoints.search import find_checkpoint
from lit_classify.cli import recipe_runs
from lit_classify.cli.argument_parser import add_custom_classes, add_data_options, data_settings, parser
from lit_classify.cli.output_files import check_new
from lit_classify.cli.warning_filters import filter_warnings
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError, check_path
from lit_classify.loggers import event_files
from lit_classify.messages import echo
from lit_classify.model_plots.boundary import make_boundary_plot
from lit_classify.model_plots.functions import plot_learning_curves
from lit_classify.model_plots.hidden_units import has_hidden_unit_plot, plot_hidden_units
from lit_classify.model_plots.plotted_rows import describe_rows, evaluate
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating

_NO_PLOT = (
    "{}: plot draws recipes with classes over numeric features, or values over a single feature; use "
    "lit-classify fit --config {}, then lit-classify plot last"
)
Plotters = dict[str, Callable[[], Figure | None]]


def main(arguments: list[str]) -> int:
    """Plot all that is available for checkpoints, and the data and results of recipes."""
    options = parser(
        "plot",
        "Plot finished runs: decision boundary, hidden units, evaluation and learning curves. A recipe is "
        "trained first, and its data and decision boundary are plotted.",
    )
    options.add_argument(
        "source",
        nargs="+",
        help="directory of a run, a checkpoint (its path, or best or last for the newest), or a recipe's "
        "name or YAML file",
    )
    options.add_argument("--out", default="plots", help="directory for the plots (default: plots)")
    options.add_argument("--format", choices=["png", "svg"], default="png", help="format (default: png)")
    options.add_argument("--overwrite", action="store_true", help="overwrite existing files")
    options.add_argument("--dark", action="store_true", help="for dark pages (default: light)")
    add_data_options(options, "another table, of which all rows are used")
    add_custom_classes(options)
    args = options.parse_args(arguments[1:])
    folder = Path(args.out)
    check_path(folder)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"cannot write plots into {folder}: it is not a directory")
    sources = {source: is_recipe(source) for source in args.source}
    for recipe in (source for source, from_recipe in sources.items() if from_recipe):
        data = recipes.read(recipe).get("data") or {}
        if data.get("class_path") == "TableDataModule" and not (data.get("init_args") or {}).get("path"):
            raise UserError(_NO_PLOT.format(recipe, f"{recipe} --data.path FILE --data.target COLUMN"))
        if not args.overwrite:
            check_new([folder / f"{Path(recipe).stem}_data.{args.format}"])  # before it is trained
    filter_warnings()
    with rc_context(plots.DARK if args.dark else None):
        for source, from_recipe in sources.items():
            if from_recipe:
                figures = plot_recipe(source)
            else:
                figures = plot_checkpoint(find_checkpoint(source), args, prefixed=len(sources) > 1)
            write(folder, dict(figures), args.format, args.overwrite)
        if any(sources.values()):  # the same of every recipe
            write(folder, {"activations": plots.activation_functions()}, args.format, overwrite=True)
    return 0


def is_recipe(source: str) -> bool:
    """Return whether an argument is a recipe: a YAML file, or a name that is not a file.

    Examples:
        >>> [is_recipe(source) for source in ("moons", "own.yaml", "best", "runs/last.ckpt")]
        [True, True, False, False]
    """
    check_path(source)
    path = Path(source)
    if path.suffix in {".yaml", ".yml"}:
        return True
    return source not in {"best", "last"} and source == path.stem and not path.exists()


def plot_checkpoint(path: str, args: Namespace, prefixed: bool) -> Iterator[tuple[str, Figure]]:
    """Yield the names and figures of a checkpoint and the run that it belongs to.

    Args:
        path: path of the checkpoint.
        args: options with the import paths of custom classes.
        prefixed: begin the names with those of the run and the checkpoint.
    """
    checkpoint = Checkpoint.read(path)
    model, data = CustomClasses.of(args).build_run(checkpoint, data_settings(args))
    run = checkpoint.path.parent.parent.resolve()
    prefix = f"{run.parent.name}_{run.name}_{checkpoint.path.stem}_" if prefixed else ""
    plotters = model_plots(model, data, f"{run.parent.name}/{run.name}", checkpoint.epochs - 1)
    if event_files(run):
        plotters["learning_curves"] = partial(plot_learning_curves, run)
    for name, plot in plotters.items():
        with skip_on_error(name), evaluating(model):
            if figure := plot():
                yield prefix + name, figure


def model_plots(model: LitModule, data: InMemoryDataModule, run: str, epoch: int) -> Plotters:
    """Return functions that plot a model, by the plots' names; they show the test and training rows.

    Without test rows, a cross-validated model is evaluated on out-of-fold rows.
    """
    split = "val" if data.folds and not data.has_split("test") else "test"

    def plot_boundary() -> Figure | None:
        plot = make_boundary_plot(model, data, split, run)
        return None if plot is None else plot.figure(plot.snapshot(model, epoch))

    plotters: Plotters = {"boundary": plot_boundary}
    if has_hidden_unit_plot(model, data):
        title = f"{run}, epoch {epoch:,}: hidden units"
        plotters["hidden_units"] = partial(plot_hidden_units, model, data, title)
    with skip_on_error("evaluation"), evaluating(model):
        title = f"{run}, epoch {epoch:,}\n{describe_rows(data, split)}"
        plotters |= model.evaluation_plots(*evaluate(model, data, split), title, curves=True)
    return plotters


def plot_recipe(recipe: str) -> Iterator[tuple[str, Figure]]:
    """Train a recipe, and yield the names and figures of its data and of the model's predictions.

    Raises:
        UserError: the recipe's data cannot be drawn.
    """
    result = recipe_runs.run(recipe)
    with evaluating(result.model):
        plot = make_boundary_plot(result.model, result.data, "test", result.name)
        if plot is None:
            raise UserError(_NO_PLOT.format(result.name, recipe))
        yield f"{result.name}_data", plot.data_figure()
        yield (
            f"{result.name}_{plot.result_name}",
            plot.figure(plot.snapshot(result.model, result.epochs - 1)),
        )


def write(folder: Path, figures: dict[str, Figure], format_: str, overwrite: bool) -> None:
    """Write figures as files and print their paths.

    Raises:
        UserError: a file exists and ``overwrite`` is false, or it cannot be written.
    """
    paths = {folder / f"{name}.{format_}": figure for name, figure in figures.items()}
    if not overwrite:
        check_new(paths)
    contents = {path: plots.encode_figure(figure, format_) for path, figure in paths.items()}
    write_all(contents)
    for path in contents:
        echo(str(path))
