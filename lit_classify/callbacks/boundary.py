"""The boundary as it bends: images with a slider, and a film.

Legend: N rows, F features, G points of a grid.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from lit_classify import files
from lit_classify.callbacks.pictures import Picture, log, log_packed, validation_name
from lit_classify.data import Axis, InMemoryDataModule
from lit_classify.modules import LitModule
from lit_classify.scalars import RunLogger

if TYPE_CHECKING:
    from lit_classify.figures import Plane

_MOST_POINTS = 1000  # that are drawn of each split
_FEW_VALUES = 10  # of a feature, so that points would hide each other


class Boundary(Picture):
    """Draw the plane with what the model makes of it, or a line with its predictions; at the end a film.

    With more than two features the plane is that of the two which part the classes best (F test), and the
    other features are at their median. Labels, and values of several features, are not drawn.

    Args:
        film: put all pictures together into ``boundary.gif`` in the run's folder and in TensorBoard.
    """

    def __init__(self, film: bool = True) -> None:
        super().__init__()
        self.film = film
        self._plane: Plane | None = None
        self._around: Callable[[Tensor], Tensor] = lambda x: x
        self._frames: list[Any] = []

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: ANN401 - Lightning's signature
        """Forget an earlier fit."""
        super().on_train_start(trainer, pl_module)
        self._plane, self._frames = None, []

    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Draw one picture."""
        from lit_classify.figures.images import pixels

        if model.class_names is not None and len(data.axes) >= 2:
            picture = self._draw_plane(model, data, epoch)
        elif model.class_names is None and model.label_names is None and data.in_features == 1:
            picture = pixels(draw_line(model, data, f"epoch {epoch:,}"))
        else:
            return
        log(trainer, "boundary", picture)
        self._frames.append(picture)

    def _draw_plane(self, model: LitModule, data: InMemoryDataModule, epoch: int) -> Any:  # noqa: ANN401 - pixels
        if self._plane is None:
            self._plane, self._around = prepare(model, data, "epoch 0")
        asked, answers = answers_of(self._around, model, data)
        return self._plane.frame(asked, answers, f"epoch {epoch:,}{others(data)}")

    def finish(self, trainer: Trainer, model: LitModule) -> None:
        """Make the film."""
        if not self.film or len(self._frames) < 2:
            return
        from lit_classify.figures.images import film

        packed = film(self._frames)
        height, width, _ = self._frames[-1].shape
        log_packed(trainer, "film", packed, height, width)
        for logger in trainer.loggers:  # trainer.log_dir would wait for the other processes
            if isinstance(logger, RunLogger) and Path(logger.log_dir).is_dir():
                files.write_together({Path(logger.log_dir, "boundary.gif"): packed})
        self._frames = []


def prepare(
    model: LitModule, data: InMemoryDataModule, title: str
) -> tuple["Plane", Callable[[Tensor], Tensor]]:
    """Return the plane of two features, and what puts its points among all features."""
    from lit_classify.figures import Feature, Plane

    first, second = chosen(data)
    splits = {
        name: (x[:_MOST_POINTS, [first.place, second.place]].cpu(), y[:_MOST_POINTS].cpu())
        for name, (x, y) in _splits(data).items()
    }
    features = [Feature(axis.name, axis.center, axis.scale) for axis in (first, second)]
    middle = data.split("train").x[:_MOST_POINTS].median(dim=0).values
    around = partial(_put, middle=middle, places=[first.place, second.place])
    return Plane(splits, model.class_names or [], title, features), around


def answers_of(
    around: Callable[[Tensor], Tensor], model: LitModule, data: InMemoryDataModule
) -> tuple[Callable[[Tensor], Tensor], list[Tensor]]:
    """Return what the model says of points of the plane, and of the rows that are drawn on it."""
    rows = [model.predict(x[:_MOST_POINTS].to(model.device)) for x, _ in _splits(data).values()]
    return lambda points: model.predict(around(points).to(model.device)), rows


def draw_line(model: LitModule, data: InMemoryDataModule, title: str) -> Any:  # noqa: ANN401 - a Figure
    """Draw values over a single feature, and what the model predicts."""
    from lit_classify import figures

    splits = _splits(data)
    predicted = {name: model.predict(x.to(model.device)) for name, (x, _) in splits.items()}
    return figures.line(splits, title, predicted)


def chosen(data: InMemoryDataModule) -> tuple[Axis, Axis]:
    """Return the two features that part the classes best, of those whose points do not all fall together."""
    axes = data.axes
    if len(axes) > 2:
        from sklearn.feature_selection import f_classif

        x, y = (part[:_MOST_POINTS].cpu().numpy() for part in data.split("train"))
        many = [axis for axis in axes if len(np.unique(x[:, axis.place])) > _FEW_VALUES]
        axes = many if len(many) >= 2 else axes
        scores = torch.from_numpy(f_classif(x[:, [axis.place for axis in axes]], y)[0]).nan_to_num()
        best = sorted(scores.topk(2).indices.tolist())
        axes = [axes[place] for place in best]
    return axes[0], axes[1]


def others(data: InMemoryDataModule) -> str:
    """Say where the features are that the plane does not show."""
    more = data.in_features - 2
    return f"; {more} other feature{'s' * (more > 1)} at the median" if more else ""


def _splits(data: InMemoryDataModule) -> dict[str, tuple[Tensor, Tensor]]:
    return {"Train": data.split("train"), validation_name(data): data.split("val")}


def _put(points: Tensor, middle: Tensor, places: list[int]) -> Tensor:
    """Put points ``(G, 2)`` into rows ``(G, F)`` whose other features are in the middle."""
    rows = middle.cpu().repeat(len(points), 1)
    rows[:, places] = points
    return rows
