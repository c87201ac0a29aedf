"""Render a comparison as one self-contained page without scripts, which makes no requests."""

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import Tensor

from lit_classify import plots
from lit_classify.messages import plural
from lit_classify.plots.style import wrap
from lit_classify.report.comparison import Configuration, PlotData
from lit_classify.report.comparison_formats import setting, verdict
from lit_classify.report.html_elements import (
    Html,
    escape,
    fill_page,
    format_number,
    join,
    note_list,
    section,
    tag,
)

_CURVES = {"train/loss": "loss, training rows", "val/loss": "loss, validation rows"}
_NO_BAND: Mapping[str, list[float]] = {"epoch": [], "mean": [], "low": [], "high": []}
_TYPES = {"png": "image/png", "svg": "image/svg+xml"}
_STRIP = 120  # width of a strip of runs
_TITLE_WIDTH = 40  # characters
_MAX_NAMES = 3  # in the title of the page
_MAX_TESTS = 20  # differences that are shown at once


def comparison_page(summary: Mapping[str, Any], configurations: Sequence[Configuration]) -> bytes:
    """Return a comparison as a page: the table, the tests, predictions side by side, and curves.

    The content-security policy of the page allows its own style and images alone.

    Args:
        summary: the summary.
        configurations: what it summarizes, for the plots of predictions.
    """
    seeds = summary["seeds"]
    seed_range = f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    about = f"{summary['metric']} on {' or '.join(summary['rows'])}, {seed_range}"
    names = [config["name"] for config in summary["configurations"]]
    title = ", ".join(names) if len(names) <= _MAX_NAMES else f"{len(names)} configurations"
    body = [
        tag(
            "header",
            tag("p", "Comparison", class_="muted"),
            tag("h1", title),
            tag("p", about, class_="purpose"),
        ),
        _results(summary),
        _tests(summary),
        _predictions(configurations),
        _curves(summary),
        tag("footer", f"This page makes no requests. Written by lit_classify {summary['version']}."),
    ]
    return fill_page(f"{title}: {about}", join(body), "img-src data:").encode()


def _results(summary: Mapping[str, Any]) -> Html:
    configurations, metric = summary["configurations"], summary["metric"]
    values = [
        run["metric"] for config in configurations for run in config["runs"] if run["metric"] is not None
    ]
    differing = dict.fromkeys(key for config in configurations for key in config["differs"])
    numeric_heads = ("parameters", f"{metric}, mean ± std", "best", "worst", "times best", "seconds")
    heads = [tag("th", "configuration", scope="col")]
    heads += [tag("th", key.removeprefix("model."), scope="col") for key in differing]
    heads += [tag("th", name, scope="col", class_="number") for name in numeric_heads]
    heads.append(tag("th", "runs", scope="col"))
    rows = []
    for config in configurations:
        cells = [tag("th", config["name"], scope="row")]
        cells += [tag("td", setting(config["differs"][key]), class_="differs") for key in differing]
        spread = "" if config["std"] is None else f" ± {format_number(config['std'], 3)}"
        mean = "diverged" if config["mean"] is None else format_number(config["mean"]) + spread
        best, worst = format_number(config["best"]), format_number(config["worst"])
        times_best = f"{config['times_best']} of {len(summary['seeds'])}"
        texts = format_number(config["parameters"]), mean, best, worst, times_best, f"{config['seconds']:.1f}"
        cells += [tag("td", text, class_="number") for text in texts]
        cells.append(tag("td", _strip(config, values)))
        rows.append(tag("tr", *cells))
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="sortable")
    return section("Results", tag("div", table, class_="scroll"), note_list(summary["notes"]))


def _strip(config: Mapping[str, Any], values: Sequence[float]) -> Html | None:
    """Draw the metric of each run as a dot, from the lowest to the highest of all configurations."""
    if not values:
        return None
    low, size = min(values), max(values) - min(values) or 1.0
    dots = [
        tag(
            "circle",
            cx=f"{6 + (_STRIP - 12) * (run['metric'] - low) / size:.1f}",
            cy="8",
            r="4",
            class_="dot",
        )
        for run in config["runs"]
        if run["metric"] is not None
    ]
    line = tag("line", x1="0", x2=str(_STRIP), y1="8", y2="8", class_="grid")
    label = f"{len(dots)} runs from {format_number(config['worst'])} to {format_number(config['best'])}"
    return tag("svg", line, *dots, viewBox=f"0 0 {_STRIP} 16", class_="strip", role="img", aria_label=label)


def _tests(summary: Mapping[str, Any]) -> Html | None:
    if not summary["tests"]:
        return None
    rows = [
        tag("tr", *(tag("td", text) for text in (test["first"], test["second"], verdict(test))))
        for test in sorted(summary["tests"], key=lambda test: test["p_corrected"])
    ]
    heads = [
        tag("th", name, scope="col") for name in ("first", "second", f"{summary['metric']}, first - second")
    ]
    tables = [
        tag("div", tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *group)), class_="scroll")
        for group in (rows[:_MAX_TESTS], rows[_MAX_TESTS:])
        if group
    ]
    label = f"{len(rows) - _MAX_TESTS} more differences"
    collapsed = [tag("details", tag("summary", label), table) for table in tables[1:]]
    return section("Differences", tables[0], *collapsed)


def _predictions(configurations: Sequence[Configuration]) -> Html | None:
    """Return the plots of predictions, side by side."""
    drawn = []
    for config in configurations:
        surfaces = [run.surface for run in config.runs if run.surface is not None]
        plot_data = config.plot_data
        if plot_data is None or not surfaces:
            continue

        title = wrap(f"{config.name}: {plural(len(surfaces), 'run')}", _TITLE_WIDTH)
        draw = partial(_draw_predictions, plot_data, surfaces, title)
        drawn.append(tag("figure", _picture(draw, f"predictions of {config.name}", "png")))
    if not drawn:
        return None
    about = "Each line is the boundary of one run; the background shows the mean of their probabilities."
    if all(config.plot_data is None or config.plot_data.extent is None for config in configurations):
        about = "Each line shows the predictions of one run."
    return section("Predictions", tag("p", about, class_="muted"), tag("div", *drawn, class_="plots"))


def _draw_predictions(plot_data: PlotData, surfaces: Sequence[Tensor], title: str) -> Figure:
    points = plot_data.x, plot_data.y
    if plot_data.extent is None:
        return plots.lines_of_seeds(points, plot_data.inputs, surfaces, title, plot_data.features[0])
    names = plot_data.class_names or []
    return plots.boundaries_of_seeds(
        points, names, surfaces, plot_data.extent, title, plot_data.features, plot_data.equal
    )


def _curves(summary: Mapping[str, Any]) -> Html | None:
    """Return the learning curves, with bands of their spread."""
    titles = {**_CURVES, f"val/{summary['metric']}": f"{summary['metric']}, validation rows"}
    configurations = summary["configurations"]
    drawn = []
    for name, title in titles.items():
        bands = {  # of every configuration, so that each has the same color in all plots
            config["name"]: config["curves"].get(name) or _NO_BAND for config in configurations
        }
        if any(band["epoch"] for band in bands.values()):
            picture = _picture(partial(plots.curve_bands, {title: bands}), f"learning curves: {title}", "svg")
            drawn.append(tag("figure", picture))
    if not drawn:
        return None
    about = "Mean over the seeds; the band holds the middle 80 % of them."
    return section("Learning curves", tag("p", about, class_="muted"), tag("div", *drawn, class_="plots"))


def _picture(draw: Callable[[], Figure], label: str, format_: str) -> Html:
    """Return a figure, drawn for light and dark pages."""
    uris = []
    for settings in (None, plots.DARK):
        with rc_context(settings):
            content = base64.b64encode(plots.encode_figure(draw(), format_)).decode()
        uris.append(f"data:{_TYPES[format_]};base64,{content}")
    dark = Html(f'<source media="screen and (prefers-color-scheme: dark)" srcset="{uris[1]}">')
    return tag("picture", dark, Html(f'<img src="{uris[0]}" alt="{escape(label)}">'))
