"""The page of a comparison makes no requests, and shows no name as HTML."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
import torch

from lit_classify.data_interface import NumericFeature
from lit_classify.report.comparison import Configuration, PlotData, summarize_comparison
from lit_classify.report.comparison_page import comparison_page
from tests.report.comparisons import configuration
from tests.report.summaries import HOSTILE


class _ElementParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))


def page(*configurations: Configuration) -> str:
    return comparison_page(
        summarize_comparison(configurations, range(len(configurations[0].runs))), configurations
    ).decode()


def elements(content: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _ElementParser()
    parser.feed(content)
    return parser.elements


def test_names_and_settings_are_escaped() -> None:
    hostile = configuration(HOSTILE, [0.5, 0.6], settings={HOSTILE: HOSTILE}, sequential_reason=HOSTILE)
    shown = elements(page(hostile, configuration("b", [0.5, 0.6])))
    assert not [attributes for tag, attributes in shown if tag == "script" or "onerror" in attributes]
    assert sum(tag == "img" for tag, _ in shown) == 3  # two boundaries and the training loss


@pytest.mark.slow
def test_nothing_is_loaded_and_the_policy_allows_only_the_style_of_the_page() -> None:
    content = page(configuration("a", [0.5, None]), configuration("b", [0.5, 0.6]))
    (style,) = re.findall("<style>(.*?)</style>", content, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
    assert f"content=\"{policy}base-uri 'none'; form-action 'none'\"" in content
    sources = [
        value
        for _, attributes in elements(content)
        for key, value in attributes.items()
        if key in ("src", "srcset")
    ]
    assert sources
    assert all(source is not None and source.startswith("data:image/") for source in sources)
    assert "style=" not in content


@pytest.mark.slow
def test_each_plot_is_drawn_for_light_and_dark_pages() -> None:
    shown = elements(page(configuration("a", [0.5])))
    light = [attributes["src"] for tag, attributes in shown if tag == "img"]
    dark = [attributes["srcset"] for tag, attributes in shown if tag == "source"]
    assert len(light) == len(dark) == 2
    assert not set(light) & set(dark)


@pytest.mark.slow
def test_predictions_over_a_single_feature_are_lines() -> None:
    x = torch.arange(4.0)[:, None]
    runs = configuration("a", [0.5], plot_data=PlotData(x, x[:, 0], None, [NumericFeature("x")], x, None))
    runs.runs[0].surface = x[:, 0]
    assert "Each line shows the predictions of one run." in page(runs)


@pytest.mark.slow
def test_data_of_more_features_has_no_plot_of_predictions() -> None:
    assert "<h2>Predictions</h2>" not in page(configuration("a", [0.5], plot_data=None))


@pytest.mark.slow
@pytest.mark.parametrize("metrics", [[None], [None, None]])
def test_configurations_without_results_have_a_page(metrics: list[None]) -> None:
    assert "diverged" in page(configuration("a", metrics))


@pytest.mark.slow
def test_of_many_differences_most_are_collapsed() -> None:
    configurations = [configuration(f"c{index}", [0.5, 0.6], plot_data=None) for index in range(8)]
    content = page(*configurations)
    assert "<summary>8 more differences</summary>" in content
    assert content.count("not significant") == 28


@pytest.mark.slow
def test_the_title_of_many_configurations_is_their_number() -> None:
    content = page(*(configuration(f"c{index}", [0.5], plot_data=None) for index in range(4)))
    assert "<h1>4 configurations</h1>" in content
