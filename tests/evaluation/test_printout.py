"""The output of ``test``: tables equal to those of scikit-learn, and baselines on the same rows."""

import pytest
from lightning.pytorch import Trainer

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    LineDataModule,
    MultilabelClassifier,
    Regressor,
    TableDataModule,
)
from lit_classify.evaluation.printout import baseline_lines, evaluation_text
from tests.example_tables import write


def test_a_linear_baseline_cannot_separate_the_circles() -> None:
    lines = baseline_lines(BinaryClassifier(2), CirclesDataModule())
    majority, logistic = (float(line.split()[-1]) for line in lines[1:])
    assert majority == pytest.approx(0.5, abs=0.05)
    assert logistic == pytest.approx(0.5, abs=0.1)


def test_the_text_of_classes_and_of_values_contains_tables_and_baselines() -> None:
    model, data = BinaryClassifier(2), CirclesDataModule()
    trainer().test(model, data, verbose=False)
    for words in ("macro average", "confusion", "majority class"):
        assert words in evaluation_text(model, data)
    assert "linear regression    1.00000" in evaluation_text(Regressor(1), LineDataModule())


def test_a_baseline_that_cannot_learn_a_constant_label_is_reported() -> None:
    write("x,p,q\n" + "\n".join(f"{n},{n % 2},0" for n in range(60)))
    data = TableDataModule("t.csv", ["p", "q"])
    text = evaluation_text(MultilabelClassifier(1, 2, label_names=["p", "q"]), data)
    assert "logistic regression  cannot learn these labels" in text


def trainer() -> Trainer:
    return Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
