"""Contract: Lightning reports the precision of a module."""

from typing import Any

import lightning.pytorch as L
import pytest

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify._lightning.precision import uses_plain_precision


def test_a_module_without_a_trainer_has_no_plain_precision() -> None:
    assert not uses_plain_precision(BinaryClassifier(2))


@pytest.mark.parametrize(("settings", "plain"), [({}, True), ({"precision": "bf16-mixed"}, False)], ids=str)
def test_precision_is_that_of_the_trainer(settings: dict[str, Any], plain: bool) -> None:
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False}
    trainer = L.Trainer(max_epochs=1, accelerator="cpu", limit_val_batches=0, **quiet, **settings)
    model = BinaryClassifier(2)
    trainer.fit(model, CirclesDataModule())
    assert uses_plain_precision(model) == plain
