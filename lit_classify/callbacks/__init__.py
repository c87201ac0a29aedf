"""Callbacks: thin; they ask the model for metrics or predictions, and print, plot or save the result."""

from lit_classify.callbacks.checkpointing import BestCheckpoint, LastCheckpoint
from lit_classify.callbacks.decision_boundary import DecisionBoundary
from lit_classify.callbacks.epoch_log import EpochLog
from lit_classify.callbacks.evaluation_plots import EvaluationPlots
from lit_classify.callbacks.hidden_units import HiddenUnits
from lit_classify.callbacks.hparams import HParams
from lit_classify.callbacks.member_early_stopping import MemberEarlyStopping
from lit_classify.callbacks.optimizer_stats import OptimizerStats
from lit_classify.callbacks.progress_bar import EpochProgressBar
from lit_classify.callbacks.run_summary import RunSummary
from lit_classify.callbacks.snapshots import Snapshots

__all__ = [
    "BestCheckpoint",
    "DecisionBoundary",
    "EpochLog",
    "EpochProgressBar",
    "EvaluationPlots",
    "HParams",
    "HiddenUnits",
    "LastCheckpoint",
    "MemberEarlyStopping",
    "OptimizerStats",
    "RunSummary",
    "Snapshots",
]
