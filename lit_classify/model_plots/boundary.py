"""Plots of a model's predictions over its features: of classes over a plane, of values over a line.

Legend: N rows, G grid points, C classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data_interface import NumericFeature
from lit_classify.messages import plural
from lit_classify.model_plots.plotted_rows import validation_split_name
from lit_classify.modules import LitModule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lit_classify.plots import RegressionLineDisplay

_MAX_POINTS = 1000  # of each split that are drawn
_BATCH_SIZE = 512  # rows evaluated at a time; the activations of more would exceed the cache
_FEW_VALUES = 10  # distinct values of a feature, whose points would overlap

Points = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Snapshot:
    """Predictions of a model at one time.

    Args:
        surface: probabilities at the points of a grid, ``(G, C)``; for values those of all rows. The changes
            of the surface determine which snapshots become frames.
        predicted: predicted class or value of each row of each split, ``(N,)`` each.
        loss: mean loss of the last split, if all its rows are drawn.
        epoch: number of the epoch; None if it is not known.
        step: number of the training step.
    """

    surface: Tensor
    predicted: list[Tensor]
    loss: float | None = None
    epoch: int | None = 0
    step: int = 0


class BoundaryPlot(ABC):
    """A plot of a model's predictions over its features, drawn from snapshots.

    Args:
        data: data module with the training rows and those of ``split``.
        split: the split to draw beside the training rows, ``val`` or ``test``.
        run: name of the run.
    """

    result_name: ClassVar[str]

    def __init__(self, data: InMemoryDataModule, split: str, run: str) -> None:
        name = "Test" if split == "test" else validation_split_name(data)
        splits = {"Train": data.split("train")}
        if data.split(split) is not splits["Train"]:
            splits[name] = data.split(split)
        self.run, self._loss_name = run, f"{list(splits)[-1].lower()} loss"
        self.num_rows = [len(y) for _, y in splits.values()]
        self.splits: dict[str, Points] = {
            name: (x[:_MAX_POINTS], y[:_MAX_POINTS]) for name, (x, y) in splits.items()
        }

    @classmethod
    @abstractmethod
    def supports(cls, data: InMemoryDataModule) -> bool:
        """Return whether the features of the data can be drawn."""

    @abstractmethod
    def data_figure(self) -> "Figure":
        """Return a figure of the data alone."""

    @abstractmethod
    def snapshot(self, model: LitModule, epoch: int | None, step: int = 0) -> Snapshot:
        """Compute the predictions of a model in evaluation mode."""

    @abstractmethod
    def figure(self, snapshot: Snapshot) -> "Figure":
        """Return a snapshot as a figure."""

    @abstractmethod
    def frames(self, snapshots: Sequence[Snapshot]) -> list[Any]:
        """Return snapshots as pixels ``(height, width, 3)``, with the same axes in all of them."""

    def title(self, snapshot: Snapshot) -> str:
        """Return run, epoch and loss."""
        loss = "" if snapshot.loss is None else f": {self._loss_name} {snapshot.loss:.4f}"
        epoch = "" if snapshot.epoch is None else f", epoch {snapshot.epoch:,}"
        return f"{self.run}{epoch}{loss}".removeprefix(", ")

    def _predict(self, model: LitModule, grid: Tensor | None = None) -> tuple[list[Tensor], float | None]:
        """Return probabilities or values of each split and of a grid, and the loss of the last split."""
        inputs = [x.to(model.device) for x, _ in self.splits.values()]
        if grid is not None:
            inputs.append(grid.to(model.device))
        batches = torch.split(torch.cat(inputs), _BATCH_SIZE)
        logits = torch.split(torch.cat([model(batch) for batch in batches]), [len(x) for x in inputs])
        *_, (_, y) = self.splits.values()
        is_complete = 0 < len(y) == self.num_rows[-1]
        last = logits[len(self.splits) - 1]
        loss = float(model.loss(last, y.to(model.device))) if is_complete else None
        return [model.probabilities(split_logits).cpu() for split_logits in logits], loss


class PlanePlot(BoundaryPlot):
    """Decision regions over two features; a table's other features are at their median.

    The two features are those that separate the classes best (F test).

    Args:
        data: data module with the training rows and those of ``split``.
        split: the split to draw beside the training rows, ``val`` or ``test``.
        run: name of the run.
        class_names: names of the classes.
        single_panel: omit the training rows, which would have a panel of their own.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> model = BinaryClassifier(2, class_names=["inner", "outer"]).eval()
        >>> plot = PlanePlot(CirclesDataModule(), "test", "circles", model.class_names)
        >>> with torch.no_grad():
        ...     snapshot = plot.snapshot(model, epoch=3)
        ...
        >>> plot.figure(snapshot).get_suptitle()  # doctest: +ELLIPSIS
        'circles, epoch 3: test loss ...'
    """

    result_name = "boundary"

    def __init__(
        self,
        data: InMemoryDataModule,
        split: str,
        run: str,
        class_names: Sequence[str],
        single_panel: bool = False,
    ) -> None:
        from lit_classify import plots

        super().__init__(data, split, run)
        features = select_features(data)
        columns = [feature.column for feature in features]
        drawn = {name: (x[:, columns], y) for name, (x, y) in self.splits.items()}
        equal = not isinstance(data, TableDataModule)
        extent = plots.extent_of(drawn, equal)
        if single_panel:
            name = list(drawn)[-1]
            drawn, self.splits, self.num_rows = (
                {name: drawn[name]},
                {name: self.splits[name]},
                self.num_rows[-1:],
            )
        self._arguments: dict[str, Any] = {
            "splits": drawn,
            "class_names": class_names,
            "features": features,
            "equal": equal,
        }
        self._display = plots.DecisionBoundaryDisplay(
            **self._arguments, num_rows=self.num_rows, extent=extent, caption=slice_caption(data)
        )
        points = plots.grid(self._display.extent)
        self._grid = data.split("train").x[:_MAX_POINTS].median(dim=0).values.cpu().repeat(len(points), 1)
        self._grid[:, columns] = points

    @classmethod
    def supports(cls, data: InMemoryDataModule) -> bool:
        """Return whether there are two numeric features."""
        return len(data.numeric_features) >= 2

    def data_figure(self) -> "Figure":
        """Return a figure of the points of each class."""
        from lit_classify.plots import scatter_by_class

        return scatter_by_class(**self._arguments, title=self.run)

    def snapshot(self, model: LitModule, epoch: int | None, step: int = 0) -> Snapshot:
        """Compute probabilities over the plane and the predicted classes of the rows."""
        (*rows, surface), loss = self._predict(model, self._grid)
        surface = model.relative_probabilities(surface)
        return Snapshot(surface, [model.labels(p) for p in rows], loss, epoch, step)

    def figure(self, snapshot: Snapshot) -> "Figure":
        """Return a snapshot as a figure."""
        self._display.update(snapshot.surface, snapshot.predicted, self.title(snapshot))
        return self._display.figure

    def frames(self, snapshots: Sequence[Snapshot]) -> list[Any]:
        """Return snapshots as pixels."""
        return [
            self._display.frame(snapshot.surface, snapshot.predicted, self.title(snapshot))
            for snapshot in snapshots
        ]


class LinePlot(BoundaryPlot):
    """Actual and predicted values over a single feature.

    Examples:
        >>> from lit_classify import LineDataModule
        >>> plot = LinePlot(LineDataModule(), "test", "line")
        >>> plot.data_figure().axes[0].get_title()
        'line'
    """

    result_name = "predictions"

    def __init__(self, data: InMemoryDataModule, split: str, run: str) -> None:
        super().__init__(data, split, run)
        self._feature = next(iter(data.numeric_features), NumericFeature("x"))

    @classmethod
    def supports(cls, data: InMemoryDataModule) -> bool:
        """Return whether there is a single feature."""
        return data.in_features == 1

    def data_figure(self) -> "Figure":
        """Return a figure of the actual values."""
        display = self._display()
        display.update([], self.run)
        return display.figure

    def snapshot(self, model: LitModule, epoch: int | None, step: int = 0) -> Snapshot:
        """Compute the predicted values of the rows."""
        values, loss = self._predict(model)
        return Snapshot(torch.cat(values), values, loss, epoch, step)

    def figure(self, snapshot: Snapshot) -> "Figure":
        """Return a snapshot as a figure."""
        display = self._display(snapshot.predicted)
        display.update(snapshot.predicted, self.title(snapshot))
        return display.figure

    def frames(self, snapshots: Sequence[Snapshot]) -> list[Any]:
        """Return snapshots as pixels."""
        display = self._display([values for snapshot in snapshots for values in snapshot.predicted])
        return [display.frame(snapshot.predicted, self.title(snapshot)) for snapshot in snapshots]

    def _display(self, predicted: Sequence[Tensor] = ()) -> "RegressionLineDisplay":
        from lit_classify.plots import RegressionLineDisplay

        return RegressionLineDisplay(self.splits, predicted, self._feature)


def make_boundary_plot(
    model: LitModule, data: InMemoryDataModule, split: str, run: str, single_panel: bool = False
) -> BoundaryPlot | None:
    """Return the boundary plot of the model's task; None if it has none for these features.

    Examples:
        >>> from lit_classify import CirclesDataModule, BinaryClassifier, MultilabelClassifier
        >>> type(make_boundary_plot(BinaryClassifier(2), CirclesDataModule(), "val", "run")).__name__
        'PlanePlot'
        >>> make_boundary_plot(MultilabelClassifier(2, 2), CirclesDataModule(), "val", "run") is None
        True
    """
    if model.boundary_plot == "plane" and PlanePlot.supports(data):
        return PlanePlot(data, split, run, model.class_names or [], single_panel)
    if model.boundary_plot == "line" and LinePlot.supports(data):
        return LinePlot(data, split, run)
    return None


def select_features(data: InMemoryDataModule) -> list[NumericFeature]:
    """Return the two features that separate the classes best, preferably with more than a few values.

    Examples:
        >>> from lit_classify import CirclesDataModule
        >>> [feature.name for feature in select_features(CirclesDataModule())]
        ['x1', 'x2']
    """
    features = data.numeric_features
    if len(features) > 2:
        from sklearn.feature_selection import f_classif

        x, y = (tensor[:_MAX_POINTS].cpu().numpy() for tensor in data.split("train"))
        continuous = [feature for feature in features if len(np.unique(x[:, feature.column])) > _FEW_VALUES]
        features = continuous if len(continuous) >= 2 else features
        f_values = f_classif(x[:, [feature.column for feature in features]], y)[0]
        best = torch.from_numpy(f_values).nan_to_num().topk(2).indices.tolist()
        features = [features[index] for index in sorted(best)]
    return features[:2]


def slice_caption(data: InMemoryDataModule) -> str:
    """Describe the slice of data with more than two features; empty for two.

    Examples:
        >>> from lit_classify import CirclesDataModule
        >>> slice_caption(CirclesDataModule())  # two features
        ''
    """
    num_others = data.in_features - 2
    if not num_others:
        return ""
    others = f"{plural(num_others, 'other feature')} at the training median"
    return (
        f"Background: one slice, with {others}.\n"
        "Points: color = class predicted from all features of the row, marker = true class."
    )
