"""The global random number generators."""

import random

import numpy as np
import torch

from lit_classify._lightning.random_states import random_states, set_random_states


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_restored_generators_draw_the_same_numbers() -> None:
    states = random_states(torch.device("cpu"))
    first = draw()
    assert draw() != first
    set_random_states(states, torch.device("cpu"))
    assert draw() == first
