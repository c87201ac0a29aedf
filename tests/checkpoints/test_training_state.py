"""States of optimizers, loops and callbacks that a run is resumed from."""

from pathlib import Path

import pytest
import torch

from lit_classify.checkpoints import io
from lit_classify.cli.main import main
from tests.checkpoints.altered import QUICK, RESUME, STATE, altered_table, change, table

STOPPING = "EarlyStopping{'monitor': 'val/loss', 'mode': 'min'}"


UNRESUMABLE = {
    "optimizers as text": change("optimizer_states", "junk"),
    "no optimizer": change("optimizer_states", []),
    "an optimizer that is a number": change("optimizer_states", [1]),
    "an optimizer without weights": change("optimizer_states.0.param_groups", []),
    "an optimizer of other weights": change("optimizer_states.0.param_groups.0.params", [0, 1, 2, 7]),
    "a state of no weight": change("optimizer_states.0.state.9", {}),
    "a state of text": change(f"{STATE}", "junk"),
    "a momentum of text": change(f"{STATE}.exp_avg", "junk"),
    "a momentum of another shape": change(f"{STATE}.exp_avg", torch.zeros(3)),
    "a momentum of NaN": change(f"{STATE}.exp_avg", torch.full((64, 4), torch.nan)),
    "a complex momentum": change(f"{STATE}.exp_avg", torch.zeros(64, 4, dtype=torch.complex64)),
    "a rate of text": change("optimizer_states.0.param_groups.0.lr", "fast"),
    "a rate of NaN": change("optimizer_states.0.param_groups.0.lr", float("nan")),
    "betas of text": change("optimizer_states.0.param_groups.0.betas", "ab"),
    "schedulers as text": change("lr_schedulers", "junk"),
    "no scheduler": change("lr_schedulers", []),
    "a scheduler that is a number": change("lr_schedulers", [1]),
    "a scheduler of nothing": change("lr_schedulers", [{}]),
    "a factor of text": change("lr_schedulers.0.factor", "junk"),
    "a best figure of NaN": change("lr_schedulers.0.best", float("nan")),
    "last rates of infinity": change("lr_schedulers.0._last_lr", [float("inf")]),
    "loops as text": change("loops", "junk"),
    "a loop of text": change("loops.fit_loop", "junk"),
    "progress of text": change("loops.fit_loop.epoch_loop/batch_progress", "junk"),
    "epochs of text": change("loops.fit_loop.epoch_progress.total.ready", "junk"),
    "epochs below zero": change("loops.fit_loop.epoch_progress.current.completed", -1),
    "a loop of nothing": change("loops.fit_loop", {}),
    "callbacks as text": change("callbacks", "junk"),
    "a callback of text": change(f"callbacks.{STOPPING}", "junk"),
    "a callback of nothing": change(f"callbacks.{STOPPING}", {}),
    "a count of text": change(f"callbacks.{STOPPING}.wait_count", "junk"),
    "a best score of NaN": change(f"callbacks.{STOPPING}.best_score", torch.tensor(torch.nan)),
    "a best model's score of text": lambda content: [
        state.update(best_model_score="junk")
        for state in content["callbacks"].values()
        if "kth_value" in state
    ],
    "an unknown reason": change(f"callbacks.{STOPPING}.stopping_reason", 99),
}


@pytest.mark.reliability(56)
@pytest.mark.parametrize("what", UNRESUMABLE)
def test_an_invalid_training_state_is_not_resumed(
    what: str, original_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = altered_table(original_table)
    UNRESUMABLE[what](content)
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    assert main([*RESUME, "altered.ckpt"]) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "note:" not in line)
    assert "altered.ckpt" in line
    assert {path.name for path in Path().iterdir()} == {"altered.ckpt", "t.csv"}


@pytest.mark.filterwarnings("ignore:A `OneCycleLR` scheduler")
@pytest.mark.parametrize(
    "more",
    [
        ["--model.optimizer", optimizer, "--model.optimizer_args", arguments]
        for optimizer, arguments in (
            ("SGD", "{}"),
            ("SGD", "{momentum: 0.9}"),
            ("LBFGS", "{}"),
            ("Adafactor", "{}"),
            ("ASGD", "{}"),
            ("Rprop", "{}"),
            ("Adam", "{amsgrad: true}"),
        )
    ]
    + [
        ["--model.lr_scheduler", scheduler, "--model.lr_scheduler_args", arguments]
        for scheduler, arguments in (
            ("OneCycleLR", "{max_lr: 0.1, total_steps: 20}"),
            ("CosineAnnealingWarmRestarts", "{T_0: 3}"),
            ("MultiStepLR", "{milestones: [1, 2]}"),
            ("CyclicLR", "{base_lr: 0.1, max_lr: 0.2, cycle_momentum: false}"),
        )
    ],
    ids=lambda words: f"{words[1]} {words[3]}",
)
def test_the_states_of_optimizers_and_schedulers_are_resumed(more: list[str]) -> None:
    assert main(["fit", *table(), *QUICK, "1", *more]) == 0
    assert main(["fit", *table(), *QUICK, "2", *more, "--ckpt_path", "last"]) == 0
