"""Checkpoints: written atomically, read and checked once."""

from lit_classify.checkpoints.checkpoint import DATA, RUNS, TASKS, Checkpoint, ClassSpec, load, resolve

__all__ = ["DATA", "RUNS", "TASKS", "Checkpoint", "ClassSpec", "load", "resolve"]
