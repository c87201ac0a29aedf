"""Frames look like the figures that matplotlib draws."""

import numpy as np

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    plots,
)
from lit_classify.networks import evaluating
from lit_classify.plots.images import to_pixels


def test_a_frame_looks_like_the_figure() -> None:
    data = CirclesDataModule()
    model = BinaryClassifier(2)
    split = data.split("test")
    with evaluating(model):
        plane = plots.DecisionBoundaryDisplay({"Test": split}, ["0", "1"])
        p, predicted = model.predict(plots.grid(plane.extent)), [model.predict(split.x).argmax(dim=1)]
        frame = plane.frame(p, predicted, "epoch 0")
        again = plane.frame(p, predicted, "epoch 0")
        plane.update(p, predicted, "epoch 0")
    assert np.array_equal(frame, again)
    still = to_pixels(plane.figure)
    assert frame.shape == still.shape
    is_similar = np.abs(frame.astype(int) - still).max(axis=2) < 60
    assert is_similar.mean() > 0.97  # texts and edges are drawn by another library
