"""Charts as inline SVG. The script of a page moves the cursor of those that have curves.

The area of the curves is an SVG of its own from (0, 0) to (1, 1), in which the script needs no other units.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.ticker import MaxNLocator

from lit_classify.report.html_elements import Html, format_day, format_number, format_percentage, tag

Ends = tuple[float, float]
Swatch = tuple[str, str]  # name and color
Curves = Sequence[Sequence[Sequence[float]]]  # x and y of each
_LEFT, _TOP, _WIDTH, _HEIGHT = 50, 10, 396, 172  # of the area in the drawing
_MAX_TICKS = 6


class Curve(NamedTuple):
    """A curve of a chart.

    Attributes:
        name: its name.
        x: its values along the x-axis, in order.
        y: its values along the y-axis.
        color: its color.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    color: str


class Axes(NamedTuple):
    """The axes of a chart.

    Attributes:
        title: what the chart shows, for screen readers.
        x_label: name of the x-axis.
        x: ends of the x-axis.
        y: ends of the y-axis.
        is_date: the x-axis shows days since 1970.

    Examples:
        >>> axes = Axes("loss", "epoch", (0, 10), (0, 2))
        >>> axes.place(5, 2)
        (248.0, 10.0)
    """

    title: str
    x_label: str
    x: Ends
    y: Ends
    is_date: bool = False

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point is in the drawing."""
        right, up = _fraction(x, self.x), _fraction(y, self.y)
        return round(_LEFT + _WIDTH * right, 1), round(_TOP + _HEIGHT * (1 - up), 1)

    def draw(self, *content: Html, **attributes: str) -> Html:
        """Return a drawing of the axes with content, and with attributes of its element."""
        bottom = _TOP + _HEIGHT
        parts = []
        for y in _ticks(self.y):
            at = self.place(self.x[0], y)[1]
            parts.append(line(_LEFT, at, _LEFT + _WIDTH, at, "grid"))
            parts.append(text(_LEFT - 8, at + 4, "end", _tick(y)))
        name = format_day if self.is_date else _tick
        parts += [text(self.place(x, 0)[0], bottom + 17, "middle", name(x)) for x in _ticks(self.x)]
        parts.append(text(_LEFT + _WIDTH / 2, bottom + 34, "middle", self.x_label))
        given = {"viewBox": "0 0 460 220", "role": "img", "aria_label": self.title, **attributes}
        return tag("svg", *parts, *content, **given)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    """Return a line.

    Examples:
        >>> print(line(0, 1, 2, 3.5, "grid"))
        <line x1="0" y1="1" x2="2" y2="3.5" class="grid"/>
    """
    return tag("line", x1=f"{x1:g}", y1=f"{y1:g}", x2=f"{x2:g}", y2=f"{y2:g}", class_=class_)


def text(x: float, y: float, anchor: str, content: str) -> Html:
    """Return a text that starts, ends or has its middle at a place.

    Examples:
        >>> print(text(1, 2.5, "end", "0.5"))
        <text x="1" y="2.5" text-anchor="end">0.5</text>
    """
    return tag("text", content, x=f"{x:g}", y=f"{y:g}", text_anchor=anchor)


def swatch(color: str, *content: str) -> Html:
    """Return an entry of a legend."""
    mark = tag("svg", tag("rect", width="1", height="1", fill=color), viewBox="0 0 1 1", class_="swatch")
    return tag("span", mark, *content)


def line_chart(axes: Axes, curves: Sequence[Curve], is_percentage: bool = False) -> Html:
    """Return a figure of curves, with a cursor and a legend of the values at it.

    Args:
        axes: the axes.
        curves: the curves.
        is_percentage: show the values as percentages.

    Examples:
        >>> chart = line_chart(Axes("loss", "epoch", (0, 1), (0, 2)), [Curve("train", [0, 1], [2, 1], "red")])
        >>> 'd="M0 0L1 0.5" stroke="red"' in chart
        True
    """
    paths = [tag("path", d=_path(axes, curve), stroke=curve.color, class_="curve") for curve in curves]
    legend = []
    for curve in curves:
        value = format_percentage(curve.y[-1]) if is_percentage else format_number(curve.y[-1])
        shown = tag("b", value, class_="percentage" if is_percentage else None)
        legend.append(swatch(curve.color, f"{curve.name} ", shown))
    values = [[list(curve.x), list(curve.y)] for curve in curves]
    return _with_cursor(axes, paths, legend, values)


def changing_chart(axes: Axes, curves: Mapping[int, Swatch], class_: str) -> Html:
    """Return a figure with a cursor, whose curves the script draws.

    Args:
        axes: the axes.
        curves: name and color of the curve of each output of a network.
        class_: class of the figure.

    Examples:
        >>> "data-output" in changing_chart(Axes("p", "age", (0, 1), (0, 1)), {1: ("yes", "red")}, "form")
        True
    """
    paths = [
        tag("path", class_="curve", stroke=color, data_output=f"{output}")
        for output, (_, color) in curves.items()
    ]
    legend = [swatch(color, name) for name, color in curves.values()]
    return _with_cursor(axes, paths, legend, class_=class_)


def _with_cursor(
    axes: Axes, paths: Sequence[Html], legend: Sequence[Html], values: Curves = (), class_: str | None = None
) -> Html:
    area = tag(
        "svg",
        tag("rect", width="1", height="1", class_="area"),
        *paths,
        tag("path", d="M1 0v1", class_="cursor"),
        x=f"{_LEFT}",
        y=f"{_TOP}",
        width=f"{_WIDTH}",
        height=f"{_HEIGHT}",
        viewBox="0 0 1 1",
        preserveAspectRatio="none",
    )
    return tag(
        "figure",
        tag("figcaption", axes.title),
        axes.draw(area, tabindex="0"),
        tag("div", *legend, class_="legend"),
        class_=class_,
        data_curves=json.dumps(values, separators=(",", ":")),
        data_ends=json.dumps(axes.x),
    )


def learning_curves(curves: Mapping[str, Mapping[str, Any]], colors: Sequence[str]) -> Html:
    """Return charts of the loss and of each other metric, with a curve of training and of validation rows.

    Args:
        curves: columns ``epoch`` and ``value`` of each metric, such as ``train/loss``.
        colors: colors of training and validation.
    """
    names = sorted(dict.fromkeys(tag.split("/")[1] for tag in curves), key=lambda name: name != "loss")
    charts = []
    for name in names:
        lines = [
            Curve(label, curves[tag]["epoch"], curves[tag]["value"], color)
            for label, tag, color in zip(
                ("train", "validation"), (f"train/{name}", f"val/{name}"), colors, strict=True
            )
            if tag in curves
        ]
        x = [value for part in lines for value in part.x]
        y = [value for part in lines for value in part.y]
        margin = 0.05 * (max(y) - min(y) or 1.0)
        axes = Axes(name, "epoch", (min(x), max(x)), (min(y) - margin, max(y) + margin))
        charts.append(line_chart(axes, lines))
    return tag("div", *charts, class_="charts")


def scatter_chart(axes: Axes, points: Sequence[Sequence[float]]) -> Html:
    """Return a figure of points (x, y), and the line where both are equal.

    Examples:
        >>> scatter_chart(Axes("values", "actual", (0, 1), (0, 1)), [(0.5, 0.5)]).count("<circle")
        1
    """
    diagonal = line(*axes.place(axes.x[0], axes.x[0]), *axes.place(axes.x[1], axes.x[1]), "diagonal")
    dots = [_dot(*axes.place(*point), 2.5, "dot") for point in points]
    return tag("figure", axes.draw(diagonal, *dots))


def calibration_chart(curve: Mapping[str, Any], name: str) -> Html:
    """Return a figure of a calibration curve of the summary.

    Examples:
        >>> bins = {"predicted": [0.2], "actual": [0.3], "low": [0.1], "high": [0.5], "rows": [40]}
        >>> "ECE 0.1" in calibration_chart({"ece": 0.1, **bins}, "yes")
        True
    """
    axes = Axes("calibration", f"predicted probability of {name}", (0.0, 1.0), (0.0, 1.0))
    parts = [line(*axes.place(0, 0), *axes.place(1, 1), "diagonal")]
    columns = (curve[key] for key in ("predicted", "actual", "low", "high", "rows"))
    for predicted, actual, low, high, rows in zip(*columns, strict=True):
        x, y = axes.place(predicted, actual)
        is_right, is_low = predicted > 0.9, actual < 0.1
        parts.append(line(*axes.place(predicted, low), *axes.place(predicted, high), "interval"))
        parts.append(_dot(x, y, 2.5 + 3.5 * (rows / max(curve["rows"])) ** 0.5, "dot solid"))
        label = x + (-8 if is_right else 8), y + (-6 if is_low else 14)
        parts.append(text(*label, "end" if is_right else "start", f"{rows:,}"))
    caption = "Fraction of positives, with 95 % intervals and numbers of rows; "
    caption += f"expected calibration error, ECE {format_number(curve['ece'], 2)}"
    return tag("figure", tag("figcaption", caption), axes.draw(*parts))


def _dot(x: float, y: float, radius: float, class_: str) -> Html:
    return tag("circle", cx=f"{x:g}", cy=f"{y:g}", r=f"{radius:.3g}", class_=class_)


def _path(axes: Axes, curve: Curve) -> str:
    points = (
        f"{_fraction(x, axes.x):.4g} {1 - _fraction(y, axes.y):.4g}"
        for x, y in zip(curve.x, curve.y, strict=True)
    )
    return f"M{'L'.join(points)}"


def _fraction(value: float, ends: Ends) -> float:
    return (value - ends[0]) / (ends[1] - ends[0] or 1.0)


def _ticks(ends: Ends) -> list[float]:
    """Return round numbers between the ends."""
    margin = 1e-9 * (ends[1] - ends[0])
    values = MaxNLocator(_MAX_TICKS - 1, steps=[1, 2, 2.5, 5, 10]).tick_values(*ends)
    return [float(value) for value in values if ends[0] - margin <= value <= ends[1] + margin]


def _tick(value: float) -> str:
    return format_number(int(value) if value == int(value) and abs(value) < 1e6 else value)
