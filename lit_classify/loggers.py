"""Scalars of many epochs, handed to the loggers in one go."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor

from lit_classify.errors import UserError


class Scalars(NamedTuple):
    """Figures of one training step, and when they were taken, in seconds since 1970."""

    step: int
    epoch: int
    figures: Mapping[str, float]
    taken_at: float


class RunLogger(TensorBoardLogger):
    """Write a run's event file into ``folder/name/version_N``; config.yaml alone holds the settings.

    The command line's trainer takes the directory for configuration and checkpoints from it, even where other
    loggers log, or none.

    Args:
        folder: where runs go.
        name: the recipe.
    """

    def __init__(self, folder: Path, name: str) -> None:
        # torch's writer hands events to a thread through a queue, and waits when it is full
        super().__init__(folder, name=name, default_hp_metric=False, max_queue=100_000)

    def _get_next_version(self) -> int:
        """Take the next folder, so that no run that starts at the same time takes it too.

        Raises:
            UserError: the folder of runs cannot be written.
        """
        version: int = super()._get_next_version()
        while rank_zero_only.rank == 0:  # type: ignore[attr-defined]  # Lightning sets it on the function
            try:
                Path(self.root_dir, f"version_{version}").mkdir(parents=True)
                break
            except FileExistsError:
                version += 1
            except OSError as error:
                raise UserError(
                    f"cannot write runs into {self.root_dir}: {error.strerror}; "
                    "give another folder with --trainer.default_root_dir"
                ) from error
        return version

    @property
    def directory(self) -> Path | None:
        """The run's directory; None before it is taken."""
        return None if self._version is None else Path(self.log_dir)

    @rank_zero_only
    def log_scalars(self, rows: Sequence[Scalars]) -> None:
        """Write one event for each step; ``add_scalar`` would write one for each figure."""
        writer = self.experiment.file_writer
        for step, _, figures, taken_at in rows:
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items()]
            writer.add_event(Event(summary=Summary(value=values)), step, taken_at)
        self.experiment.flush()

    @rank_zero_only
    def log_picture(self, tag: str, step: int, packed: bytes, height: int, width: int) -> None:
        """Write a PNG or GIF."""
        picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=packed)
        summary = Summary(value=[Summary.Value(tag=tag, image=picture)])
        self.experiment.file_writer.add_event(Event(summary=summary), step)

    @rank_zero_only
    def log_summary(self, *summaries: Summary) -> None:
        """Write what torch's summary functions make: texts, layouts, hyperparameters."""
        for summary in summaries:
            self.experiment.file_writer.add_summary(summary)

    def save(self) -> None:
        """Write nothing beside the events: Lightning would look for hparams.yaml after every figure."""


class ScalarBuffer:
    """Keep the figures of many epochs on the device and hand them to the loggers together.

    Loggers other than ours take each epoch's at once, so that all that they are given is in order of steps.

    Args:
        most: epochs to keep at the most.
        seconds: time to keep them at the most.
    """

    def __init__(self, most: int = 1000, seconds: float = 5.0) -> None:
        self._most = most
        self._seconds = seconds
        self._flushed_at = time.time()
        self._kept: list[tuple[int, int, Mapping[str, Tensor], float]] = []

    def add(self, step: int, epoch: int, figures: Mapping[str, Tensor], loggers: Iterable[Logger]) -> bool:
        """Keep scalar tensors that belong to a training step; say whether it is time to flush."""
        now = time.time()
        self._kept.append((step, epoch, figures, now))
        wait = all(isinstance(logger, RunLogger) for logger in loggers)
        wait &= len(self._kept) < self._most and 0 <= now - self._flushed_at < self._seconds
        return not wait

    def flush(self, loggers: Iterable[Logger]) -> None:
        """Hand over all that is kept, each with its own step; this is where the host waits for the device."""
        kept, self._kept, self._flushed_at = self._kept, [], time.time()
        loggers = list(loggers)
        if not kept or not loggers:
            return
        values = iter(torch.stack([tensor for _, _, tags, _ in kept for tensor in tags.values()]).tolist())
        rows = [
            Scalars(step, epoch, {tag: next(values) for tag in tags}, at) for step, epoch, tags, at in kept
        ]
        for logger in loggers:
            if isinstance(logger, RunLogger):
                logger.log_scalars(rows)
            else:
                for row in rows:
                    logger.log_metrics({"epoch": row.epoch, **row.figures}, row.step)
