"""Random numbers of rows that depend only on a seed and the row, not on the rows read before.

Legend: N rows.
"""

import hashlib

import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_MULTIPLIERS = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)


def hash_numbers(numbers: NDArray[np.integer], purpose: str, seed: int) -> Hashes:
    """Return a hash of each number, ``(N,)``: a different permutation of 64 bits for each purpose and seed.

    It is the finalizer of SplitMix64 after a key that BLAKE2b derives from purpose and seed.

    Examples:
        >>> hashes = hash_numbers(np.arange(1000), "split", seed=0)
        >>> bool(0.45 < (hashes / 2**64).mean() < 0.55)
        True
    """
    mixed = numbers.astype(np.uint64) + np.uint64(_key(purpose, seed))
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * multiplier
    return mixed ^ (mixed >> np.uint64(31))


def hash_text(cells: pl.Series, purpose: str, seed: int) -> Hashes:
    """Return a hash of each cell of text, ``(N,)``; all missing values have the same hash.

    Examples:
        >>> hashes = hash_text(pl.Series(["a", "b", "a"]), "split", seed=0)
        >>> bool(hashes[0] == hashes[2] != hashes[1])
        True
    """
    distinct = cells.unique()
    hashes = [_key(f"{purpose}/{value}", seed) for value in distinct]
    hashed = cells.replace_strict(distinct, pl.Series(hashes, dtype=pl.UInt64), return_dtype=pl.UInt64)
    return hashed.to_numpy()


def below(hashes: Hashes, fraction: float) -> NDArray[np.bool_]:
    """Return whether each hash is in the lowest fraction of all possible ones, ``(N,)``."""
    return hashes < np.uint64(min(round(fraction * 2**64), 2**64 - 1))


def _key(purpose: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{purpose}/{seed}".encode(), digest_size=8).digest(), "little")
