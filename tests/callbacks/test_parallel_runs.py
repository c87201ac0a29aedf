"""Members of parallel runs equal single runs."""

from typing import Any

import pytest
import torch
from torch import Tensor

from lit_classify import BinaryClassifier, MulticlassClassifier
from lit_classify.callbacks.parallel_runs import ParallelRuns
from lit_classify.errors import DivergedError
from lit_classify.networks import as_members
from tests.folds import Folds
from tests.training import trainer

RATES = [0.02, 0.1, 0.05]
SETTINGS: dict[str, Any] = {"hidden": [6], "activation": "Tanh"}


def data() -> Folds:
    return Folds(batch_size=20, with_folds=False)  # the last batch is smaller


def single(seed: int, **settings: Any) -> MulticlassClassifier:
    torch.manual_seed(seed)
    return MulticlassClassifier(4, 3, ["a", "b", "c"], **SETTINGS | settings)


def fit_single(seed: int, trainer_settings: dict[str, Any], **settings: Any) -> MulticlassClassifier:
    model = single(seed, **settings)
    trainer(max_epochs=4, num_sanity_val_steps=0, **trainer_settings).fit(model, data())
    return model


def fit_members(
    rates: list[float], trainer_settings: dict[str, Any], **settings: Any
) -> tuple[MulticlassClassifier, ParallelRuns]:
    model = single(7, **settings, members=len(rates), lr=max(rates))
    callback = ParallelRuns(rates)
    trainer(max_epochs=4, num_sanity_val_steps=0, callbacks=[callback], **trainer_settings).fit(model, data())
    return model, callback


def difference(model: MulticlassClassifier, member: int, alone: MulticlassClassifier) -> float:
    expected = as_members([alone.network]).parameters()
    pairs = zip(model.network.parameters(), expected, strict=True)
    return max(
        float((weight[member] - expected_weight[0]).detach().abs().max()) for weight, expected_weight in pairs
    )


FAST: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("AdamW", {"weight_decay": 0.3, "amsgrad": True}),
]
SLOW: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in ("SGD", "Adam", "Adamax", "NAdam", "RAdam", "Adagrad", "Adadelta")),
    ("RMSprop", {"momentum": 0.5}),
]


@pytest.mark.parametrize(
    ("optimizer", "arguments"),
    [*FAST, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)],
    ids=str,
)
def test_a_member_with_its_own_rate_equals_a_single_run(optimizer: str, arguments: dict[str, Any]) -> None:
    settings = {"optimizer": optimizer, "optimizer_args": arguments}
    model, _ = fit_members(RATES, {}, **settings)
    for member, rate in enumerate(RATES):
        alone = fit_single(7 + member, {}, lr=rate, **settings)
        assert difference(model, member, alone) < 1e-4


@pytest.mark.parametrize(
    "settings",
    [
        {"gradient_clip_val": 0.1},
        {"gradient_clip_val": 0.02, "gradient_clip_algorithm": "value"},
        {"accumulate_grad_batches": 2},
    ],
    ids=str,
)
def test_settings_of_the_trainer_apply_to_each_member(settings: dict[str, Any]) -> None:
    model, _ = fit_members(RATES, settings)
    for member, rate in enumerate(RATES):
        assert difference(model, member, fit_single(7 + member, settings, lr=rate)) < 1e-5


def test_a_schedule_applies_to_each_rate() -> None:
    schedule = {"lr_scheduler": "ExponentialLR", "lr_scheduler_args": {"gamma": 0.5}}
    model, _ = fit_members(RATES, {}, **schedule)
    for member, rate in enumerate(RATES):
        assert difference(model, member, fit_single(7 + member, {}, lr=rate, **schedule)) < 1e-5


def test_curves_are_those_of_single_runs() -> None:
    _, callback = fit_members(RATES, {})
    for member, rate in enumerate(RATES):
        alone = single(7 + member, lr=rate)
        single_trainer = trainer(max_epochs=1, num_sanity_val_steps=0)
        single_trainer.fit(alone, data())
        for name in ("train/loss", "val/loss", "val/accuracy"):
            expected = float(single_trainer.callback_metrics[name])
            assert float(callback.curves[name][0][member]) == pytest.approx(expected, abs=1e-5)


def test_a_diverged_member_does_not_change_the_others() -> None:
    model, callback = fit_members([0.1, 1e20, 0.1], {"gradient_clip_val": 1e9}, activation="ReLU")
    assert list(callback.diverged) == [1]
    assert difference(model, 2, fit_single(9, {}, lr=0.1, activation="ReLU")) < 1e-5


def test_members_that_have_all_diverged_end_the_training() -> None:
    with pytest.raises(DivergedError, match=r"learning rate 1e\+20"):
        fit_members([1e20, 1e20], {}, activation="ReLU")


def test_an_ensemble_outside_compare_still_stops_when_a_member_diverges() -> None:
    model = BinaryClassifier(2, members=2)
    for weight in model.network.parameters():
        weight.data[1] = torch.nan

    class TwoFeatures(Folds):
        in_features = 2

        def batch_tensors(self, name: str) -> list[Tensor]:
            x, y = self.split(name)
            return [x[:, :2], y % 2]

    with pytest.raises(DivergedError):
        trainer(max_epochs=2, num_sanity_val_steps=0).fit(model, TwoFeatures(with_folds=False))
