"""The tables of classes equal those of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import classification_report

from lit_classify.modules.class_tables import confusion_table, score_table


@pytest.mark.reliability(25)
def test_metrics_of_each_class_equal_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    y, p = random.integers(0, 3, 200), random.dirichlet([1, 1, 1], 200)
    names = ["cat", "dog", "owl"]
    reference = classification_report(y, p.argmax(axis=1), target_names=names, output_dict=True)
    lines = score_table("class", y, p.argmax(axis=1), names, "weighted").splitlines()
    rows = {line.rsplit(maxsplit=4)[0].strip(): line.split()[-4:] for line in lines[1:]}
    for name in [*names, "macro average", "weighted average"]:
        expected = reference[name.replace("average", "avg")]
        scores = [float(cell.replace(",", "")) for cell in rows[name]]
        assert scores == pytest.approx(
            [expected[key] for key in ("precision", "recall", "f1-score", "support")], abs=5e-5
        )


def test_the_confusion_matrix_counts_every_row() -> None:
    lines = confusion_table(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 0, 1]), ["no", "yes"]).splitlines()
    assert [line.split() for line in lines[-2:]] == [["no", "1", "1"], ["yes", "1", "2"]]
