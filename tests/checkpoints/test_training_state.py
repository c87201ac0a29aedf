"""States of optimizers, loops and callbacks from which a run is resumed."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lit_classify.checkpoints import io
from lit_classify.cli.main import main
from tests.checkpoints.altered import QUICK, RESUME, STATE, altered_table, change, table

STOPPING = "EarlyStopping{'monitor': 'val/loss', 'mode': 'min'}"


UNRESUMABLE = {
    "optimizer states that are text": change("optimizer_states", "junk"),
    "no optimizer state": change("optimizer_states", []),
    "an optimizer state that is a number": change("optimizer_states", [1]),
    "an optimizer state without parameter groups": change("optimizer_states.0.param_groups", []),
    "an optimizer state of other weights": change("optimizer_states.0.param_groups.0.params", [0, 1, 2, 7]),
    "a state of an unknown weight": change("optimizer_states.0.state.9", {}),
    "the state of a weight that is text": change(f"{STATE}", "junk"),
    "a momentum that is text": change(f"{STATE}.exp_avg", "junk"),
    "a momentum of another shape": change(f"{STATE}.exp_avg", torch.zeros(3)),
    "a momentum that is NaN": change(f"{STATE}.exp_avg", torch.full((64, 4), torch.nan)),
    "a complex momentum": change(f"{STATE}.exp_avg", torch.zeros(64, 4, dtype=torch.complex64)),
    "a learning rate that is text": change("optimizer_states.0.param_groups.0.lr", "fast"),
    "a learning rate that is NaN": change("optimizer_states.0.param_groups.0.lr", float("nan")),
    "betas that are text": change("optimizer_states.0.param_groups.0.betas", "ab"),
    "scheduler states that are text": change("lr_schedulers", "junk"),
    "no scheduler state": change("lr_schedulers", []),
    "a scheduler state that is a number": change("lr_schedulers", [1]),
    "an empty scheduler state": change("lr_schedulers", [{}]),
    "a factor that is text": change("lr_schedulers.0.factor", "junk"),
    "a best metric that is NaN": change("lr_schedulers.0.best", float("nan")),
    "infinite last learning rates": change("lr_schedulers.0._last_lr", [float("inf")]),
    "loops that are text": change("loops", "junk"),
    "a loop that is text": change("loops.fit_loop", "junk"),
    "progress that is text": change("loops.fit_loop.epoch_loop/batch_progress", "junk"),
    "a number of epochs that is text": change("loops.fit_loop.epoch_progress.total.ready", "junk"),
    "a negative number of epochs": change("loops.fit_loop.epoch_progress.current.completed", -1),
    "an empty loop": change("loops.fit_loop", {}),
    "callbacks that are text": change("callbacks", "junk"),
    "a callback state that is text": change(f"callbacks.{STOPPING}", "junk"),
    "an empty callback state": change(f"callbacks.{STOPPING}", {}),
    "a count that is text": change(f"callbacks.{STOPPING}.wait_count", "junk"),
    "a best score that is NaN": change(f"callbacks.{STOPPING}.best_score", torch.tensor(torch.nan)),
    "a best model score that is text": lambda content: [
        state.update(best_model_score="junk")
        for state in content["callbacks"].values()
        if "kth_value" in state
    ],
    "an unknown stopping reason": change(f"callbacks.{STOPPING}.stopping_reason", 99),
}


@pytest.mark.reliability(56)
@pytest.mark.parametrize("alteration", UNRESUMABLE)
def test_an_invalid_training_state_is_not_resumed(
    alteration: str, original_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = altered_table(original_table)
    UNRESUMABLE[alteration](content)
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    assert main([*RESUME, "altered.ckpt"]) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "note:" not in line)
    assert "altered.ckpt" in line
    assert {path.name for path in Path().iterdir()} == {"altered.ckpt", "t.csv"}


@pytest.mark.filterwarnings("ignore:A `OneCycleLR` scheduler")
@pytest.mark.parametrize(
    "options",
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
    ids=lambda options: f"{options[1]} {options[3]}",
)
def test_the_states_of_optimizers_and_schedulers_are_resumed(options: list[str]) -> None:
    assert main(["fit", *table(), *QUICK, "1", *options]) == 0
    assert main(["fit", *table(), *QUICK, "2", *options, "--ckpt_path", "last"]) == 0


MEMBERS = {
    "losses that are text": {"best_losses": "junk"},
    "losses that are NaN": {"best_losses": torch.full((8,), torch.nan)},
    "losses of other members": {"best_losses": torch.zeros(3)},
    "waits of other members": {"wait_counts": torch.zeros(3, dtype=torch.long)},
    "weights that are text": {"weights": "junk"},
    "weights of another network": {"weights": {"junk": torch.zeros(8)}},
    "weights of another shape": {"weights": {"network.1.0.weight": torch.zeros(8, 2)}},
    "weights that are integers": {"weights": {"network.1.0.weight": 1}},
}


@pytest.mark.reliability(56)
@pytest.mark.parametrize("state", MEMBERS.values(), ids=MEMBERS)
def test_altered_weights_of_members_are_refused(
    state: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    table()
    fit = ["fit", "--config", "table", "--data.path", "t.csv", "--data.target", "last", *QUICK]
    assert main([*fit, "1"]) == 0
    content = torch.load("lightning_logs/table/version_0/checkpoints/last.ckpt", weights_only=True)
    (name,) = (name for name in content["callbacks"] if name.startswith("MemberEarlyStopping"))
    content["callbacks"][name] |= state
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    capsys.readouterr()
    assert main([*fit, "2", "--ckpt_path", "altered.ckpt"]) == 2
    assert "altered.ckpt has inconsistent content" in capsys.readouterr().err
