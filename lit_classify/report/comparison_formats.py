"""Render the summary of a comparison as lines for a terminal, as CSV and as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from lit_classify.evaluation.predictions import escape_formulas
from lit_classify.messages import escape_control, format_metric, pad, plural, width_of

_MAX_TESTS = 10  # lines in a terminal
Summary = Mapping[str, Any]


def comparison_lines(summary: Summary, width: int = 80) -> list[str]:
    """Return the table, the tests and the notes as lines.

    Args:
        summary: the comparison.
        width: the columns of the terminal, into which the table fits.
    """
    seeds, metric = summary["seeds"], summary["metric"]
    rows = [["configuration", "what differs", "parameters", metric, "best", "worst", "times best", "seconds"]]
    for config in summary["configurations"]:
        spread = "" if config["std"] is None else f" ± {format_metric(config['std'], 4)}"
        values = [
            "-" if config[name] is None else format_metric(config[name], 4)
            for name in ("mean", "best", "worst")
        ]
        times_best = f"{config['times_best']} of {len(seeds)}"
        parameters, seconds = f"{config['parameters']:,}", f"{config['seconds']:.1f}"
        rows.append(
            [
                *(config["name"], what_differs(config), parameters, values[0] + spread),
                *(*values[1:], times_best, seconds),
            ]
        )
    fits = max(map(width_of, _aligned(rows))) <= width
    if not fits:
        rows = [[row[0], "", *row[2:]] for row in rows]
    seed_range = f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    statistic = "mean ± standard deviation over " * (len(seeds) > 1)
    title = f"{metric} on {' or '.join(summary['rows'])}, {statistic}{seed_range}"
    lines = [title, "", *_aligned(rows, width)]
    if not fits and any(map(what_differs, summary["configurations"])):
        settings = [f"{config['name']}: {what_differs(config)}" for config in summary["configurations"]]
        lines += ["", "what differs", *(escape_control(line, is_name=True) for line in settings)]
    lines += _test_lines(summary)
    notes = [f"- {escape_control(note, is_name=True)}" for note in summary["notes"]]
    return [*lines, *([""] if notes else []), *notes]


def what_differs(config: Summary) -> str:
    """Return the settings that are not the same in all configurations, unless the name says them.

    Examples:
        >>> what_differs({"name": "circles_v2 lr=0.1", "differs": {"model.lr": 0.1, "model.hidden": "[5]"}})
        'hidden=[5]'
    """
    named = {option.partition("=")[0] for option in config["name"].split()}
    names = {key: key.rpartition(".")[2] for key in config["differs"]}
    return " ".join(
        f"{names[key]}={setting(value)}".replace(" ", "")
        for key, value in config["differs"].items()
        if names[key] not in named
    )


def setting(value: Any) -> str:  # noqa: ANN401 - plain data
    """Return the value of a setting as it is typed.

    Examples:
        >>> setting(None), setting(0.1)
        ('null', '0.1')
    """
    return "null" if value is None else str(value)


def _test_lines(summary: Summary) -> list[str]:
    tests = sorted(summary["tests"], key=lambda test: test["p_corrected"])
    lines = [""] if tests else []
    for test in tests[:_MAX_TESTS]:
        first, second = (escape_control(test[name], is_name=True) for name in ("first", "second"))
        lines.append(f"{first} - {second}: {verdict(test)}")
    if len(tests) > _MAX_TESTS:
        lines.append(f"... and {len(tests) - _MAX_TESTS} more comparisons: see --out")
    return lines


def verdict(test: Summary) -> str:
    """Return the difference of two configurations, and whether it is significant.

    Examples:
        >>> verdict({"difference": 0.25, "p_corrected": 0.001, "significant": True, "num_pairs": 20})
        '+0.2500, significant (p = 0.001, 20 seeds)'
    """
    judged = "significant" if test["significant"] else "not significant"
    difference = format_metric(test["difference"], 4, "+")
    seeds = plural(test["num_pairs"], "seed")
    return f"{difference}, {judged} (p = {test['p_corrected']:.2g}, {seeds})"


def _aligned(rows: Sequence[Sequence[str]], width: float = math.inf) -> list[str]:
    """Return rows with columns of equal width; the first two are text, and aligned to the left.

    Names that are too long for the width stand in a line of their own above the other cells.
    """
    rows = [[escape_control(cell, is_name=True) for cell in row] for row in rows]
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    shown = [index for index in range(len(widths)) if any(row[index] for row in rows[1:])]
    excess = sum(widths[index] + 2 for index in shown) - 2 - width
    if excess > 0:
        widths[0] = max(widths[0] - int(excess), width_of(rows[0][0]))
    lines = []
    for row in rows:
        cells = list(row)
        if width_of(cells[0]) > widths[0]:
            lines.append(cells[0])
            cells[0] = ""
        padded = [
            pad(cells[index], widths[index]) if index < 2 else cells[index].rjust(widths[index])
            for index in shown
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def comparison_csv(summary: Summary) -> bytes:
    """Return the table as CSV, a line for each configuration and a column for each setting that differs."""
    names = (
        "parameters",
        "mean",
        "std",
        "best",
        "worst",
        "times_best",
        "num_runs",
        "seconds",
        "rows",
        "trained",
    )
    lines = [
        {
            "configuration": config["name"],
            **{key: setting(value) for key, value in config["differs"].items()},
            "metric": summary["metric"],
            **{name: config[name] for name in names},
        }
        for config in summary["configurations"]
    ]
    return escape_formulas(pl.DataFrame(lines, infer_schema_length=None)).write_csv().encode()


def comparison_json(summary: Summary) -> bytes:
    """Return everything but the plots as JSON."""
    return f"{json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)}\n".encode()
