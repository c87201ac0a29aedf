"""``lit-classify plot``: pictures of a finished run, without TensorBoard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_classify import checkpoints, figures, files
from lit_classify.callbacks import boundary, mistakes, neurons
from lit_classify.checkpoints import Checkpoint
from lit_classify.commands.arguments import parser
from lit_classify.commands.quiet import quiet
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError, say
from lit_classify.figures.images import packed
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating


def main(arguments: list[str]) -> int:
    """Draw all that can be drawn of a checkpoint and the run it lies in."""
    options = parser("plot", "Draw a finished run: curves, boundary, neurons and mistakes.")
    options.add_argument(
        "checkpoint", help="a run's .../checkpoints/best.ckpt, or best or last for the newest"
    )
    options.add_argument("--out", default="plots", help="folder for the pictures (default: plots)")
    options.add_argument("--format", choices=["png", "svg"], default="png", help="default: png")
    options.add_argument("--network", help="import path of a network of one's own, if the run has one")
    options.add_argument("--activation", help="import path of an activation of one's own, if the run has one")
    given = options.parse_args(arguments[1:])
    folder = Path(given.out)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"cannot write pictures into {folder}: it is no folder")
    quiet()
    checkpoint = Checkpoint.read(checkpoints.resolve(given.checkpoint))
    model, data = checkpoint.build_model(given.network, activation=given.activation), checkpoint.build_data()
    with evaluating(model):
        drawn = {**dict(pictures(model, data)), **curves_of(checkpoint.path.parent.parent)}
    files.write_together(
        {folder / f"{name}.{given.format}": packed(figure, given.format) for name, figure in drawn.items()}
    )
    for name in drawn:
        say(str(folder / f"{name}.{given.format}"))
    return 0


def pictures(model: LitModule, data: InMemoryDataModule) -> Iterator[tuple[str, Any]]:
    """Yield the pictures of a model by name."""
    if model.class_names is not None and len(data.axes) >= 2:
        plane, around = boundary.prepare(model, data, "boundary")
        plane.show(*boundary.answers_of(around, model, data), f"boundary{boundary.others(data)}")
        yield "boundary", plane.figure
    elif model.class_names is None and model.label_names is None and data.in_features == 1:
        yield "boundary", boundary.draw_line(model, data, "data and predictions")
    if neurons.fits(model, data):
        yield "neurons", neurons.draw_sheet(model, data, "what every unit sees")
    yield from mistakes.sheets(model, data, more=True).items()


def curves_of(run: Path) -> dict[str, Any]:
    """Return the curves that a run's event file holds; none where there is no such file."""
    if not any(run.glob("events.out.tfevents.*")):
        return {}
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    tags = set(events.Tags()["scalars"])
    charts: dict[str, Any] = {}
    for tag in sorted(tags):
        group, _, name = tag.partition("/")
        if group in {"train", "val"}:
            found = events.Scalars(tag)
            series = charts.setdefault(name, {})
            series[group] = ([event.step for event in found], [event.value for event in found])
    return {"curves": figures.history(charts, run.name)} if charts else {}
