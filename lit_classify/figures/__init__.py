"""Pictures: tensors in, matplotlib Figures out; no window, no global state, nothing left open."""

from lit_classify.figures.curves import FORMULAS, Line, activations, history, line
from lit_classify.figures.images import film, png
from lit_classify.figures.mistakes import calibration, confusion, curves, values
from lit_classify.figures.neurons import neurons
from lit_classify.figures.plane import Feature, Plane, boundary, data, grid, shade
from lit_classify.figures.style import colour

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
