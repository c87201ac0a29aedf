"""What models take as features: numbers of any kind in ``predict``, tensors that fit the weights in a fit."""

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lit_classify import BinaryClassifier, DataError, MulticlassClassifier, Regressor, UserError
from lit_classify.modules import LitModule
from tests.training import loader, rows, trainer

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*no .val_dataloader")
X = np.array([[0.5, -1.0], [2.0, 3.0], [-4.0, 0.25]])


def read_only(x: Any) -> Any:
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize(
    "x",
    [
        X,
        X.astype(np.float32),
        X.tolist(),
        tuple(map(tuple, X)),
        X.astype(object),
        read_only(X),
        X[::-1][::-1],
        torch.tensor(X),
        torch.tensor(X).half(),
    ],
)
@pytest.mark.parametrize("model", [BinaryClassifier(2), MulticlassClassifier(2, 3), Regressor(2, members=3)])
def test_predict_takes_real_numbers_of_any_kind(model: LitModule, x: Any) -> None:
    expected = model.probabilities(model(torch.tensor(X, dtype=torch.float32)))
    assert torch.equal(model.predict(x), expected)


@pytest.mark.parametrize("x", [np.ones((3, 2), int), np.ones((3, 2), bool), torch.ones(3, 2).long()])
def test_predict_takes_integers_and_booleans(x: Any) -> None:
    model = Regressor(2, members=2)
    assert torch.equal(model.predict(x), model.predict(torch.ones(3, 2)))
    assert torch.equal(model.spread(x), model.spread(torch.ones(3, 2)))


def test_predict_takes_tensors_of_any_precision_of_the_weights() -> None:
    model = BinaryClassifier(2).double()
    assert torch.equal(model.predict(X.tolist()), model.probabilities(model(torch.tensor(X))))
    assert model.predict(torch.zeros(1, 2)).dtype == torch.float64


def test_predict_keeps_gradients_of_the_features() -> None:
    x = torch.tensor(X, requires_grad=True)
    (gradient,) = torch.autograd.grad(Regressor(2).predict(x).sum(), x)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:, 0], r"takes rows of 2 features, shape \(N, 2\), but x has shape \(3,\)$"),
        (X[0], r"but x has shape \(2,\); give x\.reshape\(1, -1\)"),
        (X[None], r"but x has shape \(1, 3, 2\)$"),
        (3.0, r"but x has shape \(\)$"),
        ([], r"but x has shape \(0,\)$"),
        (np.c_[X, X], "takes rows of 2 features, but these have 4"),
        ([[0.0, math.nan]], "needs finite features, but row 0 has nan in column 1"),
        (np.array([[0.0, 0.0], [1e300, 0.0]]), "but row 1 has inf in column 0"),
        ([["red", "blue"]], "rows of numbers, .* which this list is not"),
        ([[1.0, 2.0], [1.0]], "which this list is not"),
        (np.ones((1, 2), complex), "which this ndarray is not"),
        (torch.ones(1, 2) * 1j, "which this Tensor is not"),
        (None, r"but x has shape \(\)$"),
        ("t.csv", "which this str is not"),
        (pd.DataFrame(X), r"x is a DataFrame; use lit_classify\.predict\(CHECKPOINT, frame\)"),
        (pl.DataFrame(X), "x is a DataFrame"),
    ],
)
@pytest.mark.parametrize("method", ["predict", "spread"])
def test_predict_names_what_it_cannot_take(x: Any, message: str, method: str) -> None:
    with pytest.raises(DataError, match=message):
        getattr(Regressor(2, members=2), method)(x)


def test_a_column_for_a_single_feature_is_asked_for() -> None:
    with pytest.raises(DataError, match=r"of 1 feature, .* shape \(3,\); give x\.reshape\(-1, 1\)"):
        Regressor(1).predict(X[:, 0])


def test_a_single_network_has_no_spread() -> None:
    with pytest.raises(UserError, match="needs several, but the model is a single network"):
        Regressor(2).spread(X)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Tensor.double, r"features of float32, not float64; give x\.float\(\)"),
        (Tensor.long, r"features of float32, not int64; give x\.float\(\)"),
        (lambda x: x[:, 0], r"shape \(N, 2\), but x has shape \(10,\)"),
        (lambda x: x[:, None], r"shape \(N, 2\), but x has shape \(10, 1, 2\)"),
        (
            lambda x: x.where(x < 1.5, math.nan),
            r"has nan in column \d; rows are counted within the batch",
        ),
    ],
)
@pytest.mark.parametrize("stage", ["fit", "validate", "test"])
def test_features_that_do_not_fit_the_weights_are_refused_in_every_stage(
    change: Any, message: str, stage: str
) -> None:
    x, y = rows()
    with pytest.raises(DataError, match=message):
        getattr(trainer(max_epochs=1), stage)(BinaryClassifier(2), loader(change(x), y))


def test_batches_to_predict_may_be_of_any_precision() -> None:
    x, _ = rows()
    model = BinaryClassifier(2)
    batches = trainer().predict(model, DataLoader(x.double(), batch_size=10))  # type: ignore[arg-type]
    assert torch.allclose(torch.cat(batches), model.predict(x))  # type: ignore[arg-type]


class Missing(nn.Linear):
    """A network that takes missing values."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.nan_to_num())


def test_a_custom_network_may_take_missing_values() -> None:
    x, y = rows()
    x[3, 1] = math.nan
    model = BinaryClassifier(2, network=Missing)
    trainer(max_epochs=1).fit(model, loader(x, y))
    assert model.predict(x).isfinite().all()
