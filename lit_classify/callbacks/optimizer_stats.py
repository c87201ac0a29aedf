"""Learning rate and gradient norm."""

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from lit_classify.modules import LitModule


class OptimizerStats(Callback):
    """Log the learning rate and the norm of the last step's gradients, after epoch 100 every tenth epoch.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        >>> options = {"accelerator": "cpu", "enable_checkpointing": False, **quiet}
        >>> trainer = Trainer(max_epochs=1, callbacks=[OptimizerStats()], **options)
        >>> trainer.fit(BinaryClassifier(2, lr=0.5), CirclesDataModule())
        >>> float(trainer.callback_metrics["optimizer/lr"])
        0.5
        >>> "optimizer/grad_norm" in trainer.callback_metrics
        True
    """

    def __init__(self) -> None:
        self._parameters: list[torch.Tensor] = []
        self._rate = -1.0
        self._logged = -1.0, torch.tensor(-1.0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look up the parameters."""
        assert isinstance(pl_module, LitModule)
        self._parameters = [parameter for parameter in pl_module.parameters() if parameter.requires_grad]
        self.on_train_epoch_start(trainer, pl_module)  # Lightning skips it in the epoch of a resume

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the learning rate, which a scheduler changes before the epoch ends."""
        self._rate = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Pass the values to the module, which logs them together with its metrics."""
        assert isinstance(pl_module, LitModule)
        if trainer.current_epoch > 100 and trainer.current_epoch % 10:
            return
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        if not gradients:
            return
        norm = torch.nn.utils.get_total_norm(gradients)
        if self._rate != self._logged[0]:
            self._logged = self._rate, norm.new_tensor(self._rate)
        pl_module.extra_metrics = {"optimizer/lr": self._logged[1], "optimizer/grad_norm": norm}
