"""Losses by name, as classes, instances and functions; those of torch are the oracle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_classify import (
    BinaryClassifier,
    LineDataModule,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
    load,
)
from lit_classify.cli.main import main
from lit_classify.errors import UserError
from lit_classify.losses import LOSSES
from lit_classify.modules import LitModule
from tests.custom_losses import Focal, MeanOnly, Scaled
from tests.runs import MOONS_CHECKPOINT
from tests.training import fitted, trainer

N = 20
GENERATOR = torch.Generator().manual_seed(0)
LOGITS = 3 * torch.randn(N, 3, generator=GENERATOR)
CLASSES = torch.randint(3, (N,), generator=GENERATOR)
LABELS = (torch.rand(N, 3, generator=GENERATOR) > 0.5).float()
VALUES = torch.randn(N, generator=GENERATOR)

CASES: dict[str, tuple[Callable[..., LitModule], nn.Module, Tensor, Tensor, Tensor]] = {
    # task, torch's loss, logits, targets of the task, targets of torch's loss
    "SoftMarginLoss": (
        lambda **kwargs: BinaryClassifier(2, **kwargs),
        nn.SoftMarginLoss(),
        LOGITS[:, :1],
        CLASSES.clamp(max=1),
        2.0 * CLASSES.clamp(max=1)[:, None] - 1,
    ),
    "MultiMarginLoss": (
        lambda **kwargs: MulticlassClassifier(2, 3, **kwargs),
        nn.MultiMarginLoss(p=2, margin=0.5),
        LOGITS,
        CLASSES,
        CLASSES,
    ),
    "MultiLabelSoftMarginLoss": (
        lambda **kwargs: MultilabelClassifier(2, 3, **kwargs),
        nn.MultiLabelSoftMarginLoss(),
        LOGITS,
        LABELS,
        LABELS,
    ),
    **{
        type(loss).__name__: (
            lambda **kwargs: Regressor(1, **kwargs),
            loss,
            LOGITS[:, :1],
            VALUES,
            VALUES[:, None],
        )
        for loss in (nn.L1Loss(), nn.MSELoss(), nn.SmoothL1Loss(beta=0.2), nn.HuberLoss(delta=2.0))
    },
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "MultiMarginLoss": {"p": 2, "margin": 0.5},
    "SmoothL1Loss": {"beta": 0.2},
    "HuberLoss": {"delta": 2.0},
}


@pytest.mark.parametrize("name", CASES)
def test_a_loss_by_name_as_a_class_or_instance_is_that_of_torch(name: str) -> None:
    make, loss, logits, y, targets = CASES[name]
    settings: dict[str, Any] = {"loss_args": ARGUMENTS[name]} if name in ARGUMENTS else {}
    arguments: list[dict[str, Any]] = [
        {"loss": name, **settings},
        {"loss": name.removesuffix("Loss"), **settings},
        {"loss": f"torch.nn.{name}", **settings},
        {"loss": LOSSES[name], **settings},
        {"loss": loss},
    ]
    for kwargs in arguments:
        model = make(**kwargs)
        assert torch.equal(model.loss(logits, y), loss(logits, targets))
        rows = torch.stack([loss(logits[n : n + 1], targets[n : n + 1]) for n in range(N)])
        torch.testing.assert_close(model.loss(logits, y, "none"), rows)
    assert make(loss=loss).hparams == make(loss=name, loss_args=settings.get("loss_args", {})).hparams


def test_every_loss_of_torch_is_accepted_or_refused_with_the_reason_and_the_right_name() -> None:
    tasks: dict[type[Any], dict[str, Any]] = {
        BinaryClassifier: {"in_features": 2},
        MulticlassClassifier: {"in_features": 2, "out_features": 3},
        MultilabelClassifier: {"in_features": 2, "out_features": 3},
        Regressor: {"in_features": 2},
    }
    for task, settings in tasks.items():
        for name in LOSSES:
            if name in task.losses:
                task(loss=name, **settings)
                continue
            with pytest.raises(UserError, match=rf"^{name} .*; for {task.__name__} use {task.losses[0]}"):
                task(loss=name, **settings)


@pytest.mark.parametrize("task", [BinaryClassifier, Regressor], ids=lambda task: task.__name__)
def test_the_task_s_first_loss_by_name_is_the_default(task: type[LitModule]) -> None:
    assert task(2, loss=task.losses[0]).row_loss is None


def test_custom_losses_are_called_with_outputs_and_targets_and_return_losses_of_rows() -> None:
    def cubed(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs() ** 3

    outputs = LOGITS[:, :1]
    errors = outputs[:, 0] - VALUES
    for loss, expected in {
        cubed: errors.abs() ** 3,
        F.huber_loss: F.huber_loss(errors, torch.zeros(N), reduction="none"),
        "torch.nn.functional.mse_loss": errors**2,
        Scaled: 3 * errors**2,
    }.items():
        model = Regressor(1, loss=loss)
        torch.testing.assert_close(model.loss(outputs, VALUES, "none"), expected)
        torch.testing.assert_close(model.loss(outputs, VALUES), expected.mean())

    focal = BinaryClassifier(2, loss="tests.custom_losses.Focal", loss_args={"gamma": 3.0})
    y = CLASSES.clamp(max=1)
    torch.testing.assert_close(focal.loss(outputs, y), Focal(3.0)(outputs[:, 0], y.float()).mean())


def test_class_weights_weight_the_rows_of_any_loss() -> None:
    model = MulticlassClassifier(2, 3, loss="MultiMarginLoss", class_weight=[1.0, 2.0, 4.0])
    losses = nn.MultiMarginLoss(reduction="none")(LOGITS, CLASSES)
    weights = torch.tensor([1.0, 2.0, 4.0])[CLASSES]
    torch.testing.assert_close(model.loss(LOGITS, CLASSES), (losses * weights).sum() / weights.sum())
    torch.testing.assert_close(model.loss(LOGITS, CLASSES, "none"), losses * weights)


def test_training_with_another_loss_equals_a_plain_loop() -> None:
    data = LineDataModule()
    torch.manual_seed(0)
    model = Regressor(1, hidden=[4], loss="HuberLoss", loss_args={"delta": 0.1}, lr=0.1)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 1))
    trainer(max_epochs=20).fit(model, data)

    loss_function = nn.HuberLoss(delta=0.1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    x, y = data.split("train")
    for _ in range(20):
        optimizer.zero_grad()
        loss_function(network(x).squeeze(1), y).backward()
        optimizer.step()
    for trained, expected in zip(model.network.parameters(), network.parameters(), strict=True):
        assert torch.equal(trained, expected)


def test_members_and_sample_weights_use_the_losses_of_rows() -> None:
    model = Regressor(1, members=3, loss="HuberLoss")
    model.trainer = trainer()
    x, weight = VALUES[:, None], torch.rand(N, generator=torch.Generator().manual_seed(1))
    logits = model.network(x)
    loss, _ = model.training_loss(logits, VALUES)
    expected = sum(F.huber_loss(member[:, 0], VALUES) for member in logits)
    torch.testing.assert_close(loss, expected)
    single = Regressor(1, loss="HuberLoss")
    mean, total = single.mean_loss(LOGITS[:, :1], VALUES, weight)
    losses = F.huber_loss(LOGITS[:, 0], VALUES, reduction="none")
    torch.testing.assert_close(mean, (losses * weight).sum() / weight.sum())
    torch.testing.assert_close(total, weight.sum())


class OwnLoss(BinaryClassifier):
    """A task without losses to choose from."""

    losses = ()  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Regressor(1, loss="Hubber"), "unknown loss 'Hubber': did you mean 'Huber'"),
        (lambda: Regressor(1, loss="mae"), "did you mean 'L1Loss'"),
        (lambda: Regressor(1, loss="smooth_l1"), "unknown loss 'smooth_l1': did you mean 'SmoothL1Loss'"),
        (lambda: Regressor(1, loss="bce"), "unknown loss 'bce': BCELoss expects probabilities, .*Huber"),
        (lambda: BinaryClassifier(2, loss="L2"), "unknown loss 'L2': MSELoss is a loss for numbers"),
        (lambda: BinaryClassifier(2, loss="logloss"), "choose from BCEWithLogitsLoss, SoftMarginLoss"),
        (lambda: MulticlassClassifier(2, 3, loss="cross_entropi"), "did you mean 'CrossEntropy'"),
        (lambda: Regressor(1, loss="quantum"), "choose from L1Loss, MSELoss, SmoothL1Loss, HuberLoss"),
        (
            lambda: Regressor(1, loss="Huber", loss_args={"dleta": 1}),
            "argument of HuberLoss 'dleta': did",
        ),
        (
            lambda: Regressor(1, loss="Huber", loss_args={"delta": -1.0}),
            "cannot be computed: RuntimeError",
        ),
        (
            lambda: Regressor(1, loss="L1", loss_args={"reduction": "sum"}),
            "reduction of L1Loss cannot",
        ),
        (lambda: Regressor(1, loss=nn.L1Loss(reduction="sum")), "reduction of L1Loss cannot"),
        (lambda: Regressor(1, loss=nn.L1Loss(), loss_args={"a": 1}), "but loss is an instance"),
        (lambda: Regressor(1, loss=F.l1_loss, loss_args={"a": 1}), "loss is a function or an instance"),
        (lambda: Regressor(1, loss_args={"delta": 1}), "loss_args requires loss, which is None"),
        (lambda: Regressor(1, loss=3), "loss must be a class or a function, or the name of one, but is 3"),
        (
            lambda: Regressor(1, loss=MeanOnly),
            r"each row, shape \(2,\), .* a tensor of shape \(\)",
        ),
        (lambda: Regressor(1, loss=lambda _, __: 1.0), r"a loss for each row, .* but returned 1\.0"),
        (lambda: Regressor(1, loss=nn.Linear), "loss Linear could not be built: TypeError"),
        (lambda: Regressor(1, loss="no_package.Loss"), "--model.loss no_package.Loss cannot be imported"),
        (lambda: OwnLoss(1, loss="MSE"), "OwnLoss defines its own loss"),
        (lambda: MulticlassClassifier(2, 3, loss=nn.CrossEntropyLoss(weight=torch.ones(3))), "give class_w"),
        (
            lambda: MulticlassClassifier(2, 3, loss=nn.CrossEntropyLoss(ignore_index=1)),
            "ignore_index of",
        ),
        (lambda: BinaryClassifier(2, loss=nn.BCEWithLogitsLoss(pos_weight=torch.ones(1))), "give pos_weight"),
        (lambda: BinaryClassifier(2, loss=F.binary_cross_entropy), "the loss cannot be computed"),
        (lambda: BinaryClassifier(2, loss="SoftMargin", label_smoothing=0.1), "requires BCEWithLogitsLoss"),
        (lambda: BinaryClassifier(2, loss="SoftMargin", pos_weight=2.0), "pos_weight requires BCEWithLogits"),
    ],
)
def test_unsuitable_losses_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


@pytest.mark.slow
def test_a_checkpoint_records_the_loss_and_imports_none_by_itself() -> None:
    fitted(loss=nn.SoftMarginLoss())
    assert load("fitted.ckpt").hparams["loss"] == "SoftMarginLoss"

    path = "tests.custom_losses.Focal"
    model = fitted(loss=path, loss_args={"gamma": 1.0})
    logits, y = LOGITS[:, :1], CLASSES.clamp(max=1)
    without = load("fitted.ckpt")
    assert torch.equal(without.predict(LOGITS[:, :2]), model.predict(LOGITS[:, :2]))
    with pytest.raises(UserError, match=r"trained with the loss 'tests.custom_losses.Focal'.*--model\.loss"):
        without.loss(logits, y)
    for loss in (path, Focal):
        assert torch.equal(load("fitted.ckpt", loss=loss).loss(logits, y), model.loss(logits, y))
    with pytest.raises(UserError, match="was trained with the loss"):
        load("fitted.ckpt", loss=MeanOnly)


@pytest.mark.slow
def test_the_commands_compute_a_custom_loss_that_is_given_and_predict_without_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit = ["fit", "--config", "moons", "--model.loss", "tests.custom_losses.Focal", "--plots", "none"]
    assert main([*fit, "--trainer.max_epochs", "2"]) == 0
    assert "--model.loss tests.custom_losses.Focal" in capsys.readouterr().out  # in the command to test it
    options = ["--ckpt_path", MOONS_CHECKPOINT.format(0)]
    assert main(["test", *options]) == 2
    assert "add --model.loss tests.custom_losses.Focal" in capsys.readouterr().err
    assert main(["test", *options, "--model.loss", "tests.custom_losses.Focal"]) == 0
    assert main(["predict", *options, "--out", "predictions.csv"]) == 0
    importance = ["importance", options[1], "--metric", "loss"]
    assert main(importance) == 2
    assert main([*importance, "--loss", "tests.custom_losses.Focal"]) == 0
    assert Path("importance/importance.csv").is_file()


def test_arguments_of_a_recipe_s_loss_are_ignored_for_another_loss(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("huber.yaml").write_text(
        "data: {class_path: LineDataModule}\n"
        "model: {class_path: Regressor, init_args: {loss: HuberLoss, loss_args: {delta: 0.5}}}\n"
    )
    short = ["--trainer.max_epochs", "1", "--plots", "none"]
    assert main(["fit", "--config", "huber.yaml", "--model.loss", "MSELoss", *short]) == 0
    assert "ignored loss_args.delta, which huber.yaml sets for HuberLoss" in capsys.readouterr().err
