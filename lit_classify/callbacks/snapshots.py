"""Snapshots of the weights during training, from which the report replays a run.

Legend: S snapshots, P values in the state of a network.
"""

import io
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from lit_classify.atomic_write import write_all
from lit_classify.loggers import run_loggers
from lit_classify.modules import LitModule

FILE_NAME = "snapshots.pt"
_MAX_SNAPSHOTS = 128
MAX_BYTES = 1 << 17  # which keeps a report below 300 kB


class Snapshots(Callback):
    """Keep the weights of a network of two features during training, in the directory of the run.

    The first snapshot is taken before training, the last one after it. Of those between them, every second
    one is dropped and snapshots become half as frequent whenever there are 128, or 128 kB of them. A run that
    is resumed in its directory continues them.

    Examples:
        >>> Snapshots().limit(num_weights=151)
        128
        >>> Snapshots().limit(num_weights=100_000)
        4
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        """Forget the snapshots of an earlier fit."""
        self._epochs: list[int] = []  # trained at each snapshot
        self._weights: list[Tensor] = []  # (P,) each
        self._every_n_epochs = 1

    def limit(self, num_weights: int) -> int:
        """Return how many snapshots of a network are kept at most."""
        return max(4, min(_MAX_SNAPSHOTS, MAX_BYTES // (4 * num_weights)))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the first snapshot, or continue those of the run that is resumed."""
        self._reset()
        for folder in self._folders(trainer, pl_module):
            if trainer.current_epoch and (folder / FILE_NAME).is_file():
                self._continue(folder, trainer.current_epoch)
            self._take(pl_module, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take a snapshot if one is due."""
        if self._epochs and (trainer.current_epoch + 1) % self._every_n_epochs == 0:
            self._take(pl_module, trainer.current_epoch + 1)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the last snapshot, and write all of them."""
        for folder in self._folders(trainer, pl_module):
            self._take(pl_module, trainer.current_epoch)
            self._write(folder)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write the snapshots of a run that ends early."""
        for folder in self._folders(trainer, pl_module):
            self._write(folder)

    def _folders(self, trainer: Trainer, pl_module: LightningModule) -> list[Path]:
        """Return the directories of the run; none if it is not replayed."""
        assert isinstance(pl_module, LitModule)
        if pl_module.hparams["in_features"] != 2 or not trainer.is_global_zero:
            return []
        return [Path(logger.log_dir) for logger in run_loggers(trainer)][:1]

    def _take(self, pl_module: LightningModule, epoch: int) -> None:
        assert isinstance(pl_module, LitModule)
        if epoch in self._epochs[-1:]:
            return
        self._epochs.append(epoch)
        self._weights.append(flat_state(pl_module.network))
        if len(self._epochs) >= self.limit(len(self._weights[0])):
            self._every_n_epochs *= 2
            every = self._every_n_epochs
            indices = [index for index, epoch in enumerate(self._epochs) if index == 0 or epoch % every == 0]
            self._epochs = [self._epochs[index] for index in indices]
            self._weights = [self._weights[index] for index in indices]

    def _continue(self, folder: Path, epoch: int) -> None:
        """Load the snapshots up to an epoch."""
        epochs, weights = load_snapshots(folder)
        count = sum(snapshot_epoch <= epoch for snapshot_epoch in epochs)
        self._epochs, self._weights = epochs[:count], list(weights[:count])
        self._every_n_epochs = max((end - start for start, end in pairwise(self._epochs)), default=1)

    def _write(self, folder: Path) -> None:
        if self._epochs and folder.is_dir():
            file = io.BytesIO()
            torch.save({"epochs": self._epochs, "weights": torch.stack(self._weights)}, file)
            write_all({folder / FILE_NAME: file.getvalue()})


def load_snapshots(folder: Path) -> tuple[list[int], Tensor]:
    """Return the number of trained epochs of each snapshot in the directory of a run, and states ``(S, P)``.

    Raises:
        FileNotFoundError: there are none.
    """
    content = torch.load(folder / FILE_NAME, weights_only=True)
    return content["epochs"], content["weights"]


def flat_state(network: nn.Module) -> Tensor:
    """Return the state of a network as one vector, ``(P,)`` float32 on the CPU.

    Examples:
        >>> flat_state(nn.Linear(2, 1)).shape
        torch.Size([3])
    """
    return torch.cat([tensor.detach().flatten().float() for tensor in network.state_dict().values()]).cpu()


def unflatten_state(network: nn.Module, state: Tensor) -> Mapping[str, Tensor]:
    """Return a state dict of a network, given the vector of ``flat_state``.

    Examples:
        >>> network = nn.Linear(2, 1)
        >>> list(unflatten_state(network, flat_state(network)))
        ['weight', 'bias']
    """
    current = network.state_dict()
    chunks = torch.split(state, [tensor.numel() for tensor in current.values()])
    return {
        name: values.view(tensor.shape).to(tensor.dtype)
        for (name, tensor), values in zip(current.items(), chunks, strict=True)
    }
