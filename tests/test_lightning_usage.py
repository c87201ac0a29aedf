"""What users of Lightning are in the habit of doing works, with a plain Trainer and on the command line."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.tuner import Tuner
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lit_classify import BinaryClassifier, CirclesDataModule, UserError, load
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.cli.main import main
from lit_classify.errors import DataError, DivergedError
from tests.custom_networks import OwnTanh, Squares

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*no .val_dataloader")


def trainer(**settings: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return L.Trainer(**{**quiet, "enable_model_summary": False, "accelerator": "cpu", **settings})


class OwnStep(BinaryClassifier):
    """A subclass with a step of its own, whose loss is NaN from the third step on."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        loss = self.loss(self(x), y)
        return loss * float("nan") if batch_idx >= 2 else loss


@pytest.mark.reliability(10)
def test_a_plain_trainer_stops_where_the_loss_diverges_and_leaves_the_weights_finite() -> None:
    model = BinaryClassifier(2, hidden=[8], lr=1e30)
    fitted = trainer(max_epochs=5)
    with pytest.raises(DivergedError, match=r"at step 1, epoch 1, learning rate 1e\+30"):
        fitted.fit(model, CirclesDataModule())
    assert all(bool(weight.isfinite().all()) for weight in model.parameters())


@pytest.mark.reliability(10)
def test_a_step_of_one_s_own_is_watched_too() -> None:
    with pytest.raises(DivergedError, match="the loss is nan at step 2, epoch 0"):
        trainer(max_epochs=1).fit(OwnStep(2), CirclesDataModule(batch_size=100))


@pytest.mark.reliability(10)
def test_losses_may_explode_while_lightning_looks_for_a_learning_rate() -> None:
    torch.manual_seed(0)
    model = BinaryClassifier(2, hidden=[8, 8], activation="GELU")
    before = [weight.clone() for weight in model.parameters()]
    data = CirclesDataModule(batch_size=100, shuffle=True)
    found = Tuner(trainer(max_epochs=20)).lr_find(
        model, datamodule=data, min_lr=1e20, max_lr=1e38, num_training=30, early_stop_threshold=None
    )
    assert found is not None
    assert not all(torch.isfinite(torch.tensor(found.results["loss"])))
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))


class OwnSGD(torch.optim.SGD):
    """An optimizer of one's own."""


OWN = "tests.custom_networks."
GIVEN: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # what is given; what a checkpoint records; the same by names, or by what torch has
    "activation class": ({"activation": nn.Tanh}, {"activation": "Tanh"}, {"activation": "Tanh"}),
    "activation instance": (
        {"activation": nn.LeakyReLU(0.2)},
        {"activation": "LeakyReLU(negative_slope=0.2)"},
        {"activation": nn.LeakyReLU(0.2)},
    ),
    "own activation": ({"activation": OwnTanh}, {"activation": f"{OWN}OwnTanh"}, {"activation": "Tanh"}),
    "own activation's path": (
        {"activation": f"{OWN}OwnTanh"},
        {"activation": f"{OWN}OwnTanh"},
        {"activation": "Tanh"},
    ),
    "optimizer class": ({"optimizer": torch.optim.Adam}, {"optimizer": "Adam"}, {"optimizer": "Adam"}),
    "own optimizer": ({"optimizer": OwnSGD}, {"optimizer": f"{__name__}.OwnSGD"}, {"optimizer": "SGD"}),
    "scheduler class": (
        {"lr_scheduler": torch.optim.lr_scheduler.ExponentialLR, "lr_scheduler_args": {"gamma": 0.5}},
        {"lr_scheduler": "ExponentialLR", "lr_scheduler_args": {"gamma": 0.5}},
        {"lr_scheduler": "ExponentialLR", "lr_scheduler_args": {"gamma": 0.5}},
    ),
    "network class": (
        {"network": Squares, "network_args": {"width": 4}},
        {"network": f"{OWN}Squares", "network_args": {"width": 4}},
        {"network": f"{OWN}Squares", "network_args": {"width": 4}},
    ),
}


def fitted(seed: int = 0, **arguments: Any) -> BinaryClassifier:
    torch.manual_seed(seed)
    model = BinaryClassifier(2, hidden=[3], **arguments)
    made = trainer(max_epochs=3)
    made.fit(model, CirclesDataModule())
    made.save_checkpoint("fitted.ckpt")
    return model


@pytest.mark.parametrize("name", GIVEN)
def test_a_class_or_an_instance_trains_as_its_name_does_and_is_recorded_as_plain_data(name: str) -> None:
    given, recorded, same = GIVEN[name]
    assert same_weights(fitted(**same), fitted(**given))
    content = torch.load("fitted.ckpt", weights_only=True)
    for record in (content["hyper_parameters"], content["lit_classify"]["model"]["init_args"]):
        assert {key: record[key] for key in recorded} == recorded


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


OWN_PARTS: list[tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = [
    # what is trained with; what loads it again; what does not
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


@pytest.mark.parametrize(("given", "right", "wrong"), OWN_PARTS, ids=lambda part: str(part)[:40])
def test_a_checkpoint_takes_own_parts_only_from_whoever_loads_it(
    given: dict[str, Any], right: list[dict[str, Any]], wrong: list[dict[str, Any]]
) -> None:
    model = fitted(**given).eval()
    x = torch.randn(5, 2)
    for again in right:
        assert torch.equal(load("fitted.ckpt", **again).predict(x), model.predict(x))
    for other in wrong:
        with pytest.raises(
            UserError,
            match=r"imports only what you|was trained with|do not fit this model|could not be built",
        ):
            load("fitted.ckpt", **other)


def test_lightning_s_own_loading_works_and_imports_nothing_that_the_file_names() -> None:
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


def test_the_course_s_exercise_runs_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--model.activation", f"{OWN}OwnTanh", "--model.optimizer", f"{__name__}.OwnSGD"]
    assert main([*FIT, *own]) == 0
    assert main([*FIT, "--model.activation", "Tanh"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert rows
    assert rows[: len(rows) // 2] == rows[len(rows) // 2 :]
    path = "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"
    assert main(["test", "--ckpt_path", path]) == 2
    assert "only what you name yourself" in capsys.readouterr().err
    assert main(["test", "--ckpt_path", path, "--model.activation", f"{OWN}OwnTanh"]) == 0
    assert main([*FIT[:-1], "5", *own, "--ckpt_path", path]) == 0
    assert main(["plot", path, "--activation", f"{OWN}OwnTanh"]) == 0


def test_each_hidden_layer_has_an_activation_of_its_own() -> None:
    model = BinaryClassifier(2, hidden=[3, 3], activation=nn.PReLU())
    assert sum(isinstance(layer, nn.PReLU) for layer in model.modules()) == 2


def test_numbers_of_numpy_do_not_keep_a_checkpoint_from_opening() -> None:
    fitted(lr=np.float64(0.01), dropout=np.float32(0.25))
    content = torch.load("fitted.ckpt", weights_only=True)
    assert content["lit_classify"]["model"]["init_args"]["lr"] == 0.01
    assert content["hyper_parameters"]["dropout"] == 0.25


def test_a_scheduler_s_function_is_recorded_by_its_name() -> None:
    model = fitted(lr_scheduler="LambdaLR", lr_scheduler_args={"lr_lambda": lambda epoch: 0.5**epoch})
    assert isinstance(model, BinaryClassifier)
    recorded = torch.load("fitted.ckpt", weights_only=True)["hyper_parameters"]["lr_scheduler_args"]
    assert recorded["lr_lambda"].endswith("<lambda>")


def test_the_learning_rate_that_was_set_is_the_one_that_trains() -> None:
    for rate in ("hparams", "attribute"):
        model = BinaryClassifier(2, lr=0.5)
        if rate == "hparams":
            model.hparams["lr"] = 0.01
        else:
            model.lr = 0.01
        assert model.configure_optimizers().param_groups[0]["lr"] == 0.01  # type: ignore[union-attr]


@pytest.mark.parametrize("dropout", [0.0])
def test_a_fit_with_the_rate_that_was_found_equals_one_that_was_given_it(dropout: float) -> None:
    def begin(**arguments: Any) -> tuple[L.Trainer, BinaryClassifier, CirclesDataModule]:
        L.seed_everything(3, verbose=False)
        model = BinaryClassifier(2, hidden=[8], dropout=dropout, **arguments)
        return trainer(max_epochs=5), model, CirclesDataModule(batch_size=100, shuffle=True)

    searching, model, data = begin()
    found = Tuner(searching).lr_find(model, datamodule=data, num_training=30)
    assert found is not None
    assert model.lr == model.hparams["lr"] == found.suggestion() != 0.1
    searching.fit(model, data)
    searching.save_checkpoint("found.ckpt")
    assert torch.load("found.ckpt", weights_only=True)["lit_classify"]["model"]["init_args"]["lr"] == model.lr
    given, same, data = begin(lr=model.lr)
    given.fit(same, data)
    assert same_weights(model, same)
    further, resumed, data = begin(lr=model.lr)
    further.fit_loop.max_epochs = given.fit_loop.max_epochs = 8
    further.fit(resumed, data, ckpt_path="found.ckpt", weights_only=True)
    straight, whole, data = begin(lr=model.lr)
    straight.fit_loop.max_epochs = 8
    straight.fit(whole, data)
    assert same_weights(resumed, whole)


FIT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "3"]
CSV = "{class_path: CSVLogger, init_args: {save_dir: elsewhere}}"
WANDB = "{class_path: tests.custom_loggers.LikeWandb}"
BOARD = "{class_path: TensorBoardLogger, init_args: {save_dir: elsewhere, name: '', version: ''}}"


@pytest.mark.reliability(61)
@pytest.mark.parametrize("logger", ["true", "false", CSV, WANDB, BOARD, f"[{CSV}, {WANDB}]"])
def test_every_fit_has_one_directory_whatever_logs(logger: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FIT, "--trainer.logger", logger]) == 0
    said = capsys.readouterr().out
    (kept,) = {path.parent.parent for path in Path().rglob("*.ckpt")}
    assert kept == Path("lightning_logs/circles_v2/version_0")
    names = {str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()}
    assert {"config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt"} <= names
    assert list(Path().rglob("config*.yaml")) == [kept / "config.yaml"]
    assert Path("elsewhere").exists() == ("elsewhere" in logger or "Wandb" in logger)
    assert f"Run:   {kept}\n" in said
    assert f"--ckpt_path {kept}/checkpoints/best.ckpt" in said
    assert ("tensorboard --logdir" in said) == (logger == "true")
    assert main([*FIT[:-1], "4", "--trainer.logger", logger, "--ckpt_path", "last"]) == 0
    assert f"last is {kept}/checkpoints/last.ckpt" in capsys.readouterr().err
    assert Path("lightning_logs/circles_v2/version_1/checkpoints/last.ckpt").is_file()


@pytest.mark.reliability(61)
@pytest.mark.ddp
def test_two_processes_have_one_directory_without_a_logger() -> None:
    on_two = ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
    command = [sys.executable, "-m", "lit_classify", *FIT, "--trainer.logger", "false", *on_two]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, timeout=200, env=environment)
    files = sorted(str(path) for path in Path().rglob("*") if path.is_file())
    folder = "lightning_logs/circles_v2/version_0"
    assert files == [f"{folder}/checkpoints/{name}.ckpt" for name in ("best", "last")] + [
        f"{folder}/config.yaml"
    ]


@pytest.mark.reliability(61)
@pytest.mark.parametrize(
    ("option", "why"),
    [
        (["--trainer.fast_dev_run", "true"], "--trainer.fast_dev_run"),
        (["--trainer.fast_dev_run", "2"], "--trainer.fast_dev_run"),
        (["--trainer.enable_checkpointing", "false"], "--trainer.enable_checkpointing false"),
        (
            ["--trainer.enable_checkpointing", "false", "--trainer.logger", "false"],
            "--trainer.enable_checkpointing false",
        ),
    ],
)
def test_a_fit_that_keeps_no_checkpoint_says_why(
    option: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*FIT, *option]) == 0
    assert f"No checkpoint was saved: {why}\n" in capsys.readouterr().out
    assert not list(Path().rglob("*.ckpt"))
    logs = option == ["--trainer.enable_checkpointing", "false"]
    assert Path("lightning_logs").exists() == logs


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_that_was_named_takes_the_place_of_the_command_line_s(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    assert main([*FIT, "--trainer.callbacks", "TQDMProgressBar"]) == 0
    shown = capsys.readouterr()
    drawn = shown.out + shown.err
    assert "train/loss=0.693" in drawn
    assert "val/accuracy=0.5" in drawn
    assert "3/3" not in drawn  # the command line's own bar counts epochs


def test_a_plain_trainer_s_bar_shows_the_metrics_of_its_epoch() -> None:
    shown: list[dict[str, Any]] = []

    class Bar(TQDMProgressBar):
        def on_train_epoch_end(self, made: L.Trainer, pl_module: L.LightningModule) -> None:
            shown.append(dict(self.get_metrics(made, pl_module)))
            super().on_train_epoch_end(made, pl_module)

    class Seen(L.Callback):
        def on_train_end(self, made: L.Trainer, *args: Any) -> None:
            seen.update({tag: float(value) for tag, value in made.callback_metrics.items()})

    seen: dict[str, float] = {}
    torch.manual_seed(0)
    made = trainer(max_epochs=3, enable_progress_bar=True, callbacks=[Bar(), Seen()])
    made.fit(BinaryClassifier(2), CirclesDataModule(batch_size=100))
    assert len(shown) == 3
    for tag in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert shown[-1][tag] == pytest.approx(seen[tag], rel=1e-6)
        assert made.progress_bar_metrics[tag] == pytest.approx(seen[tag], rel=1e-6)


def test_the_command_line_s_runs_pay_for_no_metrics_on_a_bar() -> None:
    made = RunTrainer(max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False)
    made.shows_metrics = False
    made.fit(BinaryClassifier(2), CirclesDataModule())
    assert made.progress_bar_metrics == {}


def test_a_run_with_the_rate_that_was_found_is_resumed_as_the_message_says(
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


def test_a_list_that_a_checkpoint_contradicts_is_named_as_it_is_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*FIT, "--model.hidden", "[4, 4]"]) == 0
    again = [*FIT[:-1], "4", "--ckpt_path", "last"]
    assert main(again) == 2
    (option,) = re.findall(r"; add (--model\.hidden .+), or retrain", capsys.readouterr().err)
    assert main([*again, *shlex.split(option)]) == 0


def loader(*columns: Tensor, batch_size: int = 10) -> DataLoader[Any]:
    return DataLoader(TensorDataset(*columns), batch_size=batch_size)


def rows() -> tuple[Tensor, Tensor]:
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] > 0).long()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("class_weight", [None, [1.0, 3.0]])
def test_the_course_s_float_targets_train_and_score_as_classes_do(
    dtype: torch.dtype, class_weight: list[float] | None
) -> None:
    x, y = rows()
    scores, weights = [], []
    for targets in (y, y.type(dtype)):
        torch.manual_seed(0)
        model = BinaryClassifier(2, hidden=[3], class_weight=class_weight)
        made = trainer(max_epochs=2)
        made.fit(model, loader(x, targets), loader(x, targets))
        scores.append({**made.callback_metrics, **made.test(model, loader(x, targets), verbose=False)[0]})
        weights.append(model)
    assert same_weights(*weights)
    assert scores[0] == scores[1]
    assert {"val/accuracy", "train/accuracy", "test/accuracy"} <= set(scores[0])


def test_a_float_target_that_is_no_class_is_refused_in_any_batch() -> None:
    x, y = rows()
    broken = y.float()
    broken[25] = 0.5
    for stage in ("fit", "validate"):
        with pytest.raises(DataError, match=r"row 5 has the target 0\.5"):
            getattr(trainer(max_epochs=1), stage)(BinaryClassifier(2), loader(x, broken))


@pytest.mark.parametrize(
    ("dataset", "found"),
    [
        (torch.randn(20, 2), r"is a tensor, float32 of shape \(10, 2\)"),
        ([{"x": torch.randn(2), "y": 1}] * 20, "is a dict with the keys 'x', 'y'"),
        (TensorDataset(*rows(), torch.ones(40)), "is 3 parts: Tensor, Tensor, Tensor"),
        (TensorDataset(rows()[0]), "is 1 parts: Tensor"),
    ],
)
@pytest.mark.parametrize("kind", [L.Trainer, RunTrainer])
@pytest.mark.parametrize("stage", ["fit", "validate", "test"])
def test_a_batch_that_is_no_pair_is_named_as_what_it_is(
    dataset: Any, found: str, kind: type[L.Trainer], stage: str
) -> None:
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    made = kind(**quiet, enable_model_summary=False, accelerator="cpu", max_epochs=1)
    with pytest.raises(DataError, match=rf"a batch must be a pair of tensors \(x, y\).* {found}"):
        getattr(made, stage)(BinaryClassifier(2), DataLoader(dataset, batch_size=10))


def test_predictions_take_bare_features() -> None:
    x, y = rows()
    model = BinaryClassifier(2)
    bare = trainer().predict(model, DataLoader(x, batch_size=10))  # type: ignore[arg-type]
    pairs = trainer().predict(model, loader(x, y))
    assert torch.equal(torch.cat(bare), torch.cat(pairs))  # type: ignore[arg-type]


def test_a_data_module_prints_its_rows() -> None:
    data = CirclesDataModule(val_fraction=0.1)
    assert str(data) == "CirclesDataModule\n{train: None}\n{val: None}\n{test: None}"
    data.setup("fit")
    assert str(data) == "CirclesDataModule\n{train: size=700}\n{val: size=100}\n{test: size=200}"


class Seen(L.Callback):
    def __init__(self) -> None:
        self.batches: list[Tensor] = []

    def on_train_batch_start(
        self, made: L.Trainer, pl_module: L.LightningModule, batch: tuple[Tensor, Tensor], batch_idx: int
    ) -> None:
        self.batches.append(batch[0])


@pytest.mark.parametrize(("part", "number"), [(1, 1), (3, 3), (0.1, 8)])
def test_overfitting_sees_the_same_batches_in_every_epoch(part: float, number: int) -> None:
    seen = Seen()
    made = trainer(max_epochs=3, overfit_batches=part, callbacks=[seen])
    data = CirclesDataModule(batch_size=10, shuffle=True)
    made.fit(BinaryClassifier(2), data)
    assert len(seen.batches) == 3 * number
    first = data.split("train").x[: 10 * number]
    for epoch in range(3):
        assert torch.equal(torch.cat(seen.batches[epoch * number : (epoch + 1) * number]), first)


@pytest.mark.parametrize(("part", "rows"), [(2, 20), (0.1, 20), (1, 10), (1.0, 200)])
def test_limits_of_evaluation_count_batches_of_the_size_that_was_given(part: float, rows: int) -> None:
    data = CirclesDataModule(batch_size=10)
    made = trainer(limit_predict_batches=part)
    predicted = made.predict(BinaryClassifier(2), data)
    assert sum(map(len, predicted)) == rows  # type: ignore[arg-type]


def test_limited_epochs_see_other_rows_each_time_as_with_torch_s_loader() -> None:
    seen = Seen()
    made = trainer(max_epochs=2, limit_train_batches=2, callbacks=[seen])
    made.fit(BinaryClassifier(2), CirclesDataModule(batch_size=100, shuffle=True))
    assert len(seen.batches) == 4
    assert not torch.equal(seen.batches[0], seen.batches[2])


def test_a_batch_size_can_be_searched_and_is_refused_where_all_rows_are_one() -> None:
    data = CirclesDataModule(batch_size=2)
    found = Tuner(trainer(max_epochs=1)).scale_batch_size(BinaryClassifier(2), datamodule=data, max_trials=3)
    assert found == data.batch_size == data.hparams["batch_size"] == 8
    with pytest.raises(UserError, match=r"set batch_size, for example --data\.batch_size 32"):
        Tuner(trainer(max_epochs=1)).scale_batch_size(BinaryClassifier(2), datamodule=CirclesDataModule())


def test_lightning_s_option_says_when_to_validate_and_print(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FIT[:-1], "6", "--trainer.check_val_every_n_epoch", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    epochs = [line.split("|")[0].split()[1] for line in printed if line.startswith("Epoch")]
    assert {"0", "2", "4"} <= set(epochs)
    assert not {"1", "3"} & set(epochs)
    assert all("Test loss" in line for line in printed if line.startswith("Epoch"))
    config = yaml.safe_load(Path("lightning_logs/circles_v2/version_0/config.yaml").read_text())
    assert config["log_every_n_epochs"] == 2
    assert main([*FIT, "--trainer.check_val_every_n_epoch", "1", "--log_every_n_epochs", "1"]) == 0
    again = [
        "fit",
        "--config",
        "lightning_logs/circles_v2/version_0/config.yaml",
        "--log_every_n_epochs",
        "3",
    ]
    assert main([*again, "--trainer.max_epochs", "2"]) == 0


@pytest.mark.parametrize("word", ["none", "None", "null"])
def test_none_on_the_command_line_is_none_where_an_option_may_be(word: str) -> None:
    options = ["--model.activation", word, "--data.batch_size", word, "--model.lr_scheduler", word]
    assert main([*FIT, *options, "--plots", "none", "--trainer.gradient_clip_val", word]) == 0
    recorded = torch.load("lightning_logs/circles_v2/version_0/checkpoints/last.ckpt", weights_only=True)
    assert recorded["lit_classify"]["model"]["init_args"]["activation"] is None
    assert recorded["lit_classify"]["data"]["init_args"]["batch_size"] is None


OWN_FILE = """
import lightning.pytorch as L
import torch
from pathlib import Path
Path("imported").touch()
class Net(torch.nn.Linear): ...
class Model(L.LightningModule): ...
class Data(L.LightningDataModule): ...
def function(): ...
"""


@pytest.mark.parametrize(
    ("part", "name", "base", "guess"),
    [
        ("model", "Model", "lit_classify.LitModule", "BinaryClassifier"),
        ("data", "Data", "lit_classify.data.InMemoryDataModule", "TableDataModule"),
        ("model", "Net", "lit_classify.LitModule", "BinaryClassifier"),
        ("data", "function", "lit_classify.data.InMemoryDataModule", "TableDataModule"),
    ],
)
def test_a_plain_module_on_the_command_line_is_told_what_to_extend(
    part: str, name: str, base: str, guess: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own_file_of_mine.py").write_text(OWN_FILE)
    assert main([*FIT, f"--{part}", f"own_file_of_mine.{name}"]) == 2
    said = capsys.readouterr().err
    assert f"--{part} own_file_of_mine.{name} must extend {base}, as {guess} does" in said
    assert len(said.splitlines()) == 1


def test_a_network_in_the_current_folder_is_found_where_it_is_typed_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("net_of_mine.py").write_text(OWN_FILE)
    Path("own.yaml").write_text(
        "model: {class_path: BinaryClassifier, init_args: {network: net_of_mine.Net}}\n"
    )
    before = list(sys.path)
    assert main([*FIT, "--config", "own.yaml"]) == 2
    assert "is imported only if given on the command line" in capsys.readouterr().err
    assert not Path("imported").exists()
    assert main([*FIT, "--model.network", "net_of_mine.Net"]) == 0
    assert sys.path == before
