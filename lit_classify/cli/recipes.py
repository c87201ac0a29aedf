"""``lit-classify recipes``: list the packaged recipes."""

from textwrap import fill

from lit_classify import recipes
from lit_classify.cli.argument_parser import parser
from lit_classify.messages import echo, terminal_width


def main(arguments: list[str]) -> int:
    """Print the name and the ``purpose`` of each recipe."""
    options = parser("recipes", "List the packaged recipes and what each teaches.")
    options.add_argument("--bad", action="store_true", help="list those that fail, for lit-classify diagnose")
    names = recipes.bad_names() if options.parse_args(arguments[1:]).bad else recipes.names()
    width = max(map(len, names))
    for name in names:
        start, indent = f"{name:<{width}}  ", " " * (width + 2)
        purpose = recipes.read(name)["recipe"]["purpose"]
        echo(fill(purpose, terminal_width(), initial_indent=start, subsequent_indent=indent))
    echo(f"\nRun one:  lit-classify fit --config {'circles_v2' if 'circles_v2' in names else names[0]}")
    return 0
