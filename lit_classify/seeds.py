"""Seeds of random numbers: one for each purpose and position in a run, so that none is used twice.

torch's generator on the CPU takes only the lower 32 bits of a seed. Seeds that are merely hashed to 32 bits
would collide within some 100,000 steps, so positions are permuted instead.
"""

import hashlib
from functools import lru_cache

_BITS = 32
_MASK = 2**_BITS - 1


def stream_seed(purpose: str, seed: int, index: int) -> int:
    """Return the seed of the ``index``-th stream of random numbers for a purpose.

    Up to 2**32 streams of one purpose and seed differ from each other in the lower 32 bits. The streams of
    another purpose or seed are another permutation. The permutation is the finalizer of MurmurHash3 between
    two keys that BLAKE2b derives from purpose and seed.

    Args:
        purpose: what the random numbers are for.
        seed: the seed of the run or of the data.
        index: the position in the run, from 0.

    Returns:
        A seed of 63 bits.

    Examples:
        >>> len({stream_seed("step", seed, index) % 2**32 for seed in (1, 2) for index in range(1000)})
        2000
    """
    first_key, second_key, upper = _keys(purpose, seed, index >> _BITS)
    mixed: int = (index & _MASK) ^ first_key
    mixed = ((mixed ^ mixed >> 16) * 0x85EBCA6B) & _MASK
    mixed = ((mixed ^ mixed >> 13) * 0xC2B2AE35) & _MASK
    return upper << _BITS | mixed ^ mixed >> 16 ^ second_key


@lru_cache(maxsize=64)
def _keys(purpose: str, seed: int, upper_index: int) -> tuple[int, int, int]:
    """Derive two keys of 32 bits and the upper 31 bits of the seeds."""
    message = f"{purpose}/{seed}/{upper_index}".encode()
    digest = hashlib.blake2b(message, digest_size=12).digest()
    first_key, second_key, upper = (
        int.from_bytes(digest[start : start + 4], "little") for start in (0, 4, 8)
    )
    return first_key, second_key, upper >> 1
