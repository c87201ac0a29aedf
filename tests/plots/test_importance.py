"""Bars of the importance of columns."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from lit_classify.plots import column_importance, to_pixels


def test_bars_show_means_and_error_bars_show_standard_deviations() -> None:
    means, deviations = np.array([0.5, 0.1, -0.2]), np.array([0.05, 0.0, 0.1])
    figure = column_importance(["a", "b", "c"], means, deviations, "decrease of accuracy", "run")
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.findobj(Rectangle)[:3]] == pytest.approx(means)
    (bars,) = axes.findobj(LineCollection)
    intervals = [segment[:, 0].tolist() for segment in bars.get_segments()]
    assert intervals == [pytest.approx(interval) for interval in ([0.45, 0.55], [0.1, 0.1], [-0.3, -0.1])]
    bottom, top = axes.get_ylim()
    assert bottom > top  # the first column is at the top
    assert axes.get_xlabel() == "decrease of accuracy"


def test_at_most_forty_columns_are_drawn() -> None:
    values = np.arange(45.0)[::-1]
    names = [f"$a_very_long_name_of_a_column_{index}" for index in range(45)]
    figure = column_importance(names, values, values, "increase of mae", "run")
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == len(axes.patches) == 40
    assert labels[0] == r"\$a_very_long…_a_column_0"
    assert figure.get_suptitle() == "run\nthe 40 most important of 45 columns"
    to_pixels(figure)
