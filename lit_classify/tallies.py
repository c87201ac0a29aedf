"""Figures of an epoch as plain tensors: adding to them neither computes much nor waits for the device."""

import torch
from torch import Tensor
from torchmetrics import MetricCollection

_FOLD_AT = 4096


class Tally:
    """Add up each batch's mean loss and number of right answers.

    Batches weigh as many rows as they have, so a short last batch does not count double. Adding keeps a
    reference only; the arithmetic is done when the sums are asked for, in double precision.
    """

    def __init__(self) -> None:
        self.last_batch: object = None
        self._losses: list[Tensor] = []
        self._hits: list[Tensor] = []
        self._rows: list[int] = []
        self._folded: Tensor | None = None

    def add(self, loss: Tensor, num_rows: int, hits: Tensor | None = None) -> None:
        """Take a batch's mean loss, its number of rows and, for classes, its right answers, as scalars."""
        self._losses.append(loss.detach())
        self._rows.append(num_rows)
        if hits is not None:
            self._hits.append(hits)
        if len(self._rows) == _FOLD_AT:
            self.sums()

    def means(self) -> tuple[Tensor, Tensor]:
        """Return the mean loss per row and the share of right answers, as scalars on the losses' device."""
        if len(self._rows) == 1 and self._folded is None:  # the only batch has said it all
            right = self._hits[0] / self._rows[0] if self._hits else self._losses[0].new_zeros(())
            return self._losses[0], right
        loss, hits, rows = self.sums()
        return loss / rows, hits / rows

    def sums(self) -> Tensor:
        """Return the sum of losses, the right answers and the rows, shape ``(3,)`` on the losses' device."""
        if self._rows:
            self._fold()
        return torch.zeros(3, dtype=torch.float64) if self._folded is None else self._folded

    def _fold(self) -> None:
        device = self._losses[0].device
        exact = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no doubles
        rows = torch.tensor(self._rows, dtype=exact).to(device, non_blocking=True)
        losses = torch.dot(torch.stack(self._losses).to(exact), rows)
        hits = torch.stack(self._hits).sum() if self._hits else rows.new_zeros(())
        sums = torch.stack([losses, hits.to(exact), rows.sum()])
        self._folded = sums if self._folded is None else self._folded + sums
        self._losses, self._hits, self._rows = [], [], []


def note_nothing(metrics: MetricCollection, predictions: Tensor, y: Tensor) -> None:
    """Let a rank without rows take part when ranks put together the rows that they have kept."""
    for metric in metrics.values():
        for name, kept in metric.metric_state.items():
            if isinstance(kept, list):
                kept.append(y if name == "target" else predictions)
