"""Sizes of the training, validation and test splits."""

from lit_classify import (
    CirclesDataModule,
    LineDataModule,
)


def test_fractions_refer_to_all_rows() -> None:
    circles = CirclesDataModule(test_fraction=0.3, val_fraction=0.1)
    assert [len(circles.split(name).y) for name in ("train", "val", "test")] == [600, 100, 300]
    for fraction, num_train in ((0.9, 10), (0.8, 20), (0.2, 80)):
        assert len(LineDataModule(test_fraction=fraction).split("train").y) == num_train
    assert len(LineDataModule(val_fraction=0.001).split("val").y) == 1
