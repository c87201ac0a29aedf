"""``lit-classify verify``: run recipes and hold each against what it says it should give."""

import math
import operator
import re
from pathlib import Path
from typing import Any

from lit_classify import recipes
from lit_classify.cli.argument_parser import known_recipes, parser
from lit_classify.errors import UserError, echo, unknown_name

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(%?)")
_EXPECTATIONS = {"rows", "within", "accuracy_within", "at_least", "below"}


def main(arguments: list[str]) -> int:
    """Run the recipes, print one table and return 1 if any of them fails."""
    options = parser("verify", "Run recipes and hold each against its expect:.")
    options.add_argument("recipe", nargs="*", help="a recipe's name or file; all packaged ones by default")
    names = known_recipes(options.parse_args(arguments[1:]).recipe)
    expectations = {name: expectation(name) for name in names}

    from lit_classify.cli import run_recipe as experiments

    wanted = {name: [want for want, _, _ in _check(expect, [], {})] for name, expect in expectations.items()}
    widths = [
        max(map(len, ("recipe", *(Path(name).stem for name in names)))),
        max(map(len, ("expected", *(want for wants in wanted.values() for want in wants)))),
    ]

    def row(name: str, want: str, result: str, seconds: str, came: str) -> None:
        echo(f"{name:<{widths[0]}}  {want:<{widths[1]}}  {result:<4}  {seconds:>7}  {came}".rstrip())

    row("recipe", "expected", "", "seconds", "came")
    failed = 0
    for name, expect in expectations.items():
        came = experiments.run(name)
        for tag in (tag for word in ("at_least", "below") for tag in expect.get(word, {})):
            if tag not in came.figures:
                raise UserError(f"recipe {name}: {unknown_name('figure', tag, came.figures)}")
        lines = _check(expect, came.rows, came.figures)
        failed += not all(passed for _, _, passed in lines)
        for number, (want, got, passed) in enumerate(lines):
            first = (came.name, f"{came.seconds:.1f}") if number == 0 else ("", "")
            row(first[0], want, "pass" if passed else "FAIL", first[1], got)
    echo(f"\n{len(names) - failed} of {len(names)} recipes give what they should.")
    return 1 if failed else 0


def expectation(name: str) -> dict[str, Any]:
    """Return a recipe's ``expect:``.

    Raises:
        UserError: it has none, or a word in it is unknown.
    """
    recipe = recipes.read(name).get("recipe")
    expect: dict[str, Any] = recipe.get("expect") or {} if isinstance(recipe, dict) else {}
    wanted = {"rows": list, "at_least": dict, "below": dict}
    if not isinstance(expect, dict) or any(
        not isinstance(expect.get(word, kind()), kind) for word, kind in wanted.items()
    ):
        raise UserError(f"recipe {name}: expect takes rows (a list), at_least and below (tag: number)")
    for word in expect:
        if word not in _EXPECTATIONS:
            raise UserError(f"recipe {name}: {unknown_name('expectation', word, _EXPECTATIONS)}")
    if not expect:
        raise UserError(f"recipe {name} has no expect: there is nothing to hold it against")
    return expect


Line = tuple[str, str, bool]


def _check(expect: dict[str, Any], rows: list[str], figures: dict[str, float]) -> list[Line]:
    return [*check_rows(expect, rows), *check_metrics(expect, figures)]


def check_rows(expect: dict[str, Any], came: list[str]) -> list[Line]:
    """Hold printed rows against the expected ones; losses may differ by ``within``.

    Accuracies, in percentage points, may differ by ``accuracy_within``. Both are 0 unless said: to the
    last printed digit.
    """
    wanted: list[str] = expect.get("rows", [])
    if not wanted:
        return []
    within, points = expect.get("within", 0.0), expect.get("accuracy_within", 0.0)
    loss_gap = accuracy_gap = 0.0
    by_epoch = {_epoch(row): row for row in came}
    found = [by_epoch.get(_epoch(row), "") for row in wanted]
    alike = True
    for want, got in zip(wanted, found, strict=True):
        alike &= _NUMBER.sub("#", want) == _NUMBER.sub("#", got)
        for (a, percent), (b, _) in zip(_NUMBER.findall(want), _NUMBER.findall(got), strict=False):
            gap = abs(float(a) - float(b))
            gap = gap if math.isfinite(gap) else math.inf
            if percent:
                accuracy_gap = max(accuracy_gap, gap)
            else:
                loss_gap = max(loss_gap, gap)
    tolerance = "to the last digit" if not within and not points else f"within {within:g}"
    if points:
        tolerance += f", {points:g} points"
    got = f"largest difference {loss_gap:.5f}" if alike else "a row lacks, or has other words"
    if alike and (points or accuracy_gap):
        got += f", {accuracy_gap:.2f} points"
    slack = 1e-9  # decimal fractions are not exact in binary
    passed = alike and loss_gap <= within + slack and accuracy_gap <= points + slack
    return [(f"{len(wanted)} rows {tolerance}", got, passed)]


def _epoch(row: str) -> str:
    return row.partition("|")[0].strip()


def check_metrics(expect: dict[str, Any], came: dict[str, float]) -> list[Line]:
    """Hold test figures against their floors (``at_least``) and ceilings (``below``)."""
    lines: list[Line] = []
    for word, holds in (("at_least", operator.ge), ("below", operator.lt)):
        for tag, bound in expect.get(word, {}).items():
            value = came.get(tag, math.nan)
            got = "undefined" if math.isnan(value) else f"{value:.4f}"
            lines.append((f"{tag} {word.replace('_', ' ')} {bound:g}", got, holds(value, bound)))
    return lines
