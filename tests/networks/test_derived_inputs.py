"""Derived inputs against NumPy, in single networks, members and trained models."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from lit_classify import BinaryClassifier, CirclesDataModule, UserError, load
from lit_classify.networks.derived_inputs import FUNCTIONS, DerivedInputs
from tests.training import same_weights, trainer

ALL = list(FUNCTIONS)


def test_the_inputs_are_those_of_numpy() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    x1, x2 = x.T
    expected = np.stack([x1, x2, x1**2, x2**2, x1 * x2, np.sin(x1), np.sin(x2)], axis=1)
    derived = DerivedInputs(ALL)(torch.from_numpy(x))
    np.testing.assert_allclose(derived.numpy(), expected, rtol=1e-6)
    reversed_ = DerivedInputs(ALL[::-1])(torch.from_numpy(x))
    assert torch.equal(reversed_, derived.flip(1))


def test_members_get_the_inputs_of_their_rows() -> None:
    x = torch.randn(3, 5, 2)
    torch.manual_seed(0)
    model = BinaryClassifier(2, members=3, inputs=ALL)
    alone = model.network(x[1])
    assert torch.equal(model.network(x)[1], alone[1])
    torch.manual_seed(torch.initial_seed() + 1)
    assert torch.allclose(BinaryClassifier(2, inputs=ALL).network(x[1]), alone[1], atol=1e-6)


def test_training_equals_that_of_a_plain_network_on_computed_features() -> None:
    data = CirclesDataModule(inputs=["x1^2", "x1*x2"])
    torch.manual_seed(1)
    model = BinaryClassifier(2, hidden=[4], inputs=data.inputs)
    trainer(max_epochs=20).fit(model, data)

    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    x, y = CirclesDataModule().split("train")
    features = torch.stack([x[:, 0] ** 2, x[:, 0] * x[:, 1]], dim=1)
    for _ in range(20):
        optimizer.zero_grad()
        nn.BCEWithLogitsLoss()(network(features).squeeze(1), y.float()).backward()
        optimizer.step()
    assert same_weights(model.network, network)


def test_the_two_features_alone_change_nothing() -> None:
    torch.manual_seed(0)
    plain = BinaryClassifier(2)
    torch.manual_seed(0)
    named = BinaryClassifier(2, inputs=["x1", "x2"])
    assert list(named.state_dict()) == list(plain.state_dict())
    assert same_weights(named, plain)
    assert CirclesDataModule().inputs == CirclesDataModule(inputs=["x1", "x2"]).inputs == []


def test_squares_make_circles_linear() -> None:
    data = CirclesDataModule()
    x, y = data.split("train")
    scores = {
        name: LogisticRegression(C=100).fit(features, y).score(features, y)
        for name, features in {"plain": x, "squares": DerivedInputs(["x1^2", "x2^2"])(x)}.items()
    }
    assert scores["plain"] < 0.6
    assert scores["squares"] > 0.99


def test_a_checkpoint_restores_the_inputs() -> None:
    data = CirclesDataModule(inputs=["sin(x1)", "x2"])
    model = BinaryClassifier(2, inputs=data.inputs)
    run = trainer(max_epochs=1)
    run.fit(model, data)
    run.save_checkpoint("model.ckpt")
    x = data.split("test").x
    assert torch.equal(load(Path("model.ckpt")).predict(x), model.predict(x))


def test_unsuitable_inputs_and_models_are_refused() -> None:
    for build, message in (
        (
            lambda: CirclesDataModule(inputs=["x1", "x1**2"]),
            r"unknown input 'x1\*\*2': choose from x1, x2, x1",
        ),
        (lambda: CirclesDataModule(inputs=["sin(x1"]), r"unknown input 'sin\(x1': choose from x1"),
        (lambda: CirclesDataModule(inputs=[]), "inputs is empty: choose from x1, x2, x1"),
        (lambda: CirclesDataModule(inputs=["x1", " x1"]), "the input x1 is given 2 times"),
        (lambda: BinaryClassifier(3, inputs=["x1"]), "inputs are functions of two features"),
        (
            lambda: BinaryClassifier(2, inputs=["x1"], num_categories=[3]),
            "inputs are functions of two features",
        ),
    ):
        with pytest.raises(UserError, match=message):
            build()
    with pytest.raises(UserError, match=r"the data has the inputs x1\^2: build the model with inputs=data"):
        trainer(max_epochs=1).fit(BinaryClassifier(2), CirclesDataModule(inputs=["x1^2"]))
