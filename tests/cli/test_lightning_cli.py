"""Options of a recipe whose optimizer, scheduler or network is replaced; callbacks without a list."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from lit_classify.cli.main import main

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


def test_a_single_callback_needs_no_list() -> None:
    assert main([*SHORT, "--trainer.callbacks", "LearningRateMonitor"]) == 0


@pytest.mark.parametrize(
    ("options", "recorded"),
    [
        ("--model.optimizer Adam", None),
        ("--model.optimizer Adam --model.optimizer_args.betas [0.8,0.9]", {"betas": [0.8, 0.9]}),
        ("--model.optimizer RMSprop", None),
        ("--model.optimizer RMSprop --model.optimizer_args.momentum 0.9", {"momentum": 0.9}),
        ("--model.optimizer=RMSprop --model.init_args.optimizer_args='{momentum: 0.9}'", {"momentum": 0.9}),
        ("--model.optimizer SGD", {"momentum": 0.9}),
    ],
)
def test_recipe_arguments_of_a_replaced_optimizer_are_ignored(
    options: str, recorded: dict[str, object] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = ["fit", "--config", "moons", "--trainer.max_epochs", "1", "--plots", "none"]
    assert main([*fit, *shlex.split(options)]) == 0
    saved = yaml.safe_load(Path("lightning_logs/moons/version_0/config.yaml").read_text())
    assert saved["model"]["init_args"]["optimizer_args"] == recorded
    assert ("ignored optimizer_args.momentum" in capsys.readouterr().err) == (
        "momentum" not in (recorded or {})
    )


def test_the_scheduler_of_a_recipe_can_be_replaced_or_removed() -> None:
    rows = [f"{n % 7},{'yes' if n % 3 else 'no'}" for n in range(60)]
    Path("t.csv").write_text("\n".join(["x,y", *rows]))
    fit = [
        "fit",
        "--data",
        "TableDataModule",
        "--data.path",
        "t.csv",
        "--data.target",
        "y",
        "--plots",
        "none",
    ]
    fit += ["--trainer.max_epochs", "1"]
    assert main([*fit, "--model.lr_scheduler", "none"]) == 0
    assert main([*fit, "--model.lr_scheduler", "StepLR", "--model.lr_scheduler_args.step_size", "3"]) == 0


def test_arguments_of_the_default_optimizer_are_kept() -> None:
    model = {"class_path": "BinaryClassifier", "init_args": {"optimizer_args": {"momentum": 0.5}}}
    Path("own.yaml").write_text(yaml.safe_dump({"data": {"class_path": "MoonsDataModule"}, "model": model}))
    assert main(["fit", "--config", "own.yaml", "--trainer.max_epochs", "1", "--plots", "none"]) == 0
    saved = yaml.safe_load(Path("lightning_logs/own/version_0/config.yaml").read_text())
    assert saved["model"]["init_args"]["optimizer_args"] == {"momentum": 0.5}


@pytest.mark.slow
def test_custom_activations_and_optimizers_run_from_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    custom = [
        "--model.activation",
        "tests.custom_networks.OwnTanh",
        "--model.optimizer",
        "tests.custom_optimizers.OwnSGD",
    ]
    assert main([*SHORT, *custom]) == 0
    assert main([*SHORT, "--model.activation", "Tanh"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert rows
    assert rows[: len(rows) // 2] == rows[len(rows) // 2 :]
    path = "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"
    assert main(["test", "--ckpt_path", path]) == 2
    assert "only what you name yourself" in capsys.readouterr().err
    assert main(["test", "--ckpt_path", path, "--model.activation", "tests.custom_networks.OwnTanh"]) == 0
    assert main([*SHORT[:-1], "5", *custom, "--ckpt_path", path]) == 0
    for option in ("--activation", "--model.activation"):
        assert main(["plot", path, "--overwrite", option, "tests.custom_networks.OwnTanh"]) == 0


def test_check_val_every_n_epoch_sets_the_epochs_that_are_validated_and_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*SHORT[:-1], "6", "--trainer.check_val_every_n_epoch", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    epochs = [line.split("|")[0].split()[1] for line in printed if line.startswith("Epoch")]
    assert {"0", "2", "4"} <= set(epochs)
    assert not {"1", "3"} & set(epochs)
    assert all("Test loss" in line for line in printed if line.startswith("Epoch"))
    config = yaml.safe_load(Path("lightning_logs/circles_v2/version_0/config.yaml").read_text())
    assert config["log_every_n_epochs"] == 2
    assert main([*SHORT, "--trainer.check_val_every_n_epoch", "1", "--log_every_n_epochs", "1"]) == 0
    command = [
        "fit",
        "--config",
        "lightning_logs/circles_v2/version_0/config.yaml",
        "--log_every_n_epochs",
        "3",
    ]
    assert main([*command, "--trainer.max_epochs", "2"]) == 0


@pytest.mark.parametrize(
    "options",
    [
        "Timer --trainer.callbacks.duration 00:01:00:00",
        "StochasticWeightAveraging --trainer.callbacks.swa_lrs 0.1",
        "ModelPruning --trainer.callbacks.pruning_fn l1_unstructured --trainer.callbacks.amount 0.2",
    ],
)
def test_the_configuration_of_a_run_with_a_callback_of_lightning_can_be_used_again(options: str) -> None:
    assert main([*SHORT, "--plots", "none", "--trainer.callbacks", *shlex.split(options)]) == 0
    assert main(["fit", "--config", "lightning_logs/circles_v2/version_0/config.yaml"]) == 0
    first, second = (Path(f"lightning_logs/circles_v2/version_{n}/config.yaml").read_text() for n in (0, 1))
    assert first == second.replace("/version_1", "/version_0")


def test_a_checkpoint_before_the_configuration_of_its_run_is_resumed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*SHORT, "--plots", "none"]) == 0
    run = "lightning_logs/circles_v2/version_0"
    resume = ["fit", "--ckpt_path", f"{run}/checkpoints/last.ckpt", "--trainer.max_epochs", "5"]
    assert main(resume) == 2
    (advice,) = re.findall(r"begin with the run's options: (--config \S+)", capsys.readouterr().err)
    for command in (["fit", *advice.split(), *resume[1:]], [*resume[:3], *advice.split(), *resume[3:]]):
        assert main(command) == 0
        assert "Resumed after 3 epochs and trained 2 more" in capsys.readouterr().out


def test_a_run_with_averaged_weights_is_not_resumed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    swa = [*SHORT, "--plots", "none", "--trainer.callbacks", "StochasticWeightAveraging"]
    swa += ["--trainer.callbacks.swa_lrs", "0.1", "--trainer.max_epochs"]
    assert main([*swa, "4"]) == 0
    assert main([*swa, "8", "--ckpt_path", "last"]) == 2
    assert "or average with WeightAveraging or EMAWeightAveraging" in capsys.readouterr().err
