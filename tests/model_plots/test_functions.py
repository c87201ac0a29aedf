"""Public plot functions: they draw what the model predicts, and refuse what they cannot draw."""

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from lit_classify import (
    BinaryClassifier,
    BlobsDataModule,
    CirclesDataModule,
    DataError,
    LineDataModule,
    MultilabelClassifier,
    Regressor,
    UserError,
    plot_boundary,
    plot_data,
    plot_evaluation,
    plot_hidden_units,
    plot_learning_curves,
)
from lit_classify.cli.main import main
from tests.example_tables import table
from tests.training import trainer


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_boundary_shows_the_accuracy_of_each_split(split: str) -> None:
    data = CirclesDataModule(val_fraction=0.1, inputs=["x1^2", "x2^2"])
    model = BinaryClassifier(2, hidden=[], inputs=data.inputs)
    with torch.no_grad():
        model.network[1][0].weight.copy_(torch.tensor([[-10.0, -10.0]]))  # type: ignore[index]
        model.network[1][0].bias.fill_(8.2)  # type: ignore[index]  # inside radius 0.9
    figure = plot_boundary(model, data, split)
    name = {"val": "Validation", "test": "Test"}[split]
    x, y = data.split(split)
    correct = float(((x.norm(dim=1) < 0.82**0.5) == (y == 1)).float().mean())
    assert f"{name}: {len(y)} rows\n{correct:.1%} correct" in figure.axes[1].get_title()
    assert figure.get_suptitle() == f"Circles: {name.lower()} loss {model.loss(model(x), y).item():.4f}"
    assert model.training  # as before


def test_the_plots_of_a_regression_are_its_line_and_its_errors() -> None:
    data, model = LineDataModule(), Regressor(1)
    assert plot_data(data).axes[0].get_title() == "Line"
    assert plot_boundary(model, data).axes[0].get_title().startswith("Line: test loss")
    assert plot_evaluation(model, data).axes[0].get_title() == "predicted vs. actual"


@pytest.mark.parametrize(
    ("plot", "given", "message"),
    [
        (plot_data, [torch.zeros(9, 2)], "data must be InMemoryDataModule, but is of the type Tensor"),
        (plot_boundary, [CirclesDataModule(), BinaryClassifier(2)], "model must be LitModule, but is"),
        (plot_evaluation, [BinaryClassifier(2), [[1.0, 2.0]]], r"data must be .*, but is \[\[1.0, 2.0\]\]"),
        (plot_hidden_units, [BinaryClassifier(2), None], "data must be InMemoryDataModule, but is None"),
        (plot_learning_curves, [BinaryClassifier(2)], "run must be text or a path, but is of the type"),
    ],
)
def test_arguments_of_another_type_are_named(plot: Any, given: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        plot(*given)


def test_an_evaluation_is_plotted_by_name() -> None:
    data, model = CirclesDataModule(), BinaryClassifier(2)
    assert plot_evaluation(model, data, split="train").get_suptitle().startswith("Train: 800 rows")
    assert "ECE" in plot_evaluation(model, data, "calibration_curve").get_suptitle()
    with pytest.raises(UserError, match=r"unknown plot 'confusion'.*confusion_matrix"):
        plot_evaluation(model, data, "confusion")


def test_data_and_models_that_cannot_be_drawn_are_refused() -> None:
    labels = table([f"{n},{n % 2},{n // 2 % 2}" for n in range(40)], "x,a,b", ["a", "b"])
    model = MultilabelClassifier(1, 2)
    calls: list[Any] = [
        lambda: plot_data(labels),
        lambda: plot_boundary(model, labels),
        lambda: plot_hidden_units(BinaryClassifier(2, members=3), BlobsDataModule()),
    ]
    for call in calls:
        with pytest.raises(DataError, match=r"plot_\w+ draws "):
            call()


def test_the_learning_curves_of_lightnings_logger_are_plotted() -> None:
    logger = TensorBoardLogger("runs", "own")
    trainer(max_epochs=3, logger=logger, log_every_n_steps=1).fit(BinaryClassifier(2), CirclesDataModule())
    figure = plot_learning_curves(logger.log_dir)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["train", "val"]
    assert figure.get_suptitle() == "own/version_0"


def test_the_learning_curves_of_the_command_line_are_plotted() -> None:
    assert main(["fit", "--config", "circles_v2", "--trainer.max_epochs", "3", "--plots", "none"]) == 0
    figure = plot_learning_curves(Path("lightning_logs/circles_v2/version_0"))
    assert {"loss", "accuracy"} <= {axes.get_title() for axes in figure.axes}


def test_a_run_without_a_directory_has_no_learning_curves() -> None:
    with pytest.raises(UserError, match="train with a Trainer that has a logger"):
        plot_learning_curves(None)


def test_a_model_that_a_trainer_has_fitted_is_plotted() -> None:
    L.seed_everything(0)
    data, model = CirclesDataModule(), BinaryClassifier(2, lr=0.1)
    trainer(max_epochs=2).fit(model, data)
    assert "epoch" not in plot_boundary(model, data).get_suptitle()
    assert plot_hidden_units(model, data).get_suptitle() == "Circles"
