"""The plot of a learning-rate range test."""

import numpy as np

from lit_classify.plots import learning_rate_curve


def test_the_curve_and_the_suggested_rate_are_drawn_on_a_logarithmic_axis() -> None:
    rates, losses = [0.01, 0.1, 1.0, 10.0], [0.7, 0.6, 0.4, 0.9]
    (axes,) = learning_rate_curve(rates, losses, 0.1, "moons").axes
    curve, line = axes.lines
    assert np.asarray(curve.get_xydata()).T.tolist() == [rates, losses]
    assert np.asarray(line.get_xydata())[:, 0].tolist() == [0.1, 0.1]
    assert axes.get_xscale() == "log"
    assert axes.get_legend_handles_labels()[1] == ["suggested: 0.1"]
