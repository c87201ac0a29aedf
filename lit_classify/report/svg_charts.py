"""Charts as inline SVG. The script of a page moves the cursor of those that have curves.

The area of the curves is a nested SVG from (0, 0) to (1, 1), so that the script needs no other units.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from matplotlib.ticker import MaxNLocator

from lit_classify.messages import shorten
from lit_classify.report.html_elements import Html, format_day, format_number, format_percentage, tag

Limits = tuple[float, float]
Swatch = tuple[str, str]  # name and color
Curves = Sequence[Sequence[Sequence[float]]]  # x and y of each
_LEFT, _TOP, _RIGHT, _HEIGHT = 50, 10, 446, 172  # of the area in the drawing; wide labels move the left edge
_MAX_TICKS, _MAX_LABEL = 6, 48  # characters of a label
_CHARACTER, _LINE = 8, 12  # width and height of characters, estimated generously


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


@dataclass(frozen=True)
class Axes:
    """The axes of a chart.

    Args:
        title: what the chart shows, for screen readers.
        x_label: name of the x-axis.
        x: limits of the x-axis.
        y: limits of the y-axis.
        is_date: the x-axis shows days since 1970.
        is_whole: the x-axis shows whole numbers.

    Examples:
        >>> axes = Axes("loss", "epoch", (0, 10), (0, 2))
        >>> axes.place(5, 2)
        (248.0, 10.0)
    """

    title: str
    x_label: str
    x: Limits
    y: Limits
    is_date: bool = False
    is_whole: bool = False

    @cached_property
    def left(self) -> int:
        """Where the area begins: on the right of the y-axis."""
        return max(_LEFT, 12 + _CHARACTER * max(map(len, self._y_ticks.values()), default=0))

    @property
    def width(self) -> int:
        """The width of the area."""
        return _RIGHT - self.left

    @cached_property
    def _y_ticks(self) -> dict[float, str]:
        return _ticks(self.y, _MAX_TICKS)

    def _x_ticks(self) -> dict[float, str]:
        """Return as many ticks as there is space for, each with its text."""
        for max_ticks in range(_MAX_TICKS, 1, -1):
            ticks = _ticks(self.x, max_ticks, self.is_whole)
            if self.is_date:
                ticks = {day: format_day(day) for day in ticks}
            if len(ticks) * _CHARACTER * (2 + max(map(len, ticks.values()), default=0)) <= self.width:
                break
        return ticks

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point is in the drawing."""
        right, up = _fraction(x, self.x), _fraction(y, self.y)
        return round(self.left + self.width * right, 1), round(_TOP + _HEIGHT * (1 - up), 1)

    def draw(self, *content: Html, **attributes: str) -> Html:
        """Return a drawing of the axes with content, and with attributes of its element."""
        bottom = _TOP + _HEIGHT
        elements = []
        for y, name in self._y_ticks.items():
            tick_y = self.place(self.x[0], y)[1]
            elements.append(line(self.left, tick_y, _RIGHT, tick_y, "grid"))
            elements.append(text(self.left - 8, tick_y + 4, "end", name))
        for x, name in self._x_ticks().items():
            elements.append(text(self.place(x, 0)[0], bottom + 17, "middle", name))
        label = shorten(self.x_label, _MAX_LABEL)
        elements.append(text(self.left + self.width / 2, bottom + 34, "middle", label))
        svg_attributes = {"viewBox": "0 0 460 220", "role": "img", "aria_label": self.title, **attributes}
        return tag("svg", *elements, *content, **svg_attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    """Return a line.

    Examples:
        >>> print(line(0, 1, 2, 3.5, "grid"))
        <line x1="0" y1="1" x2="2" y2="3.5" class="grid"/>
    """
    return tag("line", x1=f"{x1:g}", y1=f"{y1:g}", x2=f"{x2:g}", y2=f"{y2:g}", class_=class_)


def text(x: float, y: float, anchor: str, content: str) -> Html:
    """Return a text that starts at a point, ends there or is centered on it.

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
    dots = [
        tag("circle", cx=f"{x:g}", cy=f"{y:g}", r="3", fill=curve.color)
        for curve in curves
        if len(curve.x) == 1  # whose path is a point, which is not drawn
        for x, y in [axes.place(curve.x[0], curve.y[0])]
    ]
    legend = []
    for curve in curves:
        value = format_percentage(curve.y[-1]) if is_percentage else format_number(curve.y[-1])
        shown = tag("b", value, class_="percentage" if is_percentage else None)
        legend.append(swatch(curve.color, f"{curve.name} ", shown))
    values = [[list(curve.x), list(curve.y)] for curve in curves]
    return _with_cursor(axes, paths, legend, values, dots)


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
    axes: Axes,
    paths: Sequence[Html],
    legend: Sequence[Html],
    values: Curves = (),
    dots: Sequence[Html] = (),
    class_: str | None = None,
) -> Html:
    area = tag(
        "svg",
        tag("rect", width="1", height="1", class_="area"),
        *paths,
        tag("path", d="M1 0v1", class_="cursor"),
        x=f"{axes.left}",
        y=f"{_TOP}",
        width=f"{axes.width}",
        height=f"{_HEIGHT}",
        viewBox="0 0 1 1",
        preserveAspectRatio="none",
    )
    return tag(
        "figure",
        tag("figcaption", axes.title),
        axes.draw(area, *dots, tabindex="0"),
        tag("div", *legend, class_="legend"),
        class_=class_,
        data_curves=json.dumps(values, separators=(",", ":")),
        data_limits=json.dumps(axes.x),
    )


def learning_curves(curves: Mapping[str, Mapping[str, Any]], colors: Sequence[str]) -> Html:
    """Return charts of the loss and of each other metric, with a curve of training and of validation rows.

    Args:
        curves: columns ``epoch`` and ``value`` of each metric, such as ``train/loss``.
        colors: colors of training and validation.
    """
    names = sorted(dict.fromkeys(key.split("/")[1] for key in curves), key=lambda name: name != "loss")
    charts = []
    for name in names:
        lines = [
            Curve(label, curves[key]["epoch"], curves[key]["value"], color)
            for label, key, color in zip(
                ("train", "validation"), (f"train/{name}", f"val/{name}"), colors, strict=True
            )
            if key in curves
        ]
        x = [value for curve in lines for value in curve.x]
        y = [value for curve in lines for value in curve.y]
        margin = 0.05 * (max(y) - min(y) or 1.0)
        limits = (min(x), max(x)), (min(y) - margin, max(y) + margin)
        axes = Axes(name, "epoch", *limits, is_whole=True)
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
    elements = [line(*axes.place(0, 0), *axes.place(1, 1), "diagonal")]
    columns = (curve[key] for key in ("predicted", "actual", "low", "high", "rows"))
    labels: list[tuple[float, float]] = []
    for predicted, actual, low, high, rows in zip(*columns, strict=True):
        x, y = axes.place(predicted, actual)
        is_right, is_low = predicted > 0.9, actual < 0.1
        elements.append(line(*axes.place(predicted, low), *axes.place(predicted, high), "interval"))
        elements.append(_dot(x, y, 2.5 + 3.5 * (rows / max(curve["rows"])) ** 0.5, "dot solid"))
        count = f"{rows:,}"
        label_x, label_y = x + (-8 if is_right else 8), y + (-6 if is_low else 14)
        while any(
            abs(label_x - other_x) < 5 * _CHARACTER and abs(label_y - other_y) < _LINE
            for other_x, other_y in labels
        ):
            label_y += -_LINE if is_low else _LINE
        labels.append((label_x, label_y))
        elements.append(text(label_x, label_y, "end" if is_right else "start", count))
    caption = "Fraction of positives, with 95 % intervals and numbers of rows; "
    caption += f"expected calibration error, ECE {format_number(curve['ece'], 2)}"
    return tag("figure", tag("figcaption", caption), axes.draw(*elements))


def _dot(x: float, y: float, radius: float, class_: str) -> Html:
    return tag("circle", cx=f"{x:g}", cy=f"{y:g}", r=f"{radius:.3g}", class_=class_)


def _path(axes: Axes, curve: Curve) -> str:
    points = (
        f"{_fraction(x, axes.x):.4g} {1 - _fraction(y, axes.y):.4g}"
        for x, y in zip(curve.x, curve.y, strict=True)
    )
    return f"M{'L'.join(points)}"


def _fraction(value: float, limits: Limits) -> float:
    return (value - limits[0]) / (limits[1] - limits[0] or 1.0)


def _ticks(limits: Limits, max_ticks: int, is_whole: bool = False) -> dict[float, str]:
    """Return at most a number of round values within the limits, each with a label of its own."""
    size = limits[1] - limits[0]
    margin = 1e-9 * size
    min_ticks = 1 if is_whole else 2
    locator = MaxNLocator(max_ticks - 1, steps=[1, 2, 2.5, 5, 10], integer=is_whole, min_n_ticks=min_ticks)
    values = locator.tick_values(*limits)
    ticks = [float(value) for value in values if limits[0] - margin <= value <= limits[1] + margin]
    largest = max(map(abs, limits))
    digits = max(4, 3 + math.ceil(math.log10(largest / size))) if largest and size else 4
    return {value: _tick(value, digits) for value in ticks}


def _tick(value: float, digits: int) -> str:
    if value == int(value) and abs(value) < 1e6:
        return format_number(int(value))
    return f"{value:,.{digits}g}".replace("-", "\N{MINUS SIGN}")
