"""Pictures: formulas against torch's, shades that mean probabilities, models left as they were."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import image
from matplotlib.colors import to_rgb
from matplotlib.legend import Legend
from torch import nn

from lit_classify import BinaryClassifier, CirclesDataModule, figures
from lit_classify.cli import main
from lit_classify.figures import Feature, boundary, calibration, confusion, curves, neurons
from lit_classify.networks import evaluating


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("identity", nn.Identity()), ("ReLU", nn.ReLU()), ("sigmoid", nn.Sigmoid()), ("tanh", nn.Tanh())],
)
def test_our_formulas_are_torch_s(name: str, theirs: nn.Module) -> None:
    x = torch.linspace(-10, 10, 401)
    torch.testing.assert_close(figures.FORMULAS[name](x), theirs(x))


def test_shades_are_white_when_unsure_and_the_class_s_colour_when_sure() -> None:
    unsure, sure = figures.shade(torch.tensor([[0.5, 0.5], [0.0, 1.0]]))
    assert unsure.tolist() == pytest.approx([1, 1, 1])
    blue = to_rgb(figures.colour(1))
    assert sure.tolist() == pytest.approx([1 - 0.65 * (1 - part) for part in blue])


def test_the_grid_runs_row_by_row_from_the_lower_left() -> None:
    points = figures.grid((0, 1, 10, 20))
    assert points[0].tolist() == [0, 10]
    assert points[1, 1] == 10
    assert points[-1].tolist() == [1, 20]


def test_drawing_leaves_model_mode_device_and_random_state() -> None:
    model = BinaryClassifier(2, dropout=0.5)
    model.network[1].eval()  # type: ignore[index]  # a part with a mode of its own
    modes = [module.training for module in model.modules()]
    weights = [weight.clone() for weight in model.parameters()]
    before = torch.get_rng_state()
    split = CirclesDataModule().split("test")
    with evaluating(model):
        figure = figures.boundary(model.predict, {"Test": (split.x, split.y)}, ["0", "1"], "circles")
    figure.savefig("boundary.png")
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    assert {weight.device.type for weight in model.parameters()} == {"cpu"}
    assert torch.equal(before, torch.get_rng_state())
    assert image.imread("boundary.png").shape[:2] == (480, 480)


@pytest.mark.parametrize(
    ("recipe", "drawn"),
    [("circles_v0", "boundary"), ("blobs", "boundary"), ("line", "predictions")],
)
def test_the_command_draws_data_and_result(
    recipe: str, drawn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["figures", recipe, "--out", "a/b"]) == 0
    names = [f"{recipe}_data.png", f"{recipe}_{drawn}.png", "activations.png"]
    assert capsys.readouterr().out.splitlines() == [str(Path("a/b") / name) for name in names]
    assert sorted(path.name for path in Path("a/b").iterdir()) == sorted(names)
    assert not Path("lightning_logs").exists()


NAMES = ["_x", "$cost$", "$^$", "a_very_long_name_that_would_not_fit_anywhere"]


def test_any_name_is_drawn_as_it_is() -> None:
    x, y = torch.randn(36, 2), torch.arange(36) % 4
    p = torch.softmax(torch.randn(36, 4), dim=1)
    held, chances = np.eye(4, dtype=np.int64)[y], p.double().numpy()
    features = [Feature("_pay in $"), Feature("$or$ A$_")]
    plane = boundary(lambda points: torch.full((len(points), 4), 0.25), {"A": (x, y)}, NAMES, "t", features)
    shown = [text.get_text() for text in plane.legends[0].get_texts()]
    assert shown == [" _x", r"\$cost\$", r"\$^\$", "a_very_long_…it_anywhere"]
    drawn = [plane, curves(held, chances, NAMES, "t"), calibration(held, chances, NAMES, "t")]
    for figure in drawn[1:]:
        (legend,) = figure.axes[0].findobj(Legend)
        assert len(legend.get_texts()) == 5
    drawn.append(confusion(np.ones((4, 4), np.int64), NAMES, "t"))
    drawn.append(neurons([x, p], [torch.ones(4, 2)], [[0, 1], [0, 1, 2, 3]], ["_a", "$b"], NAMES, "t"))
    for figure in drawn:
        figure.savefig("picture.png")
