"""Synthetic data: the rows of the course, and disjoint splits."""

from typing import Any

import numpy as np
import pytest
import torch

from lit_classify import (
    BlobsDataModule,
    CirclesDataModule,
    GaussiansDataModule,
    LineDataModule,
    MoonsDataModule,
    SpiralsDataModule,
    UserError,
    XorDataModule,
)
from lit_classify.data import InMemoryDataModule, PointsDataModule
from tests import reference_loop

POINTS: list[type[PointsDataModule]] = [
    CirclesDataModule,
    MoonsDataModule,
    SpiralsDataModule,
    BlobsDataModule,
    XorDataModule,
    GaussiansDataModule,
]


ALL: list[type[InMemoryDataModule]] = [*POINTS, LineDataModule]


@pytest.mark.parametrize("data", POINTS)
def test_derived_inputs_leave_the_points_as_they_are(data: type[PointsDataModule]) -> None:
    derived = data(inputs=["x1^2", "sin(x2)"])
    assert derived.inputs == ["x1^2", "sin(x2)"]
    assert derived.in_features == 2
    assert torch.equal(derived.split("train").x, data().split("train").x)


@pytest.mark.parametrize("data", ALL)
def test_numbers_of_features_and_outputs_are_integers_before_setup(data: type[InMemoryDataModule]) -> None:
    data_module = data()  # type: ignore[call-arg]  # synthetic data need no arguments
    assert type(data_module.in_features) is int
    assert type(data_module.out_features) is int
    assert data_module.split("train").x.shape[1] == data_module.in_features
    assert data_module.split("train").x.dtype == torch.float32
    assert data_module.split("train").y.dtype == (
        torch.float32 if data_module.class_names is None else torch.int64
    )


def test_circles_equal_those_of_the_course() -> None:
    x_train, x_test, y_train, y_test = reference_loop.circles()
    data = CirclesDataModule()
    assert torch.equal(data.split("train").x, x_train)
    assert torch.equal(data.split("test").x, x_test)
    assert torch.equal(data.split("train").y, y_train.long())
    assert torch.equal(data.split("test").y, y_test.long())
    assert (len(x_train), len(x_test)) == (800, 200)
    assert torch.cat([y_train, y_test]).sum() == 500


def test_blobs_equal_those_of_the_course() -> None:
    x_train, _, _, y_test = reference_loop.blobs()
    data = BlobsDataModule()
    assert torch.equal(data.split("train").x, x_train)
    assert torch.equal(data.split("test").y, y_test)
    assert data.out_features == 4


def test_the_line_equals_that_of_the_course() -> None:
    x_train, x_test, y_train, y_test = reference_loop.line()
    data = LineDataModule()
    assert torch.equal(data.split("train").x, x_train)
    assert torch.equal(data.split("train").y, y_train.squeeze())
    assert torch.equal(data.split("test").x, x_test)
    assert torch.equal(data.split("test").y, y_test.squeeze())


def test_spirals_equal_those_of_cs231n() -> None:
    np.random.seed(42)
    points, labels = np.zeros((300, 2)), np.zeros(300, dtype=int)
    for j in range(3):
        rows = range(100 * j, 100 * (j + 1))
        r = np.linspace(0.0, 1, 100)
        t = np.linspace(j * 4, (j + 1) * 4, 100) + np.random.randn(100) * 0.2
        points[rows], labels[rows] = np.c_[r * np.sin(t), r * np.cos(t)], j
    x, y = SpiralsDataModule().generate()
    np.testing.assert_array_equal(x, points)
    np.testing.assert_array_equal(y, labels)


@pytest.mark.parametrize("data", ALL)
def test_course_mode_validates_on_the_test_rows(data: type[InMemoryDataModule]) -> None:
    data_module = data()  # type: ignore[call-arg]  # as above
    assert data_module.validates_on_test
    assert data_module.split("val") is data_module.split("test")


@pytest.mark.parametrize("data", ALL)
def test_val_fraction_makes_a_third_split_that_shares_no_row(data: type[Any]) -> None:
    data_module = data(val_fraction=0.1)
    assert not data_module.validates_on_test
    splits = [data_module.split(name) for name in ("train", "val", "test")]
    rows = torch.cat([torch.cat([split.x, split.y[:, None].float()], dim=1) for split in splits])
    assert len(rows) == sum(len(data().split(name).y) for name in ("train", "test"))
    assert len({tuple(row) for row in rows.tolist()}) == len(rows)
    assert len(splits[1].y) == round(0.1 * len(rows))


@pytest.mark.parametrize("data", ALL)
def test_synthetic_data_leave_the_global_random_state_unchanged(data: type[InMemoryDataModule]) -> None:
    rng_state = torch.get_rng_state()
    data_module = data()  # type: ignore[call-arg]  # as above
    list(data_module.train_dataloader())
    assert torch.equal(rng_state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": -5}, "num_samples must be at least 2, but is -5"),
        ({"noise": -1.0}, "noise must be at least 0, but is -1"),
        ({"test_fraction": 1.5}, "test_fraction must be at least 0 and below 1, but is 1.5"),
        ({"test_fraction": 0.6, "val_fraction": 0.4}, "leave no training points out of 1000"),
        ({"batch_size": 0}, "batch_size must be at least 1, but is 0"),
        ({"random_state": -1}, "random_state must be at least 0"),
    ],
)
@pytest.mark.parametrize("data", [CirclesDataModule, BlobsDataModule])
def test_invalid_settings_are_refused(
    data: type[PointsDataModule], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        data(**arguments)


def test_a_line_with_a_step_of_zero_is_refused() -> None:
    with pytest.raises(UserError, match="step must be above 0"):
        LineDataModule(step=0)


def test_classes_of_xor_are_those_of_the_signs_before_the_noise() -> None:
    x, y = XorDataModule(num_samples=4000, margin=0.1).split("train")
    assert torch.equal(y, (x[:, 0] * x[:, 1] > 0).long())
    assert 0.1 <= float(x.abs().min()) < 0.11
    assert 0.99 < float(x.abs().max()) <= 1
    assert 0.45 < float(y.float().mean()) < 0.55
    noisy, labels = XorDataModule(num_samples=4000, margin=0.1, noise=0.5).split("train")
    assert torch.equal(labels, y)
    assert not torch.equal(labels, (noisy[:, 0] * noisy[:, 1] > 0).long())
    with pytest.raises(UserError, match="margin"):
        XorDataModule(margin=1.5)


def test_gaussians_have_their_centers_and_deviation() -> None:
    data = GaussiansDataModule(num_samples=10_000, noise=0.3)
    x, y = data.split("train")
    for label, center in ((0, -1.0), (1, 1.0)):
        cloud = x[y == label]
        torch.testing.assert_close(cloud.mean(dim=0), torch.full((2,), center), atol=0.02, rtol=0)
        torch.testing.assert_close(cloud.std(dim=0), torch.full((2,), 0.3), atol=0.02, rtol=0)
    assert torch.bincount(torch.cat([data.split("train").y, data.split("test").y])).tolist() == [5000, 5000]
