"""Plots of a regression: what is drawn, compared with the values."""

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection

from lit_classify.data_interface import NumericFeature
from lit_classify.plots import RegressionLineDisplay, predicted_vs_actual

X, Y = torch.tensor([[2.0], [0.0], [1.0]]), torch.tensor([4.0, 0.0, 1.0])


def test_the_line_connects_the_predictions_in_the_order_and_units_of_the_feature() -> None:
    display = RegressionLineDisplay({"Train": (X, Y)}, [Y], NumericFeature("age", center=10.0, scale=5.0))
    display.update([torch.tensor([3.0, 1.0, 2.0])], "epoch 3")
    axes = display.figure.axes[0]
    assert np.asarray(axes.lines[0].get_xydata()).tolist() == [[10, 1], [15, 2], [20, 3]]
    (points,) = [part for part in axes.collections if isinstance(part, PathCollection)]
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


def test_each_row_is_a_point_and_its_error_is_counted() -> None:
    actual, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    values, errors = predicted_vs_actual(actual, predicted, "Test: 3 rows").axes
    assert np.asarray(values.collections[0].get_offsets()).tolist() == [[1, 1.5], [2, 2], [4, 3]]
    assert sum(patch.get_height() for patch in errors.patches) == 3  # type: ignore[attr-defined]
    edges = [patch.get_x() for patch in errors.patches]  # type: ignore[attr-defined]
    assert min(edges) == pytest.approx(-1.0)
