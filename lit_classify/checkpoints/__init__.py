"""Checkpoints: written atomically, read and checked once."""

from lit_classify.checkpoints.checkpoint import Checkpoint, load
from lit_classify.checkpoints.compatibility import DATA_MODULES, TASKS, ClassSpec
from lit_classify.checkpoints.search import RUNS, find_checkpoint

__all__ = ["DATA_MODULES", "RUNS", "TASKS", "Checkpoint", "ClassSpec", "find_checkpoint", "load"]
