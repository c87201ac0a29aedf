"""The command eject: its scripts print the epoch log of fit, without this package."""

import json
import os
import runpy
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.datasets import load_breast_cancer

from lit_classify import recipes
from lit_classify.cli import recipe_runs
from lit_classify.cli.main import main
from tests.example_tables import bundled

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
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


def run_script(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run the script in this process, and return the lines that it prints."""
    capsys.readouterr()
    try:
        runpy.run_path("script.py")
    finally:
        torch.set_flush_denormal(False)
    return capsys.readouterr().out.splitlines()


def printed_by(*scripts: str) -> str:
    """Return what scripts print in a process that can import neither this package nor Lightning."""
    command = [sys.executable, "-I", "-W", "error", "-c", RUN_ALL, *scripts]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ONE_THREAD)
    assert done.stderr == ""
    return done.stdout


def check_format(*scripts: str, width: int = 88) -> None:
    for command in (["check"], ["format", "--check", f"--line-length={width}"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", *scripts]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_script_prints_the_epoch_log_and_writes_plots(capsys: pytest.CaptureFixture[str]) -> None:
    eject("circles_v0")
    assert "Try:     python script.py" in capsys.readouterr().out
    assert run_script(capsys) == recipe_runs.run("circles_v0").lines
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
    expected = [line for name in scripts for line in (scripts[name], *recipe_runs.run(name).lines)]
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
    "members": ("moons", "--model.members=3", "--data.batch_size=100", "--trainer.gradient_clip_val=0.1"),
    "loss of members": ("circles_v2", "--model.members=2", "--model.loss=SoftMargin"),
    "loss with targets of 1 and -1": ("circles_v2", "--model.loss=SoftMargin"),
    "class weights": ("blobs", "--model.class_weight=[1,2,3,4]", "--data.batch_size=100"),
    "smoothed labels, frozen layer": ("circles_v2", "--model.label_smoothing=0.2", "--freeze=0"),
    "few batches": (
        *("spirals", "--data.batch_size=32", "--trainer.overfit_batches=2", "--data.drop_last=true"),
        *("--data.val_fraction=0.4", "--model.dropout=0.1"),
    ),
    "clouds": ("moons", "--data=GaussiansDataModule", "--data.test_fraction=0.07"),
}


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_script_takes_options_into_account(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*options, "--trainer.max_epochs=45", "--plots=none")
    script = eject(*options)
    check_format("script.py", width=110 if "task = " in script else 88)
    assert main(["fit", "--config", *options]) == 0
    expected = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert run_script(capsys) == expected


@pytest.mark.slow
def test_the_script_starts_from_the_weights_of_another_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "blobs", "--plots", "none"]) == 0
    options = ["blobs_transfer", "--freeze=0", "--plots=none"]
    eject(*options)
    check_format("script.py")
    capsys.readouterr()
    assert main(["fit", "--config", *options]) == 0
    expected = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert run_script(capsys) == expected


def write_table(columns: dict[str, list[Any]], name: str = "t.csv") -> None:
    pl.DataFrame(columns).write_csv(name)


def mixed_columns(rows: int = 90) -> dict[str, list[Any]]:
    random = np.random.default_rng(0)
    age, size = random.normal(40, 10, rows), random.lognormal(size=rows)
    return {
        "age": [None if row % 11 == 0 else round(value, 1) for row, value in enumerate(age)],
        "size": [f"{value:.2f}".replace(".", ",") for value in size],
        "color": [["red", "blue", "n/a", " green"][row % 4] for row in range(rows)],
        "paid": [["Yes", "no", ""][row % 3] for row in range(rows)],
        "town": [f"town {row % 41}" if row % 9 else "rare" for row in range(rows)],
        "day": [f"{1 + row % 28:02}.{1 + row % 12:02}.202{row % 4}" for row in range(rows)],
        "id": [f"ID{row}" for row in range(rows)],
        "kind": [["good", "bad"][int(value > 41)] for value in age],
        "grade": [int(value > 35) + int(value > 45) for value in age],
        "price": [f"{100 * value:.1f}" for value in size],
    }


TABLES = {
    "two classes": ("kind",),
    "more classes, validation rows": ("grade", "--data.folds=0", "--data.val_fraction=0.25"),
    "one network": ("grade", "--data.folds=0", "--model.members=1", "--model.numeric_embedding=null"),
    "test rows validate": (
        *("kind", "--data.folds=0", "--data.val_fraction=0", "--model.class_weight=balanced"),
        *("--trainer.callbacks=null", "--print_every_n_epochs=1"),
    ),
    "values": ("price", "--data.scaling=standard", "--trainer.callbacks=null", "--data.ignore=[id,town]"),
    "labels": ("[kind_a,kind_b]", "--model.pos_weight=balanced", "--data.features=[age,color]"),
    "no test rows": (
        *("kind", "--data.test_fraction=0", "--data.batch_size=null", "--model.label_smoothing=0.1"),
    ),
    "loss of members": (
        "price",
        "--model.loss=Huber",
        "--model.loss_args={delta: 0.5}",
        "--data.ignore=[id]",
    ),
    "groups, sample weights": ("kind", "--data.groups=town", "--data.sample_weight=grade"),
    "split column, weighted validation rows": (
        *("kind", "--data.split=subset", "--data.folds=0", "--data.sample_weight=grade"),
    ),
    "split column with test rows, one weighted network": (
        *("grade", "--data.split=tested", "--data.folds=0", "--data.sample_weight=price"),
        *("--data.features=[color,paid,age]", "--data.missing_values=[red]", "--model.members=1"),
        "--model.numeric_embedding=null",
    ),
    "options": (
        *("kind", "--data.categorical=[grade]", "--data.random_state=3", "--seed_everything=4"),
        *("--model.pos_weight=balanced", "--model.threshold=0.4", "--trainer.gradient_clip_algorithm=value"),
        *("--log_every_n_epochs=2", "--model.optimizer=SGD", "--print_every_n_epochs=4"),
        "--data.cache_dir=none",
    ),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
@pytest.mark.parametrize("options", TABLES.values(), ids=TABLES)
def test_the_script_of_a_table_prints_the_epoch_log_and_the_result_of_the_test(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    columns = mixed_columns()
    columns |= {"kind_a": [row % 2 for row in range(90)], "kind_b": [row % 5 == 0 for row in range(90)]}
    columns |= {
        "subset": ["Train", "training", "dev", "test", "train"] * 18,
        "tested": ["train", "Test"] * 45,
    }
    write_table(columns)
    target, *further_options = options
    arguments = ["table", "--data.path=t.csv", f"--data.target={target}", *further_options]
    arguments += ["--trainer.max_epochs=12", "--plots=none"]
    eject(*arguments)
    check_format("script.py", width=110)
    capsys.readouterr()
    assert main(["fit", "--config", *arguments]) == 0
    fitted = capsys.readouterr().out.splitlines()
    *printed, last = run_script(capsys)
    if "On the test rows:" in last:
        assert last.lower() in "\n".join(fitted)
    elif "On the test rows" not in last:
        printed.append(last)
    assert printed == [line for line in fitted if line.startswith("Epoch")]


def typed_table(rows: int) -> pl.DataFrame:
    """Return a table whose columns have types."""
    columns = mixed_columns(rows)
    table = pl.DataFrame({name: columns[name] for name in ("age", "color", "town", "kind", "grade")})
    return table.with_columns(
        pl.col("age").cast(pl.Float32),
        day=pl.date(2024, 1, 1) + pl.duration(days=3 * pl.int_range(rows)),
        paid=pl.int_range(rows) % 3 == 0,
        time=pl.datetime(2024, 1, 1) + pl.duration(minutes=77 * pl.int_range(rows)),
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
@pytest.mark.parametrize(
    ("method", "paths"),
    [
        ("write_parquet", {"path": [0, 30]}),
        ("write_ndjson", {"path": [0]}),
        ("write_ipc", {"path": [0, 20], "test_path": [70]}),
        ("write_ipc_stream", {"path": [0], "val_path": [40], "test_path": [65]}),
        ("write_csv", {"path": [0, 20], "val_path": [40, 50], "test_path": [65]}),
    ],
)
def test_the_script_reads_files_of_any_format(
    method: str, paths: dict[str, list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows, starts = typed_table(90), [start for option_starts in paths.values() for start in option_starts]
    for start, end in pairwise([*starts, 90]):
        getattr(rows[start:end], method)(f"{start}.data")
    arguments = ["table", "--data.target=kind", "--trainer.max_epochs=6", "--plots=none"]
    for name, option_starts in paths.items():
        arguments.append(f"--data.{name}=[{','.join(f'{start}.data' for start in option_starts)}]")
    eject(*arguments)
    check_format("script.py", width=110)
    capsys.readouterr()
    assert main(["fit", "--config", *arguments]) == 0
    expected = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert run_script(capsys)[: len(expected)] == expected


@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
def test_the_script_of_a_table_has_a_class_with_the_task(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(mixed_columns())
    script = eject("table", "--data.path=t.csv", "--data.target=kind", "--tune_threshold=f1")
    assert "class BinaryClassifier:" in script
    assert "# but writes no logs and no checkpoints, and leaves out --tune_threshold." in script
    assert "lit_classify" not in script.partition("import matplotlib")[2].replace("of lit_classify", "")


@pytest.mark.slow
def test_the_script_of_the_recipe_table_stops_early_as_fit_does(capsys: pytest.CaptureFixture[str]) -> None:
    pl.read_csv(bundled(load_breast_cancer, "cancer.csv")).head(200).write_csv("few.csv")
    arguments = ["table", "--data.path=few.csv", "--data.target=target", "--plots=none"]
    arguments.append("--trainer.callbacks=[{class_path: MemberEarlyStopping, init_args: {patience: 3}}]")
    eject(*arguments)
    capsys.readouterr()
    assert main(["fit", "--config", *arguments]) == 0
    fitted = capsys.readouterr().out
    assert "stopped early" in fitted
    expected = [line for line in fitted.splitlines() if line.startswith("Epoch")]
    assert printed_by("script.py").splitlines()[1:-1] == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
def test_names_in_a_table_cannot_become_code(capsys: pytest.CaptureFixture[str]) -> None:
    attack = "\"]);print('run')#'''\"\"\"\\"
    columns = mixed_columns(40)
    rows = {f"{attack}{index}": columns[name] for index, name in enumerate(["age", "size", "color", "day"])}
    classes = [f"{attack}{row % 2}" for row in range(40)]
    write_table({**rows, f"{attack} target": classes}, "t'\"\\#.csv")
    options = ["--data.path", "t'\"\\#.csv", "--data.target", f"{attack} target", "--trainer.max_epochs=1"]
    eject("table", *options, "--model.hidden=[2]", "--data.folds=2")
    assert "run" not in "".join(run_script(capsys))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
def test_a_table_that_polars_reads_in_another_way_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{row},{'ab'[row % 2]}\n" for row in range(40))
    Path("t.csv").write_text(f'x,y\n{rows}  \n41,"a\n"\n')
    assert main(["eject", "table", "--data.path=t.csv", "--data.target=y"]) == 2
    assert "a script would" in capsys.readouterr().err
    pl.DataFrame(mixed_columns(40)).write_excel("t.xlsx")
    assert main(["eject", "table", "--data.path=t.xlsx", "--data.target=kind"]) == 2
    assert "save it as CSV" in capsys.readouterr().err
    write_table(mixed_columns(40))
    refused = ("duplicates=drop", "ignore_case=true", "missing_target=drop", "cache_dir=cache")
    for option in (f"--data.{setting}" for setting in refused):
        assert main(["eject", "table", "--data.path=t.csv", "--data.target=kind", option]) == 2
        assert option.partition("=")[0] in capsys.readouterr().err


def test_options_that_a_script_cannot_reproduce_are_refused_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("exists.py").touch()
    for arguments, message in (
        (["circle_v2"], "unknown recipe 'circle_v2': did you mean 'circles_v2'?"),
        (["circles_v2", "--modle.lr", "1"], "--modle.lr"),
        (["circles_v2", "--out", "exists.py"], "exists.py already exists; add --overwrite"),
        (["nowhere.ckpt"], "no checkpoint at nowhere.ckpt"),
        (["."], "no run in .: config.yaml is missing"),
        (["circles_v2", "--trainer.max_epochs=-1"], "--trainer.max_epochs -1"),
        (["circles_v2", "--trainer.max_time", "00:00:01:00"], "--trainer.max_time"),
        (["circles_v2", "--model.optimizer", "LBFGS"], "--model.optimizer 'LBFGS'"),
        (["circles_v2", "--model.network", "torch.nn.Linear"], "--model.network 'torch.nn.Linear'"),
        (
            ["circles_v2", "--model.loss=tests.custom_losses.Focal"],
            "--model.loss 'tests.custom_losses.Focal'",
        ),
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
    assert run_script(capsys) == expected


def test_texts_of_a_recipe_cannot_become_code(capsys: pytest.CaptureFixture[str]) -> None:
    attack = "\rprint('run')"
    purpose = f"coding: utf-7 +AAo-print('run')\n{attack}\x0cprint('run')\u2028print('run')"
    file = f"no'\"te{attack}.yaml"
    content = (
        f"recipe: {{name: note, purpose: {json.dumps(purpose)}}}\ndata: {{class_path: MoonsDataModule}}\n"
    )
    Path(file).write_text(f"{content}trainer: {{max_epochs: 1}}\n")
    script = eject(file)
    assert all("run" not in line for line in script.splitlines() if not line.startswith("#"))
    assert script.startswith("# Written by")
    (line,) = run_script(capsys)
    assert line.startswith("Epoch: 0 |")
    assert Path("note_loss_curves.png").is_file()
