"""Modules: logits, probabilities, labels; losses against torch's; what each task refuses."""

from typing import Any

import lightning.pytorch as L
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference
from torch import nn

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    DataError,
    LineDataModule,
    MulticlassClassifier,
    Regressor,
    SpiralsDataModule,
    UserError,
    load,
)
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule

TASKS: list[tuple[type[LitModule], dict[str, Any], type[InMemoryDataModule]]] = [
    (BinaryClassifier, {"in_features": 2}, CirclesDataModule),
    (MulticlassClassifier, {"in_features": 2, "out_features": 3}, SpiralsDataModule),
    (Regressor, {"in_features": 1}, LineDataModule),
]


def trainer(**settings: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return L.Trainer(**{**quiet, "enable_model_summary": False, "accelerator": "cpu", **settings})


@given(logits=st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=30))
def test_two_classes_have_two_columns_that_sum_to_one(logits: list[float]) -> None:
    p = BinaryClassifier(2).probabilities(torch.tensor(logits)[:, None])
    assert p.shape == (len(logits), 2)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(len(logits)))
    torch.testing.assert_close(p[:, 1], torch.sigmoid(torch.tensor(logits)))


def test_labels_are_rounded_probabilities_as_in_the_course() -> None:
    logits = torch.cat([torch.randn(1000), torch.tensor([0.0, 1e-9, -1e-9])])[:, None]
    model = BinaryClassifier(2)
    labels = model.labels(model.probabilities(logits))
    assert torch.equal(labels, torch.round(torch.sigmoid(logits.squeeze())).long())
    assert model.metric_sum(logits, labels) == len(labels)


def test_adding_to_all_logits_leaves_the_softmax() -> None:
    model, logits = MulticlassClassifier(2, 3), torch.randn(20, 3)
    torch.testing.assert_close(model.probabilities(logits), model.probabilities(logits + 7))


def test_losses_are_torch_s() -> None:
    logits, y = torch.randn(9, 1), torch.randint(2, (9,))
    assert torch.equal(
        BinaryClassifier(2).loss(logits, y), nn.BCEWithLogitsLoss()(logits.squeeze(), y.float())
    )
    many, classes = torch.randn(9, 4), torch.randint(4, (9,))
    assert torch.equal(MulticlassClassifier(2, 4).loss(many, classes), nn.CrossEntropyLoss()(many, classes))
    values = torch.randn(9)
    assert torch.equal(Regressor(1).loss(logits, values), nn.L1Loss()(logits, values[:, None]))
    assert torch.equal(Regressor(1, loss="MSE").loss(logits, values), nn.MSELoss()(logits, values[:, None]))


@pytest.mark.parametrize(("task", "arguments", "data"), TASKS)
def test_test_figures_equal_scikit_learn_s(
    task: type[LitModule], arguments: dict[str, Any], data: type[InMemoryDataModule]
) -> None:
    L.seed_everything(1, verbose=False)
    model = task(**arguments)
    made = data(batch_size=None)  # type: ignore[call-arg]  # all of them take a batch size
    x, y = made.split("test")
    with torch.no_grad():
        model.network[-1].bias -= model(x).median(dim=0).values  # type: ignore[index]  # so each class is told
        p = model.predict(x)
    (came,) = trainer().test(model, made, verbose=False)
    if isinstance(model, Regressor):
        y, p = y.double(), p.double()
        expected = {
            "mae": reference.mean_absolute_error(y, p),
            "rmse": reference.root_mean_squared_error(y, p),
            "r2": reference.r2_score(y, p),
        }
    else:
        labels, average = p.argmax(dim=1), "binary" if p.shape[1] == 2 else "macro"
        scores = reference.precision_recall_fscore_support(y, labels, average=average, zero_division=0)
        expected = dict(zip(("precision", "recall", "f1"), scores[:3], strict=True))
        expected["accuracy"] = reference.accuracy_score(y, labels)
        if p.shape[1] == 2:
            expected["auroc"] = reference.roc_auc_score(y, p[:, 1])
    for name, value in expected.items():
        assert came[f"test/{name}"] == pytest.approx(value, rel=1e-6, abs=1e-6), name


@pytest.mark.parametrize(("task", "arguments", "data"), TASKS)
def test_epoch_figures_are_over_all_rows_when_the_last_batch_is_short(
    task: type[LitModule], arguments: dict[str, Any], data: type[InMemoryDataModule]
) -> None:
    model = task(**arguments, lr=1e-30)  # so small that no step moves a weight
    fitted = trainer(max_epochs=1)
    made = data(batch_size=7)  # type: ignore[call-arg]  # all of them take a batch size
    fitted.fit(model, made)
    x, y = made.split("train")
    with torch.no_grad():
        logits = model(x)
    assert float(fitted.callback_metrics["train/loss"]) == pytest.approx(
        float(model.loss(logits, y)), rel=1e-6
    )
    if not isinstance(model, Regressor):
        right = (model.labels(model.probabilities(logits)) == y).double().mean()
        assert float(fitted.callback_metrics["train/accuracy"]) == float(right)


@pytest.mark.parametrize(("task", "arguments", "data"), TASKS)
def test_a_checkpoint_comes_back_as_the_module_that_wrote_it(
    task: type[LitModule], arguments: dict[str, Any], data: type[InMemoryDataModule]
) -> None:
    model = task(**arguments, hidden=[3], dropout=0.1)
    fitted = trainer(max_epochs=1)
    fitted.fit(model, data())  # type: ignore[call-arg]  # the course's own data needs no arguments
    fitted.save_checkpoint("model.ckpt")
    again = load("model.ckpt")
    assert type(again) is task
    assert not again.training
    x = torch.randn(5, arguments["in_features"])
    with torch.no_grad():
        assert torch.equal(again.predict(x), model.eval().predict(x))


@pytest.mark.reliability(20)
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, 4), "has 4 classes; use MulticlassClassifier"),
        (lambda: MulticlassClassifier(2, 1), "use BinaryClassifier"),
        (lambda: MulticlassClassifier(2, 3, ["a", "b"]), "3 logits for 2 classes"),
        (lambda: Regressor(1, 1, class_names=["a", "b"]), "has 2 classes; use BinaryClassifier"),
        (lambda: Regressor(1, 2), "one number per row, but has 2 outputs"),
        (lambda: Regressor(1, loss="L2"), "unknown loss 'L2': did you mean 'L1'"),  # type: ignore[arg-type]
        (lambda: BinaryClassifier(2, activation="relu"), "did you mean 'ReLU'"),
        (lambda: BinaryClassifier(2, optimizer="Adm"), "did you mean 'Adam'"),
        (lambda: BinaryClassifier(2, optimizer_args={"momentm": 1}), "did you mean 'momentum'"),
        (lambda: BinaryClassifier(2, lr_scheduler="StepLRR"), "did you mean 'StepLR'"),
        (lambda: BinaryClassifier(2, network_args={"width": 3}), "network names none"),
        (
            lambda: BinaryClassifier(2, lr_scheduler_args={"gamma": 1}),
            "args requires lr_scheduler",
        ),
        (lambda: BinaryClassifier(2, lr=-1), "lr must be a positive number, but is -1"),
        (lambda: BinaryClassifier(2, hidden=[0]), "every width in hidden must be at least 1, but is 0"),
        (lambda: BinaryClassifier(2, dropout=1), "dropout must be at least 0 and below 1, but is 1"),
        (lambda: BinaryClassifier(2, network="tests.custom_networks.Wide"), r"shape \(N, 1\), but"),
        (lambda: BinaryClassifier(2, network="no.such.Net"), "no.such.Net cannot be imported"),
        (lambda: BinaryClassifier(2, activation=torch.tanh), "to use a function, call it in the forward"),
        (
            lambda: BinaryClassifier(2, activation=nn.Linear),
            "activation Linear could not be built: TypeError",
        ),
        (lambda: BinaryClassifier(2, optimizer=nn.Tanh), "a class that extends Optimizer"),
        (lambda: BinaryClassifier(2, lr_scheduler=torch.optim.Adam), "a class that extends LRScheduler"),
        (lambda: BinaryClassifier(2, optimizer=torch.optim.Adam, optimizer_args={"beta": 1}), "mean 'betas'"),
        (lambda: BinaryClassifier(2, network=nn.Linear(2, 1), network_args={"a": 1}), "is an instance"),
        (lambda: BinaryClassifier(2, network=nn.Linear(2, 3)), r"shape \(N, 1\), but"),
        (lambda: BinaryClassifier(2, network=dict), "network 'dict' must be a torch.nn.Module"),
    ],
)
def test_unsuitable_settings_are_refused_with_the_right_name(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


@pytest.mark.reliability(19)
@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (BinaryClassifier(2), torch.tensor([0, 2]), "row 1 has the target 2"),
        (BinaryClassifier(2), torch.tensor([-1, 1]), "row 0 has the target -1"),
        (
            BinaryClassifier(2),
            torch.tensor([0.0, 0.5]),
            "row 1 has the target 0.5; for numbers use Regressor",
        ),
        (BinaryClassifier(2), torch.tensor([float("nan"), 1.0]), "row 0 has the target nan"),
        (BinaryClassifier(2), torch.zeros(2, 1), r"float32 of shape \(2, 1\); give y.squeeze\(1\)"),
        (BinaryClassifier(2), torch.tensor([True, False]), "needs class numbers, int64"),
        (MulticlassClassifier(2, 3), torch.tensor([0.0, 1.0]), "for numbers use Regressor"),
        (MulticlassClassifier(2, 3), torch.tensor([0, -100]), "row 1 has the target -100"),
        (Regressor(1), torch.tensor([0, 1]), "for class numbers use"),
        (Regressor(1), torch.tensor([0.0, float("nan")]), "row 1 has nan"),
        (Regressor(1), torch.zeros(2, 1), r"shape \(2, 1\)"),
    ],
)
def test_targets_of_another_task_are_refused(model: LitModule, y: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        model.check_targets(y)
    with pytest.raises(DataError, match=message):
        model.training_step((torch.zeros(2, model.hparams["in_features"]), y), 0)


def test_a_network_of_one_s_own_trains_and_is_imported_again_only_by_name() -> None:
    path = "tests.custom_networks.Squares"
    model = BinaryClassifier(2, network=path, network_args={"width": 4})
    fitted = trainer(max_epochs=2)
    fitted.fit(model, CirclesDataModule())
    fitted.save_checkpoint("own.ckpt")
    with pytest.raises(UserError, match="imports only what you name yourself"):
        load("own.ckpt")
    assert torch.equal(load("own.ckpt", network=path).network.out.weight, model.network.out.weight)  # type: ignore[union-attr, arg-type]


def test_building_a_module_draws_only_its_weights() -> None:
    torch.manual_seed(42)
    model = BinaryClassifier(2, hidden=[5], activation=None, dropout=0.5)
    after = torch.get_rng_state()
    torch.manual_seed(42)
    plain = nn.Sequential(nn.Linear(2, 5), nn.Dropout(0.5), nn.Linear(5, 1))
    assert torch.equal(after, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "arguments", "factor"),
    [
        ("StepLR", {"step_size": 1, "gamma": 0.5}, 0.5),
        ("ReduceLROnPlateau", {"patience": 0, "threshold": 1.0}, 0.1),  # no loss is low enough
    ],
)
def test_a_scheduler_steps_once_per_epoch(name: str, arguments: dict[str, Any], factor: float) -> None:
    model = BinaryClassifier(2, lr_scheduler=name, lr_scheduler_args=arguments)
    fitted = trainer(max_epochs=4)
    fitted.fit(model, CirclesDataModule())
    assert fitted.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.1 * factor**4)


@pytest.mark.reliability(20)
@pytest.mark.parametrize("shape", [(5,), (1,), (6, 1), (6, 2)])
@pytest.mark.parametrize("task", [BinaryClassifier, MulticlassClassifier, Regressor])
def test_nothing_is_broadcast(task: Any, shape: tuple[int, ...]) -> None:
    model = task(2, out_features=3 if task is MulticlassClassifier else 1, hidden=[3])
    y = torch.zeros(shape, dtype=torch.float32 if task is Regressor else torch.int64)
    with pytest.raises(DataError, match=r"outputs are of shape \(6,\), but the targets of shape"):
        model.loss(model(torch.ones(6, 2)), y)
