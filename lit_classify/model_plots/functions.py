"""Plots of data, models and runs, for notebooks and scripts.

Each function returns a matplotlib Figure. A notebook shows it if it is the last value of a cell; ``savefig``
writes it into a file.
"""

from os import PathLike
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from lit_classify import plots
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import DataError, UserError, check_type
from lit_classify.loggers import read_scalars
from lit_classify.messages import unknown_name
from lit_classify.model_plots import hidden_units
from lit_classify.model_plots.boundary import LinePlot, PlanePlot, make_boundary_plot
from lit_classify.model_plots.plotted_rows import data_name, describe_rows, evaluate
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating


def plot_data(data: InMemoryDataModule, split: str = "test") -> Figure:
    """Plot rows with classes over two features, or with numeric targets over a single feature.

    Args:
        data: the data; of a table with more features, the two that separate the classes best are drawn.
        split: rows to draw beside the training rows, ``val`` or ``test``.

    Raises:
        DataError: the rows have several labels, or another number of features.

    Examples:
        >>> from lit_classify import MoonsDataModule
        >>> [axes.get_title() for axes in plot_data(MoonsDataModule()).axes]
        ['Train: 800 rows', 'Test: 200 rows']
    """
    check_type("data", data, InMemoryDataModule)
    name = data_name(data)
    if data.class_names and PlanePlot.supports(data):
        return PlanePlot(data, split, name, data.class_names).data_figure()
    if not data.class_names and not data.label_names and LinePlot.supports(data):
        return LinePlot(data, split, name).data_figure()
    raise DataError("plot_data draws classes over two numeric features, or numbers over a single feature")


def plot_boundary(model: LitModule, data: InMemoryDataModule, split: str = "test") -> Figure:
    """Plot the decision boundary over the rows of ``plot_data``, or the predictions of a regression.

    Args:
        model: a trained model.
        data: its data.
        split: rows to draw beside the training rows, ``val`` or ``test``.

    Raises:
        DataError: the task has no such plot, or none for these features.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> figure = plot_boundary(BinaryClassifier(2), CirclesDataModule())
        >>> figure.get_suptitle()  # doctest: +ELLIPSIS
        'Circles: test loss ...'
    """
    _check_types(model, data)
    with evaluating(model):
        plot = make_boundary_plot(model, data, split, data_name(data))
        if plot is None:
            raise DataError(
                "plot_boundary draws classes over two numeric features, or numbers over a single feature"
            )
        return plot.figure(plot.snapshot(model, epoch=None))


def plot_hidden_units(model: LitModule, data: InMemoryDataModule) -> Figure:
    """Plot the output of each hidden unit over the plane of two features, and the weights between them.

    Args:
        model: a model with an MLP.
        data: its data.

    Raises:
        DataError: there are more or fewer features, or another network.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> figure = plot_hidden_units(BinaryClassifier(2, hidden=[3]), CirclesDataModule())
        >>> [axes.get_title() for axes in figure.axes]
        ['x1', 'x2', 'unit 0', 'unit 1', 'unit 2', 'class 1']
    """
    _check_types(model, data)
    if not hidden_units.has_hidden_unit_plot(model, data):
        raise DataError("plot_hidden_units draws a single MLP on two numeric features")
    with evaluating(model):
        return hidden_units.plot_hidden_units(model, data, data_name(data))


def plot_evaluation(
    model: LitModule, data: InMemoryDataModule, name: str | None = None, split: str = "test"
) -> Figure:
    """Plot the predictions for a split: as a confusion matrix, or against the actual values of a regression.

    Args:
        model: a trained model.
        data: its data.
        name: another plot: ``roc_and_precision_recall`` or ``calibration_curve``.
        split: the rows, ``train``, ``val`` or ``test``.

    Raises:
        UserError: the task has no plot of this name.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> plot_evaluation(BinaryClassifier(2), CirclesDataModule()).get_suptitle()  # doctest: +ELLIPSIS
        'Test: 200 rows...'
    """
    _check_types(model, data)
    with evaluating(model):
        logits, y = evaluate(model, data, split)
        plotters = model.evaluation_plots(logits, y, describe_rows(data, split), curves=True)
        if name is not None and name not in plotters:
            raise UserError(unknown_name("plot", name, plotters))
        return plotters[name or next(iter(plotters))]()


def plot_learning_curves(run: str | Path | None) -> Figure:
    """Plot the training and validation metrics of a run over its steps.

    Args:
        run: directory of the run with TensorBoard's event files, such as ``trainer.log_dir``.

    Raises:
        UserError: the run has logged no metrics there.

    Examples:
        >>> plot_learning_curves("no/such/run")
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: no/such/run has no metrics in TensorBoard's event files
    """
    if run is None:  # the log_dir of a Trainer without a logger
        raise UserError("the run has no directory: train with a Trainer that has a logger")
    check_type("run", run, str | PathLike)
    run = Path(run)
    metrics: dict[str, Any] = {}
    for tag, step, value in read_scalars(run):
        stage, _, name = tag.partition("/")
        steps, values = metrics.setdefault(name, {}).setdefault(stage, ([], []))
        steps.append(step)
        values.append(value)
    if not metrics:
        raise UserError(f"{run} has no metrics in TensorBoard's event files")
    return plots.learning_curves(dict(sorted(metrics.items())), f"{run.parent.name}/{run.name}")


def _check_types(model: LitModule, data: InMemoryDataModule) -> None:
    """Raise UserError if a function is given arrays, or its arguments in another order."""
    check_type("model", model, LitModule)
    check_type("data", data, InMemoryDataModule)
