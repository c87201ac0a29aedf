"""Charts as SVG: what is drawn where, and that names stay text."""

import re
from itertools import pairwise

import pytest

from lit_classify.report.svg_charts import (
    Axes,
    Curve,
    calibration_chart,
    learning_curves,
    line_chart,
    scatter_chart,
)
from tests.report.summaries import HOSTILE


@pytest.mark.parametrize(
    ("x", "y", "texts"),
    [
        ((0, 1), (0, 2), ["0", "0.5", "1", "1.5", "2", "0", "0.2", "0.4", "0.6", "0.8", "1", "epoch"]),
        (
            (0, 1999),
            (-3e-7, 3e-7),
            [
                "\N{MINUS SIGN}2e\N{MINUS SIGN}07",
                "0",
                "2e\N{MINUS SIGN}07",
                "0",
                "500",
                "1,000",
                "1,500",
                "epoch",
            ],
        ),
        ((4, 4), (1, 1), ["1", "4", "epoch"]),
    ],
)
def test_ticks_are_round_numbers_within_the_limits(
    x: tuple[float, float], y: tuple[float, float], texts: list[str]
) -> None:
    drawn = Axes("loss", "epoch", x, y).draw()
    assert re.findall("<text.*?>(.*?)</text>", drawn) == texts


def test_curves_go_from_the_lower_left_to_the_upper_right() -> None:
    axes = Axes("loss", "epoch", (0, 10), (1, 3))
    chart = line_chart(axes, [Curve("train", [0, 10], [1, 3], "red"), Curve("val", [5], [2], "blue")])
    assert re.findall(r'd="(\S+ [\d.]+L?.*?)" stroke="(.*?)"', chart) == [
        ("M0 1L1 0", "red"),
        ("M0.5 0.5", "blue"),
    ]
    assert 'data-curves="[[[0,10],[1,3]],[[5],[2]]]"' in chart
    assert "train <b>3</b>" in chart


@pytest.mark.parametrize(
    ("limits", "texts"),
    [
        ((0.0, 6e12), ["0", "2e+12", "4e+12", "6e+12"]),
        ((-4e-12, 0.0), ["\N{MINUS SIGN}4e\N{MINUS SIGN}12", "\N{MINUS SIGN}2e\N{MINUS SIGN}12", "0"]),
        ((2020.0, 2021.0), ["2,020", "2,020.2", "2,021"]),
        ((1e6, 1e6 + 1), ["1,000,000", "1,000,000.2", "1,000,001"]),
    ],
)
def test_ticks_differ_and_begin_within_the_drawing(limits: tuple[float, float], texts: list[str]) -> None:
    drawn = Axes("mae", "epoch", (0, 1), limits).draw()
    shown = re.findall('<text x="([^"]*)"[^>]*text-anchor="end">(.*?)</text>', drawn)
    assert set(texts) <= {text for _, text in shown}
    assert len({text for _, text in shown}) == len(shown)
    assert all(float(x) - 7 * len(text) > 0 for x, text in shown)


def test_ticks_of_the_x_axis_do_not_overlap() -> None:
    drawn = Axes("values", "actual", (1e6, 1e6 + 1), (0, 1)).draw()
    shown = re.findall('<text x="([^"]*)" y="199" text-anchor="middle">(.*?)</text>', drawn)
    extents = [(float(x) - 3.5 * len(text), float(x) + 3.5 * len(text)) for x, text in shown]
    assert len(extents) > 1
    assert all(right < left for (_, right), (left, _) in pairwise(extents))


def test_a_curve_of_one_epoch_is_a_dot() -> None:
    chart = line_chart(Axes("loss", "epoch", (0, 0), (0, 1)), [Curve("train", [0], [0.5], "red")])
    assert '<circle cx="50" cy="96" r="3" fill="red"/>' in chart


def test_a_long_name_below_an_axis_is_abbreviated() -> None:
    drawn = Axes("p", "a" * 200, (0, 1), (0, 1)).draw()
    assert max(map(len, re.findall("<text.*?>(.*?)</text>", drawn))) == 48


def test_the_loss_is_the_first_learning_curve() -> None:
    curve = {"epoch": [0, 1], "value": [0.5, 0.6]}
    page = learning_curves(
        {"train/accuracy": curve, "val/accuracy": curve, "val/loss": curve}, ["blue", "red"]
    )
    assert re.findall("<figcaption>(.*?)</figcaption>", page) == ["loss", "accuracy"]
    assert re.findall('stroke="(.*?)"', page) == ["red", "blue", "red"]


@pytest.mark.parametrize(("last", "ticks"), [(0, "0"), (1, "01"), (2, "012"), (3, "0123")])
def test_epochs_are_whole_numbers(last: int, ticks: str) -> None:
    epochs = list(range(last + 1))
    page = learning_curves({"val/loss": {"epoch": epochs, "value": [0.5] * len(epochs)}}, ["blue", "red"])
    assert re.findall('y="199" text-anchor="middle">(.*?)<', page) == list(ticks)


def test_bins_have_intervals_dots_of_their_size_and_numbers_of_rows() -> None:
    bins = {"predicted": [0.05, 0.95], "actual": [0.0, 1.0], "low": [0.0, 0.8], "high": [0.2, 1.0]}
    chart = calibration_chart({"ece": 0.05, "rows": [1200, 300], **bins}, HOSTILE)
    assert re.findall('<circle cx="(.*?)" cy="(.*?)" r="(.*?)"', chart) == [
        ("69.8", "182", "6"),
        ("426.2", "10", "4.25"),
    ]
    assert re.findall('<line x1="69.8" y1="(.*?)" x2="69.8" y2="(.*?)" class="interval"', chart) == [
        ("182", "147.6")
    ]
    assert ">1,200</text>" in chart
    assert "<img" not in chart


def test_numbers_of_rows_do_not_cover_each_other() -> None:
    bins = {"predicted": [0.49, 0.51], "actual": [0.0, 0.0], "low": [0.0, 0.0], "high": [0.2, 0.2]}
    chart = calibration_chart({"ece": 0.05, "rows": [1, 19], **bins}, "yes")
    first, second = (float(y) for y in re.findall('y="([^"]*)" text-anchor="start"', chart))
    assert abs(first - second) >= 12


def test_points_are_drawn_at_their_values() -> None:
    chart = scatter_chart(Axes("values", "actual", (0, 2), (0, 2)), [(0, 2), (1, 1)])
    assert re.findall('<circle cx="(.*?)" cy="(.*?)"', chart) == [("50", "10"), ("248", "96")]
