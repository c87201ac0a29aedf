"""Pictures: tensors in, matplotlib Figures out; no window, no global state, nothing left open."""

from lit_classify.plots.curves import FORMULAS, Line, activations, history, line
from lit_classify.plots.decision_boundary import Feature, Plane, boundary, data, grid, shade
from lit_classify.plots.evaluation import calibration, confusion, curves, values
from lit_classify.plots.hidden_units import neurons
from lit_classify.plots.images import film, png
from lit_classify.plots.style import colour

__all__ = [
    "FORMULAS",
    "Feature",
    "Line",
    "Plane",
    "activations",
    "boundary",
    "calibration",
    "colour",
    "confusion",
    "curves",
    "data",
    "film",
    "grid",
    "history",
    "line",
    "neurons",
    "png",
    "shade",
    "values",
]
