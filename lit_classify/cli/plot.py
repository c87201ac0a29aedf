"""``lit-classify plot``: pictures of a finished run, without TensorBoard."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_classify import files, plots
from lit_classify.callbacks import boundary
from lit_classify.callbacks import evaluation_plots as mistakes
from lit_classify.callbacks import hidden_units as neurons
from lit_classify.callbacks.plot import left_out_on_error
from lit_classify.checkpoints import checkpoint as checkpoints
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.argument_parser import parser
from lit_classify.cli.warning_filters import quiet
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError, echo
from lit_classify.modules import LitModule
from lit_classify.networks import evaluating
from lit_classify.plots.images import packed


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
    options.add_argument("--model", help="import path of a module of one's own, if the run has one")
    options.add_argument("--data", help="import path of a data module of one's own, if the run has one")
    given = options.parse_args(arguments[1:])
    folder = Path(given.out)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"cannot write pictures into {folder}: it is no folder")
    quiet()
    checkpoint = Checkpoint.read(checkpoints.resolve(given.checkpoint))
    task, own = (checkpoint.own_class(part, getattr(given, part)) for part in ("model", "data"))
    model = checkpoint.build_model(given.network, task, given.activation)
    data = checkpoint.build_data(own=own)
    run = checkpoint.path.resolve().parent.parent
    name = f"{run.parent.name}/{run.name}"
    makers = plots_of(model, data, name, checkpoint.epochs - 1)
    makers["curves"] = partial(curves_of, run)
    drawn = {}
    for plot, make in makers.items():
        with left_out_on_error(plot), evaluating(model):
            if figure := make():
                drawn[folder / f"{plot}.{given.format}"] = packed(figure, given.format)
    files.write_all(drawn)
    for path in drawn:
        echo(str(path))
    return 0


def plots_of(
    model: LitModule, data: InMemoryDataModule, name: str, epoch: int
) -> dict[str, Callable[[], Figure | None]]:
    """Return what draws the plots of a model's run, by name; the test rows beside those of training."""

    def draw_boundary() -> Figure:
        plot = boundary.make_plot(model, data, "test", name)
        return plot.figure(plot.look(model, epoch))

    found: dict[str, Callable[[], Figure | None]] = {}
    if boundary.drawable(model, data):
        found["boundary"] = draw_boundary
    if neurons.fits(model, data):
        found["neurons"] = partial(neurons.draw_sheet, model, data, f"{name}, epoch {epoch:,}: hidden units")
    with left_out_on_error("mistakes"), evaluating(model):
        found |= mistakes.sheets(model, data, more=True, split="test")
    return found


def curves_of(run: Path) -> Figure | None:
    """Return the curves that a run's event file holds; none where there is no such file."""
    if not any(run.glob("events.out.tfevents.*")):
        return None
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    charts: dict[str, Any] = {}
    for tag in sorted(events.Tags()["scalars"]):
        group, _, name = tag.partition("/")
        if group in {"train", "val"}:
            found = events.Scalars(tag)
            series = charts.setdefault(name, {})
            series[group] = ([event.step for event in found], [event.value for event in found])
    return plots.history(charts, f"{run.parent.name}/{run.name}") if charts else None
