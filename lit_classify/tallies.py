"""Figures of an epoch as plain tensors: adding to them neither computes much nor waits for the device."""

import time
from collections.abc import Iterable

import torch
from lightning.pytorch.loggers import Logger
from torch import Tensor

_FOLD_AT = 4096


class Tally:
    """Add up each batch's mean loss and number of right answers.

    Batches weigh as many rows as they have, so a short last batch does not count double. Adding keeps a
    reference only; the arithmetic is done when the sums are asked for, in double precision.
    """

    def __init__(self) -> None:
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

    def sums(self) -> Tensor:
        """Return the sum of losses, the right answers and the rows, shape ``(3,)`` on the losses' device."""
        if self._rows:
            self._fold()
        return torch.zeros(3) if self._folded is None else self._folded

    def _fold(self) -> None:
        device = self._losses[0].device
        exact = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no doubles
        rows = torch.tensor(self._rows, dtype=exact).to(device, non_blocking=True)
        losses = torch.dot(torch.stack(self._losses).to(exact), rows)
        hits = torch.stack(self._hits).sum() if self._hits else rows.new_zeros(())
        sums = torch.stack([losses, hits.to(exact), rows.sum()])
        self._folded = sums if self._folded is None else self._folded + sums
        self._losses, self._hits, self._rows = [], [], []


class ScalarBuffer:
    """Keep the figures of many epochs on the device and hand them to the loggers together.

    Args:
        most: epochs to keep at the most.
        seconds: time to keep them at the most.
    """

    def __init__(self, most: int = 1000, seconds: float = 2.0) -> None:
        self._most = most
        self._seconds = seconds
        self._last_flush = time.monotonic()
        self._kept: list[tuple[int, dict[str, Tensor]]] = []

    def add(self, step: int, figures: dict[str, Tensor]) -> None:
        """Keep scalar tensors that belong to a training step."""
        self._kept.append((step, figures))

    def is_due(self) -> bool:
        """Whether the loggers should see what is kept."""
        return len(self._kept) >= self._most or time.monotonic() - self._last_flush > self._seconds

    def flush(self, loggers: Iterable[Logger]) -> None:
        """Hand over all that is kept, each with its own step."""
        kept, self._kept, self._last_flush = self._kept, [], time.monotonic()
        tensors = [tensor for _, figures in kept for tensor in figures.values()]
        loggers = list(loggers)
        if not tensors or not loggers:
            return
        values = iter(torch.stack(tensors).tolist())
        for step, figures in kept:
            scalars = {tag: next(values) for tag in figures}
            for logger in loggers:
                logger.log_metrics(scalars, step)
