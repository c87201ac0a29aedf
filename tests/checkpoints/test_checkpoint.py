"""Reading checkpoints: search by name, a single read, errors for inconsistent content."""

import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    load,
)
from lit_classify.checkpoints import io
from lit_classify.cli.main import main
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import UserError
from lit_classify.modules import LitModule
from tests.checkpoints.altered import (
    ARGS,
    COMMANDS,
    DATA,
    QUICK,
    RESUME,
    STATE,
    altered_table,
    change,
    table,
    value_at,
)
from tests.custom_losses import Focal
from tests.custom_networks import Narrow, OwnTanh, Squares
from tests.custom_optimizers import OwnSGD
from tests.runs import FIT_MOONS, MOONS_CHECKPOINT
from tests.training import TASKS, fitted, trainer


def directories(name: str) -> list[str]:
    return sorted(path.name for path in Path("lightning_logs", name).iterdir())


def test_the_configuration_of_a_run_without_a_recipe_contains_its_name() -> None:
    assert main(["fit", "--data", "MoonsDataModule", *QUICK, "1"]) == 0
    config = "lightning_logs/moons/version_0/config.yaml"
    assert main(["fit", "--config", config]) == 0
    assert directories("moons") == ["version_0", "version_1"]


@pytest.mark.parametrize("command", ["fit", "test", "validate", "predict"])
def test_each_command_reads_and_hashes_a_checkpoint_once(
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


ALTERED = {
    "another shape": change("state_dict.network.0.weight", torch.zeros(3, 3)),
    "a weight that is not a tensor": change("state_dict.network.0.weight", "weights"),
    "NaN weights": change("state_dict.network.0.bias", torch.full((10,), torch.nan)),
    "infinite weights": change("state_dict.network.0.bias", torch.full((10,), torch.inf)),
    "a complex weight": change("state_dict.network.0.bias", torch.zeros(10, dtype=torch.complex64)),
    "an integer weight": change("state_dict.network.0.bias", torch.zeros(10, dtype=torch.int64)),
    "a float64 weight among float32 weights": change(
        "state_dict.network.0.bias", torch.zeros(10, dtype=torch.float64)
    ),
    "an additional weight": change("state_dict.network.9.weight", torch.zeros(1)),
    "no weights": change("state_dict", None),
    "an epoch that is text": change("epoch", "first"),
    "a negative number of steps": change("global_step", -1),
    "absurd width": change(f"{ARGS}.hidden", [10**9, 10**9]),
    "absurd depth": change(f"{ARGS}.hidden", [10] * 1_000_000),
    "absurd inputs": change(f"{ARGS}.in_features", 10**12),
    "absurd classes": change(f"{ARGS}.class_names", ["a"] * 100_000),
    "absurd categories": change(f"{ARGS}.num_categories", [10**12]),
    "negative width": change(f"{ARGS}.hidden", [-1]),
    "a width that is text": change(f"{ARGS}.hidden", "wide"),
    "unknown activation": change(f"{ARGS}.activation", ["ReLU"]),
    "arguments that are a list": change("lit_classify.model.init_args", [1, 2]),
    "a class path that is a number": change("lit_classify.model.class_path", 7),
    "a class path that is a configuration": change(
        "lit_classify.model.class_path", "{class_path: os.system}"
    ),
    "absurd points": change(f"{DATA}.num_samples", 10**13),
    "a number of points that is text": change(f"{DATA}.num_samples", "many"),
    "noise that is a mapping": change(f"{DATA}.noise", {"a": 1}),
    "a data record that is text": change("lit_classify.data", "moons"),
    "unknown data": change("lit_classify.data.class_path", "OtherDataModule"),
}


MESSAGES = {  # that do not name the file
    "negative width": "every width in hidden must be at least 1, but is -1",
    "absurd points": "points need about 1000000.0 GB of memory",
}
OF_DATA = {name for name in ALTERED if "points" in name or "data" in name or "noise" in name}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["fit", "--config", "moons", *QUICK, "1"]) == 0
    return folder / "lightning_logs/moons/version_0/checkpoints/last.ckpt"


@pytest.mark.slow
@pytest.mark.reliability(56)
@pytest.mark.parametrize("alteration", ALTERED)
def test_invalid_content_is_refused_with_one_message_by_every_command(
    alteration: str, original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(original, weights_only=True)
    ALTERED[alteration](content)
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    resume = ["fit", "--config", "moons", *QUICK, "2", "--ckpt_path"]
    for command in (*COMMANDS, resume):
        if command == ["export"] and alteration in OF_DATA:
            continue  # a model of points is exported without its data
        start = time.monotonic()
        assert main([*command, "altered.ckpt"]) == 2, command
        stderr = capsys.readouterr().err
        assert len(stderr.splitlines()) == 1
        assert "altered.ckpt" in stderr or MESSAGES.get(alteration, "altered.ckpt") in stderr
        assert time.monotonic() - start < 10, command
    assert [path.name for path in Path().iterdir()] == ["altered.ckpt"]
    if alteration not in OF_DATA:
        with pytest.raises(UserError, match=MESSAGES.get(alteration, "altered.ckpt")):
            load("altered.ckpt")


INVALID_STATES = {
    "a center that is NaN": lambda state: state["encoders"][0].update(center=float("nan")),
    "a scale of zero": lambda state: state["encoders"][0].update(scale=0.0),
    "a negative scale": lambda state: state["encoders"][0].update(scale=-1.0),
    "a median that is text": lambda state: state["encoders"][0].update(median="x"),
    "an unknown kind": lambda state: state["encoders"][0].update(kind="other"),
    "categories that are one text": lambda state: state["encoders"][1].update(categories="ab"),
    "a repeated category": lambda state: state["encoders"][1].update(categories=["a", "a"]),
    "columns that are numbers": lambda state: state.update(columns=[1, 2]),
    "a digest that is a number": lambda state: state["files"].update(path={"t.csv": 0}),
    "no file": lambda state: state["files"].update(path={}),
    "no files at all": lambda state: state.update(files={}),
    "a file that settings do not name": lambda state: state["files"].update(val_path={"v.csv": "0"}),
    "a repeated class": lambda state: state["target"].update(class_names=["no", "no"]),
}


@pytest.mark.reliability(56)
@pytest.mark.parametrize("alteration", INVALID_STATES)
def test_an_invalid_fitted_state_is_refused(
    alteration: str, original_table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(original_table)
    content = torch.load("lightning_logs/table/version_0/checkpoints/last.ckpt", weights_only=True)
    INVALID_STATES[alteration](content["lit_classify"]["data"]["init_args"]["fitted_state"])
    io.AtomicCheckpointIO().save_checkpoint(content, "altered.ckpt")
    capsys.readouterr()
    assert main(["test", "--ckpt_path", "altered.ckpt"]) == 2
    stderr = capsys.readouterr().err
    assert "data.fitted_state" in stderr
    assert len(stderr.splitlines()) == 1


FITTED = f"{DATA}.fitted_state"


REWRITTEN = {
    "encoders in another order": lambda content: value_at(content, f"{FITTED}.encoders").reverse(),
    "other categories": change(f"{FITTED}.encoders.1.categories", ["b", "a"]),
    "another scale": change(f"{FITTED}.encoders.0.scale", 2.0),
    "other classes": lambda content: [
        change(f"{parent}.class_names", ["yes", "no"])(content) for parent in (ARGS, f"{FITTED}.target")
    ],
    "other weights": change("state_dict.network.0.bias", torch.zeros(64)),
    "other momentum": change(f"{STATE}.exp_avg", torch.zeros(64, 4)),
    "other epochs": change("loops.fit_loop.epoch_progress.current.completed", 0),
}


@pytest.mark.reliability(56)
@pytest.mark.parametrize("alteration", REWRITTEN)
def test_valid_but_altered_content_is_refused(
    alteration: str, original_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = altered_table(original_table)
    REWRITTEN[alteration](content)
    torch.save(content, "altered.ckpt")
    for command in (*COMMANDS, RESUME):
        assert main([*command, "altered.ckpt"]) == 2, command
        (line,) = capsys.readouterr().err.splitlines()
        assert "altered.ckpt has been altered since it was written" in line
    with pytest.raises(UserError, match="has been altered"):
        load("altered.ckpt")


def test_a_checkpoint_without_a_checksum_is_read(original_table: Path) -> None:
    content = altered_table(original_table)
    del content["lit_classify"]["sealed"]
    torch.save(content, "unsealed.ckpt")
    assert main(["test", "--ckpt_path", "unsealed.ckpt"]) == 0


@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
def test_a_run_of_another_precision_is_tested(precision: str) -> None:
    assert main(["fit", *table(), *QUICK, "1", "--trainer.precision", precision]) == 0
    assert main(["test", "--ckpt_path", "last"]) == 0


@pytest.mark.parametrize(("task", "arguments", "data"), TASKS)
def test_load_returns_the_module_that_was_saved(
    task: type[LitModule], arguments: dict[str, Any], data: type[InMemoryDataModule]
) -> None:
    model = task(**arguments, hidden=[3], dropout=0.1)
    fitted = trainer(max_epochs=1)
    fitted.fit(model, data())  # type: ignore[call-arg]  # synthetic data need no arguments
    fitted.save_checkpoint("model.ckpt")
    again = load("model.ckpt")
    assert type(again) is task
    assert not again.training
    x = torch.randn(5, arguments["in_features"])
    with torch.no_grad():
        assert torch.equal(again.predict(x), model.eval().predict(x))


def test_load_imports_a_custom_network_only_if_it_is_given() -> None:
    path = "tests.custom_networks.Squares"
    model = BinaryClassifier(2, network=path, network_args={"width": 4})
    fitted = trainer(max_epochs=2)
    fitted.fit(model, CirclesDataModule())
    fitted.save_checkpoint("own.ckpt")
    with pytest.raises(UserError, match=f"imports only what you name yourself; add --model.network {path}"):
        load("own.ckpt")
    assert torch.equal(load("own.ckpt", network=path).network.out.weight, model.network.out.weight)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize(
    ("network", "advice"),
    [
        (nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), "torch.nn.modules.container.Sequential"),
        (Squares(2, 1, 5), "tests.custom_networks.Squares"),
    ],
)
def test_an_instance_is_asked_for_from_python(network: nn.Module, advice: str) -> None:
    fitted(network=network)
    message = re.escape(
        "give it from Python: lit_classify.load(CHECKPOINT, network=...), or, if in_features and "
        f"out_features build the same one, add --model.network {advice}"
    )
    with pytest.raises(UserError, match=f"{message}$"):
        load("fitted.ckpt")


def test_the_advice_for_instances_works(capsys: pytest.CaptureFixture[str]) -> None:
    given: list[tuple[dict[str, Any], str]] = [
        ({"network": Narrow(2, 1)}, "--model.network tests.custom_networks.Narrow"),
        ({"activation": OwnTanh()}, "--model.activation tests.custom_networks.OwnTanh"),
        ({"loss": Focal()}, "--model.loss tests.custom_losses.Focal"),
    ]
    for arguments, advice in given:
        fitted(**arguments)
        assert main(["test", "--ckpt_path", "fitted.ckpt"]) == 2
        assert capsys.readouterr().err.endswith(f"add {advice}\n")
        assert main(["test", "--ckpt_path", "fitted.ckpt", *advice.split()]) == 0


def test_the_command_line_resumes_a_checkpoint_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    fitted()
    resume = ["fit", "--data", "CirclesDataModule", "--model.hidden", "[3]", "--trainer.max_epochs", "5"]
    assert main([*resume, "--plots", "none", "--ckpt_path", "fitted.ckpt"]) == 0
    fitted(activation=nn.LeakyReLU(0.2))
    assert main([*resume, "--ckpt_path", "fitted.ckpt"]) == 2
    assert "but 'ReLU' was given; give it from Python, or retrain" in capsys.readouterr().err


OWN = "tests.custom_networks."


CUSTOM_CLASSES: list[tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = [
    # arguments of the fit; arguments that load the checkpoint; refused arguments
    (
        {"network": Squares, "network_args": {"width": 4}},
        [{"network": Squares}, {"network": f"{OWN}Squares"}, {"network": Squares(2, 1, 4)}],
        [{}, {"network": f"{OWN}Narrow"}, {"network": nn.Linear}, {"network": nn.Linear(2, 1)}],
    ),
    (
        {"network": Squares(2, 1, 5)},
        [{"network": Squares(2, 1, 5)}],
        [{}, {"network": Squares(2, 1, 6)}, {"network": Squares}, {"network": f"{OWN}Squares"}],
    ),
    ({"network": "torch.nn.Linear"}, [{"network": nn.Linear}, {"network": "torch.nn.Linear"}], [{}]),
    ({"network": nn.Linear}, [{"network": nn.Linear}, {"network": "torch.nn.Linear"}], [{}]),
    ({"activation": OwnTanh}, [{"activation": OwnTanh}, {"activation": f"{OWN}OwnTanh"}], [{}]),
    (
        {"activation": nn.LeakyReLU(0.2)},
        [{"activation": nn.LeakyReLU(0.2)}],
        [{}, {"activation": nn.LeakyReLU(0.1)}, {"activation": nn.LeakyReLU}, {"activation": "LeakyReLU"}],
    ),
    (
        {"activation": nn.Tanh},
        [{}, {"activation": nn.Tanh}, {"activation": "Tanh"}],
        [{"activation": nn.ReLU}],
    ),
    ({"activation": nn.Tanh()}, [{"activation": nn.Tanh()}, {"activation": nn.Tanh}], [{}]),
    ({"optimizer": OwnSGD}, [{}], []),
]


@pytest.mark.parametrize(
    ("arguments", "accepted", "refused"), CUSTOM_CLASSES, ids=lambda arguments: str(arguments)[:40]
)
def test_load_accepts_only_the_custom_classes_that_the_model_was_trained_with(
    arguments: dict[str, Any], accepted: list[dict[str, Any]], refused: list[dict[str, Any]]
) -> None:
    model = fitted(**arguments).eval()
    x = torch.randn(5, 2)
    for loaded in accepted:
        assert torch.equal(load("fitted.ckpt", **loaded).predict(x), model.predict(x))
    for loaded in refused:
        with pytest.raises(
            UserError,
            match=r"imports only what you|was trained with|do not fit this model|could not be built",
        ):
            load("fitted.ckpt", **loaded)


def test_all_missing_custom_classes_are_named_at_once() -> None:
    fitted(network=Squares, network_args={"width": 4}, activation=OwnTanh)
    with pytest.raises(UserError) as error:
        load("fitted.ckpt")
    for option in (f"--model.network {OWN}Squares", f"--model.activation {OWN}OwnTanh"):
        assert option in str(error.value)


def test_a_class_of_a_script_may_have_been_moved_into_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as script:
        script.setattr(Squares, "__module__", "__main__")
        fitted(network=Squares, network_args={"width": 4})
    with pytest.raises(UserError, match=r"into a module, and add --model\.network MODULE\.Squares"):
        load("fitted.ckpt")
    for wrong in (f"{OWN}Narrow", nn.Linear):
        with pytest.raises(UserError, match=r"was trained with the network '__main__\.Squares', not"):
            load("fitted.ckpt", network=wrong)
    assert load("fitted.ckpt", network=f"{OWN}Squares").hparams["network_args"] == {"width": 4}


def test_load_from_checkpoint_imports_nothing_that_the_file_names() -> None:
    model = fitted(network=Squares, network_args={"width": 4}).eval()
    x = torch.randn(5, 2)
    again = BinaryClassifier.load_from_checkpoint("fitted.ckpt", network=Squares).eval()
    assert torch.equal(again.predict(x), model.predict(x))
    with pytest.raises(UserError, match="is imported only if given on the command line"):
        BinaryClassifier.load_from_checkpoint("fitted.ckpt")
    plain = fitted(activation=nn.Tanh).eval()
    assert torch.equal(
        BinaryClassifier.load_from_checkpoint("fitted.ckpt").eval().predict(x), plain.predict(x)
    )


FIT = ["fit", "--config", "circles_v2", "--plots", "none", "--trainer.max_epochs", "3"]


def test_the_message_names_the_option_that_resumes_with_the_found_learning_rate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit = ["fit", "--config", "moons", "--data.batch_size", "64", "--trainer.max_epochs"]
    assert main([*fit, "2", "--trainer.callbacks", "LearningRateFinder"]) == 0
    capsys.readouterr()
    assert main([*fit, "3", "--ckpt_path", "last"]) == 2
    (option,) = re.findall(r"; add (--model\.lr \S+), or retrain", capsys.readouterr().err)
    assert main([*fit, "3", "--ckpt_path", "last", *option.split()]) == 0
    runs = [Path(f"lightning_logs/moons/version_{run}/checkpoints/last.ckpt") for run in (0, 1)]
    rates = [
        torch.load(run, weights_only=True)["optimizer_states"][0]["param_groups"][0]["lr"] for run in runs
    ]
    assert rates[0] == rates[1] == float(option.split()[1]) != 0.1


def test_the_message_names_a_list_option_as_it_is_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*FIT, "--model.hidden", "[4, 4]"]) == 0
    again = [*FIT[:-1], "4", "--ckpt_path", "last"]
    assert main(again) == 2
    (option,) = re.findall(r"; add (--model\.hidden .+), or retrain", capsys.readouterr().err)
    assert main([*again, *shlex.split(option)]) == 0


@pytest.mark.reliability(14)
@pytest.mark.parametrize("command", ["fit", "test", "predict"])
def test_a_setting_that_differs_from_the_checkpoint_is_refused(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*FIT_MOONS, "--trainer.max_epochs", "1"]) == 0
    again = [*FIT_MOONS, "--trainer.max_epochs", "2"] if command == "fit" else [command]
    before = sorted(Path().rglob("*"))
    assert main([*again, "--ckpt_path", MOONS_CHECKPOINT.format(0), "--model.activation", "Tanh"]) == 2
    assert "model.activation is 'ReLU' in" in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.reliability(14)
@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--data.test_fraction", "0.4"], "data.test_fraction is 0.2 in"),
        (["--data.noise", "0.3"], "data.noise is "),
        (["--data", "CirclesDataModule"], "was trained on a MoonsDataModule, but the data is a CirclesData"),
        (["--trainer.max_epochs", "1"], "was trained for 2 epochs, but --trainer.max_epochs is 1"),
    ],
)
def test_a_run_is_not_resumed_with_other_data(
    option: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*FIT_MOONS, "--trainer.max_epochs", "2"]) == 0
    before = sorted(Path().rglob("*"))
    assert (
        main([*FIT_MOONS, "--trainer.max_epochs", "4", "--ckpt_path", MOONS_CHECKPOINT.format(0), *option])
        == 2
    )
    assert message in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.reliability(14)
def test_a_run_is_not_resumed_with_another_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{n % 7},{n % 5},{'yes' if n % 3 else 'no'},{n % 2}" for n in range(60)]
    Path("t.csv").write_text("\n".join(["a,b,y,z", *rows]))
    Path("u.csv").write_text("\n".join(["a,b,y,z", *rows[:50]]))
    Path("moved.csv").write_bytes(Path("t.csv").read_bytes())
    fit = ["fit", "--config", "table", "--plots", "none", "--data.target"]
    assert main([*fit, "y", "--data.path", "t.csv", "--trainer.max_epochs", "1"]) == 0
    options = [
        "--trainer.max_epochs",
        "2",
        "--ckpt_path",
        "lightning_logs/table/version_0/checkpoints/best.ckpt",
    ]
    assert main([*fit, "y", "--data.path", "u.csv", *options]) == 2
    assert "was trained on another table than u.csv" in capsys.readouterr().err
    assert main([*fit, "z", "--data.path", "t.csv", *options]) == 2
    assert "data.target is 'y' in" in capsys.readouterr().err
    assert main([*fit, "y", "--data.path", "moved.csv", *options]) == 0
