"""Render a summary as one self-contained page that makes no requests."""

import json
from collections.abc import Iterable, Mapping, Sequence
from string import Template
from typing import Any

from matplotlib import rc_context

from lit_classify.messages import escape_control, plural
from lit_classify.plots.style import COLORS, DARK, class_color
from lit_classify.report.html_elements import (
    Html,
    describe_output,
    digest,
    fill_page,
    format_number,
    join,
    note_list,
    page_file,
    section,
    sortable_table,
    tag,
)
from lit_classify.report.player_section import player_section
from lit_classify.report.prediction_sections import (
    importance_section,
    prediction_sections,
    worst_rows_section,
)
from lit_classify.report.settings import differing_settings
from lit_classify.report.svg_charts import learning_curves
from lit_classify.report.what_if_section import what_if_section

_NUM_COLORS = 3 * len(COLORS)  # after which class_color repeats them
_MAX_FIRST = 3  # differing settings before the metrics of a comparison
_MAX_LISTED = 20  # classes that are listed among the facts
SCRIPTS = ("network.js", "charts.js", "player.js", "page.js")


def render_html(summary: Mapping[str, Any]) -> str:
    """Return a summary as a page.

    The page can be read without its script, which adds interaction and computes predictions from the weights.
    Its content-security policy allows only its own script and style, and no requests.

    Examples:
        >>> page = render_html({"version": "1.0", "contains": [], "runs": []})
        >>> "default-src 'none'" in page
        True
    """
    script = "\n".join(map(page_file, SCRIPTS))
    runs = [{**run, "outputs": _outputs(run)} for run in summary["runs"]]
    light, dark = _colors(), _colors(DARK)
    data = {
        "colors": light,
        "darkColors": dark,
        "runs": [
            {
                "names": _escaped(run["outputs"]),
                "featureNames": _escaped(
                    feature["name"] for feature in (run["player"] or {}).get("features", ())
                ),
                "player": run["player"],
                "whatIf": run["what_if"],
            }
            for run in runs
        ],
    }
    scripts = Template(page_file("scripts.html")).substitute(
        # "<" is escaped, so that no name ends the script tag
        data=json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        script=script,
    )
    title = ", ".join(run["name"] for run in runs)
    allowed = f"script-src {digest(script)}"
    return fill_page(title, _body({**summary, "runs": runs}), allowed, scripts, _dark_style(light, dark))


def _colors(settings: dict[Any, str] | None = None) -> list[str]:
    """Return the colors of the classes with settings of matplotlib."""
    with rc_context(settings):
        return [class_color(index) for index in range(_NUM_COLORS)]


def _dark_style(light: Sequence[str], dark: Sequence[str]) -> str:
    """Return rules that replace the colors of classes on dark pages, where shades would hardly be visible."""
    rules = [
        f'[{attribute}="{light_color}"] {{ {attribute}: {dark_color}; }}'
        for light_color, dark_color in zip(light, dark, strict=True)
        for attribute in ("fill", "stroke")
        if light_color != dark_color
    ]
    return "\n".join(["@media screen and (prefers-color-scheme: dark) {", *rules, "}"])


def _escaped(names: Iterable[str]) -> list[str]:
    """Return names as the script writes them."""
    return [escape_control(name, is_name=True) for name in names]


def _outputs(run: Mapping[str, Any]) -> list[str]:
    """Return names of the classes or labels, or of the predicted value."""
    return [describe_output(name) for name in run["class_names"] or run["label_names"] or ["prediction"]]


def _body(summary: Mapping[str, Any]) -> Html:
    runs = summary["runs"]
    head = tag("header", tag("p", "Training report", class_="muted"), tag("h1", _title(runs)))
    player = player_section(runs)
    if len(runs) != 1:
        content = [_comparison(runs), player]
        for index, run in enumerate(runs):
            title = tag("summary", tag("h2", run["name"]))
            sections = tag("div", _overview(run), _details(run, index), id=f"run-{index}")
            content.append(tag("details", title, sections))
    else:
        content = [_overview(runs[0]), player, _details(runs[0], 0)]
    contains = ", ".join(summary["contains"]) or "nothing"
    footer = f"Of the data, this page contains: {contains}. It makes no requests. Written by lit_classify "
    return join([head, *content, tag("footer", f"{footer}{summary['version']}.")])


def _title(runs: Sequence[Mapping[str, Any]]) -> str:
    return runs[0]["name"] if len(runs) == 1 else f"{len(runs)} runs"


def _details(run: Mapping[str, Any], index: int) -> Html:
    """Return the sections of a run that follow its overview."""
    curves = None
    if run["curves"] and not run["player"]:  # which shows them itself
        charts = learning_curves(run["curves"], (class_color(1), class_color(0)))
        reason = run["not_replayed"]
        note = tag("p", f"The training is not replayed: {reason}.", class_="muted") if reason else None
        curves = section("Learning curves", charts, note, class_="learning")
    what_if = what_if_section(run["what_if"], run["outputs"], index)
    predictions = prediction_sections(run["predictions"], run["class_names"]) if run["predictions"] else []
    columns = tag("div", *predictions, importance_section(run), class_="columns")
    return join([curves, what_if, columns, worst_rows_section(run)])


def _overview(run: Mapping[str, Any]) -> Html:
    data, evaluation = run["data"], run["evaluation"]
    members = f", {run['members']} members" if run["members"] > 1 else ""
    best = "" if run["best_epoch"] is None else f", best {run['best_epoch']:,}"
    classes = [[name, count] for name, count in (data["class_counts"] or {}).items()]
    counts = ", ".join(f"{name}: {count:,}" for name, count in classes)
    facts = {
        "Data": data["name"].removesuffix("DataModule"),
        "Rows": ", ".join(f"{count:,} {split}" for split, count in data["rows"].items()),
        "Classes": f"{len(classes)}" if len(classes) > _MAX_LISTED else counts,
        "Task": run["task"],
        "Network": f"{run['parameters']:,} parameters{members}",
        "Epochs": f"{run['epochs']:,}{best}",
        "Versions": ", ".join(f"{name} {version}" for name, version in run["versions"].items()),
    }
    listed = [tag("div", tag("dt", name), tag("dd", text)) for name, text in facts.items() if text]
    columns = [[column[key] for key in _COLUMN_KEYS] for column in data["columns"]]
    settings = [[name, str(value)] for name, value in run["settings"].items()]
    details = [
        tag("details", tag("summary", f"{name} ({len(rows)})"), sortable_table(head, rows))
        for name, head, rows in (
            ("Classes", _CLASS_KEYS, classes if len(classes) > _MAX_LISTED else []),
            ("Columns", _COLUMN_KEYS, columns),
            ("Settings", _SETTING_KEYS, settings),
        )
        if rows
    ]
    command = tag("div", tag("code", run["command"]), tag("button", "Copy", type="button"), class_="command")
    purpose = tag("p", " ".join(run["purpose"].split()), class_="purpose") if run["purpose"] else None
    sections = [
        section("Run", tag("dl", *listed), note_list([*run["problems"], *data["notes"]]), *details),
        _metrics(evaluation, run["task"]) if evaluation else None,
    ]
    return join([purpose, command, tag("div", *sections, class_="columns")])


_COLUMN_KEYS = ["name", "kind", "missing", "distinct", "use"]
_SETTING_KEYS = ["setting", "value"]
_CLASS_KEYS = ["class", "training rows"]


def _metrics(evaluation: Mapping[str, Any], task: str) -> Html:
    """Return the metrics with their intervals, each baseline below the metric that it is compared by."""
    baselines = evaluation["baselines"] or {"metric": None, "scores": {}}
    compared_by = {"R²": "r2"}.get(baselines["metric"], baselines["metric"])
    draw = task != "Regressor"  # whose metrics have no common scale
    baseline_rows = [
        _metric(model, {"value": score}, draw, "baseline") for model, score in baselines["scores"].items()
    ]
    metric_rows = {
        name: _metric(name, metric, draw and not name.endswith("loss"))
        for name, metric in evaluation["metrics"].items()
    }
    for name, reason in evaluation["undefined"].items():
        metric_rows[name] = tag(
            "tr", tag("th", name, scope="row"), tag("td", reason, colspan="3", class_="muted")
        )
    rows = []
    for name, row in metric_rows.items():
        rows.append(row)
        if name == compared_by:
            rows += baseline_rows
    if compared_by not in metric_rows:
        rows += baseline_rows
    heads = [
        tag("th", name, scope="col", class_="number" if name == "value" else None)
        for name in ("metric", "value", "95 % interval", "0 to 1" if draw else "")
    ]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    title = f"Metrics of {plural(evaluation['num_rows'], evaluation['split'] + ' row')}"
    return section(title, tag("div", table, class_="scroll"), class_="metrics")


def _metric(name: str, metric: Mapping[str, Any], draw: bool, class_: str | None = None) -> Html:
    value, low, high = metric["value"], metric.get("low"), metric.get("high")
    interval = "" if low is None else f"{format_number(low, 3)} to {format_number(high, 3)}"
    drawn = None
    values = [x for x in (value, low, high) if x is not None]
    if draw and values and min(values) >= 0 and max(values) <= 1:
        lines = [tag("line", x1="4", x2="96", y1="8", y2="8", class_="grid")]
        if low is not None and high is not None:
            lines.append(tag("line", x1=f"{4 + 92 * low:.1f}", x2=f"{4 + 92 * high:.1f}", y1="8", y2="8"))
        dot = tag("circle", cx=f"{4 + 92 * value:.1f}", cy="8", r="3.5")
        drawn = tag("svg", *lines, dot, viewBox="0 0 100 16", class_="whisker", aria_hidden="true")
    cell = tag("td", format_number(value), class_="number")
    row = (tag("th", name, scope="row"), cell, tag("td", interval, class_="muted"), tag("td", drawn))
    return tag("tr", *row, class_=class_)


def _comparison(runs: Sequence[Mapping[str, Any]]) -> Html:
    """Return a table of the metrics and of the settings that differ, which are highlighted."""
    scores = [run["evaluation"]["metrics"] if run["evaluation"] else {} for run in runs]
    metrics = list(dict.fromkeys(name for score in scores for name in score))
    setting_names = {name for run in runs for name in run["settings"]}
    differing = differing_settings([run["settings"] for run in runs])
    rows = []
    for index, (run, score) in enumerate(zip(runs, scores, strict=True)):
        values = [score[name]["value"] if name in score else None for name in metrics]
        link = tag("a", run["name"], href=f"#run-{index}")
        settings = [run["settings"].get(name) for name in differing]
        rows.append([link, *settings[:_MAX_FIRST], run["epochs"], *values, *settings[_MAX_FIRST:]])
    head = ["run", *differing[:_MAX_FIRST], "epochs", *metrics, *differing[_MAX_FIRST:]]
    same = f"{len(setting_names) - len(differing)} settings are the same; those that differ are highlighted."
    return section("Comparison", tag("p", same, class_="muted"), sortable_table(head, rows, differing))
