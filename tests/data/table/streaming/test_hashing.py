"""Hashes of rows: stable, uniform and independent of each other."""

import numpy as np
import polars as pl

from lit_classify.data.table.streaming.hashing import below, hash_numbers, hash_text


def test_hashes_never_change_so_that_splits_can_be_repeated() -> None:
    assert hash_numbers(np.arange(2), "split", seed=42).tolist() == [6193703162362255071, 7967441862752714157]
    assert hash_text(pl.Series(["a", None]), "split", seed=42).tolist() == [
        4711438743536808779,
        7962526233458543930,
    ]


def test_hashes_are_uniform() -> None:
    hashes = hash_numbers(np.arange(100_000), "split", seed=0)
    counts = np.histogram(hashes / 2**64, bins=10, range=(0, 1))[0]
    assert abs(counts - 10_000).max() < 500


def test_seeds_and_purposes_are_independent() -> None:
    rows = np.arange(100_000)
    is_chosen = below(hash_numbers(rows, "split", seed=0), 0.2)
    for other in (hash_numbers(rows, "split", seed=1), hash_numbers(rows, "sample", seed=0)):
        assert abs((is_chosen & below(other, 0.2)).mean() - 0.04) < 0.003


def test_no_hash_is_below_a_fraction_of_zero() -> None:
    hashes = np.array([0, 2**63, 2**64 - 1], np.uint64)
    assert below(hashes, 0).tolist() == [False] * 3
    assert below(hashes, 0.5).tolist() == [True, False, False]
