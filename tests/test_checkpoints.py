"""Checkpoints: found by what the command line says, read once, refused when their content makes no sense."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_classify import load, saving
from lit_classify.checkpoints import Checkpoint
from lit_classify.cli import main
from lit_classify.errors import UserError

QUICK = ["--pictures", "none", "--trainer.max_epochs"]


def table() -> list[str]:
    rows = [f"{n % 7},{'ab'[n % 2]},{'yes' if n % 3 else 'no'}" for n in range(60)]
    Path("t.csv").write_text("\n".join(["x,c,last", *rows]))
    return ["--data", "TableDataModule", "--data.path", "t.csv", "--data.target", "last"]


def directories(name: str) -> list[str]:
    return sorted(path.name for path in Path("lightning_logs", name).iterdir())


@pytest.mark.reliability(41)
def test_an_argument_that_looks_like_a_checkpoint_s_name_stays_as_it_is() -> None:
    assert main(["fit", *table(), *QUICK, "1"]) == 0
    assert main(["fit", *table(), *QUICK, "2", "--ckpt_path", "last"]) == 0
    assert directories("table") == ["version_0", "version_1"]
    resumed = Checkpoint.read("lightning_logs/table/version_1/checkpoints/last.ckpt")
    assert resumed.epochs == 2
    assert resumed.data is not None
    assert resumed.data.init_args["target"] == "last"


@pytest.mark.parametrize(
    "found_by",
    [
        ["-c", "moons"],
        ["--config=moons"],
        ["-c", "lightning_logs/moons/version_0/config.yaml"],
        ["-c", "circles_v2", "--recipe.name", "moons", "--data", "MoonsDataModule"],
    ],
    ids=lambda words: words[-1],
)
def test_last_is_looked_for_in_the_runs_of_the_same_name(found_by: list[str]) -> None:
    assert main(["fit", "--config", "moons", *QUICK, "1"]) == 0
    assert main(["fit", "--config", "circles_v1", *QUICK, "1"]) == 0  # newer, and another
    same = ["--model.optimizer_args", "{momentum: 0.9}"] if "circles_v2" in found_by else []
    assert main(["fit", *found_by, *same, *QUICK, "2", "--ckpt_path", "last"]) == 0
    assert Checkpoint.read("lightning_logs/moons/version_1/checkpoints/last.ckpt").epochs == 2


def test_last_of_another_name_is_not_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "moons", *QUICK, "1"]) == 0
    assert main(["fit", "--config", "spirals", *QUICK, "2", "--ckpt_path", "last"]) == 2
    assert "no intact last.ckpt in lightning_logs/spirals" in capsys.readouterr().err


def test_a_run_without_recipe_has_its_name_in_its_configuration() -> None:
    assert main(["fit", "--data", "MoonsDataModule", *QUICK, "1"]) == 0
    config = "lightning_logs/moons/version_0/config.yaml"
    assert main(["fit", "--config", config]) == 0
    assert directories("moons") == ["version_0", "version_1"]


@pytest.mark.parametrize("command", ["fit", "test", "validate", "predict"])
def test_a_checkpoint_is_read_and_hashed_once_in_a_command(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["fit", *table(), *QUICK, "1", "--test_best", "false"]) == 0
    path = Path("lightning_logs/table/version_0/checkpoints/last.ckpt")
    counts = {"hashed": 0, "loaded": 0}
    seal, read = saving._seal_holds, torch.load

    def hashed(file: Any, comment: bytes) -> bool:
        counts["hashed"] += Path(file.name) == path
        return seal(file, comment)

    def loaded(file: Any, *args: Any, **kwargs: Any) -> Any:
        counts["loaded"] += Path(file) == path
        return read(file, *args, **kwargs)

    monkeypatch.setattr(saving, "_seal_holds", hashed)
    monkeypatch.setattr(torch, "load", loaded)
    again = ["fit", *table(), *QUICK, "2", "--test_best", "false"] if command == "fit" else [command]
    assert main([*again, "--ckpt_path", str(path)]) == 0
    assert counts == {"hashed": 1, "loaded": 1}


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets a value deep inside a checkpoint."""

    def alter(content: dict[str, Any]) -> None:
        *parents, name = path.split(".") if not path.startswith("state_dict.") else ["state_dict", path[11:]]
        for parent in parents:
            content = content[parent]
        content[name] = value

    return alter


ARGS = "lit_classify.model.init_args"
DATA = "lit_classify.data.init_args"
ALTERED = {
    "another shape": change("state_dict.network.0.weight", torch.zeros(3, 3)),
    "a weight that is no tensor": change("state_dict.network.0.weight", "weights"),
    "NaN weights": change("state_dict.network.0.bias", torch.full((10,), torch.nan)),
    "infinite weights": change("state_dict.network.0.bias", torch.full((10,), torch.inf)),
    "a weight too many": change("state_dict.network.9.weight", torch.zeros(1)),
    "no weights": change("state_dict", None),
    "an epoch of text": change("epoch", "first"),
    "steps below zero": change("global_step", -1),
    "absurd width": change(f"{ARGS}.hidden", [10**9, 10**9]),
    "absurd depth": change(f"{ARGS}.hidden", [10] * 1_000_000),
    "absurd inputs": change(f"{ARGS}.in_features", 10**12),
    "absurd classes": change(f"{ARGS}.class_names", ["a"] * 100_000),
    "absurd categories": change(f"{ARGS}.num_categories", [10**12]),
    "negative width": change(f"{ARGS}.hidden", [-1]),
    "width of text": change(f"{ARGS}.hidden", "wide"),
    "unknown activation": change(f"{ARGS}.activation", ["ReLU"]),
    "arguments that are none": change("lit_classify.model.init_args", [1, 2]),
    "class path that is none": change("lit_classify.model.class_path", 7),
    "class path as configuration": change("lit_classify.model.class_path", "{class_path: os.system}"),
    "absurd points": change(f"{DATA}.num_samples", 10**13),
    "points of text": change(f"{DATA}.num_samples", "many"),
    "noise of text": change(f"{DATA}.noise", {"a": 1}),
    "record of data as text": change("lit_classify.data", "moons"),
    "unknown data": change("lit_classify.data.class_path", "OtherDataModule"),
}
COMMANDS = (
    ["test", "--ckpt_path"],
    ["predict", "--ckpt_path"],
    ["validate", "--ckpt_path"],
    ["plot"],
    ["export"],
)


OF_DATA = {name for name in ALTERED if "points" in name or "data" in name or "noise" in name}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["fit", "--config", "moons", *QUICK, "1"]) == 0
    return folder / "lightning_logs/moons/version_0/checkpoints/last.ckpt"


@pytest.mark.reliability(56)
@pytest.mark.parametrize("what", ALTERED)
def test_content_that_makes_no_sense_is_one_message_in_every_command(
    what: str, original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(original, weights_only=True)
    ALTERED[what](content)
    saving.WholeCheckpointIO().save_checkpoint(content, "altered.ckpt")
    resume = ["fit", "--config", "moons", *QUICK, "2", "--ckpt_path"]
    for command in (*COMMANDS, resume):
        if command == ["export"] and what in OF_DATA:
            continue  # points need no data to be exported
        begun = time.monotonic()
        assert main([*command, "altered.ckpt"]) == 2, command
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert len(said.splitlines()) == 1
        assert time.monotonic() - begun < 10, command
    assert [path.name for path in Path().iterdir()] == ["altered.ckpt"]
    if what not in OF_DATA:
        with pytest.raises(UserError):
            load("altered.ckpt")


MISLEARNED = {
    "a center of NaN": lambda learned: learned["encoders"][0].update(center=float("nan")),
    "a scale of zero": lambda learned: learned["encoders"][0].update(scale=0.0),
    "a negative scale": lambda learned: learned["encoders"][0].update(scale=-1.0),
    "a median of text": lambda learned: learned["encoders"][0].update(median="x"),
    "an unknown kind": lambda learned: learned["encoders"][0].update(kind="other"),
    "categories as one text": lambda learned: learned["encoders"][1].update(categories="ab"),
    "a category twice": lambda learned: learned["encoders"][1].update(categories=["a", "a"]),
    "columns of numbers": lambda learned: learned.update(columns=[1, 2]),
    "a digest that is a number": lambda learned: learned["files"].update(path={"t.csv": 0}),
    "a class twice": lambda learned: learned["target"].update(class_names=["no", "no"]),
}


@pytest.fixture(scope="module")
def original_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original_table")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["fit", *table(), *QUICK, "1"]) == 0
    return folder


@pytest.mark.reliability(56)
@pytest.mark.parametrize("what", MISLEARNED)
def test_what_a_table_cannot_have_taught_scores_no_row(
    what: str, original_table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(original_table)
    content = torch.load("lightning_logs/table/version_0/checkpoints/last.ckpt", weights_only=True)
    MISLEARNED[what](content["lit_classify"]["data"]["init_args"]["learned"])
    saving.WholeCheckpointIO().save_checkpoint(content, "altered.ckpt")
    capsys.readouterr()
    assert main(["test", "--ckpt_path", "altered.ckpt"]) == 2
    said = capsys.readouterr().err
    assert "data.learned" in said
    assert len(said.splitlines()) == 1


@pytest.mark.reliability(56)
@pytest.mark.parametrize("part", ["encoders", "classes"])
def test_a_model_for_another_table_than_the_recorded_one_is_refused(
    part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *table(), *QUICK, "1"]) == 0
    content = torch.load("lightning_logs/table/version_0/checkpoints/last.ckpt", weights_only=True)
    learned = content["lit_classify"]["data"]["init_args"]["learned"]
    if part == "encoders":
        learned["encoders"].pop()
    else:
        learned["target"]["class_names"].append("maybe")
    saving.WholeCheckpointIO().save_checkpoint(content, "altered.ckpt")
    for command in COMMANDS:
        assert main([*command, "altered.ckpt"]) == 2
        assert "of its model and of its data differ" in capsys.readouterr().err
