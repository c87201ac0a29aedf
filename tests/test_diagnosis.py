"""Findings about runs: each from facts that show it, and none from facts that do not."""

from collections.abc import Callable
from dataclasses import replace
from math import exp
from typing import Any

import pytest

from lit_classify.diagnosis import CAUSES, PROBLEMS, Facts, Finding, InputScale, diagnose

FAILED = Facts(score=0.5, neighbors_score=0.99, linear_score=0.52)
LOWERED = [0.7, *[0.5] * 20]
FALLING = [0.7 * exp(-epoch / 100) for epoch in range(100)]


def verdicts(facts: Facts) -> list[str]:
    return [finding.verdict for finding in diagnose(facts)]


FOUND: dict[str, dict[str, Any]] = {
    "training has diverged": {"num_invalid": 3},
    "the network ends in a sigmoid or softmax": {"has_probabilities": True},
    "the network rounds its outputs": {"has_integers": True},
    "inputs are not scaled": {"unscaled": InputScale("income", 50_000.0, 20_000.0)},
    "all layers are linear": {"is_linear": True, "activation": None},
    "the learning rate is too high": {"loss": [0.69, 50.0, *[0.7] * 20]},
    "hidden units are dead": {"dead": [(1, 10), (9, 10)]},
    "gradients are near zero": {"loss": [0.69] * 20, "grad_norm": 1e-7},
    "the loss hardly moves": {"loss": [0.69 - 1e-6 * epoch for epoch in range(20)]},
    "the loss is still falling": {"loss": FALLING},
    "all rows have the same prediction": {"is_constant": True, "loss": LOWERED},
    "rare classes are never predicted": {"never_predicted": {"rare": 0.8}, "loss": LOWERED},
}


OWN_EVIDENCE = ("num_invalid", "has_probabilities", "has_integers", "never_predicted")
UNDERFITTED = [facts for facts in FOUND.values() if not any(name in facts for name in OWN_EVIDENCE)]


@pytest.mark.parametrize(("verdict", "facts"), FOUND.items())
def test_each_cause_is_found(verdict: str, facts: dict[str, Any]) -> None:
    assert verdicts(replace(FAILED, **facts)) == [verdict]


def test_every_cause_has_a_test() -> None:
    assert len(FOUND) == len(CAUSES)


@pytest.mark.parametrize("facts", UNDERFITTED)
def test_a_model_that_predicts_well_has_no_cause_of_failure(facts: dict[str, Any]) -> None:
    assert verdicts(replace(FAILED, **facts, score=0.95)) == []


@pytest.mark.parametrize("facts", UNDERFITTED)
def test_rows_that_cannot_be_predicted_are_not_a_failure(facts: dict[str, Any]) -> None:
    assert verdicts(replace(FAILED, **facts, neighbors_score=0.52)) == []


def test_failed_facts_alone_have_no_finding() -> None:
    assert verdicts(FAILED) == []
    assert verdicts(Facts()) == []


def test_the_first_cause_explains_the_others() -> None:
    facts = replace(FAILED, is_linear=True, loss=[0.69] * 20, grad_norm=0.0, is_constant=True)
    assert verdicts(facts) == ["all layers are linear"]


def test_a_linear_model_that_has_not_converged_does_not_lack_an_activation() -> None:
    facts = replace(FAILED, is_linear=True, linear_score=0.97, loss=[0.69] * 20)
    assert verdicts(facts) == ["the loss hardly moves"]


BATCH = replace(
    FAILED,
    overfit_batches=1,
    num_rows=16,
    neighbors_score=1.0,
    optimizer="Adam",
    lr=0.01,
    loss=[0.7, *[0.5] * 20],
)


@pytest.mark.parametrize(
    ("facts", "verdict", "option"),
    [
        ({}, "cannot overfit one batch", '--model.hidden "[64, 64]"'),
        ({"overfit_batches": 3}, "cannot overfit 3 batches", '--model.hidden "[64, 64]"'),
        ({"optimizer": "SGD"}, "cannot overfit one batch", "--model.optimizer Adam --model.lr 0.01"),
        ({"custom_loss": True}, "cannot overfit one batch", "--model.loss null"),
        (
            {"custom_network": True},
            "cannot overfit one batch",
            "more units, if it uses all features",
        ),
        (
            {"stops_early": True},
            "cannot overfit one batch",
            "--trainer.callbacks null --trainer.max_epochs 210",
        ),
        (
            {"regularization": {"dropout": 0.5}},
            "cannot overfit one batch: regularization is strong",
            "--model.dropout 0",
        ),
        (
            {"is_linear": True, "linear_score": 0.8},
            "cannot overfit one batch: all layers are linear",
            "--model.activation ReLU",
        ),
        (
            {"score": 0.74, "neighbors_score": 0.75},
            "cannot overfit one batch: rows contradict each other",
            "correct targets, or add columns that differ",
        ),
    ],
)
def test_a_batch_that_is_not_learned_is_a_failure(facts: dict[str, Any], verdict: str, option: str) -> None:
    (finding,) = diagnose(replace(BATCH, **facts))
    assert (finding.verdict, finding.advice) == (verdict, option)


@pytest.mark.parametrize(
    "facts",
    [
        {"score": 0.96},
        {"train_accuracy": 1.0},
        {"loss": [0.7] * 9},
        {
            "score": 1.0,
            "val_loss": [0.6, 0.4, 1.2],
            "train_accuracy": 1.0,
            "val_accuracy": 0.5,
            "num_val": 200,
        },
    ],
)
def test_a_batch_that_is_learned_or_was_hardly_trained_on_is_not_a_failure(facts: dict[str, Any]) -> None:
    assert verdicts(replace(BATCH, **facts)) == []


def advice(**facts: Any) -> str:
    return diagnose(replace(FAILED, **facts))[0].advice


SPIKE = [0.7, 69.0, *[0.7] * 20]


@pytest.mark.parametrize(
    ("facts", "option"),
    [
        ({"unscaled": InputScale("income", 5e4, 2e4)}, "standardize the inputs in the data module"),
        (
            {"unscaled": InputScale("x1^2", 40.0, 35.0, is_derived=True)},
            "--model.optimizer Adam --model.lr 0.01, or leave x1^2 out of --data.inputs",
        ),
        ({"is_linear": True}, "--model.activation ReLU"),
        ({"is_linear": True, "hidden": []}, '--model.hidden "[10, 10]"'),
        (
            {"is_linear": True, "custom_network": True},
            "put torch.nn.ReLU() between the layers of the network",
        ),
        ({"loss": SPIKE, "lr": 20.0}, "--model.lr 0.2"),
        ({"loss": SPIKE, "lr": 1.0}, "--model.lr 0.1"),
        ({"loss": SPIKE, "lr": 0.1}, "--model.lr 0.01"),
        ({"dead": [(10, 10)], "lr": 5.0}, "--model.lr 0.5"),
        ({"dead": [(10, 10)]}, "--model.activation LeakyReLU"),
        ({"loss": [0.69] * 20, "lr": 1e-9}, "--model.lr 0.1"),
        ({"loss": [0.69] * 20, "lr": 1e-9, "optimizer": "AdamW"}, "--model.lr 0.01"),
        ({"loss": [0.7, *[0.698] * 20], "lr": 1e-5}, "--model.lr 0.01"),
        ({"loss": [0.69] * 20}, "--model.optimizer Adam --model.lr 0.01"),
        ({"loss": [0.69] * 20, "grad_norm": 0.0, "activation": "Tanh"}, "--model.activation ReLU"),
        ({"loss": [0.69] * 20, "grad_norm": 0.0, "hidden": [8] * 9}, '--model.hidden "[8, 8]"'),
        ({"is_constant": True, "loss": LOWERED}, "--model.optimizer Adam --model.lr 0.01"),
        ({"is_constant": True, "loss": LOWERED, "optimizer": "Adam"}, "--trainer.overfit_batches 1"),
        ({"loss": FALLING, "optimizer": "Adam"}, "--ckpt_path last --trainer.max_epochs 200"),
        ({"never_predicted": {"rare": 0.5}, "loss": LOWERED}, "--model.class_weight balanced"),
    ],
)
def test_the_advice_is_an_option_to_type(facts: dict[str, Any], option: str) -> None:
    assert advice(**facts) == option


@pytest.mark.parametrize(
    "loss",
    [[0.7, *[0.9 + 0.01 * step for step in range(20)]], [0.7, *[0.5, 0.9] * 20]],
    ids=["rises", "swings"],
)
def test_a_loss_that_rises_or_oscillates_needs_a_lower_rate(loss: list[float]) -> None:
    assert verdicts(replace(FAILED, loss=loss)) == ["the learning rate is too high"]


def test_a_resumed_run_has_no_first_loss_to_compare_with() -> None:
    assert verdicts(replace(FAILED, loss=[0.69] * 20, from_start=False)) == []


def test_a_trial_of_a_few_epochs_is_not_too_short() -> None:
    assert verdicts(replace(FAILED, loss=FALLING[:9])) == []


def test_a_noisy_loss_is_not_still_falling() -> None:
    noisy = [0.5 - 0.0005 * epoch + 0.05 * (epoch // 10 % 2) for epoch in range(100)]
    assert verdicts(replace(FAILED, loss=noisy)) == []


def test_early_stopping_has_decided_when_to_stop() -> None:
    assert verdicts(replace(FAILED, loss=FALLING, stops_early=True)) == []


def test_saturated_units_are_not_called_dead() -> None:
    assert verdicts(replace(FAILED, dead=[(10, 10)], activation="Tanh")) == []


OVERFITTED = Facts(
    loss=[0.7, 0.1, 0.01],
    val_loss=[0.6, 0.4, 1.2],
    train_accuracy=1.0,
    val_accuracy=0.8,
    num_val=200,
)


def test_validation_far_below_training_is_overfitting() -> None:
    assert [finding.advice for finding in diagnose(OVERFITTED)] == ["--model.dropout 0.2, or more rows"]


@pytest.mark.parametrize(
    "facts",
    [
        {"num_val": 20},
        {"val_accuracy": 0.95},
        {"val_loss": [0.6, 0.5, 0.4]},
        {"stops_early": True},
        {"val_accuracy": None},
    ],
    ids=str,
)
def test_a_small_or_uncertain_difference_is_not_overfitting(facts: dict[str, Any]) -> None:
    assert verdicts(replace(OVERFITTED, **facts)) == []


def test_a_leaking_column_counts_if_the_model_makes_use_of_it() -> None:
    assert verdicts(Facts(leaking=["outcome"], score=1.0)) == ["possible target leakage"]
    assert verdicts(Facts(leaking=["outcome"], score=0.7)) == []


@pytest.mark.parametrize("check", [*CAUSES, *PROBLEMS], ids=lambda check: check.__name__)
def test_a_check_accepts_a_run_without_curves(check: Callable[[Facts], Finding | None]) -> None:
    assert check(Facts()) is None
