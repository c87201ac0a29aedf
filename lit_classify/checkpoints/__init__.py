"""Checkpoints: written atomically, read and checked once; ``LitModule`` decides what they record."""

from lit_classify.checkpoints.checkpoint import Checkpoint, load
from lit_classify.checkpoints.compatibility import DATA_MODULES, TASKS
from lit_classify.checkpoints.search import RUNS, find_checkpoint
from lit_classify.checkpoints.transfer import init_from

__all__ = ["DATA_MODULES", "RUNS", "TASKS", "Checkpoint", "find_checkpoint", "init_from", "load"]
