"""Names are drawn literally, not as formulas; colors fit light and dark pages."""

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.colors import to_hex, to_rgb
from matplotlib.legend import Legend

from lit_classify.data_interface import NumericFeature
from lit_classify.plots import (
    DARK,
    DecisionBoundaryDisplay,
    RegressionLineDisplay,
    activation_functions,
    calibration_curve,
    confusion_matrix,
    hidden_unit_maps,
    learning_curves,
    predicted_vs_actual,
    roc_and_precision_recall,
    to_pixels,
)
from lit_classify.plots.style import background, class_color, foreground
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
    assert labels[:4] == [" _x", r"\$cost\$", r"\$^\$", "a_very_long_name_that_would_no\nt_fit_anywhere"]
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


def luminance(color: str) -> float:
    """Return the relative luminance that WCAG 2 defines contrast by."""
    linear = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in to_rgb(color)
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_texts_and_classes_can_be_seen_on_dark_pages() -> None:
    with rc_context(DARK):
        assert contrast(foreground(), background()) > 7
        assert min(contrast(class_color(label), background()) for label in range(24)) > 3
        assert min(contrast(foreground(), class_color(label)) for label in range(2)) > 3


def test_a_dark_plot_has_nothing_in_the_colors_of_light_ones() -> None:
    x, y = torch.randn(36, 2), torch.arange(36) % 2
    p = torch.softmax(torch.randn(36, 2), dim=1)
    targets, probabilities = np.eye(2, dtype=np.int64)[y], p.double().numpy()
    names = ["no", "yes"]
    with rc_context(DARK):
        figures = [
            decision_boundary(lambda points: torch.full((len(points), 2), 0.5), {"A": (x, y)}, names, "t"),
            confusion_matrix(np.array([[9, 1], [0, 9]]), names, "t"),
            roc_and_precision_recall(targets, probabilities, names, "t", targets, "threshold 0.5"),
            calibration_curve(targets, probabilities, names, "t"),
            hidden_unit_maps([x, p], [torch.ones(2, 2)], ["a", "b"], names, "t"),
            predicted_vs_actual(np.arange(9.0), np.ones(9), "t"),
            activation_functions(),
            learning_curves({"loss": {"train": ([0, 1], [0.7, 0.6])}}, "t"),
            RegressionLineDisplay({"A": (x[:, :1], x[:, 1])}, [x[:, 1]]).figure,
        ]
        for figure in figures:
            pixels = to_pixels(figure)
            assert to_hex(pixels[0, 0] / 255) == background()
            assert not (pixels > 250).all(axis=2).any()  # white
            assert not (pixels < 10).all(axis=2).any()  # black


def test_frames_are_as_dark_as_the_figure() -> None:
    x, y = torch.randn(36, 2), torch.arange(36) % 2
    with rc_context(DARK):
        display = DecisionBoundaryDisplay({"A": (x, y)}, ["no", "yes"])
        frame = display.frame(torch.full((4096, 2), 0.5), [y], "epoch 0")
    assert to_hex(frame[0, 0] / 255) == DARK["figure.facecolor"]
    assert not (frame < 10).all(axis=2).any()  # black titles
