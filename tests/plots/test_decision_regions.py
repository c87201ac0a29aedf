"""Colors of regions, and the lines between them."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from lit_classify.plots.decision_regions import boundary_lines, grid, region_colors
from lit_classify.plots.style import class_color


def test_a_region_has_the_color_of_its_class_at_any_probability() -> None:
    p = torch.tensor([[0.51, 0.49], [0.49, 0.51], [0.0, 1.0]])
    shades = region_colors(p)
    red, blue = (np.array(to_rgb(class_color(label))) for label in (0, 1))
    for shade, full, least in zip(shades, (red, blue, blue), (0.22, 0.22, 0.65), strict=True):
        tints = (1 - shade) / (1 - full)
        assert tints == pytest.approx([tints[0]] * 3)  # a tint of the color of this class alone
        assert least <= tints[0] <= 0.65 + 1e-9


def test_the_decision_boundary_of_a_linear_model_is_its_line() -> None:
    extent = (-1.0, 1.0, -1.0, 1.0)
    points = grid(extent)
    p = torch.sigmoid(200 * (points[:, 0] + 0.5 * points[:, 1] - 0.2))
    (line,) = boundary_lines(torch.stack([1 - p, p], dim=1), extent)
    assert np.abs(line[:, 0] + 0.5 * line[:, 1] - 0.2).max() < 1e-3
    assert {-1.0, 1.0} == {round(float(y), 6) for y in line[[0, -1], 1]}  # from edge to edge
