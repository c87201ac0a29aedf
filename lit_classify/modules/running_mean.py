"""The mean loss and metric of an epoch, without waiting for the device in every step."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

_MAX_PENDING = 4096  # batches


class RunningMean:
    """Mean loss, weighted, and mean metric over all rows of an epoch.

    The mean is that of all rows, regardless of batches and processes. ``update`` keeps references
    only; the sums are computed on demand, in double precision.

    Attributes:
        counts_loss: whether ``update`` counts the loss; if not, ``add_loss`` does.
        paused: whether ``update`` adds nothing.
        last_weight: the weight of the batch that ``update`` was last called with.

    Examples:
        >>> mean = RunningMean()
        >>> mean.update(torch.tensor(2.0), 1, torch.tensor(1), 1)
        >>> mean.update(torch.tensor(5.0), 2, torch.tensor(0), 2)
        >>> [round(float(value), 3) for value in mean.compute()]
        [4.0, 0.333]
    """

    def __init__(self) -> None:
        self.counts_loss, self.paused = True, False
        self.last_weight: int | Tensor | None = None
        self.reset()

    def reset(self) -> None:
        """Start a new epoch."""
        self._losses: list[Tensor] = []
        self._weights: list[int | Tensor] = []
        self._metrics: list[Tensor] = []
        self._rows: list[int | Tensor] = []
        self._totals: Tensor | None = None

    def update(
        self, loss: Tensor, weight: int | Tensor, metric_sum: Tensor | None, num_rows: int | Tensor
    ) -> None:
        """Add a batch.

        Args:
            loss: mean loss of the batch, a scalar.
            weight: sum of the weights of the rows in the loss.
            metric_sum: sum of the metric over the rows, a scalar; None if it is not counted.
            num_rows: number of rows.
        """
        self.last_weight = weight
        if self.paused:
            return
        if metric_sum is not None:
            self._metrics.append(metric_sum)
            self._rows.append(num_rows)
        if self.counts_loss:
            self.add_loss(loss, weight)

    def add_loss(self, loss: Tensor, weight: int | Tensor) -> None:
        """Add the mean loss of a batch, a scalar, and the sum of the weights of its rows."""
        self._losses.append(loss.detach())
        self._weights.append(weight)
        if len(self._losses) == _MAX_PENDING:
            self.sums()

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data; pending batches stay separate, so that sums round the same."""
        return {
            "losses": _pack(self._losses),
            "weights": _pack(self._weights),
            "metrics": _pack(self._metrics),
            "rows": _pack(self._rows),
            "folded": None if self._totals is None else self._totals.cpu(),
        }

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Restore the state on a device."""
        self._losses, self._weights, self._metrics, self._rows = (
            list(values.to(device)) if isinstance(values, Tensor) else list(values)
            for values in (state[name] for name in ("losses", "weights", "metrics", "rows"))
        )
        self._totals = None if state["folded"] is None else state["folded"].to(device)

    def compute(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the mean loss and metric, scalars on their device; None if it was not counted."""
        if self._totals is None and len(self._losses) <= 1 and len(self._metrics) <= 1:
            loss = self._losses[0] if self._losses else None
            return loss, self._metrics[0] / self._rows[0] if self._metrics else None
        return means_from_sums(self.sums())

    def sums(self) -> Tensor:
        """Return the sums of weighted losses, weights, metric and rows, shape ``(4,)`` on their device."""
        if self._losses or self._metrics:
            device = (self._losses or self._metrics)[0].device
            losses, weights, metrics, rows = (
                _stack(values, device) for values in (self._losses, self._weights, self._metrics, self._rows)
            )
            sums = torch.stack([torch.dot(losses, weights), weights.sum(), metrics.sum(), rows.sum()])
            totals = sums if self._totals is None else self._totals + sums
            self.reset()
            self._totals = totals
        return torch.zeros(4, dtype=torch.float64) if self._totals is None else self._totals


def means_from_sums(sums: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Return the mean loss and metric from ``RunningMean.sums``; None if it was not counted.

    Examples:
        >>> means_from_sums(torch.tensor([6.0, 2.0, 0.0, 0.0]))
        (tensor(3.), None)
    """
    _, weight, _, rows = sums.tolist()
    return (sums[0] / sums[1] if weight else None), (sums[2] / sums[3] if rows else None)


def accumulation_dtype(device: torch.device) -> torch.dtype:
    """Return double precision, or single precision on Apple's GPUs, which have no doubles.

    Examples:
        >>> accumulation_dtype(torch.device("cpu"))
        torch.float64
    """
    return torch.float32 if device.type == "mps" else torch.float64


def _stack(values: Sequence[int | Tensor], device: torch.device) -> Tensor:
    """Return scalars as one tensor in ``accumulation_dtype``."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if len(tensors) < len(values) or not values:
        return torch.tensor([float(value) for value in values], dtype=accumulation_dtype(device)).to(
            device, non_blocking=True
        )
    return torch.stack(tensors).to(accumulation_dtype(device))


def _pack(values: Sequence[int | Tensor]) -> Tensor | list[int | Tensor]:
    """Return scalar tensors as one tensor, which is much faster to write to a file than thousands."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    return torch.stack(tensors).cpu() if tensors and len(tensors) == len(values) else list(values)
