"""The TensorBoard logger of a run, and a buffer that writes the scalars of many epochs at once."""

import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from lit_classify import safe_yaml
from lit_classify.errors import UserError

_STAGES = ("train", "val")
_EVENT_FILES = "events.out.tfevents.*"


class Scalars(NamedTuple):
    """The metrics of one training step, and the time of the step in seconds since 1970."""

    step: int
    epoch: int
    metrics: Mapping[str, float]
    taken_at: float


class RunLogger(TensorBoardLogger):
    """Write a run's event files into ``folder/name/version_N``.

    TensorBoard has a color for each directory. Training and validation metrics are therefore written into
    directories of their own, ``train`` and ``val``: ``val/loss`` becomes ``loss`` in ``val``, and a chart
    compares it with that of the training rows.

    Settings are in config.yaml only. The command line's trainer writes configuration and checkpoints into the
    directory of this logger, even if other loggers or no loggers are used.

    Args:
        folder: directory of all runs.
        name: name of the recipe.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     loggers = [RunLogger(Path(directory), "circles") for _ in range(2)]
        ...     [Path(logger.log_dir).name for logger in loggers]
        ...
        ['version_0', 'version_1']
    """

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name=name, default_hp_metric=False)
        self._writers: dict[str, SummaryWriter] = {}
        self._logged: dict[str, tuple[array[int], array[float]]] = {}  # steps and values

    def _get_next_version(self) -> int:
        """Create the next directory, so that a run that starts at the same time gets another one.

        Raises:
            UserError: the directory of runs is not writable.
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
                    "choose another directory with --trainer.default_root_dir"
                ) from error
        return version

    @property
    def directory(self) -> Path | None:
        """The run's directory; None before it is created."""
        return None if self._version is None else Path(self.log_dir)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Write metrics, without the number of the epoch, which Lightning adds."""
        values = {tag: float(value) for tag, value in metrics.items() if tag != "epoch"}
        self.log_scalars([Scalars(step or 0, 0, values, time.time())])

    @rank_zero_only
    def log_scalars(self, scalars: Sequence[Scalars]) -> None:
        """Write one event per step and directory; ``add_scalar`` would write one per metric."""
        for step, _, metrics, taken_at in scalars:
            summaries: dict[str, list[Summary.Value]] = {}
            for tag, value in metrics.items():
                steps, values = self._logged.setdefault(tag, (array("q"), array("d")))
                steps.append(step)
                values.append(value)
                stage, _, name = tag.partition("/")
                stage, name = (stage, name) if stage in _STAGES else ("", tag)
                summaries.setdefault(stage, []).append(Summary.Value(tag=name, simple_value=value))
            for stage, stage_values in summaries.items():
                event = Event(summary=Summary(value=stage_values))
                self.writer(stage).file_writer.add_event(event, step, taken_at)
        for writer in self._writers.values():
            writer.flush()

    def logged_scalars(self) -> Iterator[tuple[str, int, float]]:
        """Yield tag, step and value of scalars that this process logged, faster than ``read_scalars``."""
        for tag, (steps, values) in self._logged.items():
            yield from ((tag, step, value) for step, value in zip(steps, values, strict=True))

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:  # noqa: ANN401 - as below
        """The writer of events that belong to no stage."""
        return self.writer("")

    def writer(self, stage: str) -> Any:  # noqa: ANN401 - torch declares an open writer's file as optional
        """Return the writer of a stage's directory, or of the run's directory if ``stage`` is empty."""
        if stage not in self._writers:
            # the writer hands events to a thread through a queue, and waits when it is full
            self._writers[stage] = SummaryWriter(str(Path(self.log_dir, stage)), max_queue=100_000)
        return self._writers[stage]

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the files; later metrics go to new ones."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    @rank_zero_only
    def log_image(self, tag: str, step: int, content: bytes, height: int, width: int) -> None:
        """Write an image that is encoded as PNG or GIF."""
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content)
        summary = Summary(value=[Summary.Value(tag=tag, image=image)])
        self.experiment.file_writer.add_event(Event(summary=summary), step)

    @rank_zero_only
    def log_summary(self, *summaries: Summary) -> None:
        """Write summaries of torch.utils.tensorboard: texts, layouts, hyperparameters."""
        for summary in summaries:
            self.experiment.file_writer.add_summary(summary)

    def save(self) -> None:
        """Do nothing: Lightning would look for hparams.yaml after each metric."""


class ScalarBuffer:
    """Buffer the metrics of many epochs on the device, and pass them to the loggers together.

    Loggers other than RunLogger get each epoch's metrics at once, so that they log in order of steps.

    Args:
        max_epochs: maximum number of epochs to buffer.
        max_seconds: maximum time between two flushes.

    Examples:
        >>> from lightning.pytorch.loggers import CSVLogger
        >>> class Printer(CSVLogger):
        ...     def log_metrics(self, metrics, step=None):
        ...         print(step, metrics)
        ...
        >>> buffer = ScalarBuffer()
        >>> buffer.add(9, 0, {"train/loss": torch.tensor(0.5)}, [Printer(".")])  # a flush is due
        True
        >>> buffer.flush([Printer(".")])
        9 {'epoch': 0, 'train/loss': 0.5}
    """

    def __init__(self, max_epochs: int = 1000, max_seconds: float = 5.0) -> None:
        self._max_epochs = max_epochs
        self._max_seconds = max_seconds
        self._flushed_at = time.time()
        self._buffer: list[tuple[int, int, Mapping[str, Tensor], float]] = []

    def add(self, step: int, epoch: int, metrics: Mapping[str, Tensor], loggers: Iterable[Logger]) -> bool:
        """Buffer the scalar tensors of a training step; return whether a flush is due."""
        now = time.time()
        self._buffer.append((step, epoch, metrics, now))
        wait = all(isinstance(logger, RunLogger) for logger in loggers)
        wait &= len(self._buffer) < self._max_epochs and 0 <= now - self._flushed_at < self._max_seconds
        return not wait

    def flush(self, loggers: Iterable[Logger]) -> None:
        """Pass everything to the loggers, each with its step; this synchronizes with the device."""
        entries, self._buffer, self._flushed_at = self._buffer, [], time.time()
        loggers = list(loggers)
        if not entries or not loggers:
            return
        values = iter(torch.stack([tensor for _, _, tags, _ in entries for tensor in tags.values()]).tolist())
        scalars = [
            Scalars(step, epoch, {tag: next(values) for tag in tags}, taken_at)
            for step, epoch, tags, taken_at in entries
        ]
        for logger in loggers:
            if isinstance(logger, RunLogger):
                logger.log_scalars(scalars)
            else:
                for record in scalars:
                    logger.log_metrics({"epoch": record.epoch, **record.metrics}, record.step)


def read_scalars(run: Path) -> Iterator[tuple[str, int, float]]:
    """Yield tag, step and value of the training and validation metrics in a run's directory.

    Lightning's TensorBoardLogger writes those of all stages into the directory itself.

    Examples:
        >>> list(read_scalars(Path("no/such/run")))
        []
    """
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    for stage, file in event_files(run):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                tag = f"{stage}/{value.tag}" if stage else value.tag
                is_scalar = len(value.tensor.float_val) == 1 and not value.tensor.tensor_shape.dim
                if is_scalar and tag.startswith(tuple(f"{name}/" for name in _STAGES)):
                    yield tag, event.step, value.tensor.float_val[0]


def read_config(run: Path) -> dict[str, Any]:
    """Return the configuration in a run's directory; empty if there is none.

    Raises:
        UserError: the file is not YAML.

    Examples:
        >>> read_config(Path("no/such/run"))
        {}
    """
    file = run / "config.yaml"
    try:
        content = safe_yaml.load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not valid YAML: {str(error).splitlines()[0]}") from error
    return content if isinstance(content, dict) else {}


def event_files(run: Path) -> list[tuple[str, Path]]:
    """Return the stage, if all metrics are of one, and the path of each event file with metrics of a run.

    Examples:
        >>> event_files(Path("no/such/run"))
        []
    """
    stages = [stage for stage in _STAGES if Path(run, stage).is_dir()] or [""]
    return [(stage, file) for stage in stages for file in sorted(Path(run, stage).glob(_EVENT_FILES))]


def run_loggers(trainer: Trainer) -> list[RunLogger]:
    """Return the loggers of a trainer that are RunLoggers."""
    return [logger for logger in trainer.loggers if isinstance(logger, RunLogger)]
