"""The option that selects the plots of a fit."""

import pytest

from lit_classify.cli.main import main
from tests.event_files import events

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "7", "--plots"]


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        (["none"], set()),
        (["boundary"], {"plots/boundary", "plots/boundary_animation"}),
        (["hidden_units"], {"plots/hidden_units_1", "plots/hidden_units_2"}),
        (["basic"], {"plots/boundary", "plots/boundary_animation", "plots/confusion_matrix"}),
        (
            ["[hidden_units, evaluation]"],
            {"plots/hidden_units_1", "plots/hidden_units_2", "plots/confusion_matrix"},
        ),
    ],
)
def test_each_plot_is_selected_by_the_option(options: list[str], tags: set[str]) -> None:
    assert main([*SHORT, *options]) == 0
    logged = events("circles_v2/version_0").Tags()
    assert set(logged["images"]) == tags
    assert ("optimizer/lr" in logged["scalars"]) == (options[0] in ("basic", "all"))
