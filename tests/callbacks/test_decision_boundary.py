"""The decision boundary during training: choice of frames, titles, animation and splits."""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_wine

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    MulticlassClassifier,
    TableDataModule,
)
from lit_classify.callbacks.boundary_plots import Snapshot, make_boundary_plot
from lit_classify.callbacks.decision_boundary import select_frames
from lit_classify.cli.main import main
from lit_classify.networks import evaluating
from tests.event_files import events
from tests.example_tables import bundled, write


def snapshots(changes: list[float]) -> list[Snapshot]:
    places = np.cumsum([0.0, *changes])
    return [
        Snapshot(torch.full((9, 2), float(place)), [], epoch=epoch, step=epoch)
        for epoch, place in enumerate(places)
    ]


def test_frames_are_spaced_by_change_instead_of_epochs() -> None:
    many = snapshots([0.001] * 50 + [1.0] * 50)
    epochs = [part.step for part in select_frames(many, 20)]
    assert (len(epochs), epochs[0], epochs[-1]) == (20, 0, 100)
    assert epochs == sorted(set(epochs))
    assert 12 <= sum(epoch > 50 for epoch in epochs) < 19
    epochs = [part.step for part in select_frames(snapshots([1.0] * 50 + [0.001] * 50), 20)]
    assert 12 <= sum(epoch < 50 for epoch in epochs) < 19
    assert [part.step for part in select_frames(snapshots([0.0] * 9), 4)][::3] == [0, 9]


def test_the_title_has_run_epoch_and_loss_and_the_caption_describes_the_slice() -> None:
    rows = "\n".join(f"{n % 7},{n % 5},{n % 3},{n % 11},{'ab'[n % 2]}" for n in range(60))
    write(f"u,v,w,z,kind\n{rows}")
    table = TableDataModule("t.csv", "kind")
    for data, caption in ((CirclesDataModule(), ""), (table, "2 other features at the training median")):
        data.setup("fit")
        model = BinaryClassifier(data.in_features, class_names=data.class_names)
        with evaluating(model):
            plot = make_boundary_plot(model, data, "val", "runs/version_7")
            assert plot is not None
            figure = plot.figure(plot.snapshot(model, 1234))
            x, y = data.split("val")
            loss = float(model.loss(model(x), y))
        name = "test" if data.validates_on_test else "validation"
        assert figure.get_suptitle() == f"runs/version_7, epoch 1,234: {name} loss {loss:.4f}"
        assert caption in (text := figure.legends[0].get_title().get_text())
        assert bool(caption) == bool(text)


def test_a_single_panel_shows_the_validation_rows_in_the_same_plane() -> None:
    data = TableDataModule(str(bundled(load_wine, "wine.csv")), "target", val_fraction=0.2)
    data.setup("fit")
    model = MulticlassClassifier(data.in_features, data.out_features, class_names=data.class_names)
    with evaluating(model):
        plots = [make_boundary_plot(model, data, "val", "", single_panel=single) for single in (True, False)]
        single, double = (plot.figure(plot.snapshot(model, 3)) for plot in plots if plot is not None)
    assert [len(figure.axes) for figure in (single, double)] == [1, 2]
    assert single.axes[0].get_title() == double.axes[1].get_title()
    assert single.axes[0].get_xlim() == double.axes[1].get_xlim()
    caption = single.legends[0].get_title().get_window_extent()
    assert 0 <= caption.x0 < caption.x1 <= single.bbox.width


def test_the_animation_of_a_long_fit_shows_first_and_last_epoch_with_one_palette() -> None:
    long = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "130", "--plots", "basic"]
    assert main(long) == 0
    run = "circles_v2/version_0"
    steps = [image.step for image in events(run).Images("plots/boundary")]
    assert (len(steps), steps[0], steps[-1]) == (10, 0, 129)
    palettes = palettes_of(Path(f"lightning_logs/{run}/boundary.gif").read_bytes())
    assert 16 <= len(palettes) <= 24
    assert len(set(palettes)) == 1


def palettes_of(gif: bytes) -> list[bytes]:
    """Return the palette of each frame of a GIF, read from its blocks (GIF89a, sections 18 to 24)."""

    def palette(flags: int, start: int) -> bytes:
        return gif[start : start + (flags >> 7) * 3 * 2 ** ((flags & 7) + 1)]

    global_palette, found = palette(gif[10], 13), []
    place = 13 + len(global_palette)
    while gif[place] != 0x3B:
        if gif[place] == 0x2C:
            local = palette(gif[place + 9], place + 10)
            found.append(local or global_palette)
            place += 11 + len(local)
        else:
            place += 2
        while gif[place]:
            place += gif[place] + 1
        place += 1
    return found


def test_test_rows_are_plotted_only_after_training() -> None:
    data = CirclesDataModule(val_fraction=0.2)
    model = BinaryClassifier(2)
    plots = {split: make_boundary_plot(model, data, split, "") for split in ("val", "test")}
    splits = {split: plot.splits for split, plot in plots.items() if plot is not None}
    assert list(splits["val"]) == ["Train", "Validation"]
    assert list(splits["test"]) == ["Train", "Test"]
    for split in ("val", "test"):
        assert torch.equal(list(splits[split].values())[1][0], data.split(split).x)
