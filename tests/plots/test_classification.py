"""Values in the legends of curves equal those of scikit-learn."""

import numpy as np
from sklearn import metrics

from lit_classify import (
    plots,
)


def test_legends_of_curves_show_the_metrics_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    y = np.eye(2, dtype=np.int64)[random.integers(0, 2, 300)]
    p = random.dirichlet([1, 1], 300)
    figure = plots.roc_and_precision_recall(y, p, ["no", "yes"], "")
    labels = [line.get_label() for axes in figure.axes for line in axes.lines]
    area = metrics.roc_auc_score(y[:, 1], p[:, 1])
    mean = metrics.average_precision_score(y[:, 1], p[:, 1])
    assert labels == [f"yes: AUC {area:.3f}", "chance", f"yes: AP {mean:.3f}"]
