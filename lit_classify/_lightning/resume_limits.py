"""Whether a run can be resumed, and has anything left to train.

Reason: Lightning resumes a run that early stopping ended as if it had not, and counts one epoch too many
at a limit. Public API only.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, StochasticWeightAveraging, Timer
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from lit_classify.errors import UserError

RESUME_KEY = "lit_classify_resume"  # of what ExactResume saves in a checkpoint
_NOTHING_LEFT = "nothing left to train: {}; to train longer, give a larger {}"
_STOPPING = ("min_delta", "stopping_threshold", "divergence_threshold", "check_finite")


def refuse_averages(path: str | Path, checkpoint: Mapping[str, Any], trainer: Trainer) -> None:
    """Raise UserError if a checkpoint was trained with Lightning's StochasticWeightAveraging.

    Lightning restores neither its learning rates nor, after the end of a run, the weights that it averaged.
    """
    names = {
        callback.state_key
        for callback in trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
        if isinstance(callback, StochasticWeightAveraging)
    }
    if (names | {StochasticWeightAveraging.__name__}) & checkpoint.get("callbacks", {}).keys():
        raise UserError(
            f"{path} was trained with StochasticWeightAveraging, whose learning rates Lightning "
            "does not restore: the run cannot be resumed exactly; retrain from scratch, or average with "
            "WeightAveraging or EMAWeightAveraging, which can be resumed"
        )


def nothing_left(checkpoint: Mapping[str, Any], trainer: Trainer) -> str | None:
    """Return why a checkpoint's run has nothing left to train, and how to train longer; or None.

    Args:
        checkpoint: the checkpoint that is to be resumed.
        trainer: the trainer with the limits and callbacks of the resumed run, before it has started.
    """
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["completed"]
    steps = checkpoint["global_step"]
    states = checkpoint.get("callbacks", {})
    if trainer.max_epochs is not None and 0 <= trainer.max_epochs <= epochs:
        return _NOTHING_LEFT.format(f"all {epochs} epochs are trained", "--trainer.max_epochs")
    if 0 <= trainer.max_steps <= steps:
        return _NOTHING_LEFT.format(f"all {trainer.max_steps} steps are trained", "--trainer.max_steps")
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set in its constructor
        state = states.get(callback.state_key)
        if isinstance(callback, Timer) and state:
            remaining = callback.time_remaining()
            if remaining is not None and remaining <= state["time_elapsed"]["train"]:
                return _NOTHING_LEFT.format("the time is used up", "--trainer.max_time")
        if isinstance(callback, EarlyStopping) and state:
            settings = checkpoint.get(RESUME_KEY, {}).get("early_stopping", {}).get(callback.state_key)
            if reason := _still_stopped(callback, state, settings):
                return f"nothing left to train: {reason}"
    return None


def _still_stopped(callback: EarlyStopping, state: Mapping[str, Any], settings: object) -> str | None:
    """Return why early stopping stopped a run and would stop it again; None if it would not."""
    reason = EarlyStoppingReason(state.get("stopping_reason", EarlyStoppingReason.NOT_STOPPED.value))
    alternative = "or leave early stopping out with --trainer.callbacks null"
    if reason is EarlyStoppingReason.NOT_STOPPED:
        return None
    stopped = f"early stopping ended the run in epoch {state['stopped_epoch']}"
    if reason is EarlyStoppingReason.PATIENCE_EXHAUSTED:
        count = state["wait_count"]
        if count < callback.patience:
            return None
        return (
            f"{stopped}, when {callback.monitor} had not improved in {count} validations; to train longer, "
            f"give a larger patience, such as --trainer.callbacks.patience {2 * count}, {alternative}"
        )
    if settings is not None and settings != stopping_settings(callback):
        return None
    stopped += f" ({state['stopping_reason_message']})"
    return f"{stopped}; to train longer, change its settings, {alternative}"


def stopping_settings(callback: EarlyStopping) -> dict[str, float | None]:
    return {name: getattr(callback, name) for name in _STOPPING}
