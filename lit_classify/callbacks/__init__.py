"""Callbacks: they ask the module for figures or predictions and print, draw or keep the result."""

from lit_classify.callbacks.boundary import Boundary
from lit_classify.callbacks.curves import Curves
from lit_classify.callbacks.keep import KeepBest, KeepLast
from lit_classify.callbacks.mistakes import Mistakes
from lit_classify.callbacks.neurons import Neurons
from lit_classify.callbacks.notes import HParams, Notes
from lit_classify.callbacks.progress import EpochBar
from lit_classify.callbacks.rows import Rows

__all__ = [
    "Boundary",
    "Curves",
    "EpochBar",
    "HParams",
    "KeepBest",
    "KeepLast",
    "Mistakes",
    "Neurons",
    "Notes",
    "Rows",
]
