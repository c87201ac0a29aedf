"""Contract: Lightning asks ``received_sigterm`` whether to stop."""

from typing import Any

import lightning.pytorch as L

from lit_classify import BinaryClassifier, MoonsDataModule

QUIET: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "accelerator": "cpu",
}


def test_lightning_checks_should_stop_after_every_batch_and_epoch() -> None:
    asked: list[tuple[int, int]] = []

    class Asked(L.Trainer):
        @property
        def received_sigterm(self) -> bool:
            asked.append((self.current_epoch, self.global_step))
            return False

    data = MoonsDataModule(num_samples=50, batch_size=20)  # 2 batches
    Asked(**QUIET, max_epochs=2, limit_val_batches=0).fit(BinaryClassifier(2), data)
    assert asked == [(0, 1), (1, 2), (1, 3), (2, 4)]
