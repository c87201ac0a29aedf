"""``lit-classify figures``: train recipes and draw what the course page shows."""

from pathlib import Path

from lit_classify import files
from lit_classify.cli.argument_parser import known_recipes, parser
from lit_classify.errors import UserError, echo


def main(arguments: list[str]) -> int:
    """Draw the data and what the model made of it, for each recipe, and the activation functions."""
    options = parser("figures", "Train recipes and draw their data and decision boundaries.")
    options.add_argument("recipe", nargs="*", help="a recipe's name or file; all packaged ones by default")
    options.add_argument("--out", default="figures", help="folder for the pictures (default: figures)")
    given = options.parse_args(arguments[1:])
    names = known_recipes(given.recipe)
    folder = Path(given.out)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"cannot write pictures into {folder}: it is no folder")

    from lit_classify import plots

    for name in names:
        draw(name, folder)
    _save(folder / "activations.png", plots.activations())
    return 0


def draw(recipe: str, folder: Path) -> None:
    """Train a recipe and save two pictures of it: ``NAME_data.png`` and what the model made of the data.

    Raises:
        UserError: its data has more than two features.
    """
    from lit_classify import plots
    from lit_classify.callbacks.boundary import make_plot
    from lit_classify.cli import run_recipe as experiments
    from lit_classify.networks import evaluating

    came = experiments.run(recipe)
    classes, is_plane = came.model.class_names, came.data.in_features == 2
    if is_plane != (classes is not None) or came.data.in_features > 2 or came.model.label_names:
        raise UserError(
            f"{came.name} has {came.data.in_features} features; "
            "figures draws classes in the plane, and values over a line"
        )
    with evaluating(came.model):
        plot = make_plot(came.model, came.data, "test", came.name)
        drawn = plot.figure(plot.look(came.model, came.epochs - 1))
    splits = plot.splits
    plain = plots.line(splits, came.name) if classes is None else plots.data(splits, classes, came.name)
    _save(folder / f"{came.name}_data.png", plain)
    _save(folder / f"{came.name}_{'predictions' if classes is None else 'boundary'}.png", drawn)


def _save(path: Path, figure: object) -> None:
    from matplotlib.figure import Figure

    from lit_classify.plots.images import packed

    assert isinstance(figure, Figure)
    files.write_all({path: packed(figure, "png")})
    echo(str(path))
