import re

import torch

from lit_classify import BinaryClassifier, MulticlassClassifier, MultilabelClassifier, Regressor
from lit_classify.modules import LitModule
from lit_classify.report.prediction_sections import prediction_sections
from lit_classify.report.summary import summarize_predictions


def sections(model: LitModule, logits: torch.Tensor, y: torch.Tensor) -> str:
    return "".join(prediction_sections(summarize_predictions(model, logits, y), model.class_names))


def titles(page: str) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", page)


def test_each_task_has_its_sections() -> None:
    logits, y = torch.randn(9, 3), torch.arange(9) % 3
    assert titles(sections(BinaryClassifier(2), logits[:, :1], y % 2)) == [
        "Threshold for class 1",
        "Calibration",
    ]
    assert titles(sections(MulticlassClassifier(2, 3), logits, y)) == ["Confusion matrix", "Calibration"]
    assert titles(sections(MultilabelClassifier(2, 3), logits, (logits > 0).long())) == [
        "Thresholds",
        "Calibration",
    ]
    assert titles(sections(Regressor(2), logits[:, :1], y.float())) == ["Predicted over actual values"]


def test_without_rows_the_values_of_a_regression_are_left_out() -> None:
    model, logits, y = Regressor(2), torch.randn(9, 1), torch.randn(9)
    summary = summarize_predictions(model, logits, y, rows=False)
    assert not any(summary.values())
    assert prediction_sections(summary, None) == []


def test_cells_of_a_confusion_matrix_have_counts_and_shares_of_the_class() -> None:
    logits = torch.eye(3)[torch.tensor([0, 1, 1, 2])]
    page = sections(MulticlassClassifier(2, 3), logits, torch.tensor([0, 0, 1, 0]))
    cells = re.findall("<span>(.*?)</span> <small.*?>(.*?)</small>", page)
    assert cells[:6] == [
        ("1", "33.3 %"),
        ("1", "33.3 %"),
        ("1", "33.3 %"),
        ("0", "0.0 %"),
        ("1", "100.0 %"),
        ("0", "0.0 %"),
    ]
    assert cells[6:] == [("0", "undefined")] * 3


def test_of_many_labels_the_first_ones_have_a_slider_and_the_worst_a_calibration_curve() -> None:
    page = sections(MultilabelClassifier(2, 25), torch.randn(9, 25), torch.randint(2, (9, 25)))
    assert "The first 20 of 25 labels." in page
    assert "The 20 of 25 with the largest calibration error." in page
    assert page.count('type="range"') == 20
