"""Plots: tensors in, matplotlib Figures out, without pyplot and its global state."""

from lit_classify.plots.activation_functions import FORMULAS, activation_functions
from lit_classify.plots.animation import encode_gif
from lit_classify.plots.classification import calibration_curve, confusion_matrix, roc_and_precision_recall
from lit_classify.plots.decision_boundary import (
    DecisionBoundaryDisplay,
    boundaries_of_seeds,
    scatter_by_class,
)
from lit_classify.plots.decision_regions import extent_of, grid
from lit_classify.plots.hidden_units import hidden_unit_maps
from lit_classify.plots.images import encode_figure, encode_png, to_pixels
from lit_classify.plots.importance import column_importance
from lit_classify.plots.learning_curves import curve_bands, learning_curves
from lit_classify.plots.learning_rate import learning_rate_curve
from lit_classify.plots.regression import RegressionLineDisplay, lines_of_seeds, predicted_vs_actual
from lit_classify.plots.style import DARK

__all__ = [
    "DARK",
    "FORMULAS",
    "DecisionBoundaryDisplay",
    "RegressionLineDisplay",
    "activation_functions",
    "boundaries_of_seeds",
    "calibration_curve",
    "column_importance",
    "confusion_matrix",
    "curve_bands",
    "encode_figure",
    "encode_gif",
    "encode_png",
    "extent_of",
    "grid",
    "hidden_unit_maps",
    "learning_curves",
    "learning_rate_curve",
    "lines_of_seeds",
    "predicted_vs_actual",
    "roc_and_precision_recall",
    "scatter_by_class",
    "to_pixels",
]
