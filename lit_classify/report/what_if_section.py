"""The what-if form of a report: fields for the columns of a table, and elements for the predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

from lit_classify.plots.style import class_color
from lit_classify.report.html_elements import Html, format_day, format_number, section, tag
from lit_classify.report.svg_charts import Axes, changing_chart

_MAX_BARS = 20  # as in page.js


def what_if_section(what_if: Mapping[str, Any] | None, outputs: Sequence[str], run: int) -> Html | None:
    """Return the form, which the script fills; None for data without columns.

    Args:
        what_if: the columns and the network of a run's summary.
        outputs: names of the classes or labels, or of the predicted value.
        run: index of the run.
    """
    if what_if is None:
        return None
    if "reason" in what_if:
        return section("Try other values", tag("p", f"Not available: {what_if['reason']}.", class_="muted"))
    is_value = what_if["range"] is not None
    controls = [_control(column, what_if["start"][column["name"]]) for column in what_if["columns"]]
    if is_value:
        predictions = [tag("p", tag("b"), class_="value prediction")]
    else:
        predictions = [
            tag("div", *_bar(name, "percentage", class_color(index)), class_="bar prediction")
            for index, name in enumerate(outputs)
        ]
        if len(outputs) > _MAX_BARS:
            about = f"The {_MAX_BARS} most probable of {len(outputs)}."
            predictions.append(tag("p", about, class_="muted"))
    panels = [_panel(column, outputs, what_if) for column in what_if["columns"]]
    result = tag("div", tag("div", *predictions, aria_live="polite"), *panels, class_="result")
    columns = tag("div", tag("div", *controls, class_="fields"), result, class_="columns")
    return section("Try other values", columns, class_="form", data_run=f"{run}")


def _control(column: Mapping[str, Any], value: Any) -> Html:  # noqa: ANN401 - plain data
    """Return the fields of a column with a value."""
    name, kind = column["name"], column["kind"]
    if kind == "category":
        texts = [*(_option(option) for option in column["options"]), "(another value)"]
        chosen = column["options"].index(value)
        options = [
            tag("option", text, selected="" if index == chosen else None) for index, text in enumerate(texts)
        ]
        hint, fields = f"{len(options) - 2} categories", [tag("select", *options, aria_label=name)]
    elif kind == "boolean":
        checked = "" if value else None
        hint = "yes or no"
        fields = [tag("input", type="checkbox", checked=checked, aria_label=name)]
    else:
        is_date = kind == "date"
        low, high = (format_day(limit) if is_date else format_number(limit, 3) for limit in _limits(column))
        hint = f"{low} to {high}"
        shown = format_day(value) if is_date else f"{value:.6g}"
        limits = {"min": repr(column["min"]), "max": repr(column["max"]), "step": "any"}
        fields = [
            tag("input", type="range", value=repr(value), aria_label=f"{name}, slider", **limits),
            tag("input", type=kind, value=shown, placeholder="missing", step="any", aria_label=name),
        ]
    label = tag("span", name, tag("small", hint), title=name)
    return tag("div", label, tag("div", *fields, class_="inputs"), class_="control")


def _panel(column: Mapping[str, Any], outputs: Sequence[str], what_if: Mapping[str, Any]) -> Html:
    """Return a figure of the predictions for each value of a column: a curve of numbers, or bars."""
    title, is_value = f"Prediction by {column['name']}", what_if["range"] is not None
    if column["kind"] in {"category", "boolean"}:
        of_output = () if is_value else (": probability of ", tag("span", class_="output"))
        texts = ("yes", "no") if column["kind"] == "boolean" else map(_option, column["options"])
        class_ = None if is_value else "percentage"
        bars = [tag("div", *_bar(text, class_), class_="bar") for text in texts]
        return tag("figure", tag("figcaption", title, *of_output), *bars, class_="sensitivity")
    drawn = [1] if what_if["network"]["task"] == "binary" else range(len(outputs))
    curves = {output: (outputs[output], class_color(1 if is_value else output)) for output in drawn}
    axes = Axes(
        title, column["name"], _limits(column), what_if["range"] or (0.0, 1.0), column["kind"] == "date"
    )
    return changing_chart(axes, curves, "sensitivity")


def _limits(column: Mapping[str, Any]) -> tuple[float, float]:
    return column["min"], column["max"]


def _option(value: str | None) -> str:
    return "(missing)" if value is None else value


def _bar(name: str, value_class: str | None, color: str | None = None) -> tuple[Html, Html, Html]:
    """Return name, track and value of a bar; the script sets its length and value."""
    fill = tag("rect", height="100%", rx="4", fill=color)
    track = tag("svg", fill, class_="track", aria_hidden="true")
    return tag("span", name, title=name), track, tag("b", class_=value_class)
