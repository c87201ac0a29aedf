"""Render a summary as one self-contained page that makes no requests."""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from lit_classify.messages import escape_control
from lit_classify.plots.style import COLORS, class_color

_NUM_COLORS = 3 * len(COLORS)  # after which class_color repeats them
_FILES = ("page.html", "page.css", "network.js", "charts.js", "player.js", "page.js")
_FOR_SCRIPT = ("name", "task", "class_names", "label_names", "curves", "predictions", "player", "form")


class _Html(str):
    """Text that is HTML already."""


def render_html(summary: Mapping[str, Any]) -> str:
    """Return a summary as a page.

    What can be read is HTML; the script adds what moves, and computes predictions from the weights. The
    content-security policy of the page allows its own script and style alone, and no request.

    Examples:
        >>> page = render_html({"version": "1.0", "contains": [], "runs": []})
        >>> "default-src 'none'" in page
        True
    """
    folder = files("lit_classify.report") / "page"
    template, style, *scripts = ((folder / name).read_text(encoding="utf-8") for name in _FILES)
    script = "\n".join(scripts)
    runs = summary["runs"]
    data = {
        "colors": [class_color(index) for index in range(_NUM_COLORS)],
        "runs": [{key: run[key] for key in _FOR_SCRIPT} for run in runs],
    }
    return Template(template).substitute(
        policy=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'",
        title=_escape(", ".join(run["name"] for run in runs)),
        style=style,
        body=_body(summary),
        # "<" is escaped, so that no name ends the script tag
        data=json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        script=script,
    )


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _escape(text: str) -> str:
    return html.escape(escape_control(text, is_name=True))


def _tag(tag: str, *children: str | None, **attributes: str | None) -> _Html:
    """Return an element; text that is not HTML yet is escaped, None is left out.

    A trailing underscore of an attribute is removed, and others are hyphens.
    """
    names = {name: name.removesuffix("_").replace("_", "-") for name in attributes}
    given = "".join(
        f' {names[name]}="{_escape(value)}"' for name, value in attributes.items() if value is not None
    )
    inner = [child if isinstance(child, _Html) else _escape(child) for child in children if child is not None]
    return _Html(f"<{tag}{given}>{''.join(inner)}</{tag}>")


def _join(parts: Iterable[_Html | None]) -> _Html:
    return _Html("".join(part for part in parts if part is not None))


def _body(summary: Mapping[str, Any]) -> _Html:
    runs = summary["runs"]
    several = len(runs) != 1
    head = _tag("header", _tag("p", "Training report", class_="muted"), _tag("h1", _title(runs)))
    player = _tag("div", data_part="player") if any(run["player"] for run in runs) else None
    if several:
        content = [_comparison(runs), player]
        for number, run in enumerate(runs):
            title = _tag("summary", _tag("h2", run["name"]))
            inner = _tag("div", _overview(run), _parts(run, number), id=f"run-{number}")
            content.append(_tag("details", title, inner))
    else:
        content = [_overview(runs[0]), player, _parts(runs[0], 0)]
    contains = ", ".join(summary["contains"]) or "nothing"
    footer = f"Of the data, this page contains: {contains}. It makes no requests. Written by lit_classify "
    return _join([head, *content, _tag("footer", f"{footer}{summary['version']}.")])


def _title(runs: Sequence[Mapping[str, Any]]) -> str:
    return runs[0]["name"] if len(runs) == 1 else f"{len(runs)} runs"


def _parts(run: Mapping[str, Any], number: int) -> _Html:
    """Return the sections of a run that follow its overview; the script fills the empty ones."""
    shows_curves = run["curves"] and not run["player"]  # which shows them itself
    curves = _tag("div", data_part="curves", data_run=f"{number}") if shows_curves else None
    form = run["form"]
    if form and "reason" in form:
        filled = _section("Try other values", _tag("p", f"Not available: {form['reason']}.", class_="muted"))
    else:
        filled = _tag("div", data_part="form", data_run=f"{number}") if form else _Html("")
    importance = _importance(run)
    predictions = _tag("div", importance, data_part="predictions", data_run=f"{number}", class_="columns")
    return _join([curves, filled, predictions, _worst_rows(run)])


def _section(title: str, *children: str | None, class_: str | None = None) -> _Html:
    return _tag("section", _tag("h2", title), *children, class_=class_)


def _overview(run: Mapping[str, Any]) -> _Html:
    data, evaluation = run["data"], run["evaluation"]
    members = f", {run['members']} members" if run["members"] > 1 else ""
    best = "" if run["best_epoch"] is None else f", best {run['best_epoch']:,}"
    facts = {
        "Data": data["name"].removesuffix("DataModule"),
        "Rows": ", ".join(f"{count:,} {split}" for split, count in data["rows"].items()),
        "Classes": ", ".join(f"{name}: {count:,}" for name, count in (data["class_counts"] or {}).items()),
        "Task": run["task"],
        "Network": f"{run['parameters']:,} parameters{members}",
        "Epochs": f"{run['epochs']:,}{best}",
        "Versions": ", ".join(f"{name} {version}" for name, version in run["versions"].items()),
    }
    listed = [_tag("div", _tag("dt", name), _tag("dd", text)) for name, text in facts.items() if text]
    notes = (
        _tag("ul", *(_tag("li", note) for note in data["notes"]), class_="notes") if data["notes"] else None
    )
    columns = [[column[key] for key in _COLUMN_KEYS] for column in data["columns"]]
    settings = [[name, str(value)] for name, value in run["settings"].items()]
    details = [
        _tag("details", _tag("summary", f"{name} ({len(rows)})"), _table(head, rows))
        for name, head, rows in (("Columns", _COLUMN_KEYS, columns), ("Settings", _SETTING_KEYS, settings))
        if rows
    ]
    command = _tag(
        "div", _tag("code", run["command"]), _tag("button", "Copy", type="button"), class_="command"
    )
    why = _tag("p", " ".join(run["why"].split()), class_="why") if run["why"] else None
    sections = [
        _section("Run", _tag("dl", *listed), notes, *details),
        _metrics(evaluation, run["task"]) if evaluation else None,
    ]
    return _join([why, command, _tag("div", *sections, class_="columns")])


_COLUMN_KEYS = ["name", "kind", "missing", "distinct", "use"]
_SETTING_KEYS = ["setting", "value"]


def _metrics(evaluation: Mapping[str, Any], task: str) -> _Html:
    """Return the metrics with their intervals, each baseline below the metric that it is compared by."""
    baselines = evaluation["baselines"] or {"metric": None, "scores": {}}
    compared_by = {"R²": "r2"}.get(baselines["metric"], baselines["metric"])
    draw = task != "Regressor"  # whose metrics have no common scale
    compared = [
        _metric(model, {"value": score}, draw, "baseline") for model, score in baselines["scores"].items()
    ]
    rows = []
    for name, metric in evaluation["metrics"].items():
        rows.append(_metric(name, metric, draw and not name.endswith("loss")))
        rows += compared if name == compared_by else []
    rows += compared if compared_by not in evaluation["metrics"] else []
    for name, reason in evaluation["undefined"].items():
        rows.append(
            _tag("tr", _tag("th", name, scope="row"), _tag("td", reason, colspan="3", class_="muted"))
        )
    heads = [
        _tag("th", name, scope="col", class_="number" if name == "value" else None)
        for name in ("metric", "value", "95 % interval", "0 to 1" if draw else "")
    ]
    table = _tag("table", _tag("thead", _tag("tr", *heads)), _tag("tbody", *rows))
    title = f"Metrics of {evaluation['num_rows']:,} {evaluation['split']} rows"
    return _section(title, _tag("div", table, class_="scroll"), class_="metrics")


def _metric(name: str, metric: Mapping[str, Any], draw: bool, class_: str | None = None) -> _Html:
    value, low, high = metric["value"], metric.get("low"), metric.get("high")
    interval = "" if low is None else f"{_number(low, 3)} to {_number(high, 3)}"
    drawn = None
    ends = [part for part in (value, low, high) if part is not None]
    if draw and ends and min(ends) >= 0 and max(ends) <= 1:
        lines = [_tag("line", x1="4", x2="96", y1="8", y2="8", class_="grid")]
        if low is not None and high is not None:
            lines.append(_tag("line", x1=f"{4 + 92 * low:.1f}", x2=f"{4 + 92 * high:.1f}", y1="8", y2="8"))
        dot = _tag("circle", cx=f"{4 + 92 * value:.1f}", cy="8", r="3.5")
        drawn = _tag("svg", *lines, dot, viewBox="0 0 100 16", class_="whisker", aria_hidden="true")
    number = _tag("td", _number(value), class_="number")
    row = (_tag("th", name, scope="row"), number, _tag("td", interval, class_="muted"), _tag("td", drawn))
    return _tag("tr", *row, class_=class_)


def _importance(run: Mapping[str, Any]) -> _Html | None:
    if not run["importance"]:
        return None
    most = max(0.0, *(part["drop"] for part in run["importance"])) or 1.0
    bars = []
    for part in run["importance"]:
        text = f"{_number(part['drop'], 3)} ± {_number(part['deviation'], 2)}"
        fill = _tag("rect", width=f"{max(100 * part['drop'] / most, 0):.1f}%", height="100%", rx="4")
        track = _tag("svg", fill, class_="track", aria_hidden="true")
        bars.append(_tag("div", _tag("span", part["column"]), track, _tag("b", text), class_="bar"))
    metric = f"{run['importance_metric']} when the values of a column are permuted"
    return _section("Permutation importance", _tag("p", metric, class_="muted"), *bars, class_="importance")


def _worst_rows(run: Mapping[str, Any]) -> _Html | None:
    worst = run["worst_rows"]
    if not worst:
        return None
    head = ["error" if run["task"] == "Regressor" else "p(actual)", "actual", "predicted", *worst["columns"]]
    parts = zip(worst["errors"], worst["actual"], worst["predicted"], worst["rows"], strict=True)
    rows = [[error and abs(error), *labels, *cells] for error, *labels, cells in parts]
    return _section("Rows with the largest errors", _table(head, rows))


def _comparison(runs: Sequence[Mapping[str, Any]]) -> _Html:
    """Return a table of the metrics and of the settings that differ, which are highlighted."""
    scores = [run["evaluation"]["metrics"] if run["evaluation"] else {} for run in runs]
    metrics = list(dict.fromkeys(name for score in scores for name in score))
    settings = dict.fromkeys(name for run in runs for name in run["settings"])
    differing = [name for name in settings if len({str(run["settings"].get(name)) for run in runs}) > 1]
    rows = []
    for number, (run, score) in enumerate(zip(runs, scores, strict=True)):
        values = [score[name]["value"] if name in score else None for name in metrics]
        link = _tag("a", run["name"], href=f"#run-{number}")
        rows.append([link, *(run["settings"].get(name) for name in differing), run["epochs"], *values])
    head = ["run", *differing, "epochs", *metrics]
    same = f"{len(settings) - len(differing)} settings are the same; those that differ are highlighted."
    return _section("Comparison", _tag("p", same, class_="muted"), _table(head, rows, differing))


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]], highlighted: Sequence[str] = ()) -> _Html:
    """Return a table that the script makes sortable; columns of numbers are aligned to the right."""
    columns = [[row[number] for row in rows] for number in range(len(head))]
    marks = [
        ["number"] * all(part is None or _is_number(part) for part in column)
        + ["differs"] * (name in highlighted)
        for name, column in zip(head, columns, strict=True)
    ]
    classes = [" ".join(mark) or None for mark in marks]
    heads = [_tag("th", name, scope="col", class_=class_) for name, class_ in zip(head, classes, strict=True)]
    lines = [
        _tag("tr", *(_cell(value, class_) for value, class_ in zip(row, classes, strict=True)))
        for row in rows
    ]
    table = _tag("table", _tag("thead", _tag("tr", *heads)), _tag("tbody", *lines), class_="sortable")
    return _tag("div", table, class_="scroll")


def _is_number(value: Any) -> bool:  # noqa: ANN401 - plain data
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any, class_: str | None) -> _Html:  # noqa: ANN401 - plain data
    if _is_number(value):
        return _tag("td", _number(value), data_value=repr(value), class_=class_)
    return _tag("td", value if isinstance(value, _Html) else _text(value), class_=class_)


def _text(value: Any) -> str:  # noqa: ANN401 - plain data
    return "\N{EN DASH}" if value is None else str(value)


def _number(value: float | None, digits: int = 4) -> str:
    if value is None:
        return "\N{EN DASH}"
    text = f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}")
