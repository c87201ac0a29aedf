"""Outputs of an evaluation, kept until its end."""

import torch
from lightning.pytorch import Trainer
from torch import Tensor


class OutputBuffer:
    """Logits, targets and, with cross-validation, folds of the batches of an evaluation, on the CPU.

    Examples:
        >>> buffer, trainer = OutputBuffer(), Trainer(accelerator="cpu", logger=False)
        >>> for rows in (3, 2):
        ...     buffer.add(trainer, torch.zeros(rows, 1), torch.zeros(rows))
        ...
        >>> (logits, y), num_rows = buffer.gather(trainer)
        >>> logits.shape, y.shape, num_rows
        (torch.Size([5, 1]), torch.Size([5]), 5)
    """

    def __init__(self) -> None:
        self._batches: list[list[Tensor]] = []
        self._num_rows = 0  # of this process, including those that are not kept

    def __bool__(self) -> bool:
        return bool(self._batches)

    def add(self, trainer: Trainer, *tensors: Tensor) -> None:
        """Keep the tensors of a batch, ``(N, ...)`` each, unless the data limits how many rows are kept."""
        limit = getattr(getattr(trainer, "datamodule", None), "max_evaluated", None)
        self._num_rows += len(tensors[0])
        if limit is None or self._num_rows <= max(limit // trainer.world_size, len(tensors[0])):
            self._batches.append([tensor.cpu() for tensor in tensors])

    def gather(self, trainer: Trainer) -> tuple[list[Tensor], int]:
        """Return the tensors of all processes, and the number of all rows, including those that are not kept.

        The buffer is emptied.
        """
        local_batches, self._batches = self._batches, []
        gathered = [local_batches] * trainer.world_size
        if len(gathered) > 1:
            torch.distributed.all_gather_object(gathered, local_batches)
        columns = zip(*(batch for process_batches in gathered for batch in process_batches), strict=True)
        num_rows = trainer.strategy.reduce(torch.tensor(self._num_rows), reduce_op="sum")
        return [torch.cat(tensors) for tensors in columns], int(num_rows)
