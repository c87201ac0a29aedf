"""Learning curves: what is drawn."""

import numpy as np

from lit_classify.plots import curve_bands, learning_curves
from lit_classify.plots.style import class_color


def test_each_metric_has_a_panel_with_a_line_for_each_stage() -> None:
    loss = {"val": ([0, 2], [0.8, 0.6]), "train": ([0, 1, 2], [0.7, 0.6, 0.5])}
    figure = learning_curves({"accuracy": {"train": ([0], [0.5])}, "loss": loss}, "circles/version_0")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    drawn = {str(line.get_label()): np.asarray(line.get_xydata()).T.tolist() for line in figure.axes[0].lines}
    assert list(drawn) == ["train", "val"]
    assert [line.get_color() for line in figure.axes[0].lines] == [class_color(1), class_color(0)]
    assert drawn == {"train": [[0, 1, 2], [0.7, 0.6, 0.5]], "val": [[0, 2], [0.8, 0.6]]}


def test_points_are_marked_where_they_are_few() -> None:
    many = list(range(30))
    figure = learning_curves({"loss": {"train": (many, many), "val": (many[:29], many[:29])}}, "run")
    assert [line.get_marker() for line in figure.axes[0].lines] == ["None", "o"]


def test_a_single_epoch_is_a_point_at_a_whole_number() -> None:
    band = {"epoch": [0.0], "mean": [0.7], "low": [0.6], "high": [0.8]}
    for figure in (curve_bands({"loss": {"a": band}}), learning_curves({"loss": {"a": ([0], [1])}}, "run")):
        (axes,) = figure.axes
        assert [line.get_marker() for line in axes.lines] == ["o"]
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [0]


def test_a_stage_has_the_same_color_in_every_panel() -> None:
    point = [0], [0.5]
    figure = learning_curves({"loss": {"train": point, "val": point}, "best_loss": {"val": point}}, "run")
    loss, selected = figure.axes
    train, val = (line.get_color() for line in loss.lines)
    assert selected.lines[0].get_color() == val != train
    assert all(axes.get_legend() is not None for axes in figure.axes)


def test_bands_show_mean_and_spread_in_the_color_of_the_configuration() -> None:
    band = {"epoch": [0.0, 1.0], "mean": [0.7, 0.6], "low": [0.6, 0.5], "high": [0.8, 0.7]}
    figure = curve_bands({"loss": {"a": band, "b": band}, "accuracy": {"b": band}})
    loss, accuracy = figure.axes
    assert np.asarray(loss.lines[0].get_xydata()).T.tolist() == [[0, 1], [0.7, 0.6]]
    (outline,) = loss.collections[0].get_paths()
    heights = np.asarray(outline.vertices)[:, 1]
    assert (heights.min(), heights.max()) == (0.5, 0.8)
    assert accuracy.lines[0].get_color() == loss.lines[1].get_color() != loss.lines[0].get_color()
