"""The counters of Lightning's fit loop, brought into a state from which a run can be resumed exactly.

Reason: the counters in a checkpoint depend on the hook that it was saved in; resumed from some of them,
Lightning repeats or skips a batch, a validation or the end of an epoch.

Private API: the keys of ``checkpoint["loops"]``, ``_batches_that_stepped`` of the training epoch loop and
``_iteration_based_training`` of the fit loop.
"""

from typing import Any

from lightning.pytorch import Trainer


def settle(loop: dict[str, Any], validated: bool) -> int:
    """Bring Lightning's counters in a checkpoint into one of two states, in whichever hook it was saved.

    Either no epoch is open, and a resumed run begins the next one; or an epoch is open after some of its
    batches, perhaps all, and a resumed run continues with the validation, if it is due and not
    ``validated``, then with the remaining batches and the end of the epoch.

    Args:
        loop: the counters of the fit loop; changed in place.
        validated: whether no validation was running, or its effects were already complete.

    Returns:
        The number of batches of the open epoch, or 0.
    """
    batches, epoch = loop["epoch_loop.batch_progress"], loop["epoch_progress"]
    current = batches["current"]
    processed = current["processed"]
    complete = batches["is_last_batch"] and processed == current["ready"]
    pending = not validated or current["processed"] > current["completed"]
    ready, started, epochs_processed = (epoch["current"][name] for name in ("ready", "started", "processed"))
    closed = epochs_processed == started
    if ready > started or not processed or (closed and complete):
        _set_all(epoch["total"], epochs_processed)
        _set_all(epoch["current"], epochs_processed)
        return 0
    # Lightning closes an epoch that max_steps or a callback breaks off
    epochs_completed = epochs_processed - closed
    for progress in epoch.values():
        _set_all(progress, epochs_completed)
        progress["ready"] = progress["started"] = epochs_completed + 1
    _set_all(batches["total"], batches["total"]["processed"])
    _set_all(current, processed)
    batches["is_last_batch"] = complete
    validation = loop["epoch_loop.val_loop.batch_progress"]
    validation["is_last_batch"] = False
    for progress in (validation["total"], validation["current"]):
        _set_all(progress, 0)
        if pending:  # Lightning regards it as interrupted, and restarts it
            progress["ready"] = progress["started"] = 1
    steps = loop["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]["step"]["total"][
        "completed"
    ]
    if steps:
        loop["epoch_loop.state_dict"]["_batches_that_stepped"] = steps - pending
    for state in loop["state_dict"].get("combined_loader", []):
        if isinstance(state, dict) and "position" in state:  # of a batch that was fetched, but not trained on
            state["position"] = processed
    return int(processed)


def _set_all(progress: dict[str, int], value: int) -> None:
    progress.update(dict.fromkeys(progress, value))


def begin_next_epoch(trainer: Trainer) -> None:
    """Make a run that is resumed after a complete epoch begin the next one at once.

    With ``max_steps`` Lightning would count an epoch without batches first, and all later epochs would have
    another index, and therefore another order of rows.
    """
    trainer.fit_loop._iteration_based_training = lambda: False  # type: ignore[method-assign]


def restore_step_count(trainer: Trainer) -> None:
    """Correct the number of steps of a resumed run, in which Lightning counts the resumed batch twice."""
    trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step


def is_validation_due(trainer: Trainer, batch_idx: int) -> bool:
    """Return whether a validation follows this batch, even without a stop, if one is due in this epoch."""
    every = trainer.val_check_batch
    if every is None or every == float("inf"):
        return trainer.is_last_batch
    batch = trainer.fit_loop.total_batch_idx if trainer.check_val_every_n_epoch is None else batch_idx
    return (batch + 1) % int(every) == 0
