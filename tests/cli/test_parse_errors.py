"""Each mistake gives one short message, which names the option to use."""

import re
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest
import yaml

from lit_classify.cli.main import main
from tests.custom_classes import OWN_FILE
from tests.runs import FIT_MOONS

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]


STOP = "--trainer.callbacks EarlyStopping --trainer.callbacks.monitor val/loss"


CIRCLES = "fit --config circles_v2"


MISTAKES = {
    "fti": "unknown command 'fti': did you mean 'fit'?",
    "fit --config circle_v2": "unknown recipe 'circle_v2': did you mean 'circles_v2'?",
    "fit --config nowhere.yaml": "no recipe file at nowhere.yaml",
    "fit circles_v2": "to use a recipe, add --config circles_v2",
    "fit --config": "--config requires a value",
    "fit --config table --data.path -t.csv --data.target y": "looks like an option: write --data.path=-t.csv",
    "fit --config table --data.path --data.target y": "--data.path requires a value",
    "predict --ckpt_path -runs/best.ckpt": "looks like an option: write --ckpt_path=-runs/best.ckpt",
    "plot last --out -plots": "looks like an option: write --out=-plots",
    "plot last --out": "--out requires a value",
    "fit --config=": "--config is empty",
    f"{CIRCLES} --find_lr=true": "--find_lr takes no value, but got 'true': give --find_lr, or leave it out",
    f"{CIRCLES} --report page.html": "--report takes no value, but got 'page.html'",
    f"{CIRCLES} --plots": "--plots requires a value",
    f"{CIRCLES} --model.optimizer LBFGS --model.weight_decay 0.1": "add --model.weight_decay null",
    "report nowhere --no_rows=true": "--no_rows takes no value",
    f"{CIRCLES} --model.hidden=": "--model.hidden: expected a list such as \"[10, 10]\", but got ''",
    f"{CIRCLES} --seed_everything abc": "expected a whole number, true or false, but got 'abc'",
    f"{CIRCLES} --seed_everything -1": "--seed_everything must be from 0 to 4294967295, but is -1",
    f"{CIRCLES} --trainer.accumulate_grad_batches 0": "accumulate_grad_batches must be at least 1, but is 0",
    f"{CIRCLES} --trainer.barebones true": "nothing would remain of a run",
    f"{CIRCLES} --test_best true --trainer.limit_test_batches 0": "--test_best requires test rows",
    f"{CIRCLES} --trainer.callbacks ModelCheckpoint --trainer.callbacks.filename best": "choose another one",
    "fit --model BinaryClassifier": "--data is missing",
    "fit --config table": "--data.path and --data.target are missing",
    "fit --config table --data.path t.csv": "--data.target is missing: choose from x, y",
    "fit --config table --data.path nowhere.csv": "--data.target is missing; see lit-classify fit --help",
    "fit --config table --data.path nowhere.csv --data.target y": "no table at nowhere.csv",
    "fit --config table --data.path wrong.yaml --data.target y": "unknown target column 'y'",
    f"{CIRCLES} --foo 3": "unknown option --foo",
    f"{CIRCLES} --model.hiden [5]": "unknown option --model.hiden: did you mean --model.hidden?",
    f"{CIRCLES} --trainer.max_epoc 5": "did you mean --trainer.max_epochs?",
    f"{CIRCLES} --data.num_sample 5": "did you mean --data.num_samples?",
    f"{CIRCLES} --model.lr abc": "--model.lr: expected float, but got 'abc'",
    f"{CIRCLES} --model.lr 0": "lr must be a positive number, but is 0.0",
    f"{CIRCLES} --model.hidden [a]": "--model.hidden: expected int, but got 'a'",
    f"{CIRCLES} --model.hidden [-3]": "every width in hidden must be at least 1, but is -3",
    f"{CIRCLES} --data.num_samples -5": "num_samples must be at least 2, but is -5",
    f"{CIRCLES} --trainer.max_epochs abc": "--trainer.max_epochs: expected int, but got 'abc'",
    f"{CIRCLES} --model.activation Relu": "unknown activation 'Relu': did you mean 'ReLU'?",
    f"{CIRCLES} --model.optimizer SDG": "unknown optimizer 'SDG': did you mean 'SGD'?",
    f"{CIRCLES} --model.optimizer_args.momentum -1": "Invalid momentum value: -1",
    f"{CIRCLES} --model BinaryClasifier": "did you mean 'BinaryClassifier'?",
    f"{CIRCLES} --data CircleDataModule": "did you mean 'CirclesDataModule'?",
    f"{CIRCLES} --model Regressor": "has 2 classes; use BinaryClassifier",
    f"{CIRCLES} --model MulticlassClassifier": "use BinaryClassifier",
    "fit --config blobs --model BinaryClassifier": "has 4 classes; use MulticlassClassifier",
    "fit --config line --model BinaryClassifier": "for numbers use Regressor",
    "fit --config blobs --model.threshold 0.3": "it belongs to BinaryClassifier",
    "fit --config line --model.class_weight balanced": "it belongs to BinaryClassifier, MulticlassClassifier",
    f"{CIRCLES} --model.network tests.custom_networks.Wide": "its output has shape (2, 2)",
    f"{CIRCLES} --model.network os.path.join": "network 'os.path.join' could not be built",
    f"{CIRCLES} --trainer.accelerator tpux": "invalid accelerator name",
    f"{CIRCLES} --trainer.devices 5000": "--trainer.devices 5000: this machine has",
    f"{CIRCLES} --trainer.accelerator cpu --trainer.devices 2 --trainer.strategy ddp_spawn": "use ddp",
    f"{CIRCLES} {STOP} --trainer.limit_val_batches 0": "early stopping requires validation",
    f"{CIRCLES} --log_every_n_epochs 0": "every_n_epochs must be at least 1, but is 0",
    "test": "test requires a checkpoint, but lightning_logs has none: train a model first",
    f"test {'a' * 300}": "to use a checkpoint, add --ckpt_path aaa",
    f"fit --ckpt_path {'a' * 300}/b/c": "--data is missing; add a recipe with --config",
    "--versoin": "unknown option '--versoin': did you mean '--version'?",
    "plot table": "use lit-classify fit --config table --data.path FILE --data.target COLUMN, then",
    "compare t.csv": "t.csv must be a mapping with keys such as 'model:' and 'data:'",
    f"{CIRCLES} --tune_threshold f1": "not the test rows; set --data.val_fraction 0.2\n",
    "fit --config line --model.loss_args.delta 1": "unknown argument of L1Loss 'delta': there is none",
    f"{CIRCLES} --trainer.logger.name x": "add --trainer.logger CSVLogger --trainer.logger.save_dir logs",
    "test --ckpt_path nowhere.ckpt": "no checkpoint at nowhere.ckpt",
    "test --ckpt_path wrong.yaml": "wrong.yaml is not a readable checkpoint",
    "fit --config wrong.yaml": "unknown option --model.hiden: did you mean --model.hidden?",
    "fit --config broken.yaml": "broken.yaml, line 3 is not YAML",
    "fit --config latin.yaml": "latin.yaml is not YAML in UTF-8",
    "fit --config empty.yaml": "must be a mapping",
    "fit --config folder": "folder is a directory",
    "verify empty.yaml": "must be a mapping",
    f"{CIRCLES} --ckpt_path nowhere.ckpt": "no checkpoint at nowhere.ckpt",
    f"{CIRCLES} --model.in_features 3": "--model.in_features comes from the data",
    f"{CIRCLES} --recipe.name ../evil": "recipe.name must be a directory name",
    f"{CIRCLES} --model.optimizer SparseAdam": "SparseAdam does not support dense gradients",
    f"{CIRCLES} --model.optimizer Adam --model.optimizer_args.betas [0.9]": "Adam could not be built",
    f"{CIRCLES} --data.batch_size 900 --data.drop_last true": "drop_last leaves no batch",
    f"{CIRCLES} --data.noise .inf": "noise must be at least 0, but is inf",
    f"{CIRCLES} --data.random_state 5000000000": "random_state must be below",
    f"{CIRCLES} --trainer.default_root_dir wrong.yaml": "cannot write runs into wrong.yaml/lightning_logs/",
    f"{CIRCLES} --trainer.check_val_every_n_epoch 2 --log_every_n_epochs 3": (
        "--log_every_n_epochs is 3, but --trainer.check_val_every_n_epoch is 2"
    ),
    f"{CIRCLES} --trainer.check_val_every_n_epoch 0": "check_val_every_n_epoch must be at least 1, but is 0",
    f"{CIRCLES} --model Classifier": "Classifier is an abstract class: choose from AutoModule, ",
    f"{CIRCLES} --trainer.callbacks EarlyStoping": "class 'EarlyStoping': did you mean 'EarlyStopping'?",
    f"{CIRCLES} --trainer.callbacks [EpochLogs]": "unknown trainer.callbacks class 'EpochLogs': did you mean",
    f"{CIRCLES} --trainer.logger CSVLoger": "did you mean 'CSVLogger'?",
    f"{CIRCLES} --trainer.logger 3": "unknown trainer.logger class '3'\n",
    "fit --data PointsDataModule": "PointsDataModule is an abstract class: choose from BlobsDataModule, ",
    "fit --config abstract.yaml": "--model Classifier is an abstract class",
    "fit --config classless.yaml": "data requires a class_path, and its arguments under init_args",
    "fit --config list.yaml": "data requires a class_path, and its arguments under init_args",
    f"{CIRCLES} --model.loss MSE": "use Regressor; for BinaryClassifier use BCEWithLogitsLoss or So",
    f"{CIRCLES} --model.los BCELoss": "did you mean --model.loss?",
    f"{CIRCLES} --model.loss BCELoss": "expects probabilities, but a model returns logits, without a sigmoid",
    f"{CIRCLES} --model.loss_args.delta=1": "loss_args requires loss, which is None",
    f"{CIRCLES} --model.network tests.custom_networks.Broken": "shape (N, 2): KeyError: 'x'",
    "fit --data t.csv": "--data takes a name (BlobsDataModule, CirclesDataModule, ",
    "fit --config table --data=t.csv": "; to read a file, add --data.path t.csv --data.target COLUMN",
    "fit --data no/where.csv": "add --config table --data.path no/where.csv --data.target COLUMN",
    "fit --data t.parquet": "add --config table --data.path t.parquet --data.target COLUMN",
    "fit --model t.csv": "--model takes a name (AutoModule, BinaryClassifier, ",
    "fit --model x.ckpt": "to read a file, add --ckpt_path x.ckpt",
    "predict --data t.csv": "to read a file, add --data.path t.csv",
    "fit --data.path t.csv": "--data.path requires --data: add --config table",
    "fit --data.target y --model BinaryClassifier": "--data.target requires --data: add --config table",
    f"{CIRCLES} --trainer.logger.save_dir logs": "--trainer.logger.save_dir requires --trainer.logger: add "
    "--trainer.logger CSVLogger",
    "fit --data.noise 0.1": "--data.noise requires --data: add --data NAME (BlobsDataModule, ",
    "test --data.path t.csv": "test requires a checkpoint, but lightning_logs has none: train a model first",
    "fit --config table --data.path a.csv b.csv": "several files, give a list: --data.path '[a.csv, b.csv]'",
    f"{CIRCLES} --seed_everything a": "expected a whole number, true or false, but got 'a'",
    f"{CIRCLES} --trainer.callbacks.patience 3": "add --trainer.callbacks EarlyStopping --trainer.callbacks",
    f"{CIRCLES} --trainer.callbacks.patience 3 --trainer.callbacks EarlyStopping": "must come before it",
    "fit t.csv": "to read a file, add --config table --data.path t.csv --data.target COLUMN",
    "fit --config table t.csv": "unexpected argument 't.csv'; to read a file, add --data.path t.csv",
    "fit x.ckpt": "add --ckpt_path x.ckpt",
    "test x.ckpt": "unexpected argument 'x.ckpt'; to read a file, add --ckpt_path x.ckpt",
    "predict best": "to use a checkpoint, add --ckpt_path best",
    "validate runs/last": "to use a checkpoint, add --ckpt_path runs/last",
    "predict --ckpt x": "unknown option --ckpt: did you mean --ckpt_path?",
    "predict --output y": "unknown option --output: did you mean --out?",
    "predict --quantum y": "unknown option --quantum; see lit-classify predict --help",
    f"{CIRCLES} --model.hidden 10": "--model.hidden: expected a list such as \"[10, 10]\", but got '10'",
    f"{CIRCLES} --model.hidden wide": "--model.hidden: expected a list such as \"[10, 10]\", but got 'wide'",
    f"{CIRCLES} --data.inputs x1": "--data.inputs: expected a list such as \"[x1, x2^2]\", but got 'x1'",
    f"{CIRCLES} --data.inputs [x1,x3]": "unknown input 'x3': choose from x1, x2, x1^2, x2^2, x1*x2, ",
    f"{CIRCLES} --data.inputs []": "inputs is empty: choose from x1, x2, ",
    f"{CIRCLES} --data.inputs null": "--data.inputs cannot be null; leave it out instead\n",
    f"{CIRCLES} --data.noise null": "--data.noise cannot be null; leave it out instead\n",
    f"{CIRCLES} --model.lr null": "--model.lr cannot be null; leave it out instead\n",
    f"{CIRCLES} --data.shuffle null": "--data.shuffle cannot be null; leave it out instead\n",
    f"{CIRCLES} --model BinaryClassifier --model.threshold null": "--model.threshold cannot be null; leave",
    f"{CIRCLES} --model.pos_weight foo": "expected one of 'balanced' or a number or a list, but got 'foo'",
    "fit --config table --data.path t.csv --data.target y --data.batch_size x": "'auto' or a number, but got",
    f"{CIRCLES} --model.foo 1": "unknown option --model.foo: did you mean --model.loss?\n",
    "fit --config table --data.path t.csv --data.target y --data.cache_dir=": "cache_dir is empty: give",
    f"{CIRCLES} --freeze=": "unknown layer to freeze '': choose from 0, 2, 4\n",
    f"{CIRCLES} --init_from=": "--init_from is empty: give a checkpoint, the directory of a run, or null\n",
    f"{CIRCLES} --ckpt_path=": "--ckpt_path is empty: give a checkpoint, last, best, or null\n",
    f"{CIRCLES} --model.inputs [x1]": "--model.inputs comes from the data",
    "fit --config line --data.inputs [x1]": "--data.inputs is not an option of the chosen class",
    f"{CIRCLES} --data.folds 4": "--data.folds is not an option of the chosen class",
    f"{CIRCLES} --data.inputs [x1] --model.numeric_embedding both": "inputs are functions of two features",
    "fit --data.inputs [x1]": "--data.inputs requires --data: add --data NAME (BlobsDataModule, ",
    f"{CIRCLES} --model.optimizer_args 3": "--model.optimizer_args: expected a mapping such as",
    f"{CIRCLES} --log_every_n_epochs [3]": "--log_every_n_epochs: expected int, but got",
    f"{CIRCLES} --test_best perhaps": "--test_best: expected true or false, but got 'perhaps'",
    "verify circles_v9": "did you mean 'circles_v",
    "verify --foo": "unrecognized arguments: --foo",
    "plot circles_v2 --out wrong.yaml": "cannot write plots into wrong.yaml",
}


@pytest.mark.reliability(16)
@pytest.mark.parametrize("command", MISTAKES)
def test_an_invalid_command_line_is_one_short_message_and_writes_nothing(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"data": {"class_path": "CirclesDataModule"}}
    wrong["model"] = {"class_path": "BinaryClassifier", "init_args": {"hiden": [5]}}  # type: ignore[dict-item]
    Path("wrong.yaml").write_text(yaml.safe_dump(wrong))
    Path("abstract.yaml").write_text(
        "{data: {class_path: CirclesDataModule}, model: {class_path: Classifier}}"
    )
    Path("classless.yaml").write_text("data: {init_args: {noise: 0.1}}")
    Path("list.yaml").write_text("data: [CirclesDataModule]")
    Path("broken.yaml").write_text("data: {class_path: CirclesDataModule\nmodel\n")
    Path("latin.yaml").write_bytes("why: für".encode("latin-1"))
    Path("empty.yaml").touch()
    Path("folder").mkdir()
    Path("t.csv").write_text("x,y\n" + "1,a\n2,b\n" * 20)
    pl.read_csv("t.csv").write_parquet("t.parquet")
    files = sorted(path.name for path in Path().iterdir())
    assert main(command.split()) == 2
    output = capsys.readouterr()
    assert "Epoch" not in output.out
    assert MISTAKES[command] in output.err
    assert output.err.startswith("lit-classify: ")
    assert len(output.err.splitlines()) <= 10
    assert "Traceback" not in output.err
    assert sorted(path.name for path in Path().iterdir()) == files


_TABLE = "fit --config table --data.path t.csv --data.target y"


@pytest.mark.reliability(16)
@pytest.mark.parametrize(
    "command",
    [
        *("fit --config table --data.target y --data.path", f"{_TABLE} --data.val_path", "fit --config"),
        *(f"{_TABLE} --data.cache_dir", f"{_TABLE} --ckpt_path", f"{_TABLE} --init_from"),
        *(
            "test --ckpt_path",
            "plot",
            "report",
            "compare",
            "diagnose",
            "importance",
            "export",
            "eject",
            "verify",
        ),
        *(f"{name} last --out" for name in ("plot", "report", "importance", "export", "eject")),
        *("compare", "compare circles_v2 --out", "cache --cache_dir"),
    ],
)
def test_an_impossible_path_is_one_short_message(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("x,y\n" + "1,a\n2,b\n" * 20)
    long = "a" * 300 + ".csv"
    for path, expected in {long: f"the path {long} is too long", "a\0b": "null", "  ": "empty|blank"}.items():
        assert main([*command.split(), path]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert re.search(expected, line)
        assert "TRACEBACK" not in line
    assert [path.name for path in Path().iterdir()] == ["t.csv"]


def test_a_long_path_without_a_target_or_a_long_name_of_a_column_is_no_fault_of_the_file_system(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "a" * 300
    assert main(["fit", "--config", "table", "--data.path", f"{long}.csv"]) == 2
    assert "--data.target is missing" in capsys.readouterr().err
    Path("t.csv").write_text(f"x,{long}.y\n" + "1,a\n2,b\n" * 20)
    assert main(["fit", "--config", "table", "--data.path", "t.csv", "--data.target", f"{long}.z"]) == 2
    assert f"unknown target column '{long}.z': did you mean '{long}.y'?" in capsys.readouterr().err


@pytest.mark.reliability(16)
@pytest.mark.parametrize(
    ("option", "meant"),
    {
        "--epochs": "did you mean --trainer.max_epochs?",
        "--max_epochs": "did you mean --trainer.max_epochs?",
        "--lr": "did you mean --model.lr?",
        "--learning_rate": "did you mean --model.lr?",
        "--model.learning_rate": "did you mean --model.lr?",
        "--model.wieght_decay": "did you mean --model.weight_decay?",
        "--optimizer": "did you mean --model.optimizer?",
        "--batch_size": "did you mean --data.batch_size?",
        "--hidden": "did you mean --model.hidden?",
        "--noise": "did you mean --data.noise?",
        "--gpus": "did you mean --trainer.devices?",
        "--device": "did you mean --trainer.accelerator?",
        "--model.loss_fn": "did you mean --model.loss?",
        "--threshold": "did you mean --model.threshold? It belongs to BinaryClassifier",
        "--quantum": "; see lit-classify fit --help",
    }.items(),
)
def test_a_common_option_name_of_other_tools_suggests_the_option(
    option: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SHORT, option, "3"]) == 2
    assert meant in capsys.readouterr().err


def test_a_wrong_value_of_an_option_named_missing_is_not_taken_for_a_missing_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["fit", "--config", "table", "--data.missing", "drop"]) == 2
    assert capsys.readouterr().err.endswith("expected one of 'impute', 'error', but got 'drop'\n")


@pytest.mark.parametrize(
    ("option", "name", "base", "guess"),
    [
        ("model", "Model", "lit_classify.LitModule", "BinaryClassifier"),
        ("data", "Data", "lit_classify.data.InMemoryDataModule", "TableDataModule"),
        ("model", "Net", "lit_classify.LitModule", "BinaryClassifier"),
        ("data", "function", "lit_classify.data.InMemoryDataModule", "TableDataModule"),
        ("trainer.callbacks", "Net", "lightning.pytorch.Callback", "EarlyStopping"),
        ("trainer.logger", "Net", "lightning.pytorch.loggers.Logger", "CSVLogger"),
    ],
)
def test_the_message_for_a_class_of_lightning_names_the_class_to_extend(
    option: str, name: str, base: str, guess: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own_file_of_mine.py").write_text(OWN_FILE)
    assert main([*SHORT, f"--{option}", f"own_file_of_mine.{name}"]) == 2
    stderr = capsys.readouterr().err
    assert f"--{option} own_file_of_mine.{name} must extend {base}, as {guess} does" in stderr
    assert len(stderr.splitlines()) == 1


@pytest.mark.reliability(38)
@pytest.mark.parametrize(
    ("options", "package"),
    [
        (["--trainer.logger", "WandbLogger"], "wandb"),
        (["--trainer.callbacks", "RichProgressBar"], "rich"),
        (["--trainer.strategy", "deepspeed"], "deepspeed"),
    ],
)
def test_a_missing_package_is_named(
    options: list[str], package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if find_spec(package):
        pytest.skip(f"{package} is here")
    assert main([*FIT_MOONS, *options]) == 2
    stderr = capsys.readouterr().err
    assert package in stderr
    assert "pip install" in stderr
    assert len(stderr.splitlines()) == 1
    assert not list(Path().iterdir())
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--help"])
