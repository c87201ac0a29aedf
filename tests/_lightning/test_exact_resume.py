"""A fit that is resumed at any step equals one that was never interrupted, bit for bit."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import (
    EarlyStopping,
    EMAWeightAveraging,
    GradientAccumulationScheduler,
    ModelCheckpoint,
    StochasticWeightAveraging,
    WeightAveraging,
)
from torch import Tensor, nn

from lit_classify import BinaryClassifier, EpochLog, MoonsDataModule, UserError
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.callbacks import BestCheckpoint, LastCheckpoint
from lit_classify.cli.main import main

QUIET: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "accelerator": "cpu",
    "num_sanity_val_steps": 0,
}


EPOCHS, BATCHES = 4, 7


STEPS = [1, 3, 7, 8, 13, 14, 20, 25]


EVERY_STEP = [
    *STEPS,
    *(pytest.param(step, marks=pytest.mark.slow) for step in range(1, 28) if step not in STEPS),
]


PLATEAU = {"lr_scheduler": "ReduceLROnPlateau", "lr_scheduler_args": {"patience": 0, "threshold": 0.02}}


KEEPING: dict[str, Any] = {"enable_checkpointing": True, "default_root_dir": "."}


DRAWS = "tests.custom_networks.Draws"


pytestmark = [
    pytest.mark.filterwarnings("ignore:.*callbacks used to create the checkpoint need to be provided"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:When using `Trainer.accumulate_grad_batches != 1.` and overriding"),
]


class StopAt(L.Callback):
    """Ask for a stop after a number of batches, as a user or the system would."""

    def __init__(self, batches: int, how: str) -> None:
        self.remaining, self.how = batches, how

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.remaining -= 1
        if self.remaining == 0 and self.how == "signal":
            os.kill(os.getpid(), signal.SIGTERM)
        elif self.remaining == 0:
            trainer.should_stop = True


def data(**options: Any) -> MoonsDataModule:
    return MoonsDataModule(num_samples=125, batch_size=15, noise=0.3, **options)  # 7 batches, the last short


def fit(
    path: str | None = None,
    callbacks: Callable[[], list[Any]] = list,
    model: dict[str, Any] | None = None,
    trainer: type[L.Trainer] = RunTrainer,
    rows: MoonsDataModule | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Train from the start or from a checkpoint; return the content of a checkpoint of the end."""
    L.seed_everything(1, verbose=False)
    module = BinaryClassifier(2, **{"hidden": [8], "lr": 0.05, "optimizer": "Adam", **(model or {})})
    made = trainer(**{**QUIET, "max_epochs": EPOCHS, "callbacks": callbacks(), **settings})
    try:
        made.fit(module, rows or data(), ckpt_path=path, weights_only=True)
    except SystemExit:
        return {}
    made.save_checkpoint("end.ckpt")
    content: dict[str, Any] = torch.load("end.ckpt", weights_only=True)
    os.replace("end.ckpt", "stopped.ckpt" if path is None else "resumed.ckpt")
    return content


def same(left: Any, right: Any) -> bool:
    """Whether two nested structures hold the same numbers, bit for bit."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return torch.equal(left, right) if isinstance(left, Tensor) else bool(left == right)


def assert_same(whole: dict[str, Any], resumed: dict[str, Any]) -> None:
    for key in ("epoch", "global_step", "lr_schedulers", "state_dict", "optimizer_states"):
        assert same(whole[key], resumed[key]), f"{key}: {whole[key]} is not {resumed[key]}"
    for name, state in whole["callbacks"].items():
        if "EarlyStopping" in name:
            assert same(state, resumed["callbacks"][name])


def assert_exact(stop: dict[str, Any], **both: Any) -> None:
    whole = fit(**both)
    fit(**{**both, **stop})
    assert_same(whole, fit("stopped.ckpt", **both))


@pytest.mark.reliability(45)
@pytest.mark.parametrize("how", ["RReLU", "F.dropout", "rand_like", "numpy", "random"])
@pytest.mark.parametrize("steps", [3, 14])
def test_a_run_that_draws_random_numbers_is_resumed_exactly(how: str, steps: int) -> None:
    network = {"network": DRAWS, "network_args": {"how": how}, **PLATEAU}
    assert_exact({"max_steps": steps}, model=network, callbacks=lambda: [EpochLog(2)])


@pytest.mark.reliability(45)
def test_a_run_that_draws_random_numbers_in_transfer_hooks_is_resumed_exactly() -> None:
    class Augmented(MoonsDataModule):
        def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
            x, y = batch
            return x + 0.1 * torch.randn_like(x), y

    assert_exact({"max_steps": 10}, rows=Augmented(num_samples=125, batch_size=15))


class DrawRecorder(nn.Identity):
    """Draws random numbers in every training step, and keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.draws: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.draws.append(torch.rand(4))
        return x


@pytest.mark.reliability(45)
def test_each_batch_of_a_run_draws_different_random_numbers() -> None:
    recorder = DrawRecorder()

    def run(seed: int) -> None:
        L.seed_everything(seed, verbose=False)
        model = BinaryClassifier(2)
        model.network = nn.Sequential(recorder, model.network)
        RunTrainer(**QUIET, max_epochs=3).fit(model, data())

    run(1)
    run(2)
    assert len({tuple(numbers.tolist()) for numbers in recorder.draws}) == 2 * 3 * BATCHES


def test_repeated_closures_of_an_optimizer_draw_the_same_random_numbers() -> None:
    recorder = DrawRecorder()

    model = BinaryClassifier(2, optimizer="LBFGS")
    model.network = nn.Sequential(recorder, model.network)
    RunTrainer(**QUIET, max_epochs=2).fit(model, MoonsDataModule(num_samples=50))
    assert len(recorder.draws) > 10
    assert len({tuple(numbers.tolist()) for numbers in recorder.draws}) == 2


class Validations(L.Callback):
    """Every validation's loss and the learning rate in every epoch."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rates: list[float] = []

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.losses.append(float(trainer.callback_metrics["val/loss"]))

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


@pytest.mark.reliability(43)
@pytest.mark.parametrize("every", [1, 2, 3])
def test_plateau_schedulers_count_validations(every: int) -> None:
    seen = Validations()
    fit(model=PLATEAU, callbacks=lambda: [seen, EpochLog(every)], max_epochs=13)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=0.05)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.02)
    rates, losses = [], iter(seen.losses)
    for epoch in range(13):
        rates += [optimizer.param_groups[0]["lr"]] * BATCHES
        if epoch % every == 0:
            scheduler.step(next(losses))
    assert seen.rates == rates
    assert len(set(rates)) > 1


@pytest.mark.reliability(43)
@pytest.mark.parametrize("steps", EVERY_STEP)
@pytest.mark.parametrize("every", [1, 3])
def test_plateau_schedulers_are_exact_at_any_step(every: int, steps: int) -> None:
    assert_exact({"max_steps": steps}, model=PLATEAU, callbacks=lambda: [EpochLog(every)])


@pytest.mark.reliability(43)
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_the_validation_that_ends_a_run_is_not_counted_when_it_is_resumed(epochs: int) -> None:
    stops = lambda: [EpochLog(3), EarlyStopping("val/loss", patience=5)]  # noqa: E731 - new ones for each run
    assert_exact({"max_epochs": epochs}, model=PLATEAU, callbacks=stops)


@pytest.mark.reliability(43)
@pytest.mark.parametrize("batches", [3, 7, 10, 14])
def test_validations_within_epochs_are_counted(batches: int) -> None:
    assert_exact({"max_steps": batches}, model=PLATEAU, val_check_interval=3)


@pytest.mark.reliability(43)
@pytest.mark.parametrize("every", [1, None])
@pytest.mark.parametrize("batches", [6, 7, 14])
def test_a_stop_at_an_epoch_s_end_adds_no_validation_to_those_within_epochs(
    batches: int, every: int | None
) -> None:
    both = {"model": PLATEAU, "val_check_interval": 4, "check_val_every_n_epoch": every}
    assert_exact({"callbacks": lambda: [StopAt(batches, "stop")]}, **both)


@pytest.mark.reliability(43)
@pytest.mark.parametrize("monitor", ["train/loss", "val/accuracy"])
@pytest.mark.parametrize("limit_val_batches", [0, 1.0])
def test_a_custom_plateau_scheduler_monitors_its_metric(monitor: str, limit_val_batches: float) -> None:
    if monitor == "val/accuracy" and not limit_val_batches:
        pytest.skip("there is no such metric")

    class Own(BinaryClassifier):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam(self.parameters(), lr=0.05)
            scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.1)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": monitor}}

    def run(path: str | None = None, **until: Any) -> dict[str, Any]:
        L.seed_everything(1, verbose=False)
        trainer = L.Trainer(**QUIET, limit_val_batches=limit_val_batches, **until)
        trainer.fit(Own(2, hidden=[8]), data(), ckpt_path=path, weights_only=True)
        trainer.save_checkpoint("own.ckpt")
        return torch.load("own.ckpt", weights_only=True)  # type: ignore[no-any-return]

    whole = run(max_epochs=6)
    run(max_steps=17)
    assert_same(whole, run("own.ckpt", max_epochs=6))
    assert whole["lr_schedulers"][0]["last_epoch"] == 6


def test_a_plateau_scheduler_without_validation_is_refused() -> None:
    with pytest.raises(UserError, match="watches val/loss, but nothing is validated"):
        fit(model=PLATEAU, limit_val_batches=0)


@pytest.mark.reliability(43)
def test_moons_learn_with_a_plateau_scheduler(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["fit", "--config", "moons", "--model.lr_scheduler", "ReduceLROnPlateau", "--plots", "none"]
    assert main(command) == 0
    (last,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch: 400"))
    assert float(last.split("Acc: ")[-1].rstrip("%")) > 99


@pytest.mark.reliability(44)
@pytest.mark.parametrize("accumulate", [2, 3])
@pytest.mark.parametrize("steps", [1, 4, 6])
def test_accumulated_gradients_are_exact_at_any_step(accumulate: int, steps: int) -> None:
    model = {"dropout": 0.3, **PLATEAU}
    assert_exact({"max_steps": steps}, model=model, accumulate_grad_batches=accumulate)


@pytest.mark.reliability(44)
def test_micro_batches_draw_different_random_numbers() -> None:
    masks: list[Tensor] = []

    class Kept(nn.Dropout):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                masks.append(super().forward(torch.ones(20)))
            return x

    model = BinaryClassifier(2)
    model.network = nn.Sequential(Kept(), model.network)
    RunTrainer(**QUIET, max_epochs=2, accumulate_grad_batches=3).fit(model, data())
    assert len({tuple(mask.tolist()) for mask in masks}) == len(masks) == 2 * BATCHES


@pytest.mark.reliability(44)
@pytest.mark.parametrize("how", ["signal", "should_stop"])
@pytest.mark.parametrize("batches", range(1, 8))
def test_a_stop_waits_for_the_optimizer_s_step(how: str, batches: int) -> None:
    both: dict[str, Any] = {"model": {"dropout": 0.3, **PLATEAU}, "accumulate_grad_batches": 3}
    whole = fit(**both)
    fit(**both, callbacks=lambda: [StopAt(batches, how), LastCheckpoint()], **KEEPING)
    stopped = torch.load("checkpoints/last.ckpt", weights_only=True)
    trained = stopped["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["completed"]
    assert trained % 3 == 0 or trained == BATCHES
    assert batches <= trained < batches + 3
    assert_same(whole, fit("checkpoints/last.ckpt", **both))


@pytest.mark.reliability(44)
@pytest.mark.parametrize("call", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("hook", ["on_train_batch_start", "on_train_batch_end"])
def test_a_checkpoint_within_an_accumulation_keeps_the_gradients(hook: str, call: int) -> None:
    calls: list[int] = []

    def save(self: L.Callback, trainer: L.Trainer, *_: Any) -> None:
        calls.append(1)
        if len(calls) == call:
            trainer.save_checkpoint("within.ckpt")

    both: dict[str, Any] = {"model": {"dropout": 0.3, **PLATEAU}, "accumulate_grad_batches": 3}
    whole = fit(**both, callbacks=lambda: [type("Saving", (L.Callback,), {hook: save})()])
    assert_same(whole, fit("within.ckpt", **both))


@pytest.mark.reliability(44)
def test_a_checkpoint_within_a_step_is_refused() -> None:
    class Saving(L.Callback):
        def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            trainer.save_checkpoint(f"{trainer.fit_loop.batch_idx}.ckpt")

    both: dict[str, Any] = {"model": {"dropout": 0.3}, "accumulate_grad_batches": 3, "max_epochs": 1}
    whole = fit(**both, callbacks=lambda: [Saving()])
    with pytest.raises(UserError, match="within a step that adds to accumulated gradients"):
        fit("4.ckpt", **both)
    assert_same(whole, fit("3.ckpt", **both))


@pytest.mark.reliability(44)
def test_a_schedule_of_accumulation_is_exact() -> None:
    schedule = lambda: [GradientAccumulationScheduler({0: 2, 2: 3})]  # noqa: E731 - a new one for each run
    assert_exact({"max_steps": 9}, callbacks=schedule, model={"dropout": 0.3})


@pytest.mark.reliability(3)
@pytest.mark.parametrize(
    "hook",
    [
        "on_train_epoch_start",
        "on_train_batch_start",
        "on_train_batch_end",
        "on_validation_start",
        "on_validation_batch_end",
        "on_validation_epoch_end",
        "on_train_epoch_end",
    ],
)
@pytest.mark.parametrize("call", [2, 7, 14])
@pytest.mark.parametrize("trainer", [L.Trainer, RunTrainer])
def test_a_checkpoint_of_any_hook_can_be_resumed(hook: str, call: int, trainer: type[L.Trainer]) -> None:
    calls: list[int] = []
    call = call if "batch" in hook and "train" in hook else call % 6

    def save(self: L.Callback, trainer: L.Trainer, *_: Any) -> None:
        calls.append(1)
        if len(calls) == call:
            trainer.save_checkpoint("within.ckpt")

    def saving() -> list[L.Callback]:
        return [
            EpochLog(1),
            EarlyStopping("val/loss", patience=20),
            type("Saving", (L.Callback,), {hook: save})(),
        ]

    both: dict[str, Any] = {"model": {"dropout": 0.3, **PLATEAU}, "trainer": trainer}
    whole = fit(**both, callbacks=saving)
    assert Path("within.ckpt").is_file()
    resumed = fit("within.ckpt", **both, callbacks=lambda: saving()[:2])
    assert_same(whole, resumed)


@pytest.mark.reliability(3, 9)
@pytest.mark.parametrize("steps", [3, 7, 10])
def test_a_resume_that_is_interrupted_before_its_first_step_can_be_resumed(steps: int) -> None:
    class Interrupted(L.Callback):
        def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            trainer.save_checkpoint("interrupted.ckpt")

    both: dict[str, Any] = {"model": {"dropout": 0.3, **PLATEAU}}
    whole = fit(**both)
    fit(**both, max_steps=steps)
    fit("stopped.ckpt", **both, callbacks=lambda: [Interrupted()])
    assert_same(whole, fit("interrupted.ckpt", **both))


@pytest.mark.reliability(3)
@pytest.mark.parametrize(
    "settings", [{"every_n_train_steps": 1}, {"monitor": "val/loss"}, {"save_on_train_epoch_end": False}]
)
def test_lightning_s_own_checkpoints_can_be_resumed(settings: dict[str, Any]) -> None:
    both: dict[str, Any] = {"model": {"dropout": 0.3, **PLATEAU}}
    keep = lambda: [ModelCheckpoint("kept", save_top_k=-1, **settings)]  # noqa: E731 - a new one for each run
    whole = fit(**both, callbacks=keep, enable_checkpointing=True)
    kept = [path for path in Path("kept").iterdir() if f"step={EPOCHS * BATCHES}" not in path.name]
    assert len(kept) >= EPOCHS - 1
    for path in kept:
        assert_same(whole, fit(str(path), **both))


@pytest.fixture
def table() -> list[str]:
    generator = random.Random(0)
    cells = [[generator.gauss(0, 1) for _ in range(3)] for _ in range(150)]
    lines = [
        f"{a:.4f},{b:.4f},{c:.4f},{'yes' if a * b + c + generator.gauss(0, 1) > 0 else 'no'}"
        for a, b, c in cells
    ]
    Path("t.csv").write_text("\n".join(["a,b,c,y", *lines]))
    fit = ["fit", "--config", "table", "--data.path", "t.csv", "--data.target", "y", "--plots", "none"]
    return [*fit, "--test_best", "false", "--data.batch_size", "16", "--trainer.callbacks.patience", "2",
            "--data.folds", "3", "--model.hidden", "[16]", "--model.lr_scheduler", "ReduceLROnPlateau",
            "--model.lr_scheduler_args", "{factor: 0.5, patience: 1}", "--model.lr", "0.06",
            "--seed_everything", "2"]  # fmt: skip


def last(run: int) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(
        f"lightning_logs/table/version_{run}/checkpoints/last.ckpt", weights_only=True
    )
    return content


SOME_STEPS = [1, 5, 7, 8, 12, 31]


@pytest.mark.reliability(43)
@pytest.mark.parametrize(
    "steps",
    [SOME_STEPS, pytest.param(sorted({*range(1, 40)} - {*SOME_STEPS}), marks=pytest.mark.slow)],
    ids=["some", "others"],
)
def test_the_table_recipe_is_exact_at_any_step(table: list[str], steps: list[int]) -> None:
    assert main(table) == 0
    whole = last(0)
    assert whole["global_step"] == 40  # early stopping ended it
    for run, step in enumerate(steps):
        assert main([*table, "--trainer.max_steps", str(step)]) == 0
        resume = f"lightning_logs/table/version_{2 * run + 1}/checkpoints/last.ckpt"
        assert main([*table, "--ckpt_path", resume]) == 0
        assert_same(whole, last(2 * run + 2))


@pytest.mark.reliability(2)
def test_an_extra_validation_at_the_end_of_the_table_recipe_is_not_resumed(table: list[str]) -> None:
    table = [*table, "--log_every_n_epochs", "3"]
    for epochs in ("4", "5"):  # the last validation of the second run is extra
        assert main([*table, "--trainer.max_epochs", epochs]) == 0
    best, epoch_4, epoch_5 = (
        torch.load(f"lightning_logs/table/version_{name}.ckpt", weights_only=True)
        for name in ("1/checkpoints/best", "0/checkpoints/last", "1/checkpoints/last")
    )
    (name,) = (name for name in epoch_4["callbacks"] if name.startswith("MemberEarlyStopping"))
    assert same(epoch_4["callbacks"][name], epoch_5["callbacks"][name])
    weights = epoch_5["callbacks"][name]["weights"]
    assert not same(weights, {name: best["state_dict"][name] for name in weights})
    assert main([*table, "--trainer.max_epochs", "7", "--ckpt_path", "last"]) == 0
    assert main([*table, "--trainer.max_epochs", "7"]) == 0
    assert_same(last(3), last(2))


def test_early_stopping_of_members_can_begin_with_a_resumed_run(table: list[str]) -> None:
    without = ["--trainer.callbacks", "null"]
    patience = table.index("--trainer.callbacks.patience")
    del table[patience : patience + 2]
    assert main([*table, *without, "--trainer.max_epochs", "2"]) == 0
    assert main([*table, "--trainer.max_epochs", "4", "--ckpt_path", "last"]) == 0


@pytest.mark.reliability(49)
@pytest.mark.parametrize("steps", [1, 3, 6, 7, 10])
def test_the_printed_line_of_a_resumed_epoch_covers_all_its_rows(steps: int) -> None:
    made: dict[str, EpochLog] = {}

    def rows(name: str) -> list[L.Callback]:
        made[name] = EpochLog(1)
        return [made[name]]

    fit(callbacks=lambda: rows("whole"))
    fit(callbacks=lambda: rows("stopped"), max_steps=steps)
    fit("stopped.ckpt", callbacks=lambda: rows("resumed"))
    assert made["resumed"].lines == made["whole"].lines[steps // BATCHES :]


@pytest.mark.reliability(49)
def test_the_logged_loss_of_a_resumed_epoch_covers_all_its_rows() -> None:
    seen: list[float] = []

    class Losses(L.Callback):
        def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            seen.append(float(pl_module.epoch_metrics("train")["train/loss"]))  # type: ignore[operator]

    fit(callbacks=lambda: [Losses()], max_epochs=2)
    whole = list(seen)
    fit(max_steps=10)
    seen.clear()
    fit("stopped.ckpt", callbacks=lambda: [Losses()], max_epochs=2)
    assert seen == whole[1:]


@pytest.mark.reliability(46)
@pytest.mark.parametrize(
    "average", [WeightAveraging, lambda: EMAWeightAveraging(decay=0.9)], ids=["mean", "ema"]
)
@pytest.mark.parametrize("stop", [{"max_steps": 10}, {"max_epochs": 2}, {"max_steps": 14}], ids=str)
def test_weight_averages_are_exact(average: Callable[[], L.Callback], stop: dict[str, int]) -> None:
    assert_exact(stop, callbacks=lambda: [average(), EpochLog(1)], model=PLATEAU)


@pytest.mark.reliability(46)
def test_stochastic_weight_averaging_trains_and_is_not_resumed() -> None:
    swa = lambda: [StochasticWeightAveraging(0.01, swa_epoch_start=2)]  # noqa: E731 - a new one for each run
    assert fit(callbacks=swa)["epoch"] == EPOCHS
    for callbacks in (swa, list):
        with pytest.raises(
            UserError, match="StochasticWeightAveraging, whose learning rates Lightning does not"
        ):
            fit("stopped.ckpt", callbacks=callbacks, max_epochs=6)


@pytest.mark.reliability(47)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"accumulate_grad_batches": 2},
            "accumulate_grad_batches 1, but this run has accumulate_grad_batches 2",
        ),
        ({"limit_train_batches": 5}, "7 batches in an epoch, but this run has 5 batches in an epoch"),
        (
            {"rows": MoonsDataModule(num_samples=125, batch_size=16)},
            "batch_size 15, but this run has batch_size 16",
        ),
    ],
)
def test_an_epoch_is_not_resumed_with_other_batches(settings: dict[str, Any], message: str) -> None:
    fit(max_steps=3)
    with pytest.raises(UserError, match=message):
        fit("stopped.ckpt", **settings)
    fit(max_steps=7)
    assert fit("stopped.ckpt", **settings)["epoch"] == EPOCHS


@pytest.mark.reliability(48)
@pytest.mark.filterwarnings("default::lit_classify.errors.DataWarning")
def test_a_run_ended_by_early_stopping_is_not_continued(
    capsys: pytest.CaptureFixture[str], table: list[str]
) -> None:
    assert main(table) == 0
    assert "stopped early" in capsys.readouterr().out
    before = sorted(Path().rglob("*"))
    assert main([*table, "--ckpt_path", "last"]) == 0
    output = capsys.readouterr()
    assert "nothing left to train: early stopping ended the run in epoch" in output.out
    assert "--trainer.callbacks.patience 4" in output.out
    assert "--trainer.callbacks null" in output.out
    assert sorted(Path().rglob("*")) == before
    ended = last(0)["epoch"]
    assert main([*table, "--ckpt_path", "last", "--trainer.callbacks.patience", "4"]) == 0
    assert last(1)["epoch"] > ended
    resume = ["--ckpt_path", "lightning_logs/table/version_0/checkpoints/last.ckpt"]
    longer = ["--trainer.callbacks", "null", "--trainer.max_epochs", str(ended + 3)]
    without = (
        table[: table.index("--trainer.callbacks.patience")]
        + table[table.index("--trainer.callbacks.patience") + 2 :]
    )
    assert main([*without, *resume, *longer]) == 0
    assert last(2)["epoch"] == ended + 3


@pytest.mark.reliability(3, 43)
@pytest.mark.parametrize("name", ["best", "last"])
def test_best_and_last_are_exact_with_a_plateau_scheduler(name: str) -> None:
    both: dict[str, Any] = {"model": {"dropout": 0.3, **PLATEAU}, "max_epochs": 6}
    whole = fit(**both, callbacks=lambda: [EpochLog(2)])
    keep = lambda: [EpochLog(2), BestCheckpoint(), LastCheckpoint()]  # noqa: E731 - new ones for each run
    fit(**{**both, "max_epochs": 3}, callbacks=keep, **KEEPING)
    (path,) = Path().rglob(f"{name}.ckpt")
    assert_same(whole, fit(str(path), **both, callbacks=lambda: [EpochLog(2)]))


@pytest.mark.reliability(3)
@pytest.mark.parametrize("stop", [{"max_steps": 5}, {"max_steps": 10}, {"max_epochs": 2}])
def test_early_stopping_by_the_training_loss_is_exact_with_rare_validations(stop: dict[str, Any]) -> None:
    stops = lambda: [EpochLog(3), EarlyStopping("train/loss", min_delta=9.0, patience=2)]  # noqa: E731 - as above
    both: dict[str, Any] = {"callbacks": stops, "check_val_every_n_epoch": 3}
    assert fit(**both)["epoch"] == 3
    assert_exact(stop, **both)
