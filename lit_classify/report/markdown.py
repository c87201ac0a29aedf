"""Render a summary as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lit_classify.messages import escape_markdown, format_metric, plural
from lit_classify.report.settings import differing_settings


def render_markdown(summary: Mapping[str, Any]) -> str:
    """Return a summary as Markdown: a section for each run, after a table that compares several."""
    runs = summary["runs"]
    blocks = [] if len(runs) < 2 else ["# Runs", _comparison(runs)]
    blocks += [section for run in runs for section in _run(run)]
    contains = ", ".join(summary["contains"])
    blocks.append(f"Of the data, this report contains: {contains}. lit_classify {summary['version']}.")
    return "\n\n".join(blocks) + "\n"


def _run(run: Mapping[str, Any]) -> list[str]:
    """Return the section of a run."""
    blocks = [f"# {escape_markdown(run['name'])}"]
    if run["purpose"]:
        blocks.append(escape_markdown(" ".join(run["purpose"].split())))
    blocks.append(f"    {run['command']}")
    best = "" if run["best_epoch"] is None else f", best {run['best_epoch']}"
    facts = {
        "task": f"{run['task']}, {run['parameters']:,} parameters, members: {run['members']}",
        "rows": ", ".join(f"{count:,} {split}" for split, count in run["data"]["rows"].items()),
        "epochs": f"{run['epochs']}{best}",
        "versions": ", ".join(f"{name} {version}" for name, version in run["versions"].items()),
    }
    blocks.append("\n".join(f"- {name}: {escape_markdown(text)}" for name, text in facts.items()))
    evaluation = run["evaluation"]
    rows = plural(evaluation["num_rows"], f"{evaluation['split']} row")
    blocks += [f"## {rows}", _metrics(evaluation)]
    if columns := run["importance"]:
        lines = [
            (column["column"], _number(column["drop"]), _number(column["deviation"])) for column in columns
        ]
        title = f"## {run['importance_metric']} when a column is permuted"
        blocks += [title, _table(["column", "mean", "std"], lines)]
    for title, notes in (("Problems", run["problems"]), ("Notes on the data", run["data"]["notes"])):
        if notes:
            blocks += [f"## {title}", "\n".join(f"- {escape_markdown(note)}" for note in notes)]
    return blocks


def _metrics(evaluation: Mapping[str, Any]) -> str:
    lines = []
    for name, metric in evaluation["metrics"].items():
        interval = "" if metric["low"] is None else f"{_number(metric['low'])} to {_number(metric['high'])}"
        lines.append((name, _number(metric["value"]), interval))
    lines += [(name, note, "") for name, note in evaluation["undefined"].items()]
    if baselines := evaluation["baselines"]:
        metric = baselines["metric"]
        lines += [(f"{name}, {metric}", _number(score), "") for name, score in baselines["scores"].items()]
    return _table(["metric", "value", "95 % interval"], lines)


def _comparison(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of the metrics and of the settings that differ."""
    metrics = dict.fromkeys(name for run in runs for name in run["evaluation"]["metrics"])
    differing = differing_settings([run["settings"] for run in runs])
    lines = []
    for run in runs:
        values = run["evaluation"]["metrics"]
        cells = [_number(values[name]["value"]) if name in values else "" for name in metrics]
        lines.append([run["name"], *cells, *(str(run["settings"].get(name, "")) for name in differing)])
    return _table(["run", *metrics, *differing], lines)


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    cells = [[escape_markdown(cell) for cell in line] for line in (header, *lines)]
    cells.insert(1, ["---"] * len(header))
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _number(value: float | None) -> str:
    return "undefined" if value is None else format_metric(value)
