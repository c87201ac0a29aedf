"""Saving and restoring the states of the global random number generators.

Reason: Lightning saves none of them in a checkpoint. Public API only.
"""

import random
import sys
from collections.abc import Mapping
from typing import Any

import torch


def random_states(device: torch.device) -> dict[str, Any]:
    """Return the states of the global generators as plain data."""
    states: dict[str, Any] = {"torch": torch.get_rng_state(), "python": random.getstate()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if numpy := sys.modules.get("numpy"):
        name, keys, *rest = numpy.random.get_state()
        states["numpy"] = [name, keys.tolist(), *rest]
    return states


def set_random_states(states: Mapping[str, Any], device: torch.device) -> None:
    """Restore the states of the global generators."""
    torch.set_rng_state(states["torch"])
    version, internal_state, gauss_next = states["python"]
    random.setstate((version, tuple(internal_state), gauss_next))
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    if "numpy" in states:
        import numpy

        numpy.random.set_state(tuple(states["numpy"]))
