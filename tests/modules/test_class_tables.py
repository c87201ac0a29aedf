"""The tables of classes equal those of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import classification_report

from lit_classify.messages import width_of
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


@pytest.mark.parametrize(
    "names", [["a" * 70, "b" * 70], [f"proline {n}" for n in range(10)], [f"letter {n}" for n in range(26)]]
)
def test_confusions_of_many_classes_or_long_names_fit_80_columns(names: list[str]) -> None:
    random = np.random.default_rng(0)
    y, predicted = random.integers(0, len(names), (2, 12_345))
    lines = confusion_table(y, predicted, names).splitlines()
    assert max(map(len, lines)) <= 80


def test_long_and_wide_names_keep_tables_aligned_within_80_columns() -> None:
    names, labels = ["A" * 200, "日本語" * 30, "e\N{COMBINING ACUTE ACCENT}"], np.array([0, 1, 2, 0])
    scores = score_table("class", labels, labels, names, "weighted").splitlines()
    matrix = confusion_table(labels, labels, names).splitlines()[1:]
    for lines in (scores, matrix):
        assert len({width_of(line) for line in lines}) == 1
        assert width_of(lines[0]) <= 80


def test_columns_of_classes_with_long_names_are_numbered() -> None:
    names = [f"class with a long name, number {number}" for number in (7, 8)]
    true, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 0, 1])
    lines = confusion_table(true, predicted, [*names, "c" * 90]).splitlines()
    assert lines[1].split() == ["#1", "#2", "#3"]
    assert lines[2].split() == ["#1", *names[0].split(), "1", "1", "0"]
    assert [cell[-8:] for cell in lines[4].split()] == ["#3", "c" * 8, "0", "0", "0"]
    assert "…" in lines[4]


def test_the_most_frequent_confusions_of_many_classes_come_first() -> None:
    names = [f"letter {index}" for index in range(26)]
    true = np.array([3] * 5 + [4] * 7 + [9] * 20)
    predicted = np.array([8] * 5 + [2] * 7 + [9] * 20)
    assert confusion_table(true, predicted, names).splitlines() == [
        "the most frequent of 12 confusions",
        "true      predicted      rows",
        "letter 4  letter 2          7",
        "letter 3  letter 8          5",
    ]
    assert confusion_table(true, true, names) == "confusions: none"
