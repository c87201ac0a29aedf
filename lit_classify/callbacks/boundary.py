"""The decision boundary while it is learned: images with a slider, and a film.

Legend: N rows, F features, C classes, G points of a grid.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from lit_classify import files
from lit_classify.callbacks.plot import PlotCallback, log, log_packed, validation_name
from lit_classify.data import InMemoryDataModule, NumericFeature, TableDataModule
from lit_classify.loggers import RunLogger
from lit_classify.modules import LitModule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_POINTS = 1000  # that are drawn of each split
_FEW_VALUES = 10  # of a feature, so that points would hide each other
_MOST_KEPT = 64  # snapshots, of which the film's frames are chosen
_MOST_TAKEN = 200  # snapshots of a fit whose number of epochs is known, about
_MOST_FRAMES = 36
_MOST_IMAGES = 10  # that TensorBoard keeps of each tag unless told otherwise
_MOST_NUMBERS = 2**25  # of all snapshots' probabilities together
_SECONDS_BETWEEN = 30.0  # from one image of a training that lasts to the next

Points = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Snapshot:
    """What a model predicts at one time, as much of it as is drawn.

    Args:
        surface: probabilities at the points of a grid, ``(G, C)``; for values the same as ``predicted``, put
            together. How much it changes decides which snapshots become frames.
        predicted: the class or value that is predicted for each row of each split, ``(N,)``.
        loss: the mean loss of the last split, where all its rows are drawn.
        epoch: number of the epoch.
        step: number of the training step.
    """

    surface: Tensor
    predicted: list[Tensor]
    loss: float | None = None
    epoch: int = 0
    step: int = 0


class BoundaryPlot(ABC):
    """A plot of what a model makes of its features, drawn from snapshots.

    Args:
        data: its training rows and those of ``shown`` are drawn.
        shown: the split beside the training rows, ``val`` or ``test``.
        run: what the run is called.
    """

    def __init__(self, data: InMemoryDataModule, shown: str, run: str) -> None:
        name = "Test" if shown == "test" else validation_name(data)
        splits = {"Train": data.split("train"), name: data.split(shown)}
        self.run, self._loss_name = run, f"{name.lower()} loss"
        self.num_rows = [len(y) for _, y in splits.values()]
        self.splits: dict[str, Points] = {
            name: (x[:_MOST_POINTS], y[:_MOST_POINTS]) for name, (x, y) in splits.items()
        }

    @abstractmethod
    def look(self, model: LitModule, epoch: int, step: int = 0) -> Snapshot:
        """Ask a model, in evaluation mode, for what is drawn."""

    @abstractmethod
    def figure(self, snapshot: Snapshot) -> "Figure":
        """Return a snapshot as a figure."""

    @abstractmethod
    def frames(self, snapshots: Sequence[Snapshot]) -> list[Any]:
        """Return snapshots as pixels ``(height, width, 3)``, over axes that do not move."""

    def title(self, snapshot: Snapshot) -> str:
        """Return run, epoch and loss."""
        loss = "" if snapshot.loss is None else f": {self._loss_name} {snapshot.loss:.4f}"
        return f"{self.run}, epoch {snapshot.epoch:,}{loss}".removeprefix(", ")

    def _predict(self, model: LitModule, more: Tensor | None = None) -> tuple[list[Tensor], float | None]:
        """Return probabilities or values of each split's rows and of more rows; and the last split's loss."""
        parts = [x.to(model.device) for x, _ in self.splits.values()]
        parts += [] if more is None else [more.to(model.device)]
        logits = model(torch.cat(parts)).split([len(part) for part in parts])
        *_, (_, y) = self.splits.values()
        complete = 0 < len(y) == self.num_rows[-1]
        loss = float(model.loss(logits[1], y.to(model.device))) if complete else None
        return [model.probabilities(part).cpu() for part in logits], loss


class PlanePlot(BoundaryPlot):
    """Classes in the plane of two features; a table's other features are at their median.

    The two are those that separate the classes best (F test).
    """

    def __init__(self, model: LitModule, data: InMemoryDataModule, shown: str, run: str) -> None:
        from lit_classify.plots import Feature, Plane, grid

        super().__init__(data, shown, run)
        features = chosen(data)
        places = [feature.column for feature in features]
        self._plane = Plane(
            {name: (x[:, places], y) for name, (x, y) in self.splits.items()},
            model.class_names or [],
            [Feature(feature.name, feature.center, feature.scale) for feature in features],
            equal=not isinstance(data, TableDataModule),
            num_rows=self.num_rows,
            caption=slice_caption(data),
        )
        points = grid(self._plane.extent)
        self._surface = data.split("train").x[:_MOST_POINTS].median(dim=0).values.cpu().repeat(len(points), 1)
        self._surface[:, places] = points

    def look(self, model: LitModule, epoch: int, step: int = 0) -> Snapshot:
        """Ask for probabilities over the plane, and for the classes of the rows."""
        (*rows, surface), loss = self._predict(model, self._surface)
        return Snapshot(surface, [p.argmax(dim=1) for p in rows], loss, epoch, step)

    def figure(self, snapshot: Snapshot) -> "Figure":
        """Return a snapshot as a figure."""
        self._plane.show(snapshot.surface, snapshot.predicted, self.title(snapshot))
        return self._plane.figure

    def frames(self, snapshots: Sequence[Snapshot]) -> list[Any]:
        """Return snapshots as pixels."""
        return [self._plane.frame(part.surface, part.predicted, self.title(part)) for part in snapshots]


class LinePlot(BoundaryPlot):
    """Values over a single feature, and a model's predictions of them."""

    def __init__(self, data: InMemoryDataModule, shown: str, run: str) -> None:
        from lit_classify.plots import Feature

        super().__init__(data, shown, run)
        feature = next(iter(data.numeric_features), NumericFeature(0, "x"))
        self._feature = Feature(feature.name, feature.center, feature.scale)

    def look(self, model: LitModule, epoch: int, step: int = 0) -> Snapshot:
        """Ask for the values of the rows."""
        values, loss = self._predict(model)
        return Snapshot(torch.cat(values), values, loss, epoch, step)

    def figure(self, snapshot: Snapshot) -> "Figure":
        """Return a snapshot as a figure."""
        from lit_classify.plots import Line

        line = Line(self.splits, snapshot.predicted, self._feature)
        line.show(snapshot.predicted, self.title(snapshot))
        return line.figure

    def frames(self, snapshots: Sequence[Snapshot]) -> list[Any]:
        """Return snapshots as pixels."""
        from lit_classify.plots import Line

        line = Line(self.splits, [part for each in snapshots for part in each.predicted], self._feature)
        return [line.frame(part.predicted, self.title(part)) for part in snapshots]


class DecisionBoundary(PlotCallback):
    """Draw the decision boundary, or a line with its predictions, as it changed; at the end a film of it.

    With more than two features the plane is that of the two which separate the classes best (F test), and
    the other features are at their median. Labels, and values of several features, are not drawn.

    Snapshots are taken often, and the longer the training the more rarely. At the end those become frames
    that show the same amount of change from one to the next; TensorBoard's slider gets ten of them, as it
    keeps no more. A training that lasts shows its newest state as ``boundary/latest``.

    Args:
        film: put all frames together into ``boundary.gif`` in the run's folder and in TensorBoard.
    """

    def __init__(self, film: bool = True) -> None:
        super().__init__()
        self.film = film
        self._start()

    def _start(self) -> None:
        self._plot: BoundaryPlot | None = None
        self._snapshots: list[Snapshot] = []
        self._every = 1
        self._shown_at = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: ANN401 - Lightning's signature
        """Forget an earlier fit."""
        super().on_train_start(trainer, pl_module)
        self._start()

    def is_due(self, epoch: int) -> bool:
        """Whether to take a snapshot after an epoch; the first one of a fit always."""
        return epoch % self._every == 0 or super().is_due(epoch) or self._drawn_at < 0

    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Take a snapshot, and show it if training takes long."""
        if not drawable(model, data):
            return
        if self._plot is None:
            self._plot = make_plot(model, data, "val", _run_name(trainer))
            self._every = max(1, (trainer.max_epochs or 0) // _MOST_TAKEN)
        snapshot = self._plot.look(model, epoch, max(trainer.global_step - 1, 0))
        self._snapshots.append(snapshot)
        most = min(_MOST_KEPT, max(_MOST_IMAGES, _MOST_NUMBERS // snapshot.surface.numel()))
        if len(self._snapshots) >= most:
            self._snapshots = choose(self._snapshots, most * 5 // 8)
            self._every *= 2
        if time.monotonic() - self._shown_at > _SECONDS_BETWEEN:
            log(trainer, "boundary/latest", self._plot.frames([snapshot])[0])
            self._shown_at = time.monotonic()

    def finish(self, trainer: Trainer, model: LitModule) -> None:
        """Draw what changed, and make the film."""
        if self._plot is None:
            return
        chosen = choose(self._snapshots, _MOST_FRAMES)
        frames = dict(zip([part.step for part in chosen], self._plot.frames(chosen), strict=True))
        for snapshot in choose(chosen, _MOST_IMAGES):
            log(trainer, "boundary", frames[snapshot.step], snapshot.step)
        if self.film and len(frames) > 1:
            self._write_film(trainer, list(frames.values()))
        self._start()

    def _write_film(self, trainer: Trainer, frames: list[Any]) -> None:
        from lit_classify.plots.images import film

        packed = film(frames)
        height, width, _ = frames[-1].shape
        log_packed(trainer, "film", packed, height, width)
        for logger in trainer.loggers:  # trainer.log_dir would wait for the other processes
            if isinstance(logger, RunLogger) and Path(logger.log_dir).is_dir():
                files.write_all({Path(logger.log_dir, "boundary.gif"): packed})


def choose(snapshots: Sequence[Snapshot], most: int) -> list[Snapshot]:
    """Return at most so many snapshots, the first and the last among them, with equal change between them.

    Change is the mean absolute difference of the surfaces. A fifth of the mean is added to each, so that
    times in which nothing changes are shown as well.
    """
    if len(snapshots) <= most:
        return list(snapshots)
    changes = [float((after.surface - before.surface).abs().mean()) for before, after in pairwise(snapshots)]
    even = sum(changes) / len(changes) / 5 or 1.0
    passed = np.cumsum([0.0, *(change + even for change in changes)])
    kept = list(range(len(snapshots)))
    while len(kept) > most:
        gaps = passed[kept[2:]] - passed[kept[:-2]]  # that would be left without each one between the ends
        del kept[1 + int(gaps.argmin())]
    return [snapshots[number] for number in kept]


def drawable(model: LitModule, data: InMemoryDataModule) -> bool:
    """Whether there is a plane of two numeric features, or values over a single one."""
    if model.class_names is not None:
        return len(data.numeric_features) >= 2
    return model.label_names is None and data.in_features == 1


def make_plot(model: LitModule, data: InMemoryDataModule, shown: str, run: str) -> BoundaryPlot:
    """Return the plot of a model for which ``drawable`` holds."""
    return LinePlot(data, shown, run) if model.class_names is None else PlanePlot(model, data, shown, run)


def chosen(data: InMemoryDataModule) -> tuple[NumericFeature, NumericFeature]:
    """Return the two features that separate the classes best, of those whose points do not all coincide."""
    features = data.numeric_features
    if len(features) > 2:
        from sklearn.feature_selection import f_classif

        x, y = (part[:_MOST_POINTS].cpu().numpy() for part in data.split("train"))
        many = [feature for feature in features if len(np.unique(x[:, feature.column])) > _FEW_VALUES]
        features = many if len(many) >= 2 else features
        scores = torch.from_numpy(
            f_classif(x[:, [feature.column for feature in features]], y)[0]
        ).nan_to_num()
        best = sorted(scores.topk(2).indices.tolist())
        features = [features[place] for place in best]
    return features[0], features[1]


def slice_caption(data: InMemoryDataModule) -> str:
    """Say what a plane shows of rows that have more features than two; nothing where it shows all."""
    more = data.in_features - 2
    if not more:
        return ""
    others = f"{more} other feature{'s' * (more > 1)} at the training median"
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
