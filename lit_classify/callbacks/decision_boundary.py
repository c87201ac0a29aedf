"""The decision boundary during training: images with a slider, and an animation."""

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Trainer

from lit_classify.atomic_write import write_all
from lit_classify.callbacks.plot_callback import PlotCallback, log_encoded, log_pixels
from lit_classify.data import InMemoryDataModule
from lit_classify.loggers import run_loggers
from lit_classify.model_plots.boundary import BoundaryPlot, Snapshot, make_boundary_plot
from lit_classify.modules import LitModule

_MAX_SNAPSHOTS = 64  # kept at a time, from which the frames are selected
_KEPT_FRACTION = 5 / 8  # of them when there are so many: more than there are frames
_SNAPSHOTS_PER_FIT = 200  # approximately, if the number of epochs is known
_MAX_FRAMES = 24
_MAX_IMAGES = 10  # TensorBoard's default number of images per tag
_MAX_PROBABILITIES = 2**25  # of all snapshots together
_SECONDS_BETWEEN_IMAGES = 30.0  # while training


class DecisionBoundary(PlotCallback):
    """Log the decision boundary, or predictions over a single feature, during training, and an animation.

    With more than two features the boundary is drawn over the two that separate the classes best (F test),
    with the other features at their median. Labels, and values of several features, are not drawn.

    The points are those of the validation rows: the cards of TensorBoard are too small for a second panel.
    Snapshots become less frequent during training. At the end, frames are selected with equal change between
    consecutive ones; ten frames are logged as images, the number that TensorBoard keeps. During a long fit
    the current state is logged as ``plots/boundary_latest``.

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
        """Return whether to take a snapshot after an epoch; the first one of a fit is always due."""
        return epoch % self._every_n_epochs == 0 or super().is_due(epoch) or self._last_epoch < 0

    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Take a snapshot; log it if the last image is older than 30 seconds."""
        if self._plot is None:
            self._plot = make_boundary_plot(model, data, "val", run="", single_panel=True)
            # the time that a snapshot takes is proportional to the number of members
            self._every_n_epochs = max(1, (trainer.max_epochs or 0) * model.members // _SNAPSHOTS_PER_FIT)
        if self._plot is None:
            return
        snapshot = self._plot.snapshot(model, epoch, max(trainer.global_step - 1, 0))
        self._snapshots.append(snapshot)
        limit = min(_MAX_SNAPSHOTS, max(_MAX_IMAGES, _MAX_PROBABILITIES // snapshot.surface.numel()))
        if len(self._snapshots) >= limit:
            self._snapshots = select_frames(self._snapshots, int(limit * _KEPT_FRACTION))
            self._every_n_epochs *= 2
        if time.monotonic() - self._logged_at > _SECONDS_BETWEEN_IMAGES:
            log_pixels(trainer, "plots/boundary_latest", self._plot.frames([snapshot])[0])
            self._logged_at = time.monotonic()

    def finish(self, trainer: Trainer, model: LitModule) -> None:
        """Log images and the animation."""
        if self._plot is None:
            return
        selected = select_frames(self._snapshots, _MAX_FRAMES)
        frames = dict(zip([snapshot.step for snapshot in selected], self._plot.frames(selected), strict=True))
        for snapshot in select_frames(selected, _MAX_IMAGES):
            log_pixels(trainer, "plots/boundary", frames[snapshot.step], snapshot.step)
        if self.animation and len(frames) > 1:
            self._write_animation(trainer, list(frames.values()))
        self._reset()

    def _write_animation(self, trainer: Trainer, frames: list[Any]) -> None:
        from lit_classify.plots import encode_gif

        gif = encode_gif(frames)
        height, width, _ = frames[-1].shape
        log_encoded(trainer, "plots/boundary_animation", gif, height, width)
        for logger in run_loggers(trainer):  # trainer.log_dir would wait for the other processes
            if Path(logger.log_dir).is_dir():
                write_all({Path(logger.log_dir, "boundary.gif"): gif})


def select_frames(snapshots: Sequence[Snapshot], count: int) -> list[Snapshot]:
    """Return at most ``count`` snapshots, including the first and the last, with equal change between them.

    Change is the mean absolute difference of the surfaces. A fifth of the mean change is added to each, so
    that periods without change are shown as well.

    Examples:
        >>> import torch
        >>> surfaces = [0.0, 0.0, 0.0, 1.0, 2.0]
        >>> snapshots = [Snapshot(torch.tensor([p]), [], epoch=epoch) for epoch, p in enumerate(surfaces)]
        >>> [snapshot.epoch for snapshot in select_frames(snapshots, 3)]
        [0, 3, 4]
    """
    if len(snapshots) <= count:
        return list(snapshots)
    surfaces = [snapshot.surface for snapshot in snapshots]
    changes = [float((current - previous).abs().mean()) for previous, current in pairwise(surfaces)]
    constant = sum(changes) / len(changes) / 5 or 1.0
    positions = np.cumsum([0.0, *(change + constant for change in changes)])
    indices = list(range(len(snapshots)))
    while len(indices) > count:
        spans = positions[indices[2:]] - positions[indices[:-2]]  # between the neighbors of inner snapshots
        del indices[1 + int(spans.argmin())]
    return [snapshots[index] for index in indices]
