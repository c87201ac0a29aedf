"""Cards of data modules and modules: their content, and that names stay text."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
import torch
from torch import nn

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    LineDataModule,
    MulticlassClassifier,
    SpiralsDataModule,
    TableDataModule,
)
from tests.example_tables import table
from tests.report.summaries import HOSTILE


class Cells(HTMLParser):
    """The tags of a fragment, and the text of each cell."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(fragment)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.rows[-1].append(data)


def cells(module: object) -> Cells:
    card = Cells(module._repr_html_())  # type: ignore[attr-defined]
    assert set(card.tags) <= {"div", "strong", "table", "tr", "td"}
    assert card.attributes == {"style"}  # no link, image or script
    return card


def test_a_data_module_shows_its_settings_and_loads_nothing() -> None:
    data = CirclesDataModule(noise=0.2, inputs=["x1^2", "x2"])
    assert cells(data).rows == [
        ["columns", "x1, x2"], ["inputs", "x1^2, x2"], ["classes", "0, 1"], ["noise", "0.2"]
    ]  # fmt: skip
    assert "The rows are loaded by setup()." in data._repr_html_()
    assert "train: None" in str(data)


def test_a_data_module_shows_the_rows_of_each_class() -> None:
    data = SpiralsDataModule()
    data.setup()
    counts = [torch.bincount(data.split(name).y).tolist() for name in ("train", "test")]
    assert cells(data).rows[-4:] == [
        ["split", "rows", "class 0", "class 1", "class 2"],
        ["train", "240", *map(str, counts[0])],
        ["val", "60", *map(str, counts[1])],
        ["test", "60", *map(str, counts[1])],
    ]
    assert "Course mode" in data._repr_html_()
    line = LineDataModule()
    line.setup()
    assert cells(line).rows[-1] == ["test", "20"]


def test_a_table_shows_its_columns_and_settings() -> None:
    lines = [f"{n * 37 % 60}.5,{n % 7},{'ab'[n % 2]}" for n in range(100)]
    data = table(lines, "age,chol,kind", "kind", folds=4)
    data.setup()
    assert isinstance(data, TableDataModule)
    rows = cells(data).rows
    assert ["columns", "age, chol"] in rows
    assert ["folds", "4"] in rows
    assert "Cross-validation: 4 folds" in data._repr_html_()


def test_a_module_shows_its_layers_loss_and_optimizer() -> None:
    model = MulticlassClassifier(2, 3, ["a", "b", "c"], hidden=[40], optimizer="Adam", lr=0.02)
    assert cells(model).rows == [
        ["inputs", "2 features"],
        ["outputs", "a, b, c"],
        ["loss", "CrossEntropyLoss"],
        ["optimizer", "Adam, learning rate 0.02"],
        ["parameters", "243"],
        ["layer", "output shape", "parameters"],
        ["(0): Linear(in_features=2, out_features=40, bias=True)", "(N, 40)", "120"],
        ["(1): ReLU()", "(N, 40)", "0"],
        ["(2): Linear(in_features=40, out_features=3, bias=True)", "(N, 3)", "123"],
    ]
    members = BinaryClassifier(2, members=5, loss="SoftMarginLoss", inputs=["x1*x2"])
    assert {"inputs": "x1*x2", "members": "5", "loss": "SoftMarginLoss"}.items() <= {
        row[0]: row[1] for row in cells(members).rows
    }.items()


def test_numbers_are_below_their_heads_and_long_tables_end() -> None:
    card = BinaryClassifier(2, hidden=[10] * 60)._repr_html_()
    heads = re.findall('<td style="([^"]*)">(?:layer|output shape|parameters)</td>', card)
    assert ["text-align:right" in style for style in heads[-3:]] == [False, False, True]
    assert card.count("<tr") == 5 + 1 + 24  # facts, head and layers
    assert "and 97 more" in card
    assert ["inputs", "1 feature"] in cells(BinaryClassifier(1)).rows


class Halved(BinaryClassifier):
    def loss(self, logits: torch.Tensor, y: torch.Tensor, reduction: Any = "mean") -> torch.Tensor:
        return super().loss(logits, y, reduction) / 2


def test_an_overridden_loss_is_shown_as_custom() -> None:
    assert ["loss", "custom"] in cells(Halved(2)).rows


@pytest.mark.reliability(55)
def test_names_stay_text() -> None:
    names = [HOSTILE, "\x1b[31mred", "n" * 1000]
    shown = MulticlassClassifier(2, 3, names, network=nn.Linear(2, 3))._repr_html_()
    assert "<img" not in shown
    assert "\x1b" not in shown
    assert re.search("n{60}", shown) is None
    data = CirclesDataModule()
    data.class_names = names[:2]
    data.setup()
    assert "<img" not in data._repr_html_()
    assert "\x1b" not in data._repr_html_()


def test_a_card_takes_its_colors_from_the_page() -> None:
    styles = ";".join(re.findall('style="([^"]*)"', BinaryClassifier(2)._repr_html_()))
    colors = re.findall(r"(?:^|[;\s])(?:color|background|border):([^;\"]*)", styles)
    assert set(colors) <= {"inherit", "none", "1px solid rgba(128,128,128,.5)"}
