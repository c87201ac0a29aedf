"""Seeds of random number streams."""

import pytest

from lit_classify.seeds import stream_seed


@pytest.mark.reliability(45)
def test_each_step_epoch_process_and_seed_has_a_stream_of_its_own() -> None:
    steps = [(seed, index) for seed in range(4) for index in range(50_000)]
    for seed in range(4):  # torch's generator on the CPU takes 32 bits
        assert len({stream_seed("step", seed, index) % 2**32 for _, index in steps[:50_000]}) == 50_000
    assert len({stream_seed("step", *step) for step in steps}) == len(steps)
    assert stream_seed("step", 1, 5) != stream_seed("order", 1, 5)
