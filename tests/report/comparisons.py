"""Small configurations with runs, as a comparison takes them."""

from collections.abc import Sequence
from typing import Any

import torch

from lit_classify.plots import grid
from lit_classify.plots.decision_boundary import X1_X2
from lit_classify.report.comparison import Configuration, PlotData, SeedRun

EXTENT = (-1.0, 1.0, -1.0, 1.0)


def configuration(name: str, metrics: Sequence[float | None], **arguments: Any) -> Configuration:
    runs = [
        SeedRun(
            seed=seed,
            metric=metric,
            loss=0.5,
            diverged_in=3 if metric is None else None,
            curves={"train/loss": {epoch: seed / (epoch + 1) for epoch in range(4)}},
            surface=None if metric is None else _surface(),
        )
        for seed, metric in enumerate(metrics)
    ]
    settings: dict[str, Any] = {
        "settings": {"model.lr": 0.1},
        "targets": torch.tensor([0, 1]),
        "plot_data": PlotData(torch.eye(2), torch.tensor([0, 1]), ["no", "yes"], X1_X2, grid(EXTENT), EXTENT),
        "runs": runs,
    }
    fixed = {
        "arguments": [],
        "lr": 0.1,
        "same_training_key": "",
        "sequential_reason": "",
        "uses_best": False,
        "num_activations": 1,
    }
    task = {"members": 1, "parameters": 21, "metric": "accuracy", "higher_is_better": True, "split": "test"}
    return Configuration(name=name, **{**fixed, **task, **settings, **arguments})


def _surface() -> torch.Tensor:
    p = torch.sigmoid(5 * grid(EXTENT)[:, 0])
    return torch.stack([1 - p, p], dim=1)
