"""Panels, points and layout of the decision boundary."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
import torch
from matplotlib import image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from sklearn.metrics import accuracy_score
from torch import Tensor

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify.data_interface import NumericFeature
from lit_classify.networks import evaluating
from lit_classify.plots.decision_boundary import (
    X1_X2,
    DecisionBoundaryDisplay,
    boundaries_of_seeds,
)
from lit_classify.plots.decision_regions import Points, boundary_lines, grid
from lit_classify.plots.style import class_color


def test_boundary_lines_separate_the_predicted_classes_of_three() -> None:
    extent = (-1.0, 1.0, -1.0, 1.0)
    logits = torch.stack([grid(extent)[:, 0], -grid(extent)[:, 0], torch.tensor(-9.0).expand(4096)])
    (line,) = boundary_lines(torch.softmax(logits, dim=0).T, extent)
    assert np.abs(line[:, 0]).max() < 1e-6


def decision_boundary(
    predict: Callable[[Tensor], Tensor],
    splits: Mapping[str, Points],
    names: Sequence[str],
    title: str,
    features: Sequence[NumericFeature] = X1_X2,
) -> Figure:
    display = DecisionBoundaryDisplay(splits, names, features)
    predicted = [predict(x).argmax(dim=1) for x, _ in splits.values()]
    display.update(predict(grid(display.extent)), predicted, title)
    return display.figure


def drawn_circles(model: BinaryClassifier) -> tuple[Figure, CirclesDataModule]:
    data = CirclesDataModule()
    splits: dict[str, tuple[Tensor, Tensor]] = {name: data.split(name)[:] for name in ("train", "test")}
    with evaluating(model):
        return decision_boundary(model.predict, splits, ["0", "1"], "circles"), data


def test_the_decision_boundary_is_drawn_in_every_panel() -> None:
    model = BinaryClassifier(2, hidden=[])  # a straight line, from edge to edge
    weight, bias = model.parameters()
    with torch.no_grad():
        weight.copy_(torch.tensor([[1.0, 0.5]]))
        bias.copy_(torch.tensor([-0.2]))
    figure, _ = drawn_circles(model)
    for axes in figure.axes:
        (lines,) = (
            collection for collection in axes.collections if collection.get_label() == "decision boundary"
        )
        assert isinstance(lines, LineCollection)
        (line,) = (np.asarray(segment) for segment in lines.get_segments())
        assert np.abs(line[:, 0] + 0.5 * line[:, 1] - 0.2).max() < 1e-3


def test_every_misclassified_point_is_ringed_and_counted() -> None:
    model = BinaryClassifier(2)
    figure, data = drawn_circles(model)
    for axes, name in zip(figure.axes, ("train", "test"), strict=True):
        x, y = data.split(name)
        with evaluating(model):
            predicted = model.predict(x).argmax(dim=1)
        correct = int(accuracy_score(y, predicted, normalize=False))
        (rings,) = (line for line in axes.lines if line.get_label() == "misclassified")
        ringed = {tuple(point) for point in np.asarray(rings.get_xydata(), np.float32).tolist()}
        assert ringed == {tuple(point) for point in x[predicted != y].tolist()}
        title = re.fullmatch(r"(\w+): (\d+) rows\n(.+)% correct, (\d+) misclassified", axes.get_title())
        assert title is not None
        assert (title[1], int(title[2]), int(title[4])) == (name, len(y), len(y) - correct)
        assert float(title[3]) == pytest.approx(100 * correct / len(y), abs=0.05 + 1e-9)


def test_the_axes_of_points_have_the_same_scale() -> None:
    figure, _ = drawn_circles(BinaryClassifier(2))
    for axes in figure.axes:
        assert axes.get_aspect() == 1
        box = axes.get_window_extent()
        assert box.width == pytest.approx(box.height)
        assert np.diff(axes.get_xlim()) == pytest.approx(np.diff(axes.get_ylim()))


def test_points_of_a_slice_have_the_color_of_their_predicted_class() -> None:
    x, y = torch.randn(30, 2), torch.arange(30) % 2
    plane = DecisionBoundaryDisplay({"Train": (x, y)}, ["a", "b"], equal=False, caption="one slice")
    p = torch.full((4096, 2), 0.5)
    plane.update(p, [torch.ones(30, dtype=torch.long)], "all are predicted as b")
    points = [
        collection
        for collection in plane.figure.axes[0].collections
        if isinstance(collection, PathCollection)
    ]
    blue = to_rgb(class_color(1))
    for collection in points:
        assert np.asarray(collection.get_facecolor())[:, :3] == pytest.approx(np.tile(blue, (15, 1)))
    assert plane.figure.legends[0].get_title().get_text() == "one slice"
    assert plane.figure.axes[0].get_aspect() == "auto"


@pytest.mark.parametrize("count", [2, 3, 13, 40])
def test_texts_do_not_overlap(count: int) -> None:
    x, y = torch.randn(3 * count, 2), torch.arange(3 * count) % count
    names = [f"a rather long name of class {label}" for label in range(count)]
    for caption in ("", "two lines\nof a caption"):
        plane = DecisionBoundaryDisplay({"Train": (x, y), "Test": (x, y)}, names, caption=caption)
        plane.update(torch.softmax(torch.randn(4096, count), dim=1), [y, y], "a run, epoch 9")
        canvas = FigureCanvasAgg(plane.figure)
        canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib is half typed here
        renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]  # the same
        panels = [axes.get_tightbbox(renderer) for axes in plane.figure.axes]
        above = plane.figure.texts or [plane.figure._suptitle]  # type: ignore[attr-defined]  # matplotlib has no public attribute
        legend = plane.figure.legends[0].get_window_extent(renderer)
        assert legend.y0 >= 0
        for panel in panels:
            assert panel is not None
            assert legend.y1 <= panel.y0
            assert panel.y1 <= above[0].get_window_extent(renderer).y0
            assert panel.x0 >= 0
            assert panel.x1 <= plane.figure.bbox.x1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused(bad: float) -> None:
    x, y = torch.randn(4, 2), torch.arange(4) % 2
    with pytest.raises(ValueError, match="NaN or infinity"):
        decision_boundary(lambda points: torch.full((len(points), 2), bad), {"A": (x, y)}, ["a", "b"], "t")
    x[0, 0] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        DecisionBoundaryDisplay({"A": (x, y)}, ["a", "b"])


def test_the_grid_runs_row_by_row_from_the_lower_left() -> None:
    points = grid((0, 1, 10, 20))
    assert points[0].tolist() == [0, 10]
    assert points[1, 1] == 10
    assert points[-1].tolist() == [1, 20]


def test_drawing_leaves_model_mode_device_and_random_state() -> None:
    model = BinaryClassifier(2, dropout=0.5)
    model.network[1].eval()  # type: ignore[index]  # one layer is in another mode
    modes = [module.training for module in model.modules()]
    weights = [weight.clone() for weight in model.parameters()]
    random_state = torch.get_rng_state()
    split = CirclesDataModule().split("test")
    with evaluating(model):
        figure = decision_boundary(model.predict, {"Test": (split.x, split.y)}, ["0", "1"], "circles")
    figure.savefig("boundary.png")
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    assert {weight.device.type for weight in model.parameters()} == {"cpu"}
    assert torch.equal(random_state, torch.get_rng_state())
    assert image.imread("boundary.png").shape[0] > 300


def test_each_seed_has_its_boundary_on_the_regions_of_the_mean() -> None:
    extent = (-1.0, 1.0, -1.0, 1.0)
    slopes = [torch.sigmoid(9 * (grid(extent)[:, 0] - shift)) for shift in (-0.5, 0.1)]
    surfaces = [torch.stack([1 - p, p], dim=1) for p in slopes]
    points = torch.eye(2), torch.tensor([0, 1])
    (axes,) = boundaries_of_seeds(points, ["no", "yes"], surfaces, extent, "2 runs").axes
    lines = [collection for collection in axes.collections if isinstance(collection, LineCollection)]
    positions = [collection.get_segments()[0][:, 0] for collection in lines]
    assert all(np.allclose(x, shift, atol=1e-3) for x, shift in zip(positions, (-0.5, 0.1), strict=True))
    picture = np.asarray(axes.images[0].get_array())
    red, blue = picture[0, 0], picture[0, -1]  # far from both boundaries
    assert red[0] > red[2]
    assert blue[2] > blue[0]
