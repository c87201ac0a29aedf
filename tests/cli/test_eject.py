"""The command eject: its scripts print the epoch log of fit, without this package."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from lit_classify import recipes
from lit_classify.cli import quiet_training
from lit_classify.cli.main import main

RUN_ALL = """
import runpy, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"lit_classify", "lightning", "torchmetrics"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
for script in sys.argv[1:]:
    print(script)
    runpy.run_path(script, run_name="__main__")
"""


def eject(*arguments: str, out: str = "script.py") -> str:
    assert main(["eject", *arguments, "--out", out]) == 0
    return Path(out).read_text(encoding="utf-8")


def printed_by(*scripts: str) -> str:
    """Return what scripts print in a process that can import neither this package nor Lightning."""
    command = [sys.executable, "-I", "-W", "error", "-c", RUN_ALL, *scripts]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


def check_format(*scripts: str) -> None:
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", *scripts]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_script_prints_the_epoch_log_and_writes_plots(capsys: pytest.CaptureFixture[str]) -> None:
    eject("circles_v0")
    assert "Try:     python script.py" in capsys.readouterr().out
    runpy.run_path("script.py")
    assert capsys.readouterr().out.splitlines() == quiet_training.run("circles_v0").lines
    plots = {"circles_v0_loss_curves.png", "circles_v0_predictions.png"}
    assert {path.name for path in Path().iterdir()} == {"script.py", *plots}
    check_format("script.py")


NAMES = [name for name in recipes.names() if not recipes.read(name).get("init_from")]
GENERATED = [name for name in [*NAMES, *recipes.bad_names()] if name != "table"]


@pytest.mark.slow
def test_scripts_of_recipes_print_their_epoch_logs_without_the_package() -> None:
    scripts = {name: f"{name}.py" for name in GENERATED}
    for name, script in scripts.items():
        eject(name, out=script)
    check_format(*scripts.values())
    expected = [line for name in scripts for line in (scripts[name], *quiet_training.run(name).lines)]
    assert printed_by(*scripts.values()).splitlines() == expected


OPTIONS = {
    "batches, dropout": ("moons", "--data.batch_size=64", "--model.dropout=0.2"),
    "last batch dropped, random activation": (
        *("moons", "--data.batch_size=300", "--data.drop_last=true", "--data.shuffle=false"),
        *("--model.activation=RReLU", "--data.val_fraction=0.1"),
    ),
    "one batch left": ("blobs", "--data.batch_size=500", "--data.drop_last=true", "--log_every_n_epochs=1"),
    "scheduler, clipping, weight decay": (
        *("spirals", "--model.lr_scheduler=CosineAnnealingLR", "--model.lr_scheduler_args={T_max: 40}"),
        *("--trainer.gradient_clip_val=0.1", "--model.weight_decay=0.01", "--print_every_n_epochs=20"),
    ),
    "plateau, clipping by value": (
        *("blobs", "--model.lr_scheduler=ReduceLROnPlateau", "--model.lr_scheduler_args={patience: 1}"),
        *("--trainer.gradient_clip_val=0.1", "--trainer.gradient_clip_algorithm=value"),
        *("--model.label_smoothing=0.1", "--print_every_n_epochs=20"),
    ),
    "threshold, AdamW": (
        *("circles_v2", "--model.threshold=0.3", "--model.optimizer=AdamW", "--model.lr=0.01"),
        *("--model.optimizer_args={betas: [0.8, 0.9]}", "--model.activation=LeakyReLU"),
    ),
    "noise": (
        "line",
        "--data.noise=0.1",
        "--data.val_fraction=0.2",
        "--model.loss=Huber",
        "--model.loss_args={delta: 0.2}",
    ),
    "other data": ("moons", "--data=XorDataModule", "--seed_everything=7"),
    "clouds": ("moons", "--data=GaussiansDataModule", "--data.test_fraction=0.07"),
}


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_script_takes_options_into_account(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*options, "--trainer.max_epochs=45", "--plots=none")
    eject(*options)
    check_format("script.py")
    assert main(["fit", "--config", *options]) == 0
    expected = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    runpy.run_path("script.py")
    assert capsys.readouterr().out.splitlines() == expected


def test_what_a_script_cannot_reproduce_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("exists.py").touch()
    for arguments, message in (
        (["circle_v2"], "unknown recipe 'circle_v2': did you mean 'circles_v2'?"),
        (["circles_v2", "--modle.lr", "1"], "--modle.lr"),
        (["circles_v2", "--out", "exists.py"], "exists.py already exists; add --overwrite"),
        (["nowhere.ckpt"], "no checkpoint at nowhere.ckpt"),
        (["."], "no run in .: config.yaml is missing"),
        (["circles_v2", "--trainer.max_time", "00:00:01:00"], "--trainer.max_time"),
        (["circles_v2", "--model.optimizer", "LBFGS"], "--model.optimizer 'LBFGS'"),
        (["circles_v2", "--model.network", "torch.nn.Linear"], "--model.network 'torch.nn.Linear'"),
        (["circles_v2", "--print_every_n_epochs", "150"], "--print_every_n_epochs 150"),
        (["circles_v2", "--trainer.callbacks=lightning.pytorch.callbacks.EarlyStopping"], "callbacks"),
        ([], "required: SOURCE"),
    ):
        assert main(["eject", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["exists.py"]


def test_the_run_of_a_checkpoint_is_ejected(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model.lr=0.2", "--trainer.max_epochs=3", "--log_every_n_epochs=1", "--plots=none"]
    assert main(["fit", "--config", "moons", *options]) == 0
    expected = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    run = "lightning_logs/moons/version_0"
    script = eject("best")
    assert f"lit-classify fit --config {run}/config.yaml" in script
    assert eject(run, "--overwrite") == script
    capsys.readouterr()
    runpy.run_path("script.py")
    assert capsys.readouterr().out.splitlines() == expected


def test_texts_of_a_recipe_cannot_become_code(capsys: pytest.CaptureFixture[str]) -> None:
    attack = "\rprint('run')"
    why = f"coding: utf-7 +AAo-print('run')\n{attack}\x0cprint('run')\u2028print('run')"
    file = f"no'\"te{attack}.yaml"
    content = f"recipe: {{name: note, why: {json.dumps(why)}}}\ndata: {{class_path: MoonsDataModule}}\n"
    Path(file).write_text(f"{content}trainer: {{max_epochs: 1}}\n")
    script = eject(file)
    assert all("run" not in line for line in script.splitlines() if not line.startswith("#"))
    assert script.startswith("# Written by")
    capsys.readouterr()
    runpy.run_path("script.py")
    assert capsys.readouterr().out.startswith("Epoch: 0 |")
    assert Path("note_loss_curves.png").is_file()
