"""``lit-classify figures``: train recipes and draw what the course page shows."""

from functools import partial
from pathlib import Path

from lit_classify import files
from lit_classify.commands.arguments import known_recipes, parser
from lit_classify.errors import UserError, say


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

    from lit_classify import figures

    for name in names:
        draw(name, folder)
    _save(folder / "activations.png", figures.activations())
    return 0


def draw(recipe: str, folder: Path) -> None:
    """Train a recipe and save two pictures of it: ``NAME_data.png`` and what the model made of the data.

    Raises:
        UserError: its data has more than two features.
    """
    from lit_classify import figures
    from lit_classify.commands import experiments
    from lit_classify.networks import evaluating

    came = experiments.run(recipe)
    splits = {
        name.capitalize(): (came.data.split(name).x, came.data.split(name).y) for name in ("train", "test")
    }
    classes = came.model.class_names
    with evaluating(came.model):
        if classes is None and came.data.in_features == 1:
            predicted = {name: came.model.predict(x) for name, (x, _) in splits.items()}
            _save(folder / f"{came.name}_data.png", figures.line(splits, came.name))
            _save(folder / f"{came.name}_predictions.png", figures.line(splits, came.name, predicted))
        elif classes is not None and came.data.in_features == 2:
            picture = partial(figures.boundary, came.model.predict)
            _save(folder / f"{came.name}_data.png", figures.data(splits, classes, came.name))
            _save(folder / f"{came.name}_boundary.png", picture(splits, classes, came.name))
        else:
            raise UserError(
                f"{came.name} has {came.data.in_features} features; "
                "figures draws classes in the plane, and values over a line"
            )


def _save(path: Path, figure: object) -> None:
    from matplotlib.figure import Figure

    from lit_classify.figures.images import packed

    assert isinstance(figure, Figure)
    files.write_together({path: packed(figure, "png")})
    say(str(path))
