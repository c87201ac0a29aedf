"""Contract: the counters of Lightning's fit loop in a checkpoint."""

from typing import Any

import lightning.pytorch as L
import torch

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify._lightning.loop_counters import settle


class SaveInStep(L.Callback):
    """Save a checkpoint after the second batch, before Lightning completes it."""

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        if args[-1] == 1:
            trainer.save_checkpoint("step.ckpt")


def test_the_counters_of_lightning_exist() -> None:
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False}
    trainer = L.Trainer(max_epochs=1, accelerator="cpu", callbacks=[SaveInStep()], **quiet)
    trainer.fit(BinaryClassifier(2), CirclesDataModule(batch_size=100))
    loop = torch.load("step.ckpt", weights_only=True)["loops"]["fit_loop"]
    assert settle(loop, validated=True) == 2
    for key in ("total", "current"):
        assert set(loop["epoch_loop.batch_progress"][key].values()) == {2}
    assert loop["epoch_progress"]["current"] == {"ready": 1, "started": 1, "processed": 0, "completed": 0}
    assert "_batches_that_stepped" in loop["epoch_loop.state_dict"]
    assert hasattr(trainer.fit_loop.epoch_loop, "_batches_that_stepped")
    assert callable(trainer.fit_loop._iteration_based_training)
