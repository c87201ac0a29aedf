"""What rounding leaves of a mean, a difference or a deviation is 0; what is small is not."""

import numpy as np
import pytest

from lit_classify.metrics.base import clear_rounding_errors


def test_the_mean_of_decreases_that_cancel_is_zero() -> None:
    correct = np.array([1214, 1212, 1213, 1211, 1215])  # of 1278 rows, with a mean of 1213
    scores = correct / 1278
    decreases = 1213 / 1278 - scores
    assert decreases.mean() != 0
    assert clear_rounding_errors(decreases.mean(), scores) == 0


def test_the_deviation_of_equal_values_is_zero() -> None:
    values = np.full(7, 0.9)
    assert values.std(ddof=1) > 0
    assert clear_rounding_errors(values.std(ddof=1), values) == 0


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_a_difference_of_a_few_parts_in_a_billion_remains(scale: float) -> None:
    values = np.array([1.0, 1.0 + 3e-9]) * scale
    difference = values[1] - values[0]
    assert clear_rounding_errors(difference, values) == difference
