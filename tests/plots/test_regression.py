"""Plots of a regression: what is drawn, compared with the values."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection

from lit_classify.data_interface import NumericFeature
from lit_classify.plots import RegressionLineDisplay, lines_of_seeds, predicted_vs_actual

X, Y = torch.tensor([[2.0], [0.0], [1.0]]), torch.tensor([4.0, 0.0, 1.0])


def test_the_line_connects_the_predictions_in_the_order_and_units_of_the_feature() -> None:
    display = RegressionLineDisplay({"Train": (X, Y)}, [Y], NumericFeature("age", center=10.0, scale=5.0))
    display.update([torch.tensor([3.0, 1.0, 2.0])], "epoch 3")
    axes = display.figure.axes[0]
    assert np.asarray(axes.lines[0].get_xydata()).tolist() == [[10, 1], [15, 2], [20, 3]]
    (points,) = [collection for collection in axes.collections if isinstance(collection, PathCollection)]
    assert np.asarray(points.get_offsets()).tolist() == [[20, 4], [10, 0], [15, 1]]
    assert (axes.get_xlabel(), axes.get_title()) == ("age", "epoch 3")


@pytest.mark.parametrize(("predicted", "limits"), [([0.0, 5.0], (0, 5)), ([-100.0, 100.0], (-4, 8))])
def test_predictions_move_the_limits_by_at_most_the_range_of_the_data(
    predicted: list[float], limits: tuple[float, float]
) -> None:
    display = RegressionLineDisplay({"Train": (X, Y)}, [torch.tensor(predicted)])
    low, high = display.figure.axes[0].get_ylim()
    margin = 0.05 * (limits[1] - limits[0])
    assert (low, high) == pytest.approx((limits[0] - margin, limits[1] + margin))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        RegressionLineDisplay({"Train": (X, torch.tensor([1.0, 2.0, bad]))})


def test_the_limits_of_tiny_values_fit_them() -> None:
    x, y = torch.arange(3.0)[:, None], 1e-12 * torch.arange(3.0)
    low, high = RegressionLineDisplay({"Train": (x, y)}, [y]).figure.axes[0].get_ylim()
    assert [low, high] == pytest.approx([-1e-13, 2.1e-12])


def test_each_row_is_a_point_and_its_error_is_counted() -> None:
    actual, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    values, errors = predicted_vs_actual(actual, predicted, "Test: 3 rows").axes
    assert np.asarray(values.collections[0].get_offsets()).tolist() == [[1, 1.5], [2, 2], [4, 3]]
    assert sum(patch.get_height() for patch in errors.patches) == 3  # type: ignore[attr-defined]
    edges = [patch.get_x() for patch in errors.patches]  # type: ignore[attr-defined]
    assert min(edges) == pytest.approx(-1.0)


def test_tick_labels_do_not_overlap() -> None:
    actual = np.array([3e5, -4e5, 5e6, 1e6 + 0.123])
    figure = predicted_vs_actual(actual, actual[::-1] / 7, "")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib is half typed here
    for axes in figure.axes:
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        boxes = [tick.label1.get_window_extent() for tick in ticks]
        assert len(boxes) >= 3
        assert all(right.x0 - left.x1 > 5 for left, right in pairwise(boxes))


def test_values_have_equal_axes_and_counts_of_errors_are_integers() -> None:
    values, errors = predicted_vs_actual(np.array([1.0, 2.0]), np.array([5.0, 5.0]), "").axes
    assert values.get_xlim() == values.get_ylim()
    assert all(tick == round(tick) for tick in errors.get_yticks())
    constant, _ = predicted_vs_actual(np.ones(3), np.ones(3), "").axes
    assert constant.get_xlim() == (0, 2)


def test_train_and_test_predictions_are_both_visible_where_they_coincide() -> None:
    splits = {"Train": (X, Y), "Test": (X, Y)}
    below, above = RegressionLineDisplay(splits, [Y, Y]).figure.axes[0].lines
    assert below.get_linewidth() > above.get_linewidth()
    assert below.get_color() != above.get_color()


def test_each_seed_has_its_line_over_the_original_feature() -> None:
    x, y = torch.arange(3.0)[:, None], torch.tensor([0.0, 1.0, 2.0])
    feature = NumericFeature("age", center=40.0, scale=10.0)
    (axes,) = lines_of_seeds((x, y), x, [y, y + 1], "2 runs", feature).axes
    drawn = [np.asarray(line.get_xydata()).T.tolist() for line in axes.lines]
    assert drawn == [[[40, 50, 60], [0, 1, 2]], [[40, 50, 60], [1, 2, 3]]]
    assert (axes.get_xlabel(), axes.get_title()) == ("age", "2 runs")
