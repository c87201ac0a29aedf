"""The help of fit, validate, test and predict."""

import pytest
import torch

from lit_classify.checkpoints.compatibility import DATA_MODULES, TASKS
from lit_classify.cli.lightning_parser import class_help
from lit_classify.cli.main import COMMANDS, main
from lit_classify.modules import AutoModule, LitModule


def test_fit_help_explains_the_data_and_course_mode(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["fit", "--data.help", "CirclesDataModule"])
    assert exit_.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "0 validates on the test points (course mode)" in printed
    assert "--data.num_samples" in printed


@pytest.mark.parametrize(
    ("options", "described"),
    [
        ([], ["--data.noise 0.03", "--model.lr 0.1", "--model.hidden '[10, 10]'"]),
        (["--config", "table"], ["--data.path null", "--data.folds 8", "--model.dropout 0.1"]),
        (["--config", "circles_v0", "--model.lr", "0.5"], ["--model.activation null", "--model.lr 0.5"]),
        (["--data", "BlobsDataModule", "--model", "Regressor"], ["--data.num_classes 4", "--model.lr 0.1"]),
    ],
)
def test_fit_help_begins_with_the_options_of_the_chosen_classes(
    options: list[str], described: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["fit", *options, "--help"])
    overview, _, all_options = capsys.readouterr().out.partition("all options:")
    assert all(f"\n  {option} " in overview for option in described)
    assert "--trainer.gradient_clip_val" in all_options


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_help_shows_no_option_without_an_effect_and_whole_sentences(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert not [line for line in lines if line.startswith(("  --verbose", "  --weights", "  --return"))]
    assert max(len(line) for line in lines if not line.startswith(" ")) <= 100
    assert not [line for line in lines if line.endswith((" your:", " to:"))]


@pytest.mark.parametrize("class_", [*DATA_MODULES.values(), *TASKS.values(), AutoModule])
def test_no_description_of_an_option_is_cut(class_: type) -> None:
    assert "..." not in class_help(class_, "model" if issubclass(class_, LitModule) else "data", {})


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_the_help_of_evaluation_begins_with_its_own_options(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    overview, _, all_options = capsys.readouterr().out.partition("all options:")
    assert overview.split("\n\n")[:2] == [
        f"usage: lit-classify {command} [options]",
        f"{COMMANDS[command].capitalize()}.",
    ]
    assert "\n  --ckpt_path best " in overview
    assert "--trainer.devices" in all_options
    assert not any(
        option in all_options for option in ("--plots", "--log_every", "--test_best", "--tune_threshold")
    )


SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


@pytest.mark.parametrize("word", ["none", "None", "null"])
def test_none_and_null_on_the_command_line_are_none(word: str) -> None:
    options = ["--model.activation", word, "--data.batch_size", word, "--model.lr_scheduler", word]
    assert main([*SHORT, *options, "--plots", "none", "--trainer.gradient_clip_val", word]) == 0
    recorded = torch.load("lightning_logs/circles_v2/version_0/checkpoints/last.ckpt", weights_only=True)
    assert recorded["lit_classify"]["model"]["init_args"]["activation"] is None
    assert recorded["lit_classify"]["data"]["init_args"]["batch_size"] is None
