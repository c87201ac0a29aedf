"""Confusion matrices and curves: what is drawn, and the values in their legends."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from numpy.typing import NDArray
from scipy.stats import binomtest  # type: ignore[import-untyped]
from sklearn import metrics

from lit_classify import plots

RANDOM = np.random.default_rng(0)
Y = np.eye(2, dtype=np.int64)[RANDOM.integers(0, 2, 300)]
P = RANDOM.dirichlet([1, 1], 300)
PREDICTED = np.eye(2, dtype=np.int64)[(P[:, 1] > 0.3).astype(int)]
LONG_NAMES = [f"a class with such a long name that it has to be wrapped, number {n}" for n in range(12)]


def circles(axes: Axes) -> list[list[float]]:
    """Return the positions of the points that are drawn as circles."""
    return [
        point
        for line in axes.lines
        if line.get_marker() == "o"
        for point in np.asarray(line.get_xydata()).tolist()
    ]


def test_legends_of_curves_show_the_metrics_of_scikit_learn() -> None:
    figure = plots.roc_and_precision_recall(Y, P, ["no", "yes"], "", PREDICTED, "threshold 0.3")
    area = metrics.roc_auc_score(Y[:, 1], P[:, 1])
    mean = metrics.average_precision_score(Y[:, 1], P[:, 1])
    base_rate = Y[:, 1].mean()
    assert [legend_labels(axes) for axes in figure.axes] == [
        ["chance", f"yes: AUC {area:.3f}", "threshold 0.3"],
        [f"yes: AP {mean:.3f}, base rate {base_rate:.3f}", "threshold 0.3"],
    ]


def legend_labels(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_the_working_point_and_the_base_rate_are_marked() -> None:
    figure = plots.roc_and_precision_recall(Y, P, ["no", "yes"], "", PREDICTED, "threshold 0.3")
    roc, precision_recall = figure.axes
    true, predicted = Y[:, 1], PREDICTED[:, 1]
    recall = metrics.recall_score(true, predicted)
    (_, false_positives), _ = metrics.confusion_matrix(true, predicted)
    assert circles(roc) == [pytest.approx([false_positives / (true == 0).sum(), recall])]
    assert circles(precision_recall) == [pytest.approx([recall, metrics.precision_score(true, predicted)])]
    levels = [line for line in precision_recall.lines if line.get_linestyle() == ":"]
    assert [np.asarray(line.get_ydata()).tolist() for line in levels] == [[pytest.approx(true.mean())] * 2]


def test_the_area_under_the_drawn_precision_recall_curve_is_the_average_precision() -> None:
    figure = plots.roc_and_precision_recall(Y, P, ["no", "yes"], "", PREDICTED, "threshold 0.3")
    curve = figure.axes[1].lines[0]
    recall, precision = np.asarray(curve.get_xydata()).T
    assert curve.get_drawstyle() == "steps-post"
    assert -np.diff(recall) @ precision[:-1] == pytest.approx(
        metrics.average_precision_score(Y[:, 1], P[:, 1])
    )
    assert precision[-1] == precision[-2]  # no jump to 1 at recall 0


def test_curves_that_coincide_have_different_widths() -> None:
    y = np.eye(3, dtype=np.int64)[np.arange(30) % 3]
    figure = plots.roc_and_precision_recall(
        y, (0.1 + 0.7 * y).astype(float), list("abc"), "", y, "most probable class"
    )
    for axes in figure.axes:
        widths = [line.get_linewidth() for line in axes.lines if " 1.000" in str(line.get_label())]
        assert widths == sorted(set(widths), reverse=True)
        assert len(widths) == 3


def test_without_positive_rows_the_missing_curve_is_explained() -> None:
    y = np.eye(2, dtype=np.int64)[[0, 0, 0]]
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    figure = plots.roc_and_precision_recall(y, p, ["no", "yes"], "Test: 3 rows", y, "threshold 0.5")
    assert figure.get_suptitle() == "Test: 3 rows\nno curve for 1 of 1: all rows or none are positive"
    assert legend_labels(plots.calibration_curve(y, p, ["no", "yes"], "").axes[0])[1] == "yes: ECE 0.333"


def test_the_calibration_curve_shows_counts_and_intervals_of_its_bins() -> None:
    axes, table = plots.calibration_curve(Y, P, ["no", "yes"], "").axes
    bins = [(P[:, 1] >= low / 10) & (P[:, 1] < (low + 1) / 10) for low in range(10)]
    assert [text.get_text() for text in table.texts] == [str(rows.sum()) for rows in bins]
    assert [text.get_position()[0] for text in table.texts] == pytest.approx(np.arange(0.05, 1, 0.1))
    (intervals,) = (collection for collection in axes.collections if isinstance(collection, LineCollection))
    for rows, segment in zip(bins, intervals.get_segments(), strict=True):
        expected = binomtest(int(Y[rows, 1].sum()), int(rows.sum())).proportion_ci(method="wilson")
        assert np.asarray(segment)[:, 0] == pytest.approx(P[rows, 1].mean())
        assert np.asarray(segment)[:, 1] == pytest.approx([expected.low, expected.high])


@pytest.mark.parametrize("num_classes", [2, 12])
def test_legends_are_below_the_panels_and_show_names_in_full(num_classes: int) -> None:
    names = LONG_NAMES[:num_classes]
    y = np.eye(num_classes, dtype=np.int64)[np.arange(60) % num_classes]
    p: NDArray[np.float64] = 0.5 * y.astype(np.float64)
    for figure in (
        plots.roc_and_precision_recall(y, p, names, "a title\nof two lines", y, "threshold 0.5"),
        plots.calibration_curve(y, p, names, "a title\nof two lines"),
    ):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib is half typed here
        renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]  # the same
        for axes in figure.axes:
            if legend := axes.get_legend():
                box, x_axis = legend.get_window_extent(renderer), axes.xaxis.get_tightbbox(renderer)
                assert x_axis is not None
                assert box.y1 <= x_axis.y0
                assert box.y0 >= 0
                assert 0 <= box.x0 <= box.x1 <= figure.bbox.x1
                joined = " ".join(legend_labels(axes)).replace("\n", " ")
                assert sum(name in joined for name in names) == min(num_classes - (num_classes == 2), 8)
            else:
                counts = [text.get_window_extent(renderer) for text in axes.texts]
                assert counts
                assert all(0 <= text.x0 <= text.x1 <= figure.bbox.x1 for text in counts)
                panel = figure.axes[0]
                below = panel.xaxis.get_tightbbox(renderer)
                above = panel.get_legend()
                assert below is not None
                assert above is not None
                assert max(text.y1 for text in counts) <= below.y0
                assert min(text.y0 for text in counts) >= above.get_window_extent(renderer).y1


def calibration_error(y: NDArray[np.int64], p: NDArray[np.float64]) -> float:
    bins = [(p >= low / 10) & (p < (low + 1) / 10) for low in range(10)]
    return float(sum(abs(p[rows].sum() - y[rows].sum()) for rows in bins)) / len(p)


def test_of_many_classes_the_eight_worst_are_drawn() -> None:
    random = np.random.default_rng(0)
    classes = random.integers(0, 10, 400)
    y, names = np.eye(10, dtype=np.int64)[classes], [f"class {index}" for index in range(10)]
    p = random.dirichlet(np.ones(10), 400)
    p[classes < 2] = 0.1 * p[classes < 2] + 0.9 * y[classes < 2]  # the first two are the easiest
    areas = [metrics.roc_auc_score(y[:, index], p[:, index]) for index in range(10)]
    errors = [calibration_error(y[:, index], p[:, index]) for index in range(10)]
    arguments = y, p, names, "Test: 400 rows"
    for figure, best, measure in (
        (plots.roc_and_precision_recall(*arguments, y, ""), np.argsort(areas)[-2:], "smallest AUC"),
        (plots.calibration_curve(*arguments), np.argsort(errors)[:2], "largest ECE"),
    ):
        drawn = [label.partition(":")[0] for label in legend_labels(figure.axes[0])]
        assert [name for name in names if name not in drawn] == [names[index] for index in sorted(best)]
        first, *_, last = figure.get_suptitle().split("\n")
        assert (first, last) == ("Test: 400 rows", f"the 8 of 10 with the {measure}")


def test_cells_show_counts_and_percentages_of_the_true_class() -> None:
    figure = plots.confusion_matrix(np.array([[1500, 500], [0, 3]]), ["no", "yes"], "Test: 2,003 rows")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["1,500\n75.0%", "500\n25.0%", "0", "3\n100.0%"]
    interval = binomtest(1503, 2003).proportion_ci(method="wilson")
    accuracy = f"accuracy 75.0%, 95% interval {interval.low:.1%} to {interval.high:.1%}"
    assert figure.get_suptitle() == f"Test: 2,003 rows\n{accuracy}"


@pytest.mark.parametrize("num_classes", [2, 4, 12])
def test_names_of_a_confusion_matrix_neither_overlap_nor_leave_the_figure(num_classes: int) -> None:
    counts, names = np.eye(num_classes, dtype=np.int64), LONG_NAMES[:num_classes]
    figure = plots.confusion_matrix(counts, names, "")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib is half typed here
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        labels = axis.get_ticklabels()
        boxes = [label.get_window_extent() for label in labels]
        assert [label.get_text().replace("\n", " ") for label in labels] == names
        assert not any(one.overlaps(other) for one, other in pairwise(boxes))
        assert all(box.x0 >= 0 and box.y0 >= 0 for box in boxes)


@pytest.mark.parametrize("resolution", [72, 100, 120])
def test_labels_of_a_confusion_matrix_are_within_a_file_of_any_resolution(resolution: int) -> None:
    names = ["A" * 200, *"BCDEF"]
    figure = plots.confusion_matrix(np.eye(6, dtype=np.int64), names, "Test: 6 rows")
    figure.set_dpi(resolution)
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    axes = figure.axes[0]
    assert axes.yaxis.label.get_window_extent().x0 >= 0
    assert axes.xaxis.label.get_window_extent().y0 >= 0


def test_counts_of_a_large_confusion_matrix_are_not_written() -> None:
    for num_classes, written in ((30, 900), (31, 0)):
        names = [str(index) for index in range(num_classes)]
        figure = plots.confusion_matrix(np.eye(num_classes, dtype=np.int64), names, "")
        assert len(figure.axes[0].texts) == written
