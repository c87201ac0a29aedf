"""The summary of a comparison: statistics over seeds, curves and notes."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from lit_classify.report.comparison import summarize_comparison
from tests.report.comparisons import configuration

SEEDS = range(3)


def test_statistics_are_those_of_numpy() -> None:
    values = [0.5, 0.75, 0.6]
    summary = summarize_comparison([configuration("a", values)], SEEDS)
    (statistics,) = summary["configurations"]
    assert statistics["mean"] == pytest.approx(np.mean(values))
    assert statistics["std"] == pytest.approx(np.std(values, ddof=1))
    assert (statistics["best"], statistics["worst"]) == (0.75, 0.5)
    json.dumps(summary, allow_nan=False)


def test_the_lowest_error_is_the_best() -> None:
    configurations = [configuration(name, values, metric="mae", higher_is_better=False) for name, values in
             (("a", [3.0, 1.0, 2.0]), ("b", [2.0, 2.0, 2.0]))]  # fmt: skip
    first, second = summarize_comparison(configurations, SEEDS)["configurations"]
    assert (first["best"], first["worst"]) == (1.0, 3.0)
    assert (first["times_best"], second["times_best"]) == (2, 2)  # equal ones both count


def test_diverged_runs_are_left_out_and_noted() -> None:
    configurations = [configuration("a", [0.5, None, 0.7]), configuration("b", [0.4, 0.9, 0.3])]
    summary = summarize_comparison(configurations, SEEDS)
    first, second = summary["configurations"]
    assert first["mean"] == pytest.approx(0.6)
    assert (first["times_best"], second["times_best"]) == (2, 1)
    assert summary["tests"][0]["num_pairs"] == 2
    assert (
        "a: 1 of 3 runs diverged, the first in epoch 3; mean and tests are of the others." in summary["notes"]
    )
    assert first["curves"]["train/loss"]["mean"][0] == 1.0  # of seeds 0 and 2


def test_a_configuration_without_any_result_has_no_statistics() -> None:
    summary = summarize_comparison([configuration("a", [None, None, None])], SEEDS)
    assert summary["configurations"][0]["mean"] is None
    json.dumps(summary, allow_nan=False)


def test_a_configuration_all_of_whose_runs_diverged_has_no_others() -> None:
    notes = summarize_comparison([configuration("a", [None])], [0])["notes"]
    assert "a: 1 of 1 run diverged, the first in epoch 3." in notes


def test_a_note_on_several_configurations_is_written_once() -> None:
    arguments: dict[str, Any] = {"sequential_reason": "it has dropout", "uses_best": True}
    configurations = [configuration("a", [0.5], **arguments), configuration("b", [0.5], **arguments)]
    notes = summarize_comparison(configurations, [0])["notes"]
    assert notes[-2:] == [
        "All configurations: trained one by one, it has dropout.",
        "All configurations: of the weights of the best epoch.",
    ]
    notes = summarize_comparison([*configurations, configuration("c", [0.5])], [0])["notes"]
    assert "a, b: trained one by one, it has dropout." in notes
    assert "With 1 seed no difference can be significant: use --seeds 7 or more." in notes


def test_an_interrupted_configuration_is_noted() -> None:
    notes = summarize_comparison([configuration("a", [0.5])], SEEDS)["notes"]
    assert "a: interrupted after 1 of 3 runs." in notes


def test_bands_hold_the_middle_of_the_seeds() -> None:
    (statistics,) = summarize_comparison([configuration("a", [0.5] * 11)], range(11))["configurations"]
    band = statistics["curves"]["train/loss"]
    assert band["epoch"] == [0, 1, 2, 3]
    assert band["mean"] == [5.0, 2.5, pytest.approx(5 / 3), 1.25]
    assert (band["low"][0], band["high"][0]) == (1.0, 9.0)


def test_equal_metrics_have_no_deviation() -> None:
    runs = configuration("a", [0.46] * 5)
    assert summarize_comparison([runs], range(5))["configurations"][0]["std"] == 0


def test_long_curves_are_thinned_and_keep_their_last_epoch() -> None:
    runs = configuration("a", [0.5])
    runs.runs[0].curves = {"train/loss": {epoch: 1.0 for epoch in range(1000)}}
    (summary,) = summarize_comparison([runs], [0])["configurations"]
    epochs = summary["curves"]["train/loss"]["epoch"]
    assert len(epochs) <= 201
    assert (epochs[0], epochs[-1]) == (0, 999)


def test_settings_that_differ_are_listed() -> None:
    configurations = [
        configuration("a", [0.5], settings={"model.lr": 0.1, "model.hidden": "[5]"}),
        configuration("b", [0.5], settings={"model.lr": 0.2, "model.hidden": "[5]", "model.dropout": 0.1}),
    ]
    differing = [entry["differs"] for entry in summarize_comparison(configurations, [0])["configurations"]]
    assert differing == [
        {"model.lr": 0.1, "model.dropout": None},
        {"model.lr": 0.2, "model.dropout": 0.1},
    ]


@pytest.mark.parametrize(("targets", "is_noted"), [([0, 1], False), ([1, 0], True), ([0, 1, 1], True)])
def test_other_rows_are_noted(targets: list[int], is_noted: bool) -> None:
    configurations = [configuration("a", [0.5]), configuration("b", [0.5], targets=torch.tensor(targets))]
    notes = summarize_comparison(configurations, [0])["notes"]
    assert ("The configurations are evaluated on different rows." in notes) is is_noted
