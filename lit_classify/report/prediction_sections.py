"""The sections of a report about predictions: threshold, confusion, calibration, importance, worst rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lit_classify.plots.style import class_color
from lit_classify.report.html_elements import (
    Html,
    choices,
    describe_output,
    format_number,
    format_percentage,
    section,
    sortable_table,
    tag,
)
from lit_classify.report.svg_charts import Axes, Curve, calibration_chart, line_chart, scatter_chart

_MAX_OUTPUTS = 20  # classes or labels that are drawn
_MAX_BARS = 20  # columns that are shown at once


def prediction_sections(predictions: Mapping[str, Any], class_names: Sequence[str] | None) -> list[Html]:
    """Return the sections that the task of a run has: threshold, confusion matrix, calibration, values.

    Args:
        predictions: the predictions of a run's summary.
        class_names: names of the classes.
    """
    sections = []
    if predictions["thresholds"]:
        sections.append(_thresholds(predictions["thresholds"], class_names))
    if predictions["confusion"]:
        names = [describe_output(name) for name in class_names or ()]
        rows = zip(predictions["confusion"]["counts"], predictions["confusion"]["rates"], strict=True)
        cells = [[_cell(*cell) for cell in zip(counts, rates, strict=True)] for counts, rates in rows]
        sections.append(section("Confusion matrix", _confusion(cells, names)))
    if predictions["calibration"]:
        sections.append(_calibration(predictions["calibration"]))
    if predictions["values"]:
        values = predictions["values"]
        limits = min(map(min, values)), max(map(max, values))
        chart = scatter_chart(Axes("predicted over actual values", "actual", limits, limits), values)
        sections.append(section("Predicted over actual values", chart))
    return sections


def importance_section(run: Mapping[str, Any]) -> Html | None:
    """Return the section on the importance of the columns; None if it was not computed."""
    if reason := run["no_importance"]:
        return section("Permutation importance", tag("p", f"Not available: {reason}.", class_="muted"))
    if not run["importance"]:
        return None
    largest = max(0.0, *(column["drop"] for column in run["importance"])) or 1.0
    bars = []
    for column in run["importance"]:
        text = f"{format_number(column['drop'], 3)} ± {format_number(column['deviation'], 2)}"
        fill = tag("rect", width=f"{max(100 * column['drop'] / largest, 0):.1f}%", height="100%", rx="4")
        track = tag("svg", fill, class_="track", aria_hidden="true")
        name = tag("span", column["column"], title=column["column"])
        bars.append(tag("div", name, track, tag("b", text), class_="bar"))
    metric = f"{run['importance_metric']} when the values of a column are permuted"
    other_bars = bars[_MAX_BARS:]
    collapsed = (
        tag("details", tag("summary", f"{len(other_bars)} more columns"), *other_bars) if other_bars else None
    )
    shown = tag("p", metric, class_="muted"), *bars[:_MAX_BARS], collapsed
    return section("Permutation importance", *shown, class_="importance")


def worst_rows_section(run: Mapping[str, Any]) -> Html | None:
    """Return the section with the rows that have the largest errors; None without rows."""
    worst = run["worst_rows"]
    if not worst:
        return None
    head = ["error" if run["task"] == "Regressor" else "p(actual)", "actual", "predicted", *worst["columns"]]
    columns = zip(worst["errors"], worst["actual"], worst["predicted"], worst["rows"], strict=True)
    # the error of a class is minus the probability of the actual one; an undefined error is None
    rows = [[error and abs(error), *labels, *cells] for error, *labels, cells in columns]
    return section("Rows with the largest errors", sortable_table(head, rows))


def _calibration(curves: Sequence[Mapping[str, Any]]) -> Html:
    drawn = sorted(curves, key=lambda curve: float(curve["ece"]), reverse=True)[:_MAX_OUTPUTS]
    panels = {
        describe_output(curve["name"]): calibration_chart(curve, describe_output(curve["name"]))
        for curve in curves
        if curve in drawn
    }
    about = f"The {len(drawn)} of {len(curves)} with the largest calibration error."
    note = tag("p", about, class_="muted") if len(drawn) < len(curves) else None
    return section("Calibration", note, choices("class", panels))


def _thresholds(outputs: Sequence[Mapping[str, Any]], class_names: Sequence[str] | None) -> Html:
    drawn = outputs[:_MAX_OUTPUTS]
    panels = {output["name"]: _threshold_panel(output, class_names) for output in drawn}
    about = f"The first {len(drawn)} of {len(outputs)} labels."
    note = tag("p", about, class_="muted") if len(drawn) < len(outputs) else None
    title = f"Threshold for {describe_output(drawn[0]['name'])}" if len(outputs) == 1 else "Thresholds"
    return section(title, note, choices("label", panels), class_="wide")


def _threshold_panel(output: Mapping[str, Any], class_names: Sequence[str] | None) -> Html:
    """Return counts and metrics at the threshold of a class or label, which the script changes."""
    thresholds, counts, metrics = output["thresholds"], output["counts"], output["metrics"]
    index = thresholds.index(output["threshold"])
    names = [describe_output(name) for name in class_names] if class_names else ["no", "yes"]

    def tile(name: str) -> Html:
        value = format_percentage(metrics[name][index])
        return tag("div", tag("dt", name), tag("dd", value, data_shows=name, class_="percentage"))

    def cell(count: str, rate: str) -> Html:
        return _cell(counts[count][index], metrics[rate][index], count, rate)

    cells = [
        [cell("tn", "specificity"), cell("fp", "false_positive_rate")],
        [cell("fn", "false_negative_rate"), cell("tp", "recall")],
    ]
    cost = tag("div", tag("dt", "cost"), tag("dd", data_shows="cost"))
    slider = {"type": "range", "max": "1", "step": "any", "value": str(output["threshold"])}
    controls = [
        tag(
            "div",
            tag("input", aria_label="threshold", **slider),
            tag("output", f"{output['threshold']:.2f}"),
            class_="controls",
        ),
        tag("dl", tile("accuracy"), tile("precision"), tile("recall"), cost, class_="tiles"),
        _confusion(cells, names),
        tag("div", _cost("Cost of a false positive"), _cost("of a false negative"), class_="controls"),
        tag("output", class_="muted"),
    ]
    curves = [
        Curve(name, *_defined(thresholds, metrics[name]), class_color(color))
        for name, color in (("precision", 1), ("recall", 0))
        if any(value is not None for value in metrics[name])
    ]
    axes = Axes("Precision and recall", "threshold", (0.0, 1.0), (0.0, 1.0))
    columns = json.dumps({"thresholds": thresholds, **counts, **metrics}, separators=(",", ":"))
    content = tag("div", *controls), line_chart(axes, curves, is_percentage=True)
    return tag("div", *content, class_="columns threshold", data_columns=columns)


def _defined(x: Sequence[float], y: Sequence[float | None]) -> tuple[list[float], list[float]]:
    """Return the points whose y is defined."""
    points = [(x_value, y_value) for x_value, y_value in zip(x, y, strict=True) if y_value is not None]
    return [x_value for x_value, _ in points], [y_value for _, y_value in points]


def _cost(label: str) -> Html:
    return tag("label", f"{label} ", tag("input", type="number", min="0", step="any", value="1"))


def _confusion(cells: Sequence[Sequence[Html]], names: Sequence[str]) -> Html:
    heads = [tag("th", name, scope="col", class_="number", title=name) for name in names]
    head = tag("thead", tag("tr", tag("th", "actual, predicted as", scope="col"), *heads))
    rows = [
        tag("tr", tag("th", name, scope="row", title=name), *row)
        for name, row in zip(names, cells, strict=True)
    ]
    return tag("div", tag("table", head, tag("tbody", *rows), class_="confusion"), class_="scroll")


def _cell(
    count: int, rate: float | None, count_name: str | None = None, rate_name: str | None = None
) -> Html:
    """Return a cell of a confusion matrix: rows and their share of the actual class.

    The script changes those that have a name.
    """
    shown = tag("span", format_number(count), data_shows=count_name)
    share = tag("small", format_percentage(rate), data_shows=rate_name, class_="percentage")
    return tag("td", shown, " ", share, class_="number")
