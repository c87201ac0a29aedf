"""Checkpoints: found by what the command line says, read once, refused when their content makes no sense."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_classify import load
from lit_classify.checkpoints import io
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.main import main
from lit_classify.errors import UserError

QUICK = ["--plots", "none", "--trainer.max_epochs"]


TABLE = ["--data", "TableDataModule", "--data.path", "t.csv", "--data.target", "last"]


def table() -> list[str]:
    rows = [f"{n % 7},{'ab'[n % 2]},{'yes' if n % 3 else 'no'}" for n in range(60)]
    Path("t.csv").write_text("\n".join(["x,c,last", *rows]))
    return TABLE


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
    seal, read = io._checksum_matches, torch.load

    def hashed(file: Any, comment: bytes) -> bool:
        counts["hashed"] += Path(file.name) == path
        return seal(file, comment)

    def loaded(file: Any, *args: Any, **kwargs: Any) -> Any:
        counts["loaded"] += Path(file) == path
        return read(file, *args, **kwargs)

    monkeypatch.setattr(io, "_checksum_matches", hashed)
    monkeypatch.setattr(torch, "load", loaded)
    again = ["fit", *table(), *QUICK, "2", "--test_best", "false"] if command == "fit" else [command]
    assert main([*again, "--ckpt_path", str(path)]) == 0
    assert counts == {"hashed": 1, "loaded": 1}


def at(content: Any, path: str) -> Any:
    """Return what lies deep inside a checkpoint; a slash stands for a full stop in a name."""
    for name in path.split("."):
        name = name.replace("/", ".") if "epoch_loop" in name else name
        content = content[int(name) if name.isdecimal() else name]
    return content


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets a value deep inside a checkpoint."""

    def alter(content: dict[str, Any]) -> None:
        if path.startswith("state_dict."):
            parent, name = content["state_dict"], path.removeprefix("state_dict.")
        else:
            above, _, name = path.rpartition(".")
            parent = at(content, above) if above else content
            name = name.replace("/", ".") if "epoch_loop" in name else name
        parent[int(name) if name.isdecimal() else name] = value

    return alter


ARGS = "lit_classify.model.init_args"
DATA = "lit_classify.data.init_args"
ALTERED = {
    "another shape": change("state_dict.network.0.weight", torch.zeros(3, 3)),
    "a weight that is no tensor": change("state_dict.network.0.weight", "weights"),
    "NaN weights": change("state_dict.network.0.bias", torch.full((10,), torch.nan)),
    "infinite weights": change("state_dict.network.0.bias", torch.full((10,), torch.inf)),
    "a complex weight": change("state_dict.network.0.bias", torch.zeros(10, dtype=torch.complex64)),
    "a weight of whole numbers": change("state_dict.network.0.bias", torch.zeros(10, dtype=torch.int64)),
    "a double weight among single ones": change(
        "state_dict.network.0.bias", torch.zeros(10, dtype=torch.float64)
    ),
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
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
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


INVALID_STATES = {
    "a center of NaN": lambda state: state["encoders"][0].update(center=float("nan")),
    "a scale of zero": lambda state: state["encoders"][0].update(scale=0.0),
    "a negative scale": lambda state: state["encoders"][0].update(scale=-1.0),
    "a median of text": lambda state: state["encoders"][0].update(median="x"),
    "an unknown kind": lambda state: state["encoders"][0].update(kind="other"),
    "categories as one text": lambda state: state["encoders"][1].update(categories="ab"),
    "a category twice": lambda state: state["encoders"][1].update(categories=["a", "a"]),
    "columns of numbers": lambda state: state.update(columns=[1, 2]),
    "a digest that is a number": lambda state: state["files"].update(path={"t.csv": 0}),
    "no file": lambda state: state["files"].update(path={}),
    "no files at all": lambda state: state.update(files={}),
    "a file that was not named": lambda state: state["files"].update(val_path={"v.csv": "0"}),
    "a class twice": lambda state: state["target"].update(class_names=["no", "no"]),
}


@pytest.fixture(scope="module")
def original_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original_table")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["fit", *table(), *QUICK, "1"]) == 0
    return folder


@pytest.mark.reliability(56)
@pytest.mark.parametrize("what", INVALID_STATES)
def test_what_a_table_cannot_have_taught_scores_no_row(
    what: str, original_table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(original_table)
    content = torch.load("lightning_logs/table/version_0/checkpoints/last.ckpt", weights_only=True)
    INVALID_STATES[what](content["lit_classify"]["data"]["init_args"]["fitted_state"])
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    capsys.readouterr()
    assert main(["test", "--ckpt_path", "altered.ckpt"]) == 2
    said = capsys.readouterr().err
    assert "data.fitted_state" in said
    assert len(said.splitlines()) == 1


@pytest.mark.reliability(56)
@pytest.mark.parametrize("part", ["encoders", "classes"])
def test_a_model_for_another_table_than_the_recorded_one_is_refused(
    part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *table(), *QUICK, "1"]) == 0
    content = torch.load("lightning_logs/table/version_0/checkpoints/last.ckpt", weights_only=True)
    state = content["lit_classify"]["data"]["init_args"]["fitted_state"]
    if part == "encoders":
        state["encoders"].pop()
    else:
        state["target"]["class_names"].append("maybe")
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    for command in COMMANDS:
        assert main([*command, "altered.ckpt"]) == 2
        assert "of its model and of its data differ" in capsys.readouterr().err


def altered_table(original_table: Path) -> dict[str, Any]:
    """Return what a run on the table has written; the table itself is put here."""
    table()
    path = original_table / "lightning_logs/table/version_0/checkpoints/last.ckpt"
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


RESUME = ["fit", *TABLE, *QUICK, "2", "--ckpt_path"]


@pytest.mark.reliability(56)
def test_a_table_that_has_taught_nothing_is_refused(
    original_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = altered_table(original_table)
    content["lit_classify"]["data"]["init_args"]["fitted_state"] = None
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    for command in (*COMMANDS, RESUME):
        assert main([*command, "altered.ckpt"]) == 2, command
        (line,) = capsys.readouterr().err.splitlines()
        assert "preprocessing of its table is missing" in line


STATE = "optimizer_states.0.state.0"
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
def test_a_state_that_no_training_can_have_left_is_not_resumed(
    what: str, original_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = altered_table(original_table)
    UNRESUMABLE[what](content)
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    assert main([*RESUME, "altered.ckpt"]) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "note:" not in line)
    assert "altered.ckpt" in line
    assert {path.name for path in Path().iterdir()} == {"altered.ckpt", "t.csv"}


FITTED = f"{DATA}.fitted_state"
REWRITTEN = {
    "encoders in another order": lambda content: at(content, f"{FITTED}.encoders").reverse(),
    "other categories": change(f"{FITTED}.encoders.1.categories", ["b", "a"]),
    "another scale": change(f"{FITTED}.encoders.0.scale", 2.0),
    "other classes": lambda content: [
        change(f"{part}.class_names", ["yes", "no"])(content) for part in (ARGS, f"{FITTED}.target")
    ],
    "other weights": change("state_dict.network.0.bias", torch.zeros(64)),
    "other momentum": change(f"{STATE}.exp_avg", torch.zeros(64, 4)),
    "other epochs": change("loops.fit_loop.epoch_progress.current.completed", 0),
}


@pytest.mark.reliability(56)
@pytest.mark.parametrize("what", REWRITTEN)
def test_content_that_makes_sense_but_was_altered_is_refused(
    what: str, original_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = altered_table(original_table)
    REWRITTEN[what](content)
    torch.save(content, "altered.ckpt")
    for command in (*COMMANDS, RESUME):
        assert main([*command, "altered.ckpt"]) == 2, command
        (line,) = capsys.readouterr().err.splitlines()
        assert "altered.ckpt has been altered since it was written" in line
    with pytest.raises(UserError, match="has been altered"):
        load("altered.ckpt")


def test_what_lightning_or_an_earlier_release_wrote_without_a_checksum_is_read(original_table: Path) -> None:
    content = altered_table(original_table)
    del content["lit_classify"]["sealed"]
    torch.save(content, "unsealed.ckpt")
    assert main(["test", "--ckpt_path", "unsealed.ckpt"]) == 0


@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
def test_a_run_of_another_precision_is_scored(precision: str) -> None:
    assert main(["fit", *table(), *QUICK, "1", "--trainer.precision", precision]) == 0
    assert main(["test", "--ckpt_path", "last"]) == 0


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
def test_what_training_has_left_is_resumed(more: list[str]) -> None:
    assert main(["fit", *table(), *QUICK, "1", *more]) == 0
    assert main(["fit", *table(), *QUICK, "2", *more, "--ckpt_path", "last"]) == 0
