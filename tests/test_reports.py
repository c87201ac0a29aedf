"""The report of ``test``: figures that scikit-learn's own report prints, and baselines on the same rows."""

import numpy as np
import pytest
from sklearn.metrics import classification_report

from lit_classify import BinaryClassifier, CirclesDataModule, LineDataModule, Regressor
from lit_classify.commands.reports import baselines, classes_report, report


def test_every_class_has_scikit_learn_s_figures() -> None:
    random = np.random.default_rng(0)
    y, p = random.integers(0, 3, 200), random.dirichlet([1, 1, 1], 200)
    names = ["cat", "dog", "owl"]
    theirs = classification_report(y, p.argmax(axis=1), target_names=names, output_dict=True)
    rows = {
        line.rsplit(maxsplit=4)[0].strip(): line.split()[-4:] for line in classes_report(y, p, names)[1:6]
    }
    for name in [*names, "macro average", "weighted average"]:
        expected = theirs[name.replace("average", "avg")]
        figures = [float(cell.replace(",", "")) for cell in rows[name]]
        assert figures == pytest.approx(
            [expected[key] for key in ("precision", "recall", "f1-score", "support")], abs=5e-5
        )


def test_the_confusion_counts_every_row() -> None:
    y, p = np.array([0, 0, 1, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])
    lines = classes_report(y, p, ["no", "yes"])
    assert [line.split() for line in lines[-2:]] == [["no", "1", "1"], ["yes", "1", "2"]]


def test_a_straight_line_cannot_part_the_circles() -> None:
    majority, logistic = (
        float(line.split()[-1]) for line in baselines(CirclesDataModule(), classes=True)[1:]
    )
    assert majority == pytest.approx(0.5, abs=0.05)
    assert logistic == pytest.approx(0.5, abs=0.1)


def test_reports_are_written_for_classes_and_values() -> None:
    said = report(BinaryClassifier(2), CirclesDataModule())
    for words in ("balanced accuracy", "AUROC", "average precision", "log loss", "majority class"):
        assert words in said
    said = report(Regressor(1), LineDataModule())
    assert "linear model    1.00000" in said
