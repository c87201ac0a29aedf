"""The decision boundary during training: choice of frames, and animation."""

from pathlib import Path

import numpy as np
import torch

from lit_classify.callbacks.decision_boundary import select_frames
from lit_classify.cli.main import main
from lit_classify.model_plots.boundary import Snapshot
from tests.event_files import events


def snapshots(changes: list[float]) -> list[Snapshot]:
    positions = np.cumsum([0.0, *changes])
    return [
        Snapshot(torch.full((9, 2), float(position)), [], epoch=epoch, step=epoch)
        for epoch, position in enumerate(positions)
    ]


def test_frames_are_spaced_by_change_instead_of_epochs() -> None:
    unevenly_changing = snapshots([0.001] * 50 + [1.0] * 50)
    epochs = [snapshot.step for snapshot in select_frames(unevenly_changing, 20)]
    assert (len(epochs), epochs[0], epochs[-1]) == (20, 0, 100)
    assert epochs == sorted(set(epochs))
    assert 12 <= sum(epoch > 50 for epoch in epochs) < 19
    epochs = [snapshot.step for snapshot in select_frames(snapshots([1.0] * 50 + [0.001] * 50), 20)]
    assert 12 <= sum(epoch < 50 for epoch in epochs) < 19
    assert [snapshot.step for snapshot in select_frames(snapshots([0.0] * 9), 4)][::3] == [0, 9]


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

    global_palette, palettes = palette(gif[10], 13), []
    position = 13 + len(global_palette)
    while gif[position] != 0x3B:
        if gif[position] == 0x2C:
            local_palette = palette(gif[position + 9], position + 10)
            palettes.append(local_palette or global_palette)
            position += 11 + len(local_palette)
        else:
            position += 2
        while gif[position]:
            position += gif[position] + 1
        position += 1
    return palettes
