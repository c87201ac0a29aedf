"""Confusion matrices and curves: which are drawn, and the values in their legends."""

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from lit_classify import plots


def test_legends_of_curves_show_the_metrics_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    y = np.eye(2, dtype=np.int64)[random.integers(0, 2, 300)]
    p = random.dirichlet([1, 1], 300)
    figure = plots.roc_and_precision_recall(y, p, ["no", "yes"], "")
    labels = [line.get_label() for axes in figure.axes for line in axes.lines]
    area = metrics.roc_auc_score(y[:, 1], p[:, 1])
    mean = metrics.average_precision_score(y[:, 1], p[:, 1])
    assert labels == [f"yes: AUC {area:.3f}", "chance", f"yes: AP {mean:.3f}"]


def calibration_error(y: NDArray[np.int64], p: NDArray[np.float64]) -> float:
    bins = [(p >= low / 10) & (p < (low + 1) / 10) for low in range(10)]
    return float(sum(abs(p[rows].sum() - y[rows].sum()) for rows in bins)) / len(p)


def test_of_many_classes_the_eight_worst_are_drawn() -> None:
    random = np.random.default_rng(0)
    classes = random.integers(0, 10, 400)
    y, names = np.eye(10, dtype=np.int64)[classes], [f"class {number}" for number in range(10)]
    p = random.dirichlet(np.ones(10), 400)
    p[classes < 2] = 0.1 * p[classes < 2] + 0.9 * y[classes < 2]  # the first two are the easiest
    areas = [metrics.roc_auc_score(y[:, number], p[:, number]) for number in range(10)]
    errors = [calibration_error(y[:, number], p[:, number]) for number in range(10)]
    for plot, best, measure in (
        (plots.roc_and_precision_recall, np.argsort(areas)[-2:], "smallest AUC"),
        (plots.calibration_curve, np.argsort(errors)[:2], "largest ECE"),
    ):
        figure = plot(y, p, names, "Test: 400 rows")
        legend = figure.axes[0].get_legend()
        assert legend is not None
        drawn = [text.get_text().partition(":")[0] for text in legend.get_texts()]
        assert [name for name in names if name not in drawn] == [names[number] for number in sorted(best)]
        title = figure.get_suptitle() or figure.axes[0].get_title()
        assert title == f"Test: 400 rows\nthe 8 of 10 with the {measure}"


def test_counts_of_a_large_confusion_matrix_are_not_written() -> None:
    for num_classes, written in ((30, 900), (31, 0)):
        names = [str(number) for number in range(num_classes)]
        figure = plots.confusion_matrix(np.eye(num_classes, dtype=np.int64), names, "")
        assert len(figure.axes[0].texts) == written
