"""Checkpoints: written atomically, read and checked once."""

from lit_classify.checkpoints.checkpoint import Checkpoint, load
from lit_classify.checkpoints.class_spec import DATA, TASKS, ClassSpec
from lit_classify.checkpoints.lookup import RUNS, resolve

__all__ = ["DATA", "RUNS", "TASKS", "Checkpoint", "ClassSpec", "load", "resolve"]
