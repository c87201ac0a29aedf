"""Plots that a notebook shows."""

import numpy as np

from lit_classify import plots
from lit_classify.plots.inline_figure import InlineFigure


def test_every_plot_shows_itself_as_an_image() -> None:
    figure = plots.confusion_matrix(np.array([[9, 1], [0, 8]]), ["no", "yes"], "Test: 18 rows")
    assert isinstance(figure, InlineFigure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert isinstance(plots.activation_functions(), InlineFigure)
