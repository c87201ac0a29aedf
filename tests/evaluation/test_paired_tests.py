"""Paired tests and Holm's correction."""

from itertools import product

import numpy as np
import pytest

from lit_classify.evaluation.paired_tests import LEVEL, enough_seeds, holm, paired_tests


def test_the_p_value_is_the_fraction_of_signs_with_a_sum_of_ranks_as_extreme() -> None:
    differences = np.array([0.3, -0.1, 0.7, 0.2, 0.55, 0.4, -0.25, 0.9])
    ranks = np.abs(differences).argsort().argsort() + 1
    sums = np.array([np.dot(signs, ranks) for signs in product((-1, 1), repeat=len(ranks))])
    expected = np.mean(np.abs(sums) >= abs(np.dot(np.sign(differences), ranks)))
    (test,) = paired_tests(np.stack([differences, np.zeros(8)]))
    assert test.p == pytest.approx(float(expected))


def test_equal_results_are_no_difference() -> None:
    (test,) = paired_tests(np.ones((2, 20)))
    assert (test.p, test.difference) == (1.0, 0.0)


def test_seeds_without_a_result_of_both_are_left_out() -> None:
    values = np.array([[1.0, 2.0, np.nan], [np.nan, 1.0, 1.0]])
    (test,) = paired_tests(values)
    assert (test.num_pairs, test.difference) == (1, 1.0)


def test_pairs_without_a_seed_with_a_result_of_both_are_not_tested() -> None:
    (test,) = paired_tests(np.array([[1.0, np.nan], [np.nan, 1.0], [0.0, np.nan]]))
    assert (test.first, test.second, test.p_corrected) == (0, 2, test.p)


def test_holm_corrects_the_textbook_example() -> None:
    # 0.005 x 4; 0.01 x 3; 0.03 x 2; 0.04 x 1, which may not be below the one before
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("num_comparisons", [1, 3, 10])
def test_enough_seeds_are_enough_and_one_less_is_not(num_comparisons: int) -> None:
    seeds = enough_seeds(num_comparisons)
    for num_seeds, is_enough in ((seeds, True), (seeds - 1, False)):
        (test,) = paired_tests(np.stack([np.arange(1.0, num_seeds + 1), np.zeros(num_seeds)]))
        assert (test.p * num_comparisons < LEVEL) is is_enough
