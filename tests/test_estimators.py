"""The estimators for scikit-learn: its own checks, its tools, and the command line as an oracle."""

import pickle
import re
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
import yaml
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from lit_classify import DataError, LitClassifier, LitRegressor, UserError, predict
from lit_classify._lightning.random_states import random_states
from lit_classify.cli.main import main
from lit_classify.errors import DataWarning
from lit_classify.recipes import lookup
from tests._lightning.test_exact_resume import same

SMALL: dict[str, Any] = {"hidden": (8,), "folds": 2, "lr": 0.05, "max_epochs": 15, "dropout": 0.0}
SMALL |= {"batch_size": 32, "numeric_embedding": None, "random_state": 0}
X, Y = load_iris(return_X_y=True)
FAILED = {
    "check_sample_weight_equivalence_on_dense_data": "rows are divided into folds and batches, and columns "
    "are scaled, whatever the weights; tests/modules/test_member_losses.py compares the losses"
}


@pytest.mark.slow
@parametrize_with_checks(
    [LitClassifier(**SMALL), LitRegressor(**SMALL), LitClassifier(**{**SMALL, "folds": 0, "members": 1})],
    expected_failed_checks=lambda estimator: FAILED,
)  # type: ignore[untyped-decorator]
def test_the_estimators_pass_the_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def test_the_defaults_are_those_of_the_recipe_for_tables() -> None:
    recipe = yaml.safe_load(lookup.find("table").read_text())
    defaults = LitClassifier().get_params()
    model, data = recipe["model"]["init_args"], recipe["data"]["init_args"]
    for name in ("hidden", "activation", "dropout", "numeric_embedding", "members", "lr", "weight_decay"):
        assert defaults[name] == (tuple(model[name]) if name == "hidden" else model[name])
    assert [defaults[name] for name in ("folds", "batch_size")] == [data["folds"], data["batch_size"]]
    assert defaults["max_epochs"] == recipe["trainer"]["max_epochs"]
    assert defaults["patience"] == recipe["trainer"]["callbacks"][0]["init_args"]["patience"]


@pytest.mark.parametrize("kind", [LitClassifier, LitRegressor])
def test_an_estimator_predicts_what_the_command_line_predicts(kind: type[Any]) -> None:
    X, y = load_iris(return_X_y=True) if kind is LitClassifier else load_diabetes(return_X_y=True)
    frame = pl.DataFrame(X, schema=[f"x{index}" for index in range(X.shape[1])])
    frame.with_columns(target=pl.Series(y)).write_parquet("t.parquet")
    estimator = kind(max_epochs=3, random_state=0).fit(frame, y)
    seed = np.random.RandomState(0).randint(2**31)
    command = ["fit", "--config", "table", "--data.path", "t.parquet", "--data.target", "target"]
    command += ["--data.test_fraction", "0", "--seed_everything", str(seed), "--plots", "none"]
    loss = [] if kind is LitClassifier else ["--model.loss", "MSE"]
    assert main([*command, *loss, "--trainer.max_epochs", "3"]) == 0
    expected = predict(next(Path().rglob("best.ckpt")), frame).drop("prediction" if not loss else [])
    predicted = estimator.predict_proba(frame) if kind is LitClassifier else estimator.predict(frame)[:, None]
    np.testing.assert_allclose(predicted, expected.to_numpy(), rtol=1e-5)


def test_a_fit_leaves_no_files_no_output_and_no_random_numbers_behind(
    capfd: pytest.CaptureFixture[str],
) -> None:
    states = random_states(torch.device("cpu"))
    LitClassifier(**SMALL).fit(X, Y)
    assert same(random_states(torch.device("cpu")), states)
    assert capfd.readouterr() == ("", "")
    assert not list(Path().iterdir())


def test_a_verbose_fit_prints_its_epochs_and_warns_about_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    X = np.c_[Y, Y % 2]
    with pytest.warns(DataWarning, match="possible target leakage: x0 determines the target"):
        LitClassifier(**{**SMALL, "max_epochs": 2}, verbose=True).fit(X, Y)
    output = capsys.readouterr()
    assert [line[:8] for line in output.out.splitlines()] == ["Epoch: 0", "Epoch: 1"]
    assert not output.err


def test_frames_of_all_kinds_give_the_same_estimator() -> None:
    rows = {"size": [float(n % 13) for n in range(60)], "color": [["red", "blue"][n % 2] for n in range(60)]}
    y = ["large" if n % 13 > 6 else "small" for n in range(60)]
    frames = [pl.DataFrame(rows), pl.LazyFrame(rows), pd.DataFrame(rows), pl.DataFrame(rows).to_arrow()]
    fitted = [LitClassifier(**SMALL).fit(frame, y) for frame in frames]
    for estimator in fitted:
        assert estimator.feature_names_in_.tolist() == ["size", "color"]
        assert estimator.classes_.tolist() == ["large", "small"]
        assert estimator.model_.class_names == ["large", "small"]
        for frame in frames:
            np.testing.assert_array_equal(estimator.predict_proba(frame), fitted[0].predict_proba(frames[0]))
    assert fitted[0].score(frames[0], y) > 0.9


def test_columns_of_an_array_are_numbers_even_if_they_are_constant() -> None:
    estimator = LitClassifier(**SMALL).fit(np.c_[X, np.ones(150), np.arange(150)], Y)
    assert estimator.n_features_in_ == 6
    assert {column.kind for column in estimator.data_.columns} == {"number"}
    assert estimator.score(np.c_[X, np.ones(150), np.arange(150)], Y) > 0.9


def test_the_best_weights_of_a_single_network_are_kept() -> None:
    estimator = LitClassifier(
        **{**SMALL, "folds": 0, "members": 1, "max_epochs": 60, "patience": 3, "lr": 1.0}
    )
    estimator.fit(X, Y)
    best = estimator.model_.state_dict()
    assert 4 <= estimator.n_iter_ < 60  # stopped three epochs after the best one
    shorter = clone(estimator).set_params(max_epochs=estimator.n_iter_ - 3).fit(X, Y).model_.state_dict()
    assert all(torch.equal(weight, shorter[name]) for name, weight in best.items())


def test_a_pickle_holds_no_rows() -> None:
    X, y = make_classification(20_000, 20, random_state=0)
    estimator = LitClassifier(**{**SMALL, "max_epochs": 1, "batch_size": None}).fit(X, y)
    assert len(pickle.dumps(estimator)) < 100_000
    joblib.dump(estimator, "estimator.joblib")
    np.testing.assert_array_equal(joblib.load("estimator.joblib").predict(X[:9]), estimator.predict(X[:9]))
    with pytest.raises(DataError, match="trained on a DataFrame"):
        estimator.data_.split("train")


def test_weights_of_classes_and_rows_change_the_prediction() -> None:
    x = np.zeros((40, 1)) + np.arange(2).repeat(20)[:, None] * 1e-9
    y = np.array(["no", "yes"] * 20)
    settings = {**SMALL, "max_epochs": 40}
    for weights in ({"no": 9.0}, {"yes": 9.0}):
        (name,) = weights
        assert set(LitClassifier(**settings, class_weight=weights).fit(x, y).predict(x)) == {name}
        rows = np.where(y == name, 9.0, 1.0)
        assert set(LitClassifier(**settings).fit(x, y, sample_weight=rows).predict(x)) == {name}


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (X, [None, *Y[1:].astype(str)], "y has a missing value in row 1"),
        (X, pd.Series(["a", None, *["b"] * 148], dtype="string"), "y has a missing value in row 2"),
        (pl.DataFrame(X), pl.Series(["a", "b", None] * 50), "y has a missing value in row 3"),
        (pd.DataFrame(X).head(0), Y[:0], "X has no rows or no columns"),
        (pd.DataFrame(index=range(150)), Y, "X has no rows or no columns"),
    ],
)
def test_missing_classes_and_empty_frames_are_refused(X: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LitClassifier(**SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("hidden", 10, "hidden must be a list in which each item is an integer, but is 10"),
        ("hidden", [1.5], r"each item is an integer, but is \[1.5\]"),
        ("batch_size", "foo", "batch_size must be an integer or 'auto' or None, but is 'foo'"),
        ("lr", "fast", "lr must be a number, but is 'fast'"),
        ("max_epochs", None, "max_epochs must be an integer, but is None"),
        ("data_args", 3, "data_args must be a mapping or None, but is 3"),
        ("activation", 3, "activation must be a torch.nn.Module"),
    ],
)
def test_arguments_of_a_wrong_type_are_named(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LitClassifier(**{**SMALL, name: value}).fit(X, Y)


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ({"data_args": {"scalin": 1}}, "unknown argument in data_args 'scalin': did you mean 'scaling'?"),
        ({"model_args": {"optimiser": 1}}, "argument in model_args 'optimiser': did you mean 'optimizer'?"),
        ({"model_args": {"treshold": 1}}, "argument in model_args 'treshold': did you mean 'threshold'?"),
        ({"trainer_args": {"max_step": 1}}, "argument in trainer_args 'max_step': did you mean 'max_steps'?"),
        ({"trainer_args": {3: 1}}, "unknown argument in trainer_args '3'"),
        ({"data_args": {"folds": 3}}, "data_args cannot have 'folds'; give it to LitClassifier itself"),
        ({"trainer_args": {"lr": 3}}, "trainer_args cannot have 'lr'; give it to LitClassifier itself"),
        ({"model_args": {"folds": 3}}, "model_args cannot have 'folds'; give it to LitClassifier itself"),
        ({"data_args": {"target": "x0"}}, "data_args cannot have 'target', which LitClassifier determines"),
        ({"trainer_args": {"logger": True}}, "trainer_args cannot have 'logger', which LitClassifier"),
        ({"model_args": {"scaling": "robust"}}, "model_args cannot have 'scaling'; give it in data_args"),
    ],
)
def test_further_arguments_that_do_not_exist_are_named(further: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        LitClassifier(**SMALL, **further).fit(X, Y)


def test_numbers_and_arrays_of_numpy_are_arguments() -> None:
    numbers = {"hidden": np.array([8]), "lr": np.float32(0.05), "folds": np.int64(2), "verbose": 0}
    settings: dict[str, Any] = {**SMALL, "max_epochs": 1, **numbers}
    assert LitClassifier(**settings).fit(X, Y).n_iter_ == 1


def test_half_precision_is_trained_on() -> None:
    small = LitClassifier(**SMALL).fit(X.astype(np.float16), Y)
    assert small.score(X.astype(np.float16), Y) > 0.9


def test_rows_must_be_held_out() -> None:
    with pytest.raises(ValueError, match="folds and validation_fraction are 0"):
        LitClassifier(folds=0, validation_fraction=0.0).fit(X, Y)


def test_further_arguments_reach_the_data_the_module_and_the_trainer() -> None:
    estimator = LitClassifier(
        **SMALL,
        data_args={"categorical": "x3"},
        model_args={"optimizer": "SGD", "optimizer_args": {"momentum": 0.9}},
        trainer_args={"max_steps": 2},
    ).fit(X, Y)
    assert [column.kind for column in estimator.data_.columns] == ["number"] * 3 + ["category"]
    assert estimator.model_.hparams["optimizer"] == "SGD"
    assert estimator.n_iter_ == 1


@pytest.mark.slow
def test_the_tools_of_scikit_learn_work(recwarn: pytest.WarningsRecorder) -> None:
    search = GridSearchCV(LitClassifier(**SMALL), {"lr": [0.05, 1e-6]}, cv=2, n_jobs=2).fit(X, Y)
    assert search.best_params_ == {"lr": 0.05}
    calibrated = CalibratedClassifierCV(LitClassifier(**SMALL), cv=2).fit(X, Y, sample_weight=np.ones(150))
    assert calibrated.score(X, Y) > 0.9
    pipeline = make_pipeline(StandardScaler().set_output(transform="polars"), LitClassifier(**SMALL))
    assert (cross_val_predict(pipeline, X, Y, cv=3) == Y).mean() > 0.9
    importance = permutation_importance(LitClassifier(**SMALL).fit(X, Y), X, Y, random_state=0)
    assert importance.importances_mean.argmax() >= 2  # of the petals
    assert not recwarn.list


@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
def test_predictions_are_computed_in_single_precision(precision: str) -> None:
    plain = {**SMALL, "numeric_embedding": None, "max_epochs": 2}
    estimator = LitClassifier(**plain, trainer_args={"precision": precision}).fit(X, Y)
    assert estimator.predict_proba(X).dtype == np.float32
