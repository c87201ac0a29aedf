import re

import torch

from lit_classify import BinaryClassifier, MultilabelClassifier, Regressor
from lit_classify.modules import LitModule
from lit_classify.report.player_section import player_section
from tests.report.summaries import flat, player, run


def page(model: LitModule, points: list[list[float]], outputs: list[str]) -> str:
    shown = player(model, [flat(model)], torch.tensor(points), [0] * len(points))
    return str(player_section([run(model, player=shown, outputs=outputs), run(model)]))


def test_points_are_placed_in_percent_of_the_map() -> None:
    points = [
        [-2.0, 1.5],
        [3.0, -1.5],
        [0.5, 0.75],
    ]  # the first one is a test row; the map ends at the others
    shown = page(BinaryClassifier(2), points, ["class 0", "class 1"])
    assert re.findall(r"<rect (.*?)/>", shown.partition('class="test"')[2])[0] == 'x="0" y="0"'
    assert re.findall("<circle (.*?)/>", shown) == ['cx="100" cy="100"', 'cx="50" cy="25"']


def test_units_and_weights_have_the_positions_of_their_outputs_and_values() -> None:
    shown = page(BinaryClassifier(2, hidden=[3, 20]), [[0.0, 0.0]], ["class 0", "class 1"])
    heads = re.findall("<span>(.*?)</span>", shown.partition('class="heads"')[2])
    assert heads[:4] == ["inputs", "layer 1", "layer 2, 16 of 20", "output"]
    units = re.findall(
        'aria-label="([^"]*)" class="unit" data-unit="(.*?)" data-position="(.*?)" data-index="(.*?)"', shown
    )
    assert units[0] == ("x1", "0-0", "0", "0")
    assert units[4] == ("layer 1, unit 3", "1-2", "2", "2")
    assert units[-1] == ("class 1", "3-0", "5", "0")
    links = re.findall('data-layer="(.*?)" data-index="(.*?)" data-from="(.*?)" data-to="(.*?)"', shown)
    assert len(links) == 2 * 3 + 3 * 16 + 16
    assert links[3] == ("0", "3", "0-1", "1-1")
    assert links[-1] == ("4", "15", "2-15", "3-0")


def test_derived_inputs_are_the_first_column() -> None:
    shown = page(BinaryClassifier(2, hidden=[], inputs=["x1^2", "sin(x2)"]), [[0.0, 0.0]], ["no", "yes"])
    units = re.findall('aria-label="([^"]*)" class="unit" data-unit="(.*?)" data-position="(.*?)"', shown)
    assert units == [("x1^2", "0-0", "1"), ("sin(x2)", "0-1", "1"), ("yes", "1-0", "2")]


def test_controls_are_those_of_the_task() -> None:
    shown = page(MultilabelClassifier(2, 2, label_names=["a", "b"]), [[0.0, 0.0]], ["a", "b"])
    assert "<option>a</option><option>b</option>" in shown
    assert "Regions only" not in page(Regressor(2), [[0.0, 0.0]], ["prediction"])
    members = page(BinaryClassifier(2, members=2), [[0.0, 0.0]], ["no", "yes"])
    assert "<option>mean of 2 members</option><option>member 1</option><option>member 2</option>" in members


def test_a_network_that_is_not_drawn_says_why() -> None:
    model = BinaryClassifier(2)
    shown = player(model, [flat(model)], torch.zeros(1, 2), [0])
    grids = {"size": 2, "probabilities": "", "reason": "the page does not draw embeddings"}
    without = {**shown, "network": None, "grids": grids}
    page = str(player_section([run(model, player=without, outputs=["no", "yes"])]))
    assert "Units and weights are not drawn: the page does not draw embeddings." in page
    assert player_section([run(model)]) is None
