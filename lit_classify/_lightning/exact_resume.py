"""A callback that makes a resumed fit equal to an uninterrupted one, bit for bit.

Reason: Lightning restores weights, optimizer and counters. It does not restore random numbers, the running
sums of an epoch, accumulated gradients and the metrics that callbacks monitor; it skips schedulers and hooks
in the epoch of a resume; and its counters depend on the hook that a checkpoint was saved in.

It is one callback, because its tasks depend on the order of their hooks: a stop, for example, must leave the
validation, the schedulers and the random numbers that follow as an uninterrupted run would have them.

Private API: ``EarlyStopping._check_on_train_epoch_end``, and those of ``loop_counters``.
"""

import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Protocol, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import (
    Checkpoint,
    EarlyStopping,
    GradientAccumulationScheduler,
    WeightAveraging,
)
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason
from lightning.pytorch.utilities.types import LRSchedulerConfig
from torch import Tensor
from torch.optim import Optimizer

from lit_classify._lightning.loop_counters import (
    begin_next_epoch,
    is_validation_due,
    restore_step_count,
    settle,
)
from lit_classify._lightning.random_states import random_states, set_random_states
from lit_classify._lightning.resume_limits import RESUME_KEY, nothing_left, refuse_averages, stopping_settings
from lit_classify.errors import UserError
from lit_classify.messages import warn
from lit_classify.seeds import stream_seed

_NEVER = sys.maxsize


class RunningSums(Protocol):
    """The running sums of an epoch's metrics."""

    paused: bool

    def state_dict(self) -> dict[str, Any]:
        """Return the sums as plain data."""

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Restore the sums on a device."""


class ResumableModule(Protocol):
    """What ``ExactResume`` requires of a module beyond LightningModule."""

    means: Mapping[str, RunningSums]
    validation_is_extra: bool

    def epoch_metrics(self, stage: str) -> dict[str, Tensor]:
        """Return the metrics of the epoch so far."""


def _resumable(module: LightningModule) -> ResumableModule:
    return cast(ResumableModule, module)


class ExactResume(Callback):
    """Make a resumed fit equal to an uninterrupted one; every LitModule adds one.

    Random numbers: torch's generators of the CPU and of the module's device are seeded before every batch and
    every validation, from the seed of the run, the process and the index of the batch since the start of the
    run; an optimizer that evaluates a batch many times, such as LBFGS, gets the same numbers each time. The
    states of NumPy's global generator and of ``random`` are saved and restored; generators that a user
    creates must be saved by the user.

    Validations: ``ReduceLROnPlateau`` is stepped after each, never between them. A validation that takes
    place only because the run ends does not affect the checkpoint, early stopping or random numbers.

    Stops: a stop that a callback requests with ``trainer.should_stop`` waits until accumulated gradients have
    been applied. A checkpoint saved between accumulated batches holds the gradients.
    """

    def __init__(self) -> None:
        self.seed: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._step_seed = self._rank = 0
        self._world_size, self._num_batches = 1, 2**32
        self._configured_patience: dict[str, int] = {}
        self._loaded: dict[str, Any] = {}  # of a checkpoint, until it is restored
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
        """Reset the state of an earlier fit."""
        if stage == "fit":
            self._begin()

    # Content of a checkpoint.

    def on_save_checkpoint(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Settle the loop counters and add the state that Lightning does not save."""
        if self._loaded:  # a signal interrupted the start of a resumed run
            checkpoint.update(self._loaded)
            return
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
        process_state: dict[str, Any] = {"random": random_states(pl_module.device)}
        if batches:
            process_state["sums"] = _resumable(pl_module).means["train"].state_dict()
            if batches % trainer.accumulate_grad_batches and batches < self._num_batches:
                process_state["in_step"] = in_step
                process_state["gradients"] = {
                    name: weight.grad.cpu()
                    for name, weight in pl_module.named_parameters()
                    if weight.grad is not None
                }
        checkpoint[RESUME_KEY] = {
            "batches": batches,
            "partition": self._partition(trainer),
            "processes": _gather_states(process_state, trainer.world_size),
            "metrics": {
                name: value.detach().cpu()
                for name, value in trainer.callback_metrics.items()
                if isinstance(value, Tensor)
            },
            "validations": self._num_validations,
            "early_stopping": {
                callback.state_key: stopping_settings(callback)
                for callback in trainer.early_stopping_callbacks
            },
        }

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Read the state that a fit resumes from.

        Raises:
            UserError: the run cannot be resumed exactly; says why.
        """
        if trainer.state.fn != "fit":
            return
        refuse_averages(str(trainer.ckpt_path), checkpoint, trainer)
        keys = {RESUME_KEY, "loops", "epoch", "global_step"} & checkpoint.keys()
        self._loaded = deepcopy({key: checkpoint[key] for key in keys})
        resumed = self._loaded.get(RESUME_KEY, {})
        if any(state.get("in_step") for state in resumed.get("processes", ())):
            raise UserError(
                f"{trainer.ckpt_path} was saved within a step that adds to accumulated gradients, and holds "
                "only a part of them; resume from another checkpoint"
            )
        self._refuse_other_partition(trainer, resumed, "world_size", "accumulate_grad_batches")
        self._configured_patience = {
            callback.state_key: callback.patience for callback in trainer.early_stopping_callbacks
        }
        self._nothing_left = nothing_left(checkpoint, trainer)
        begin_next_epoch(trainer)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop if nothing is left to train; else restore the configured patience of early stopping.

        Validation metrics are checked after each validation, as an epoch that was stopped early may end
        without one; training metrics after each epoch, as there are none yet at the first validation.
        """
        if self._nothing_left:
            trainer.should_stop = True
            warn(self._nothing_left)
        for callback in trainer.early_stopping_callbacks:
            if callback.monitor.startswith("val") and trainer.enable_validation:
                callback._check_on_train_epoch_end = False
            elif callback.monitor.startswith("train/"):
                callback._check_on_train_epoch_end = True
            if callback.state_key in self._configured_patience:
                callback.patience = self._configured_patience[callback.state_key]
                if not self._nothing_left:
                    callback.stopped_epoch, callback.stopping_reason = 0, EarlyStoppingReason.NOT_STOPPED

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the saved state, after everything else that may draw random numbers or reset sums."""
        self.seed = trainer.strategy.broadcast(torch.initial_seed() if self.seed is None else self.seed)
        self._rank, self._world_size = trainer.global_rank, trainer.world_size
        self._num_batches = int(min(trainer.num_training_batches, 2**32))
        self._device = pl_module.device
        resumed, self._loaded = self._loaded.get(RESUME_KEY), {}
        self._take_plateaus(trainer)
        for optimizer in trainer.optimizers:
            optimizer.register_step_pre_hook(self._repeatable(_resumable(pl_module).means["train"]))
        if not resumed:
            return
        if resumed["batches"]:
            for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set in its constructor
                if isinstance(callback, GradientAccumulationScheduler):  # Lightning skips its hook
                    callback.on_train_epoch_start(trainer, pl_module)
            self._refuse_other_partition(trainer, resumed, *self._partition(trainer))
        trainer.callback_metrics.update(resumed["metrics"])
        self._num_validations = resumed["validations"]
        self._counters_set = False
        processes = resumed["processes"]
        process_state = processes[min(self._rank, len(processes) - 1)]
        if resumed["batches"]:
            _resumable(pl_module).means["train"].load_state_dict(process_state["sums"], pl_module.device)
            weights = dict(pl_module.named_parameters())
            for name, gradient in process_state.get("gradients", {}).items():
                weights[name].grad = gradient.to(weights[name].device)
        set_random_states(process_state["random"], pl_module.device)

    # Random numbers.

    def _reseed(self) -> None:
        if self._device.type == "cpu":
            torch.default_generator.manual_seed(self._step_seed)  # 100 times as fast as torch.manual_seed
        else:
            torch.manual_seed(self._step_seed)

    def _repeatable(self, sums: RunningSums) -> Callable[..., Any]:
        """Return a hook for an optimizer that may evaluate a batch many times in a step.

        All evaluations draw the same random numbers, and the metrics count the first only.
        """

        def before_step(optimizer: Optimizer, args: Any, kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - torch's
            closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
            if closure is None:
                return None

            def evaluate() -> Any:  # noqa: ANN401 - torch's
                if sums.paused:
                    self._reseed()
                loss = closure()
                sums.paused = True
                return loss

            sums.paused = False
            return args[:1], {**kwargs, "closure": evaluate}

        return before_step

    def _seed(self, trainer: Trainer, purpose: str, batch_idx: int) -> None:
        assert self.seed is not None
        batch = trainer.current_epoch * self._num_batches + batch_idx
        self._step_seed = stream_seed(purpose, self.seed, batch * self._world_size + self._rank)
        self._reseed()

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's
        batch_idx: int,
    ) -> None:
        """Seed torch's generators."""
        self._seed(trainer, "step", batch_idx)
        _resumable(pl_module).means["train"].paused = False
        self._validated = False
        if self._suppressed:
            self._allow_validation(trainer)
        if not self._counters_set:  # Lightning counted the resumed batch twice
            self._counters_set = True
            restore_step_count(trainer)

    # Stops.

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's
        batch: Any,  # noqa: ANN401 - Lightning's
        batch_idx: int,
    ) -> None:
        """Prevent a stop within an epoch from causing an extra validation, optimizer step or count."""
        if trainer.should_stop or self._stop_waits:
            is_last = trainer.is_last_batch
            self._stop_waits = not is_last and (batch_idx + 1) % trainer.accumulate_grad_batches != 0
            trainer.should_stop = not self._stop_waits
            if not is_validation_due(trainer, batch_idx):
                self._suppressed, self._check_val = True, trainer.check_val_every_n_epoch
                trainer.check_val_every_n_epoch = _NEVER
        if trainer.should_stop or 0 <= trainer.max_steps <= trainer.global_step:
            self._before_stop = None if trainer.is_last_batch else _states_of_callbacks(trainer)

    def _allow_validation(self, trainer: Trainer) -> None:
        self._suppressed, trainer.check_val_every_n_epoch = False, self._check_val

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Step plateau schedulers if there is no validation."""
        if self._suppressed:
            self._allow_validation(trainer)
        if not trainer.enable_validation and trainer.is_last_batch:
            self._step_plateaus(trainer, pl_module)
        if any(isinstance(callback, WeightAveraging) for callback in trainer.callbacks):  # type: ignore[attr-defined]
            self._unaveraged = {name: value.clone() for name, value in pl_module.state_dict().items()}

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that weights may be averages now, from which a run cannot be resumed."""
        self._ended = True

    # Validations.

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seed torch's generators; save what an extra validation must not change."""
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        self._seed(trainer, "validation", trainer.fit_loop.batch_idx)
        if _resumable(pl_module).validation_is_extra:
            self._random = random_states(pl_module.device)
            self._uncounted = [
                (callback, callback.state_dict()) for callback in trainer.early_stopping_callbacks
            ]

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Step plateau schedulers, before checkpoints are saved."""
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        if not _resumable(pl_module).validation_is_extra:
            self._step_plateaus(trainer, pl_module)
        for callback, state in self._uncounted:
            callback.load_state_dict(state)
        if self._random is not None:
            set_random_states(self._random, pl_module.device)
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

    def _step_plateaus(self, trainer: Trainer, module: LightningModule) -> None:
        self._num_validations += 1
        for config, frequency in self._plateaus:
            if config not in trainer.lr_scheduler_configs or self._num_validations % frequency:
                continue
            metrics = {**trainer.callback_metrics, **_resumable(module).epoch_metrics("train")}
            if config.monitor in metrics:
                module.lr_scheduler_step(config.scheduler, metrics[config.monitor])
            elif config.strict:
                raise UserError(
                    f"{type(config.scheduler).__name__} watches {config.monitor}, which is not logged; "
                    f"logged are {', '.join(metrics)}"
                )

    # The rest of an epoch.

    def _partition(self, trainer: Trainer) -> dict[str, int | None]:
        """Return the settings that determine the remaining rows of an epoch and its optimizer steps."""
        size = getattr(trainer.train_dataloader, "batch_size", None)
        return {
            "world_size": trainer.world_size,
            "accumulate_grad_batches": trainer.accumulate_grad_batches,
            "batch_size": size if isinstance(size, int) else None,
            "batches": self._num_batches,
        }

    def _refuse_other_partition(self, trainer: Trainer, resumed: Mapping[str, Any], *names: str) -> None:
        """Raise UserError if the rest of an epoch would repeat or skip rows, or step after other batches."""
        if not resumed.get("batches"):
            return
        scheduled = any(isinstance(callback, GradientAccumulationScheduler) for callback in trainer.callbacks)  # type: ignore[attr-defined]
        current = self._partition(trainer)
        for name in names:
            recorded = resumed["partition"][name]
            if recorded == current[name] or (name == "accumulate_grad_batches" and scheduled):
                continue
            description, option = {
                "world_size": ("{} processes", "--trainer.devices {}"),
                "accumulate_grad_batches": (
                    "accumulate_grad_batches {}",
                    "--trainer.accumulate_grad_batches {}",
                ),
                "batch_size": ("batch_size {}", "--data.batch_size {}"),
                "batches": ("{} batches in an epoch", "the same data and batch size"),
            }[name]
            raise UserError(
                f"{trainer.ckpt_path} was saved within an epoch with {description.format(recorded)}, but "
                f"this run has {description.format(current[name])}: rows would be repeated or skipped; "
                f"resume with {option.format(recorded)}, or from a checkpoint of an epoch's end"
            )


def _states_of_callbacks(trainer: Trainer) -> dict[str, Any]:
    """Return the states of all callbacks but those that save checkpoints."""
    return {
        callback.state_key: deepcopy(state)
        for callback in trainer.callbacks  # type: ignore[attr-defined]  # set in its constructor
        if not isinstance(callback, Checkpoint) and (state := callback.state_dict())
    }


def _gather_states(state: dict[str, Any], world_size: int) -> list[dict[str, Any]]:
    """Return the states of all processes, which save a checkpoint together."""
    states = [state] * world_size
    if world_size > 1:
        torch.distributed.all_gather_object(states, state)
    return states
