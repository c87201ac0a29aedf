"""Means over an epoch's rows as plain tensors: adding neither computes much nor waits for the device."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

_FOLD_AT = 4096


class RunningMean:
    """Add up each batch's mean loss, by the weight of its rows, and its sum of the task's metric.

    However the rows fall into batches and ranks, the mean is that of all rows. Adding keeps a reference
    only; the arithmetic is done when the sums are asked for, in double precision.
    """

    def __init__(self) -> None:
        self.last_batch: object = None
        self._losses: list[Tensor] = []
        self._weights: list[int | Tensor] = []
        self._metrics: list[Tensor] = []
        self._rows: list[int | Tensor] = []
        self._folded: Tensor | None = None

    def add_loss(self, loss: Tensor, weight: int | Tensor) -> None:
        """Take a batch's mean loss, a scalar, and the sum of its rows' weights."""
        self._losses.append(loss.detach())
        self._weights.append(weight)
        if len(self._losses) == _FOLD_AT:
            self.sums()

    def add_metric(self, total: Tensor, num_rows: int) -> None:
        """Take a metric's sum over a batch's rows, a scalar, and their number."""
        self._metrics.append(total)
        self._rows.append(num_rows)

    def state_dict(self) -> dict[str, Any]:
        """Return the sums as plain data; what is not yet added up stays so, for the same rounding."""
        return {
            "losses": _packed(self._losses),
            "weights": _packed(self._weights),
            "metrics": _packed(self._metrics),
            "rows": _packed(self._rows),
            "folded": None if self._folded is None else self._folded.cpu(),
        }

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Restore the sums on a device."""
        self._losses, self._weights, self._metrics, self._rows = (
            list(values.to(device)) if isinstance(values, Tensor) else list(values)
            for values in (state[name] for name in ("losses", "weights", "metrics", "rows"))
        )
        self._folded = None if state["folded"] is None else state["folded"].to(device)

    def means(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the mean loss and metric, scalars on their device; None for what no batch told."""
        if self._folded is None and len(self._losses) <= 1 and len(self._metrics) <= 1:
            loss = self._losses[0] if self._losses else None  # the only batch has said it all
            return loss, self._metrics[0] / self._rows[0] if self._metrics else None
        return means_from_sums(self.sums())

    def sums(self) -> Tensor:
        """Return the sums of weighted losses, weights, metric and rows, shape ``(4,)`` on their device."""
        if self._losses or self._metrics:
            self._fold()
        return torch.zeros(4, dtype=torch.float64) if self._folded is None else self._folded

    def _fold(self) -> None:
        device = (self._losses or self._metrics)[0].device
        losses, weights, metrics, rows = (
            _column(values, device) for values in (self._losses, self._weights, self._metrics, self._rows)
        )
        sums = torch.stack([torch.dot(losses, weights), weights.sum(), metrics.sum(), rows.sum()])
        self._folded = sums if self._folded is None else self._folded + sums
        self._losses, self._weights, self._metrics, self._rows = [], [], [], []


def means_from_sums(sums: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Return the mean loss and metric of ``Tally.sums``; None for what no batch told."""
    _, weight, _, rows = sums.tolist()
    return (sums[0] / sums[1] if weight else None), (sums[2] / sums[3] if rows else None)


def accumulation_dtype(device: torch.device) -> torch.dtype:
    """Return double precision, or what a device has instead."""
    return torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no doubles


def _column(values: Sequence[int | Tensor], device: torch.device) -> Tensor:
    """Return scalars as one tensor, in double precision on their device."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if len(tensors) < len(values) or not values:
        return torch.tensor([float(value) for value in values], dtype=accumulation_dtype(device)).to(
            device, non_blocking=True
        )
    return torch.stack(tensors).to(accumulation_dtype(device))


def _packed(values: Sequence[int | Tensor]) -> Tensor | list[int | Tensor]:
    """Return scalars as one tensor where they are tensors: a file of thousands would take long to write."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    return torch.stack(tensors).cpu() if tensors and len(tensors) == len(values) else list(values)
