"""Confidence intervals: those of scipy, the coverage of the bootstrap, and undefined metrics."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest  # type: ignore[import-untyped]

from lit_classify.metrics.confidence_intervals import bootstrap_intervals, wilson_interval


@pytest.mark.parametrize(("count", "total"), [(0, 7), (7, 7), (1, 1), (3, 10), (99_999, 100_000)])
def test_wilson_intervals_are_those_of_scipy(count: int, total: int) -> None:
    expected = binomtest(count, total).proportion_ci(method="wilson")
    low, high = wilson_interval(np.array([count]), np.array([total]))
    assert [*low, *high] == pytest.approx([expected.low, expected.high])


def test_bootstrap_intervals_cover_the_mean_of_most_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(100):
        sample = torch.randn(60, generator=generator)
        low, high = bootstrap_intervals(lambda x, _: {"mean": float(x.mean())}, sample, sample)["mean"]
        covered += low <= 0 <= high
    assert 88 <= covered <= 99


def test_a_metric_that_is_often_undefined_has_no_interval() -> None:
    y = torch.tensor([0.0] * 99 + [1.0])
    assert bootstrap_intervals(lambda _, y: {"recall": 1.0} if y.sum() > 2 else {}, y, y) == {}


def test_a_metric_that_is_often_infinite_has_no_interval() -> None:
    y = torch.tensor([0.0] * 99 + [1.0])
    assert bootstrap_intervals(lambda _, y: {"log_loss": 1.0 if y.sum() > 2 else math.inf}, y, y) == {}
