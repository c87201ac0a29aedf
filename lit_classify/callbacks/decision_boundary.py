"""The decision boundary during training: images with a slider, and an animation.

Legend: N rows, F features, C classes, G points of a grid.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from lit_classify.atomic_write import write_all
from lit_classify.callbacks.plot_callback import PlotCallback, log_encoded, log_pixels, validation_split_name
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data_interface import NumericFeature
from lit_classify.loggers import run_loggers
from lit_classify.modules import LitModule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lit_classify.plots import RegressionLineDisplay

_MAX_POINTS = 1000  # drawn of each split
_BATCH_SIZE = 512  # rows evaluated at a time; the activations of more would exceed the cache
_FEW_VALUES = 10  # distinct values of a feature, with which points would overlap
_MAX_SNAPSHOTS = 64  # kept at a time, from which the frames are selected
_SNAPSHOTS_PER_FIT = 200  # approximately, if the number of epochs is known
_MAX_FRAMES = 36
_MAX_IMAGES = 10  # TensorBoard's default number of images per tag
_MAX_PROBABILITIES = 2**25  # of all snapshots together
_SECONDS_BETWEEN_IMAGES = 30.0  # while training

Points = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Snapshot:
    """Predictions of a model at one time.

    Args:
        surface: probabilities at the points of a grid, ``(G, C)``; for values those of all rows. The changes
            of the surface determine which snapshots become frames.
        predicted: predicted class or value of each row of each split, ``(N,)`` each.
        loss: mean loss of the last split, if all its rows are drawn.
        epoch: number of the epoch.
        step: number of the training step.
    """

    surface: Tensor
    predicted: list[Tensor]
    loss: float | None = None
    epoch: int = 0
    step: int = 0


class BoundaryPlot(ABC):
    """A plot of a model's predictions over its features, drawn from snapshots.

    Args:
        model: the model.
        data: data module with the training rows and those of ``split``.
        split: the split to draw beside the training rows, ``val`` or ``test``.
        run: name of the run.
    """

    result_name: ClassVar[str]

    def __init__(self, model: LitModule, data: InMemoryDataModule, split: str, run: str) -> None:
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
    def snapshot(self, model: LitModule, epoch: int, step: int = 0) -> Snapshot:
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
        return f"{self.run}, epoch {snapshot.epoch:,}{loss}".removeprefix(", ")

    def _predict(self, model: LitModule, grid: Tensor | None = None) -> tuple[list[Tensor], float | None]:
        """Return probabilities or values of each split and of a grid, and the loss of the last split."""
        parts = [x.to(model.device) for x, _ in self.splits.values()]
        parts += [] if grid is None else [grid.to(model.device)]
        rows = torch.split(torch.cat(parts), _BATCH_SIZE)
        logits = torch.split(torch.cat([model(batch) for batch in rows]), [len(part) for part in parts])
        *_, (_, y) = self.splits.values()
        is_complete = 0 < len(y) == self.num_rows[-1]
        last = logits[len(self.splits) - 1]
        loss = float(model.loss(last, y.to(model.device))) if is_complete else None
        return [model.probabilities(part).cpu() for part in logits], loss


class PlanePlot(BoundaryPlot):
    """Decision regions over two features; a table's other features are at their median.

    The two features are those that separate the classes best (F test).

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> model = BinaryClassifier(2, class_names=["inner", "outer"]).eval()
        >>> plot = PlanePlot(model, CirclesDataModule(), "test", "circles")
        >>> with torch.no_grad():
        ...     snapshot = plot.snapshot(model, epoch=3)
        ...
        >>> plot.figure(snapshot).get_suptitle()  # doctest: +ELLIPSIS
        'circles, epoch 3: test loss ...'
    """

    result_name = "boundary"

    def __init__(self, model: LitModule, data: InMemoryDataModule, split: str, run: str) -> None:
        from lit_classify import plots

        super().__init__(model, data, split, run)
        features = select_features(data)
        columns = [feature.column for feature in features]
        self._arguments: dict[str, Any] = {
            "splits": {name: (x[:, columns], y) for name, (x, y) in self.splits.items()},
            "class_names": model.class_names or [],
            "features": features,
            "equal": not isinstance(data, TableDataModule),
        }
        self._display = plots.DecisionBoundaryDisplay(
            **self._arguments, num_rows=self.num_rows, caption=slice_caption(data)
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

    def snapshot(self, model: LitModule, epoch: int, step: int = 0) -> Snapshot:
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
        return [self._display.frame(part.surface, part.predicted, self.title(part)) for part in snapshots]


class LinePlot(BoundaryPlot):
    """Actual and predicted values over a single feature.

    Examples:
        >>> from lit_classify import LineDataModule, Regressor
        >>> plot = LinePlot(Regressor(1), LineDataModule(), "test", "line")
        >>> plot.data_figure().axes[0].get_title()
        'line'
    """

    result_name = "predictions"

    def __init__(self, model: LitModule, data: InMemoryDataModule, split: str, run: str) -> None:
        super().__init__(model, data, split, run)
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

    def snapshot(self, model: LitModule, epoch: int, step: int = 0) -> Snapshot:
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
        display = self._display([part for snapshot in snapshots for part in snapshot.predicted])
        return [display.frame(part.predicted, self.title(part)) for part in snapshots]

    def _display(self, predicted: Sequence[Tensor] = ()) -> "RegressionLineDisplay":
        from lit_classify.plots import RegressionLineDisplay

        return RegressionLineDisplay(self.splits, predicted, self._feature)


_PLOTS: dict[str | None, type[BoundaryPlot]] = {"plane": PlanePlot, "line": LinePlot}


class DecisionBoundary(PlotCallback):
    """Log the decision boundary, or predictions over a single feature, during training, and an animation.

    With more than two features the boundary is drawn over the two that separate the classes best (F test),
    with the other features at their median. Labels, and values of several features, are not drawn.

    Snapshots become less frequent during training. At the end, frames are selected with equal change between
    consecutive ones; ten frames are logged as images, the number that TensorBoard keeps. During a long fit
    the current state is logged as ``boundary/latest``.

    Args:
        animation: write all frames as ``boundary.gif`` into the run's directory and to TensorBoard.

    Examples:
        >>> trainer = Trainer(callbacks=[DecisionBoundary(animation=False)], accelerator="cpu", logger=False)
        >>> any(isinstance(callback, DecisionBoundary) for callback in trainer.callbacks)
        True
    """

    def __init__(self, animation: bool = True) -> None:
        super().__init__()
        self.animation = animation
        self._reset()

    def _reset(self) -> None:
        self._plot: BoundaryPlot | None = None
        self._snapshots: list[Snapshot] = []
        self._every_n_epochs = 1
        self._logged_at = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: ANN401 - Lightning's signature
        """Reset the state of an earlier fit."""
        super().on_train_start(trainer, pl_module)
        self._reset()

    def is_due(self, epoch: int) -> bool:
        """Return whether to take a snapshot after an epoch; always after the first one of a fit."""
        return epoch % self._every_n_epochs == 0 or super().is_due(epoch) or self._last_epoch < 0

    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Take a snapshot; log it if the last image is older than 30 seconds."""
        if self._plot is None:
            self._plot = make_boundary_plot(model, data, "val", _run_name(trainer))
            # a snapshot of several members takes as many times as long
            self._every_n_epochs = max(1, (trainer.max_epochs or 0) * model.members // _SNAPSHOTS_PER_FIT)
        if self._plot is None:
            return
        snapshot = self._plot.snapshot(model, epoch, max(trainer.global_step - 1, 0))
        self._snapshots.append(snapshot)
        limit = min(_MAX_SNAPSHOTS, max(_MAX_IMAGES, _MAX_PROBABILITIES // snapshot.surface.numel()))
        if len(self._snapshots) >= limit:
            self._snapshots = select_frames(self._snapshots, limit * 5 // 8)
            self._every_n_epochs *= 2
        if time.monotonic() - self._logged_at > _SECONDS_BETWEEN_IMAGES:
            log_pixels(trainer, "boundary/latest", self._plot.frames([snapshot])[0])
            self._logged_at = time.monotonic()

    def finish(self, trainer: Trainer, model: LitModule) -> None:
        """Log images and the animation."""
        if self._plot is None:
            return
        selected = select_frames(self._snapshots, _MAX_FRAMES)
        frames = dict(zip([part.step for part in selected], self._plot.frames(selected), strict=True))
        for snapshot in select_frames(selected, _MAX_IMAGES):
            log_pixels(trainer, "boundary", frames[snapshot.step], snapshot.step)
        if self.animation and len(frames) > 1:
            self._write_animation(trainer, list(frames.values()))
        self._reset()

    def _write_animation(self, trainer: Trainer, frames: list[Any]) -> None:
        from lit_classify.plots import encode_gif

        gif = encode_gif(frames)
        height, width, _ = frames[-1].shape
        log_encoded(trainer, "boundary_animation", gif, height, width)
        for logger in run_loggers(trainer):  # trainer.log_dir would wait for the other processes
            if Path(logger.log_dir).is_dir():
                write_all({Path(logger.log_dir, "boundary.gif"): gif})


def select_frames(snapshots: Sequence[Snapshot], count: int) -> list[Snapshot]:
    """Return at most ``count`` snapshots, including the first and the last, with equal change between them.

    Change is the mean absolute difference of the surfaces. A fifth of the mean change is added to each, so
    that periods without change are shown as well.

    Examples:
        >>> surfaces = [0.0, 0.0, 0.0, 1.0, 2.0]
        >>> snapshots = [Snapshot(torch.tensor([p]), [], epoch=epoch) for epoch, p in enumerate(surfaces)]
        >>> [snapshot.epoch for snapshot in select_frames(snapshots, 3)]
        [0, 3, 4]
    """
    if len(snapshots) <= count:
        return list(snapshots)
    changes = [float((after.surface - before.surface).abs().mean()) for before, after in pairwise(snapshots)]
    constant = sum(changes) / len(changes) / 5 or 1.0
    positions = np.cumsum([0.0, *(change + constant for change in changes)])
    kept = list(range(len(snapshots)))
    while len(kept) > count:
        distances = positions[kept[2:]] - positions[kept[:-2]]  # between the neighbors of each inner snapshot
        del kept[1 + int(distances.argmin())]
    return [snapshots[number] for number in kept]


def make_boundary_plot(
    model: LitModule, data: InMemoryDataModule, split: str, run: str
) -> BoundaryPlot | None:
    """Return the boundary plot of the model's task; None if it has none for these features.

    Examples:
        >>> from lit_classify import CirclesDataModule, BinaryClassifier, MultilabelClassifier
        >>> type(make_boundary_plot(BinaryClassifier(2), CirclesDataModule(), "val", "run")).__name__
        'PlanePlot'
        >>> make_boundary_plot(MultilabelClassifier(2, 2), CirclesDataModule(), "val", "run") is None
        True
    """
    plot = _PLOTS.get(model.boundary_plot)
    return plot(model, data, split, run) if plot is not None and plot.supports(data) else None


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

        x, y = (part[:_MAX_POINTS].cpu().numpy() for part in data.split("train"))
        continuous = [part for part in features if len(np.unique(x[:, part.column])) > _FEW_VALUES]
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
    others = f"{num_others} other feature{'s' * (num_others > 1)} at the training median"
    return (
        f"Background: one slice, with {others}.\n"
        "Points: color = class predicted from all features of the row, marker = true class."
    )


def _run_name(trainer: Trainer) -> str:
    """Return the run's name and version."""
    logger = trainer.logger
    if logger is None:
        return ""
    version = f"version_{logger.version}" if isinstance(logger.version, int) else logger.version
    return f"{logger.name}/{version}" if version else str(logger.name)
