"""``lit-classify recipes``: list the packaged recipes."""

from lit_classify import recipes
from lit_classify.cli.argument_parser import parser
from lit_classify.messages import echo


def main(arguments: list[str]) -> int:
    """Print the name and the ``why:`` of each recipe."""
    parser("recipes", "List the packaged recipes and what each teaches.").parse_args(arguments[1:])
    width = max(map(len, recipes.names()))
    for name in recipes.names():
        echo(f"{name:<{width}}  {recipes.read(name)['recipe']['why']}")
    echo("\nRun one:  lit-classify fit --config circles_v2")
    return 0
