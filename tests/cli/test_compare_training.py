"""Runs of many seeds at once equal those of fit."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import yaml

from lit_classify.cli.compare_configurations import prepare
from lit_classify.cli.compare_training import chunks, train_at_once, train_sequentially
from lit_classify.cli.fit import FitCLI
from lit_classify.report.comparison import Configuration

SEEDS = range(42, 45)
SHORT = ["--trainer.max_epochs", "12", "--log_every_n_epochs", "4"]
CIRCLES = ["--config", "circles_v2", *SHORT]
BATCHES = [*CIRCLES, "--data.batch_size", "100", "--trainer.max_epochs", "3"]


def write_table(target: str) -> list[str]:
    """Write a table, and a configuration that predicts columns of it."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(120, 3, generator=generator)
    score = x[:, 0] - x[:, 1]
    columns: dict[str, Any] = {f"x{index}": x[:, index].tolist() for index in range(3)}
    columns["color"] = ["red" if n % 3 else "blue" for n in range(120)]
    columns["y"] = ["yes" if value > 0 else "no" for value in score]
    columns["value"] = (100 * score).tolist()
    columns["first"], columns["second"] = (score > 0).long().tolist(), (x[:, 2] > 0).long().tolist()
    names = ["x0", "x1", "x2", "color", *target.split(",")]
    pl.DataFrame(columns).select(names).write_csv("t.csv")
    config = {
        "data": {
            "class_path": "TableDataModule",
            "init_args": {"path": "t.csv", "target": target.split(","), "batch_size": 32},
        },
        "model": {
            "class_path": "AutoModule",
            "init_args": {"optimizer": "AdamW", "lr": 0.01, "numeric_embedding": "both"},
        },
        "trainer": {"max_epochs": 3},
    }
    Path("t.yaml").write_text(yaml.safe_dump(config))
    return ["--config", "t.yaml"]


def metrics_of_fit(arguments: list[str], seed: int, random_state: int = 42) -> dict[str, float]:
    """Return the test metrics of a run of ``fit``."""
    options = ["--trainer.logger", "false", "--trainer.enable_checkpointing", "false"]
    same_data = ["--seed_everything", str(seed), "--data.random_state", str(random_state)]
    with redirect_stdout(io.StringIO()):
        cli = FitCLI(["fit", *arguments, *options, *same_data])
        cli.trainer.test(cli.model, cli.datamodule, verbose=False)
    assert cli.model.evaluation is not None
    return dict(cli.model.evaluation.metrics.values)


def check_against_fit(config: Configuration, arguments: list[str], tolerance: float) -> None:
    for run in config.runs:
        expected = metrics_of_fit(arguments, run.seed)
        assert run.loss == pytest.approx(expected["loss"], abs=tolerance)
        assert run.metric == pytest.approx(expected[config.metric], abs=20 * tolerance)


@pytest.mark.parametrize(
    "arguments",
    [
        CIRCLES,
        BATCHES,
        [*BATCHES, "--trainer.gradient_clip_val", "0.01"],
        [*BATCHES, "--model.freeze", "[0]"],
        [*BATCHES, "--data.inputs", "[x1, x2^2]"],
        ["--config", "spirals", *SHORT],
        ["--config", "line", *SHORT],
        ["--config", "moons", *SHORT, "--model.class_weight", "balanced", "--data.val_fraction", "0.2"],
    ],
    ids=" ".join,
)
@pytest.mark.slow
def test_members_equal_runs_of_fit(arguments: list[str]) -> None:
    config = prepare("name", arguments)
    assert config.sequential_reason == ""
    train_at_once([config], SEEDS)
    assert [run.seed for run in config.runs] == list(SEEDS)
    check_against_fit(config, arguments, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["y", "value", "first,second"])
def test_members_equal_runs_of_fit_on_a_table(target: str) -> None:
    arguments = write_table(target)
    config = prepare("name", arguments)
    assert config.sequential_reason == ""
    train_at_once([config], SEEDS)
    check_against_fit(config, arguments, 1e-5)


@pytest.mark.slow
def test_curves_of_members_are_those_of_runs_trained_alone() -> None:
    arguments = [*write_table("value"), "--data.sample_weight", "x2", "--data.val_fraction", "0.2"]
    frame = pl.read_csv("t.csv").with_columns(pl.col("x2").abs())
    frame.write_csv("t.csv")
    arguments += ["--model.loss", "HuberLoss", "--trainer.accumulate_grad_batches", "2"]
    at_once, alone = prepare("a", arguments), prepare("b", arguments)
    assert at_once.sequential_reason == ""
    train_at_once([at_once], SEEDS)
    for seed, run in zip(SEEDS, at_once.runs, strict=True):
        train_sequentially(alone, seed)
        for name, curve in alone.runs[-1].curves.items():
            assert len(curve) > 1
            for epoch, value in curve.items():
                assert run.curves[name][epoch] == pytest.approx(value, rel=1e-5), (name, epoch)


def test_members_with_other_rates_equal_runs_of_fit() -> None:
    rates = ["0.1", "0.02"]
    configs = [prepare(rate, [*CIRCLES, "--model.lr", rate]) for rate in rates]
    assert configs[0].same_training_key == configs[1].same_training_key
    train_at_once(configs, range(42, 44))
    for config, rate in zip(configs, rates, strict=True):
        run = config.runs[1]
        assert run.loss == pytest.approx(metrics_of_fit([*CIRCLES, "--model.lr", rate], 43)["loss"], abs=1e-5)


@pytest.mark.slow
def test_seeds_that_are_apart_are_trained_at_once() -> None:
    config = prepare("name", CIRCLES)
    train_at_once([config], range(42, 50, 3))
    assert [run.seed for run in config.runs] == [42, 45, 48]
    check_against_fit(config, CIRCLES, 1e-5)


@pytest.mark.slow
def test_several_rates_of_a_single_seed_are_trained_at_once() -> None:
    frozen = [*CIRCLES, "--model.freeze", "[0]"]
    configs = [prepare(rate, [*frozen, "--model.lr", rate]) for rate in ("0.1", "0.02")]
    train_at_once(configs, range(42, 43))
    expected = metrics_of_fit([*frozen, "--model.lr", "0.02"], 42)["loss"]
    assert configs[1].runs[0].loss == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_the_distribution_over_seeds_is_that_of_fit_at_the_end_of_training() -> None:
    arguments = ["--config", "moons", "--trainer.max_epochs", "60"]
    config, seeds = prepare("moons", arguments), range(42, 52)
    train_at_once([config], seeds)
    losses = torch.tensor([run.loss for run in config.runs])
    expected = torch.tensor([metrics_of_fit(arguments, seed)["loss"] for seed in seeds])
    assert torch.allclose(losses.mean(), expected.mean(), rtol=0.02)
    assert torch.allclose(losses.std(), expected.std(), rtol=0.1)


def test_a_run_trained_alone_is_that_of_fit() -> None:
    arguments = [*BATCHES, "--model.dropout", "0.3"]
    config = prepare("dropout", arguments)
    assert "random numbers" in config.sequential_reason
    train_sequentially(config, 43)
    expected = metrics_of_fit(arguments, 43)
    assert config.runs[0].loss == pytest.approx(expected["loss"], abs=1e-7)
    assert list(config.runs[0].curves["val/loss"]) == [0, 2]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--model.members", "2"], "several members"),
        (["--model.optimizer", "LBFGS"], "optimizer LBFGS"),
        (["--model.optimizer", "Rprop"], "optimizer Rprop"),
        (["--model.lr_scheduler", "ReduceLROnPlateau"], "scheduler ReduceLROnPlateau"),
        (["--model.activation", "PReLU"], "PReLU has parameters"),
        (["--model.activation", "RReLU"], "random numbers"),
        (["--trainer.callbacks", "EarlyStopping", "--trainer.callbacks.monitor", "val/loss"], "callbacks"),
        (["--trainer.max_time", "00:00:01:00"], "max_time"),
        (["--trainer.precision", "64-true"], "precision"),
        (["--test_best", "true"], "--test_best"),
        (["--find_lr"], "--find_lr"),
        (["--trainer.limit_test_batches", "1"], "limit_test_batches"),
    ],
    ids=str,
)
def test_configurations_that_cannot_be_members_are_trained_alone(options: list[str], reason: str) -> None:
    assert reason in prepare("name", [*CIRCLES, *options]).sequential_reason


@pytest.mark.parametrize(
    ("options", "is_shared"),
    [
        ([], True),
        (["--model.lr_scheduler", "StepLR", "--model.lr_scheduler_args", "{step_size: 2}"], True),
        (["--model.lr_scheduler", "CosineAnnealingLR", "--model.lr_scheduler_args", "{T_max: 5}"], True),
        (
            [
                *("--model.lr_scheduler", "CosineAnnealingLR"),
                *("--model.lr_scheduler_args", "{T_max: 5, eta_min: 0.01}"),
            ],
            False,
        ),
    ],
    ids=str,
)
def test_rates_are_trained_at_once_if_the_schedule_is_proportional_to_them(
    options: list[str], is_shared: bool
) -> None:
    configs = [prepare(rate, [*CIRCLES, *options, "--model.lr", rate]) for rate in ("0.1", "0.2")]
    assert (configs[0].same_training_key == configs[1].same_training_key) is is_shared


@pytest.mark.parametrize("option", ["--model.hidden=[5]", "--data.noise=0.1", "--trainer.max_epochs=3"])
def test_other_settings_have_another_shape(option: str) -> None:
    assert prepare("a", CIRCLES).same_training_key != prepare("b", [*CIRCLES, option]).same_training_key


@pytest.mark.slow
def test_cross_validated_tables_with_early_stopping_are_evaluated_with_their_best_weights() -> None:
    write_table("y")
    options = ["--data.path", "t.csv", "--data.target", "y", "--trainer.max_epochs", "4", "--data.folds", "3"]
    arguments = ["--config", "table", *options]
    config = prepare("table", arguments)
    assert (config.sequential_reason, config.uses_best, config.split) == (
        "each run has several members",
        True,
        "test",
    )
    train_sequentially(config, 43)
    with redirect_stdout(io.StringIO()) as printed:
        FitCLI(["fit", *arguments, "--seed_everything", "43", "--data.random_state", "42", "--plots", "none"])
    line = next(line for line in printed.getvalue().splitlines() if "on the test rows" in line)
    assert (
        line.strip()
        == f"on the test rows: loss {config.runs[0].loss:.5f}, accuracy {config.runs[0].metric:.5f}"
    )
    assert not any(path.name != "version_0" for path in Path("lightning_logs/table").iterdir())


@pytest.mark.slow
def test_a_diverged_run_is_reported_in_its_epoch() -> None:
    configs = [prepare(rate, [*CIRCLES, "--model.lr", rate]) for rate in ("0.1", "1e25")]
    train_at_once(configs, range(42, 44))
    train_sequentially(configs[1], 44)
    assert [run.diverged_in for run in configs[0].runs] == [None, None]
    epochs = [run.diverged_in for run in configs[1].runs]
    assert epochs == [1, 1, 1] or all(epoch is not None and epoch < 4 for epoch in epochs)
    assert all(run.metric is None for run in configs[1].runs)
    assert configs[0].runs[0].loss == pytest.approx(metrics_of_fit(CIRCLES, 42)["loss"], abs=1e-5)


def test_seeds_are_trained_in_chunks_that_fit_into_memory() -> None:
    config = prepare("name", CIRCLES)
    config.num_activations = 15_000_000
    assert [len(chunk) for chunk in chunks([config], range(8))] == [3, 3, 2]


def test_several_processes_are_refused() -> None:
    with pytest.raises(ValueError, match="one process"):
        prepare("name", [*CIRCLES, "--trainer.devices", "2", "--trainer.accelerator", "cpu"])
