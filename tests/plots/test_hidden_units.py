"""Maps of hidden units: what is drawn, compared with activations and weights."""

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lit_classify.plots import hidden_unit_maps
from lit_classify.plots.hidden_units import hidden_layer_maps
from lit_classify.plots.style import class_color

GRID = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])


def draw(hidden: torch.Tensor, weights: list[torch.Tensor] | None = None) -> Figure:
    num_units = hidden.shape[1]
    weights = weights or [torch.ones(num_units, 2), torch.ones(1, num_units)]
    return hidden_unit_maps([GRID, hidden, 8 * GRID[:, :1]], weights, ["x1", "x2"], ["yes"], "epoch 9")


def colors(figure: Figure) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Return the pixels of each map, ``(4, 3)``."""
    return [np.asarray(axes.images[0].get_array()).reshape(4, 3) for axes in figure.axes]


def test_all_hidden_units_have_the_same_color_scale() -> None:
    hidden = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, -2.0], [0.0, 0.0]])
    figure = draw(hidden)
    _, _, large, small, output = colors(figure)
    blue, red = (np.array(to_rgb(class_color(label))) for label in (1, 0))
    assert large[1] == pytest.approx(blue)
    assert small[2] == pytest.approx(1 - (1 - red) / 2)  # half as large
    assert output[0] == pytest.approx(red)  # outputs have a scale of their own
    assert figure.texts[-1].get_text().endswith("full color: ±4 in hidden units, ±8 in outputs")


def test_dead_units_are_marked_and_counted() -> None:
    figure = draw(torch.tensor([[0.0, 0.1, 0.0]]).repeat(4, 1))
    marks = [[text.get_text() for text in axes.texts] for axes in figure.axes[2:5]]
    assert marks == [["dead"], [], ["dead"]]
    headers = [text.get_text() for text in figure.texts[1:4]]
    assert headers == ["2 inputs", "layer 1: 3 units, 2 dead", "1 output"]


def test_of_many_units_the_most_active_are_drawn_and_all_are_counted() -> None:
    activity = torch.arange(40.0)
    weight = torch.zeros(1, 40)
    weight[0, 30] = -1.0
    figure = draw(activity.repeat(4, 1), [torch.zeros(40, 2), weight])
    assert [axes.get_title() for axes in figure.axes[2:-1]] == [f"unit {unit}" for unit in range(24, 40)]
    assert figure.texts[2].get_text() == "layer 1: 16 of 40 units, 1 dead"
    (lines,) = (artist for artist in figure.artists if isinstance(artist, LineCollection))
    (segment,) = lines.get_segments()
    box = figure.axes[2 + 30 - 24].get_position()
    assert segment[0] == pytest.approx([box.x1, (box.y0 + box.y1) / 2])
    assert np.asarray(lines.get_edgecolor())[0, :3] == pytest.approx(to_rgb(class_color(0)))  # negative


@pytest.mark.parametrize(("num_units", "shape"), [(1, (1, 1)), (5, (2, 3)), (10, (3, 4)), (40, (4, 4))])
def test_the_maps_of_a_layer_are_a_square_of_large_panels(num_units: int, shape: tuple[int, int]) -> None:
    hidden = torch.arange(float(num_units)).repeat(4, 1)
    figure = hidden_layer_maps(hidden, 1, 80.0, "epoch 9")
    boxes = [axes.get_position() for axes in figure.axes]
    rows, columns = {round(box.y0, 6) for box in boxes}, {round(box.x0, 6) for box in boxes}
    assert (len(rows), len(columns)) == shape
    width, height = figure.get_size_inches()
    assert width == 3.6
    assert 0.7 < width / height < 1.3
    assert {float(axes.title.get_fontsize()) for axes in figure.axes} == {10.0}
    last = np.asarray(figure.axes[-1].images[0].get_array())[0, 0]
    blue = np.array(to_rgb(class_color(1)))
    assert last == pytest.approx(1 - (1 - blue) * (num_units - 1) / 80)
