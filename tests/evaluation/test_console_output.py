"""The output of ``test``: tables of classes, and baselines."""

from lightning.pytorch import Trainer

from lit_classify import BinaryClassifier, CirclesDataModule, LineDataModule, Regressor
from lit_classify.evaluation.console_output import evaluation_text, metric_lines
from lit_classify.metrics.base import Metrics


def test_the_text_of_classes_and_of_values_contains_tables_and_baselines() -> None:
    model, data = BinaryClassifier(2), CirclesDataModule()
    trainer().test(model, data, verbose=False)
    for heading in ("macro average", "confusion", "majority class"):
        assert heading in evaluation_text(model, data)
    assert "linear regression    1.00000" in evaluation_text(Regressor(1), LineDataModule())


def test_metrics_of_tiny_and_huge_targets_keep_their_digits() -> None:
    lines = metric_lines(Metrics({"mae": 1.25e-12, "rmse": 3.5e12, "r2": 0.5, "max_error": 0.0}, {}))
    assert [line.split()[1] for line in lines] == ["1.25000e-12", "3.50000e+12", "0.50000", "0.00000"]


def trainer() -> Trainer:
    return Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
