"""What makes a fit that is resumed at any step equal one that was never interrupted, bit for bit.

Lightning restores weights, optimizer and counters. It does not restore random numbers, the running sums of an
epoch, accumulated gradients and the metrics that callbacks watch; it skips schedulers and hooks in the epoch
of a resume; and its counters stand differently for every hook that a checkpoint may be saved in.
"""

import random
import sys
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import (
    Checkpoint,
    EarlyStopping,
    GradientAccumulationScheduler,
    StochasticWeightAveraging,
    Timer,
    WeightAveraging,
)
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason
from lightning.pytorch.utilities.types import LRSchedulerConfig
from torch import Tensor

from lit_classify.errors import UserError, warn
from lit_classify.random_streams import stream_seed

if TYPE_CHECKING:
    from lit_classify.modules.base import LitModule

KEY = "lit_classify_resume"  # of a checkpoint
_NEVER = sys.maxsize
_STOPPING = ("min_delta", "stopping_threshold", "divergence_threshold", "check_finite")


class ExactResume(Callback):
    """Let a resumed fit equal one that was never interrupted; every LitModule brings one along.

    Random numbers: torch's generators of the CPU and of the module's device are seeded before every batch and
    every validation, from the run's seed, the process and the number of the batch since the start of the run.
    The states of NumPy's global generator and of ``random`` are saved and restored; generators that a user
    makes are the user's to save.

    Validations: ``ReduceLROnPlateau`` is stepped after each, never between them. The validation that ends a
    run ahead of the next one that is due, and early stopping's count of it, leave no trace in a checkpoint.

    Stops: one that a callback asks for with ``trainer.should_stop`` waits until accumulated gradients have
    become a step. A checkpoint from within an accumulation holds the gradients.
    """

    def __init__(self) -> None:
        self.seed: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._generator: torch.Generator | None = None
        self._step_seed = self._rank = 0
        self._world_size, self._num_batches = 1, 2**32
        self._given_patience: dict[str, int] = {}
        self._resumed: dict[str, Any] = {}
        self._nothing_left: str | None = None
        self._plateaus: list[tuple[LRSchedulerConfig, int]] = []
        self._num_validations = 0
        self._validated = self._stop_waits = False
        self._check_val: int | None = None
        self._suppressed = False
        self._uncounted: list[tuple[EarlyStopping, dict[str, Any]]] = []
        self._random: dict[str, Any] | None = None
        self._before_stop: dict[str, Any] | None = None
        self._unaveraged: dict[str, Tensor] | None = None
        self._ended = False
        self._counters_set = True

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forget an earlier fit."""
        if stage == "fit":
            self._begin()

    # What a checkpoint holds.

    def on_save_checkpoint(
        self,
        trainer: Trainer,
        pl_module: "LitModule",  # type: ignore[override]
        checkpoint: dict[str, Any],
    ) -> None:
        """Bring the counters into one of two states and add what Lightning leaves out."""
        loop = checkpoint["loops"]["fit_loop"]
        closed = (
            loop["epoch_progress"]["current"]["processed"] == loop["epoch_progress"]["current"]["started"]
        )
        current = loop["epoch_loop.batch_progress"]["current"]
        in_step = current["started"] > current["processed"]
        batches = settle(loop, validated=self._validated or not trainer.validating)
        if closed and self._before_stop is not None:
            checkpoint["callbacks"].update(self._before_stop)
        if self._ended and self._unaveraged is not None and "current_model_state" in checkpoint:
            checkpoint["current_model_state"] = self._unaveraged
        own: dict[str, Any] = {"random": _random_states(pl_module.device)}
        if batches:
            own["sums"] = pl_module.train_sums()
            if batches % trainer.accumulate_grad_batches and batches < self._num_batches:
                own["in_step"] = in_step
                own["gradients"] = {
                    name: weight.grad.cpu()
                    for name, weight in pl_module.named_parameters()
                    if weight.grad is not None
                }
        checkpoint[KEY] = {
            "batches": batches,
            "partition": self._partition(trainer),
            "processes": _of_all_processes(own, trainer.world_size),
            "metrics": {
                name: value.detach().cpu()
                for name, value in trainer.callback_metrics.items()
                if isinstance(value, Tensor)
            },
            "validations": self._num_validations,
            "early_stopping": {
                part.state_key: _stopping_settings(part) for part in trainer.early_stopping_callbacks
            },
        }

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take a checkpoint's content for a fit.

        Raises:
            UserError: the run cannot be resumed exactly; says why.
        """
        if trainer.state.fn != "fit":
            return
        refuse_averages(checkpoint, trainer)
        self._resumed = deepcopy(checkpoint.get(KEY, {}))
        if any(own.get("in_step") for own in self._resumed.get("processes", ())):
            raise UserError(
                f"{trainer.ckpt_path} was saved within a step that adds to accumulated gradients, and holds "
                "only a part of them; resume from another checkpoint"
            )
        self._refuse_other_partition(trainer, "world_size", "accumulate_grad_batches")
        self._given_patience = {part.state_key: part.patience for part in trainer.early_stopping_callbacks}
        self._nothing_left = nothing_left(checkpoint, trainer)
        begin_next_epoch(trainer)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Train no further where nothing is left; else let early stopping count on to the given patience.

        It looks after each validation: an epoch that a stop has cut short may end without one.
        """
        if self._nothing_left:
            trainer.should_stop = True
            warn(self._nothing_left)
        for part in trainer.early_stopping_callbacks:
            if part.monitor.startswith("val") and trainer.enable_validation:
                part._check_on_train_epoch_end = False
            if part.state_key in self._given_patience:
                part.patience = self._given_patience[part.state_key]
                if not self._nothing_left:
                    part.stopped_epoch, part.stopping_reason = 0, EarlyStoppingReason.NOT_STOPPED

    def on_train_start(self, trainer: Trainer, pl_module: "LitModule") -> None:  # type: ignore[override]
        """Restore what was saved, last of all that may draw random numbers or reset a sum."""
        self.seed = trainer.strategy.broadcast(torch.initial_seed() if self.seed is None else self.seed)
        self._rank, self._world_size = trainer.global_rank, trainer.world_size
        self._num_batches = int(min(trainer.num_training_batches, 2**32))
        self._generator = torch.default_generator
        self._device = pl_module.device
        self._take_plateaus(trainer)
        if not self._resumed:
            return
        if self._resumed["batches"]:
            for part in trainer.callbacks:  # type: ignore[attr-defined]  # set in its constructor
                if isinstance(part, GradientAccumulationScheduler):  # Lightning skips its hook
                    part.on_train_epoch_start(trainer, pl_module)
            self._refuse_other_partition(trainer, *self._partition(trainer))
        trainer.callback_metrics.update(self._resumed["metrics"])
        self._num_validations = self._resumed["validations"]
        self._counters_set = False
        processes = self._resumed["processes"]
        own = processes[min(self._rank, len(processes) - 1)]
        if self._resumed["batches"]:
            pl_module.load_train_sums(own["sums"])
            weights = dict(pl_module.named_parameters())
            for name, gradient in own.get("gradients", {}).items():
                weights[name].grad = gradient.to(weights[name].device)
        _set_random_states(own["random"], pl_module.device)
        self._resumed = {}

    # Random numbers.

    def reseed(self) -> None:
        """Draw the step's random numbers anew, for an optimizer that looks at a batch many times."""
        if self._generator is None:
            return
        if self._device.type == "cpu":
            self._generator.manual_seed(self._step_seed)  # torch.manual_seed takes a hundred times as long
        else:
            torch.manual_seed(self._step_seed)

    def _seed(self, trainer: Trainer, purpose: str, batch_idx: int) -> None:
        assert self.seed is not None
        batch = trainer.current_epoch * self._num_batches + batch_idx
        self._step_seed = stream_seed(purpose, self.seed, batch * self._world_size + self._rank)
        self.reseed()

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's
        batch_idx: int,
    ) -> None:
        """Seed torch's generators, whatever the network draws."""
        self._seed(trainer, "step", batch_idx)
        self._validated = False
        if self._suppressed:
            self._allow_validation(trainer)
        if not self._counters_set:  # Lightning has counted the resumed batch twice
            self._counters_set = True
            trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step

    # Stops.

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's
        batch: Any,  # noqa: ANN401 - Lightning's
        batch_idx: int,
    ) -> None:
        """Let a stop within an epoch leave no trace: no validation, no step, no count that would not be."""
        if trainer.should_stop or self._stop_waits:
            last = trainer.is_last_batch
            self._stop_waits = not last and (batch_idx + 1) % trainer.accumulate_grad_batches != 0
            trainer.should_stop = not self._stop_waits
            if not _is_due(trainer, batch_idx):
                self._suppressed, self._check_val = True, trainer.check_val_every_n_epoch
                trainer.check_val_every_n_epoch = _NEVER
        if trainer.should_stop or 0 <= trainer.max_steps <= trainer.global_step:
            self._before_stop = None if trainer.is_last_batch else _states_of_callbacks(trainer)

    def _allow_validation(self, trainer: Trainer) -> None:
        self._suppressed, trainer.check_val_every_n_epoch = False, self._check_val

    def on_train_epoch_end(self, trainer: Trainer, pl_module: "LitModule") -> None:  # type: ignore[override]
        """Step plateau schedulers where nothing is validated."""
        if self._suppressed:
            self._allow_validation(trainer)
        if not trainer.enable_validation and trainer.is_last_batch:
            self._step_plateaus(trainer, pl_module)
        if any(isinstance(part, WeightAveraging) for part in trainer.callbacks):  # type: ignore[attr-defined]
            self._unaveraged = {name: value.clone() for name, value in pl_module.state_dict().items()}

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that weights may have become averages, from which no run can be resumed."""
        self._ended = True

    # Validations.

    def on_validation_start(self, trainer: Trainer, pl_module: "LitModule") -> None:  # type: ignore[override]
        """Seed torch's generators; remember what this validation must leave as it is."""
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        self._seed(trainer, "validation", trainer.fit_loop.batch_idx)
        if pl_module.validation_is_extra:
            self._random = _random_states(pl_module.device)
            self._uncounted = [(part, part.state_dict()) for part in trainer.early_stopping_callbacks]

    def on_validation_end(self, trainer: Trainer, pl_module: "LitModule") -> None:  # type: ignore[override]
        """Step plateau schedulers, before checkpoints are saved."""
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        if not pl_module.validation_is_extra:
            self._step_plateaus(trainer, pl_module)
        for part, state in self._uncounted:
            part.load_state_dict(state)
        if self._random is not None:
            _set_random_states(self._random, pl_module.device)
        self._uncounted, self._random = [], None
        self._validated = True
        if self._before_stop is not None:
            self._before_stop = _states_of_callbacks(trainer)

    def _take_plateaus(self, trainer: Trainer) -> None:
        """Keep Lightning from stepping plateau schedulers in epochs without a validation."""
        for config in trainer.lr_scheduler_configs:
            if config.reduce_on_plateau:
                if not trainer.enable_validation and str(config.monitor).startswith("val/"):
                    raise UserError(
                        f"{type(config.scheduler).__name__} watches {config.monitor}, but nothing is "
                        "validated; give validation rows, or another scheduler with --model.lr_scheduler"
                    )
                self._plateaus.append((config, config.frequency))
                config.frequency = _NEVER

    def _step_plateaus(self, trainer: Trainer, module: "LitModule") -> None:
        self._num_validations += 1
        for config, frequency in self._plateaus:
            if config not in trainer.lr_scheduler_configs or self._num_validations % frequency:
                continue
            metrics = {**trainer.callback_metrics, **module.epoch_metrics("train")}
            if config.monitor in metrics:
                module.lr_scheduler_step(config.scheduler, metrics[config.monitor])
            elif config.strict:
                raise UserError(
                    f"{type(config.scheduler).__name__} watches {config.monitor}, which is not logged; "
                    f"logged are {', '.join(metrics)}"
                )

    # What an epoch's rest depends on.

    def _partition(self, trainer: Trainer) -> dict[str, int | None]:
        """Return what decides which rows the rest of an epoch has, and when it steps."""
        size = getattr(trainer.train_dataloader, "batch_size", None)
        return {
            "world_size": trainer.world_size,
            "accumulate_grad_batches": trainer.accumulate_grad_batches,
            "batch_size": size if isinstance(size, int) else None,
            "batches": self._num_batches,
        }

    def _refuse_other_partition(self, trainer: Trainer, *names: str) -> None:
        """Raise UserError if the rest of an epoch would repeat or skip rows, or step elsewhere."""
        if not self._resumed.get("batches"):
            return
        scheduled = any(isinstance(part, GradientAccumulationScheduler) for part in trainer.callbacks)  # type: ignore[attr-defined]
        now = self._partition(trainer)
        for name in names:
            before = self._resumed["partition"][name]
            if before == now[name] or (name == "accumulate_grad_batches" and scheduled):
                continue
            what, option = {
                "world_size": ("{} processes", "--trainer.devices {}"),
                "accumulate_grad_batches": (
                    "accumulate_grad_batches {}",
                    "--trainer.accumulate_grad_batches {}",
                ),
                "batch_size": ("batch_size {}", "--data.batch_size {}"),
                "batches": ("{} batches in an epoch", "the same data and batch size"),
            }[name]
            raise UserError(
                f"{trainer.ckpt_path} was saved within an epoch with {what.format(before)}, but this run has "
                f"{what.format(now[name])}: rows would be repeated or skipped; resume with "
                f"{option.format(before)}, or from a checkpoint of an epoch's end"
            )


def settle(loop: dict[str, Any], validated: bool) -> int:
    """Bring Lightning's counters in a checkpoint into one of two states, whatever hook it was saved in.

    Either no epoch is open, and a resumed run begins the next one; or an epoch is open after some of its
    batches, perhaps all, and a resumed run goes on with what follows: the validation if it is due and not
    ``validated``, other batches, the epoch's end.

    Args:
        loop: the counters of the fit loop; changed in place.
        validated: whether no validation was running, or all that it changes was changed.

    Returns:
        The number of batches of the open epoch, or 0.
    """
    batches, epoch = loop["epoch_loop.batch_progress"], loop["epoch_progress"]
    current = batches["current"]
    done, complete = (
        current["processed"],
        batches["is_last_batch"] and current["processed"] == current["ready"],
    )
    pending = not validated or current["processed"] > current["completed"]
    ready, started, processed = (epoch["current"][name] for name in ("ready", "started", "processed"))
    closed = processed == started
    if ready > started or not done or (closed and complete):
        _set_all(epoch["total"], processed)
        _set_all(epoch["current"], processed)
        return 0
    epochs = processed - closed  # Lightning closes an epoch that max_steps or a callback breaks off
    for progress in epoch.values():
        _set_all(progress, epochs)
        progress["ready"] = progress["started"] = epochs + 1
    _set_all(batches["total"], batches["total"]["processed"])
    _set_all(current, done)
    batches["is_last_batch"] = complete
    validation = loop["epoch_loop.val_loop.batch_progress"]
    validation["is_last_batch"] = False
    for progress in (validation["total"], validation["current"]):
        _set_all(progress, 0)
        if pending:  # for Lightning it was interrupted, and is run from its start
            progress["ready"] = progress["started"] = 1
    steps = loop["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]["step"]["total"][
        "completed"
    ]
    if steps:
        loop["epoch_loop.state_dict"]["_batches_that_stepped"] = steps - pending
    for state in loop["state_dict"].get("combined_loader", []):
        if isinstance(state, dict) and "position" in state:  # of a batch that was fetched, but not trained on
            state["position"] = done
    return int(done)


def _set_all(progress: dict[str, int], value: int) -> None:
    progress.update(dict.fromkeys(progress, value))


def begin_next_epoch(trainer: Trainer) -> None:
    """Let a run that is resumed after a complete epoch begin the next one at once.

    With ``max_steps`` Lightning would count an epoch without batches first, and all later epochs would have
    another number, and so another order.
    """
    trainer.fit_loop._iteration_based_training = lambda: False  # type: ignore[method-assign]


def refuse_averages(checkpoint: Mapping[str, Any], trainer: Trainer) -> None:
    """Raise UserError if Lightning's StochasticWeightAveraging had a hand in a checkpoint.

    Lightning restores neither its learning rates nor, after the end of a run, the weights that it averaged.
    """
    names = {
        part.state_key
        for part in trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
        if isinstance(part, StochasticWeightAveraging)
    }
    if (names | {StochasticWeightAveraging.__name__}) & checkpoint.get("callbacks", {}).keys():
        raise UserError(
            f"{trainer.ckpt_path} was trained with StochasticWeightAveraging, whose learning rates Lightning "
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
        limit = f"all {epochs} epochs are trained; to train longer, give a larger --trainer.max_epochs"
        return f"nothing left to train: {limit}"
    if 0 <= trainer.max_steps <= steps:
        limit = (
            f"all {trainer.max_steps} steps are trained; to train longer, give a larger --trainer.max_steps"
        )
        return f"nothing left to train: {limit}"
    for part in trainer.callbacks:  # type: ignore[attr-defined]  # set in its constructor
        state = states.get(part.state_key)
        if isinstance(part, Timer) and state:
            left = part.time_remaining()
            if left is not None and left <= state["time_elapsed"]["train"]:
                limit = "the time is used up; to train longer, give a larger --trainer.max_time"
                return f"nothing left to train: {limit}"
        if isinstance(part, EarlyStopping) and state:
            settings = checkpoint.get(KEY, {}).get("early_stopping", {}).get(part.state_key)
            if reason := _still_stopped(part, state, settings):
                return f"nothing left to train: {reason}"
    return None


def _still_stopped(part: EarlyStopping, state: Mapping[str, Any], settings: object) -> str | None:
    """Return why early stopping stopped a run and would stop it again; None if it would not."""
    reason = EarlyStoppingReason(state.get("stopping_reason", EarlyStoppingReason.NOT_STOPPED.value))
    left_out = "or leave early stopping out with --trainer.callbacks null"
    if reason is EarlyStoppingReason.NOT_STOPPED:
        return None
    stopped = f"early stopping ended the run in epoch {state['stopped_epoch']}"
    if reason is EarlyStoppingReason.PATIENCE_EXHAUSTED:
        count = state["wait_count"]
        if count < part.patience:
            return None
        return (
            f"{stopped}, when {part.monitor} had not improved in {count} validations; to train longer, give "
            f"a larger patience, such as --trainer.callbacks.patience {2 * count}, {left_out}"
        )
    if settings is not None and settings != _stopping_settings(part):
        return None
    return f"{stopped} ({state['stopping_reason_message']}); to train longer, change its settings, {left_out}"


def _stopping_settings(part: EarlyStopping) -> dict[str, float | None]:
    return {name: getattr(part, name) for name in _STOPPING}


def _is_due(trainer: Trainer, batch_idx: int) -> bool:
    """Whether a validation follows this batch, stop or not, if one is due in this epoch."""
    every = trainer.val_check_batch
    if every is None or every == float("inf"):
        return trainer.is_last_batch
    batch = trainer.fit_loop.total_batch_idx if trainer.check_val_every_n_epoch is None else batch_idx
    return (batch + 1) % int(every) == 0


def _states_of_callbacks(trainer: Trainer) -> dict[str, Any]:
    """Return the states of all callbacks but those that save checkpoints."""
    return {
        part.state_key: deepcopy(state)
        for part in trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
        if not isinstance(part, Checkpoint) and (state := part.state_dict())
    }


def _of_all_processes(own: dict[str, Any], world_size: int) -> list[dict[str, Any]]:
    """Return what each process has to save; saving is a matter of all."""
    shares = [own] * world_size
    if world_size > 1:
        torch.distributed.all_gather_object(shares, own)
    return shares


def _random_states(device: torch.device) -> dict[str, Any]:
    """Return the states of the global generators as plain data."""
    states: dict[str, Any] = {"torch": torch.get_rng_state(), "python": random.getstate()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if numpy := sys.modules.get("numpy"):
        name, keys, *rest = numpy.random.get_state()
        states["numpy"] = [name, keys.tolist(), *rest]
    return states


def _set_random_states(states: Mapping[str, Any], device: torch.device) -> None:
    torch.set_rng_state(states["torch"])
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    if "numpy" in states:
        import numpy

        numpy.random.set_state(tuple(states["numpy"]))
