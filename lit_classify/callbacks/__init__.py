"""Callbacks: they ask the module for figures or predictions and print, draw or keep the result."""

from lit_classify.callbacks.keep import KeepBest, KeepLast
from lit_classify.callbacks.progress import EpochBar
from lit_classify.callbacks.rows import Rows

__all__ = ["EpochBar", "KeepBest", "KeepLast", "Rows"]
