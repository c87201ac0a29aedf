"""Constructor arguments as plain data."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lit_classify import BinaryClassifier, CirclesDataModule, load
from lit_classify.serialization import plain
from tests.custom_networks import OwnTanh, Squares
from tests.custom_optimizers import OwnSGD
from tests.training import fitted, same_weights, trainer

OWN = "tests.custom_networks."


ARGUMENTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # arguments; their plain data in a checkpoint; arguments that train the same weights
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
    "own optimizer": (
        {"optimizer": OwnSGD},
        {"optimizer": "tests.custom_optimizers.OwnSGD"},
        {"optimizer": "SGD"},
    ),
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


@pytest.mark.parametrize("name", ARGUMENTS)
def test_classes_and_instances_train_as_their_names_do_and_are_recorded_as_plain_data(name: str) -> None:
    arguments, recorded, named = ARGUMENTS[name]
    assert same_weights(fitted(**named), fitted(**arguments))
    content = torch.load("fitted.ckpt", weights_only=True)
    for record in (content["hyper_parameters"], content["lit_classify"]["model"]["init_args"]):
        assert {key: record[key] for key in recorded} == recorded


def test_numpy_scalars_are_recorded_as_python_numbers() -> None:
    fitted(lr=np.float64(0.01), dropout=np.float32(0.25))
    content = torch.load("fitted.ckpt", weights_only=True)
    assert content["lit_classify"]["model"]["init_args"]["lr"] == 0.01
    assert content["hyper_parameters"]["dropout"] == 0.25


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ({"hidden": np.array([4, 3])}, {"hidden": [4, 3]}),
        ({"hidden": range(3, 5)}, {"hidden": [3, 4]}),
        ({"class_names": np.array(["inner", "outer"])}, {"class_names": ["inner", "outer"]}),
        ({"class_weight": np.array([1.0, 2.0])}, {"class_weight": [1.0, 2.0]}),
        ({"pos_weight": np.float32(2.0)}, {"pos_weight": 2.0}),
        ({"optimizer_args": {"momentum": np.float64(0.5)}}, {"optimizer_args": {"momentum": 0.5}}),
        (
            {"lr_scheduler": "StepLR", "lr_scheduler_args": {"step_size": np.int64(2)}},
            {"lr_scheduler_args": {"step_size": 2}},
        ),
    ],
)
def test_arrays_and_ranges_are_recorded_as_lists(given: dict[str, Any], recorded: dict[str, Any]) -> None:
    model = BinaryClassifier(2, **given)
    made = trainer(max_epochs=1)
    made.fit(model, CirclesDataModule())
    made.save_checkpoint("array.ckpt")
    loaded = load("array.ckpt")
    assert {name: loaded.hparams[name] for name in recorded} == recorded
    assert same_weights(loaded, model)


def test_the_function_of_a_scheduler_is_recorded_by_its_name() -> None:
    model = fitted(lr_scheduler="LambdaLR", lr_scheduler_args={"lr_lambda": lambda epoch: 0.5**epoch})
    assert isinstance(model, BinaryClassifier)
    recorded = torch.load("fitted.ckpt", weights_only=True)["hyper_parameters"]["lr_scheduler_args"]
    assert recorded["lr_lambda"].endswith("<lambda>")


def test_what_has_no_name_is_recorded_without_its_address() -> None:
    function, same_function = (partial(lambda y, scale: y * scale, scale=2) for _ in range(2))
    assert repr(function) != repr(same_function)
    assert plain(function) == plain(same_function)
    assert "scale=2" in plain(function)
