"""The output of ``test``: tables of classes, and baselines."""

from lightning.pytorch import Trainer

from lit_classify import BinaryClassifier, CirclesDataModule, LineDataModule, Regressor
from lit_classify.evaluation.console_output import evaluation_text


def test_the_text_of_classes_and_of_values_contains_tables_and_baselines() -> None:
    model, data = BinaryClassifier(2), CirclesDataModule()
    trainer().test(model, data, verbose=False)
    for words in ("macro average", "confusion", "majority class"):
        assert words in evaluation_text(model, data)
    assert "linear regression    1.00000" in evaluation_text(Regressor(1), LineDataModule())


def trainer() -> Trainer:
    return Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
