"""``lit-classify verify``: run recipes and compare them with the expected results."""

import math
import operator
import re
from pathlib import Path
from typing import Any

from lit_classify import recipes
from lit_classify.cli.argument_parser import parser
from lit_classify.errors import UserError
from lit_classify.messages import echo, plural, unknown_name

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(%?)")
_EXPECTATIONS = {"lines", "within", "accuracy_within", "at_least", "below"}


def main(arguments: list[str]) -> int:
    """Run the recipes, print a table of the comparisons and return 1 if any fails."""
    options = parser("verify", "Run recipes and compare them with the expected results.")
    options.add_argument("recipe", nargs="*", help="name or file of a recipe (default: all packaged ones)")
    typed = options.parse_args(arguments[1:]).recipe
    names = list(dict.fromkeys(typed)) or [
        name for name in recipes.names() if recipes.read(name)["recipe"]["expect"]
    ]
    expectations = {name: expectation(name) for name in names}

    from lit_classify.cli import recipe_runs

    expected_results = [line[0] for expect in expectations.values() for line in _check(expect, [], {})]
    widths = [
        max(map(len, ("recipe", *(Path(name).stem for name in names)))),
        max(map(len, ("expected", *expected_results))),
    ]

    def row(name: str, expected: str, result: str, seconds: str, actual: str) -> None:
        echo(f"{name:<{widths[0]}}  {expected:<{widths[1]}}  {result:<4}  {seconds:>7}  {actual}".rstrip())

    row("recipe", "expected", "", "seconds", "actual")
    failed = 0
    for name, expect in expectations.items():
        result = recipe_runs.run(name)
        for tag in (tag for key in ("at_least", "below") for tag in expect.get(key, {})):
            if tag not in result.metrics:
                raise UserError(f"recipe {name}: {unknown_name('metric', tag, result.metrics)}")
        lines = _check(expect, result.lines, result.metrics)
        failed += not all(passed for _, _, passed in lines)
        for index, (expected, actual, passed) in enumerate(lines):
            name, seconds = (result.name, f"{result.seconds:.1f}") if index == 0 else ("", "")
            row(name, expected, "pass" if passed else "FAIL", seconds, actual)
    echo(f"\n{len(names) - failed} of {len(names)} recipes match their expected results.")
    return 1 if failed else 0


def expectation(name: str) -> dict[str, Any]:
    """Return the ``expect:`` of a recipe.

    Raises:
        UserError: the recipe has none, or it has an unknown key.
    """
    recipe = recipes.read(name).get("recipe")
    expect: dict[str, Any] = recipe.get("expect") or {} if isinstance(recipe, dict) else {}
    types = {"lines": list, "at_least": dict, "below": dict}
    if not isinstance(expect, dict) or any(
        not isinstance(expect.get(key, type_()), type_) for key, type_ in types.items()
    ):
        raise UserError(f"recipe {name}: expect takes lines (a list), at_least and below (tag: number)")
    for key in expect:
        if key not in _EXPECTATIONS:
            raise UserError(f"recipe {name}: {unknown_name('expectation', key, _EXPECTATIONS)}")
    if not expect:
        raise UserError(f"recipe {name} has no expected results: add recipe.expect")
    return expect


Line = tuple[str, str, bool]


def _check(expect: dict[str, Any], lines: list[str], metrics: dict[str, float]) -> list[Line]:
    return [*check_lines(expect, lines), *check_metrics(expect, metrics)]


def check_lines(expect: dict[str, Any], actual: list[str]) -> list[Line]:
    """Compare the lines of the epoch log with the expected ones.

    Args:
        expect: ``lines``, the expected ones; ``within``, the tolerance of losses; ``accuracy_within``, that
            of accuracies in percentage points. Both tolerances are 0 by default.
        actual: the printed lines, which may be more.

    Returns:
        The expected result, the actual one, and whether they match.

    Examples:
        >>> check_lines({"lines": ["Epoch: 0 | Train loss: 0.10"]}, ["Epoch: 0 | Train loss: 0.12"])
        [('1 line to the last digit', 'max difference 0.02000', False)]
    """
    wanted: list[str] = expect.get("lines", [])
    if not wanted:
        return []
    within, points = expect.get("within", 0.0), expect.get("accuracy_within", 0.0)
    differences = {"": 0.0, "%": 0.0}  # of losses, and of accuracies in percentage points
    by_epoch = {_epoch(line): line for line in actual}
    printed = [by_epoch.get(_epoch(line), "") for line in wanted]
    same_text = True
    for want, got in zip(wanted, printed, strict=True):
        same_text &= _NUMBER.sub("#", want) == _NUMBER.sub("#", got)
        for (a, percent), (b, _) in zip(_NUMBER.findall(want), _NUMBER.findall(got), strict=False):
            difference = abs(float(a) - float(b))
            difference = difference if math.isfinite(difference) else math.inf
            differences[percent] = max(differences[percent], difference)
    tolerance = "to the last digit" if not within and not points else f"within {within:g}"
    if points:
        tolerance += f", {points:g} points"
    got = f"max difference {differences['']:.5f}" if same_text else "a line is missing or has other text"
    if same_text and (points or differences["%"]):
        got += f", {differences['%']:.2f} points"
    slack = 1e-9  # decimal fractions are not exact in binary
    passed = same_text and differences[""] <= within + slack and differences["%"] <= points + slack
    return [(f"{plural(len(wanted), 'line')} {tolerance}", got, passed)]


def _epoch(line: str) -> str:
    return line.partition("|")[0].strip()


def check_metrics(expect: dict[str, Any], metrics: dict[str, float]) -> list[Line]:
    """Compare test metrics with their lower (``at_least``) and upper (``below``) bounds.

    Examples:
        >>> check_metrics({"at_least": {"test/accuracy": 0.9}}, {"test/accuracy": 0.95})
        [('test/accuracy at least 0.9', '0.9500', True)]
    """
    lines: list[Line] = []
    for key, compare in (("at_least", operator.ge), ("below", operator.lt)):
        for tag, bound in expect.get(key, {}).items():
            value = metrics.get(tag, math.nan)
            shown = "undefined" if math.isnan(value) else f"{value:.4f}"
            lines.append((f"{tag} {key.replace('_', ' ')} {bound:g}", shown, compare(value, bound)))
    return lines
