"""Names are drawn literally, not as formulas."""

import numpy as np
import torch
from matplotlib.legend import Legend

from lit_classify.data_interface import NumericFeature
from lit_classify.plots import (
    calibration_curve,
    confusion_matrix,
    hidden_unit_maps,
    roc_and_precision_recall,
)
from tests.plots.test_decision_boundary import decision_boundary

NAMES = ["_x", "$cost$", "$^$", "a_very_long_name_that_would_not_fit_anywhere"]


def test_names_are_drawn_literally() -> None:
    x, y = torch.randn(36, 2), torch.arange(36) % 4
    p = torch.softmax(torch.randn(36, 4), dim=1)
    targets, probabilities = np.eye(4, dtype=np.int64)[y], p.double().numpy()
    features = [NumericFeature("_pay in $"), NumericFeature("$or$ A$_")]
    boundary = decision_boundary(
        lambda points: torch.full((len(points), 4), 0.25), {"A": (x, y)}, NAMES, "t", features
    )
    labels = [text.get_text() for text in boundary.legends[0].get_texts()]
    assert labels[:4] == [" _x", r"\$cost\$", r"\$^\$", "a_very_long_…it_anywhere"]
    figures = [
        boundary,
        roc_and_precision_recall(targets, probabilities, NAMES, "t", targets, "threshold 0.5"),
        calibration_curve(targets, probabilities, NAMES, "t"),
    ]
    for figure in figures[1:]:
        (legend,) = figure.axes[0].findobj(Legend)
        labels = [text.get_text().partition(":")[0] for text in legend.get_texts()]
        in_full = "a_very_long_name_that_would_not_fit_anywhere"
        assert labels[1:5] == [" _x", r"\$cost\$", r"\$^\$", in_full]
    figures.append(confusion_matrix(np.ones((4, 4), np.int64), NAMES, "t"))
    figures.append(hidden_unit_maps([x, p], [torch.ones(4, 2)], ["_a", "$b"], NAMES, "t"))
    for figure in figures:
        figure.savefig("picture.png")
