"""Splits: disjoint, stratified, by groups, by a column, and by files."""

from typing import Any

import pytest
import torch
from torch import Tensor

from lit_classify import DataError, TableDataModule
from lit_classify.errors import DataWarning
from tests.example_tables import table, three_files, write


@pytest.mark.reliability(23, 33)
def test_splits_are_stratified_and_share_no_row() -> None:
    rows = [f"{number},{'rare' if number % 10 == 0 else 'often'}" for number in range(500)]
    data = TableDataModule(str(write("\n".join(["x,target", *rows]))), "target")
    splits = [data.split(name) for name in ("train", "val", "test")]
    assert [len(split.y) for split in splits] == [300, 100, 100]
    assert [int((split.y == 1).sum()) for split in splits] == [30, 10, 10]
    assert len({float(x) for split in splits for x in split.x}) == 500


def test_a_column_defines_the_splits() -> None:
    names = ["train", "Train", "validation", "test"]
    rows = [f"{n},{names[n % 4]},{'ab'[n % 3 == 0]}" for n in range(80)]
    data = table(rows, "x,split,target", split="split")
    assert [len(data.split(name).y) for name in ("train", "val", "test")] == [40, 20, 20]
    assert data.in_features == 1


@pytest.mark.reliability(33)
def test_rows_of_a_group_stay_together() -> None:
    rows = [f"{n},{n // 10},{'ab'[n % 2]}" for n in range(300)]
    data = table(rows, "x,patient,target", groups="patient")
    groups = []
    (encoder,) = data.hparams["fitted_state"]["encoders"]
    for name in ("train", "val", "test"):
        x = data.split(name).x[:, 0].double() * encoder["scale"] + encoder["center"]
        groups.append({round(float(value)) // 10 for value in x})
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    assert len(set.union(*groups)) == 30


def test_a_group_in_two_splits_is_refused() -> None:
    rows = [f"{n},{n // 10},{('train', 'val', 'test')[n % 3]},{'ab'[n % 2]}" for n in range(90)]
    with pytest.raises(DataError, match=r"the group 'g' '0' \(t.csv, row 1\) is in two splits"):
        table(rows, "x,g,split,target", split="split", groups="g")


@pytest.mark.reliability(23)
def test_validation_and_test_rows_come_from_their_files() -> None:
    write("x,target\n" + "\n".join(f"{n},{'ab'[n % 2]}" for n in range(40)), "train.csv")
    write("x,target\n100,a\n101,b\n", "val.csv")
    write("target,x\na,200\n", "test.csv")
    data = TableDataModule("train.csv", "target", val_path="val.csv", test_path="test.csv")
    assert [len(data.split(name).y) for name in ("train", "val", "test")] == [40, 2, 1]
    data = TableDataModule("train.csv", "target", test_path="test.csv", val_fraction=0.25)
    assert [len(data.split(name).y) for name in ("train", "val", "test")] == [30, 10, 1]
    write("x,target\n100,c\n", "val.csv")
    with pytest.raises(DataError, match=r"a class has no training row, .* a 16, b 16, c 0"):
        TableDataModule("train.csv", "target", val_path="val.csv")


@pytest.mark.reliability(24)
def test_a_class_with_a_single_row_is_used_for_training() -> None:
    with pytest.warns(DataWarning, match="1 class has a single row, which is used for training: 'c'"):
        data = table([f"{n},{'ab'[n % 2]}" for n in range(40)] + ["7,c"])
    assert 2 in data.split("train").y
    assert {0, 1} <= set(data.split("test").y.tolist())


@pytest.mark.reliability(24)
@pytest.mark.parametrize("num_rows", [5, 7, 12])
def test_few_rows_are_split_so_that_no_split_is_empty(num_rows: int) -> None:
    data = table([f"{n},{'ab'[n % 2]}" for n in range(num_rows)], batch_size=64)
    sizes = [len(data.split(name).y) for name in ("train", "val", "test")]
    assert min(sizes) >= 1
    assert sum(sizes) == num_rows
    assert len(data.train_dataloader()) == 1


@pytest.mark.reliability(33, 50)
def test_rows_that_occur_in_two_splits_are_counted_in_one_warning() -> None:
    files = three_files()
    write("x,target\n1,b\n2,a\n300,a\n1,a\n", "val.csv")
    write("target,x\na,2\na,300\nb,400\na,0\n", "test.csv")
    with pytest.warns(DataWarning) as warnings:
        TableDataModule(**files)
    (message,) = (str(warning.message) for warning in warnings)
    assert message.startswith(
        "2 of 4 test rows also occur in train; 2 of 4 val rows also occur in train; "
        "2 of 4 test rows also occur in val"
    )
    assert "--data.groups" in message


def training_folds(data: TableDataModule) -> tuple[Tensor, Tensor]:
    """Return fold and target of each training row."""
    y = data.split("train").y
    assert data.fold is not None
    return data.fold, y


def test_folds_are_stratified_and_of_equal_size() -> None:
    rows = [f"{n},{'rare' if n % 10 == 0 else 'often'}" for n in range(500)]
    data = table(rows, folds=8)
    fold, y = training_folds(data)
    for label in range(2):
        counts = torch.bincount(fold[y == label], minlength=8)
        assert int(counts.max() - counts.min()) <= 1
    sizes = torch.bincount(fold)
    assert int(sizes.max() - sizes.min()) <= 1
    assert data.split("val") is data.split("train")


def test_few_rows_of_a_class_are_in_different_folds() -> None:
    rows = [f"{n},{'rare' if n < 4 else 'often'}" for n in range(200)]
    fold, y = training_folds(table(rows, folds=8, test_fraction=0))
    assert len(set(fold[y == 1].tolist())) == 4


def test_a_group_is_in_one_fold_and_folds_are_of_similar_size() -> None:
    sizes = [40, 30, *[2] * 65]  # two groups hold a third of the rows
    patients = [patient for patient, size in enumerate(sizes) for _ in range(size)]
    rows = [f"{n},{patient},{'ab'[n % 2]}" for n, patient in enumerate(patients)]
    data = table(rows, "x,patient,target", groups="patient", folds=5, test_fraction=0)
    fold, _ = training_folds(data)
    folds_of_patient: dict[int, set[int]] = {}
    for patient, index in zip(patients, fold.tolist(), strict=True):
        folds_of_patient.setdefault(patient, set()).add(index)
    assert all(len(folds) == 1 for folds in folds_of_patient.values())
    counts = torch.bincount(fold)
    assert len(counts) == 5
    assert int(counts.max() - counts.min()) <= 2


def test_there_are_no_more_folds_than_groups() -> None:
    rows = [f"{n},{n % 4},{'ab'[n % 3 == 0]}" for n in range(120)]
    assert table(rows, "x,patient,target", groups="patient", folds=8, test_fraction=0).folds == 4


@pytest.mark.parametrize("options", [{"val_fraction": 0.2}, {"split": "split"}])
def test_folds_are_not_used_if_there_are_validation_rows(options: dict[str, Any]) -> None:
    rows = [f"{n},{('train', 'train', 'val', 'test')[n % 4]},{'ab'[n % 3 == 0]}" for n in range(80)]
    data = table(rows, "x,split,target", folds=8, ignore="split", **options)
    assert data.folds == 0
    assert data.split("val") is not data.split("train")
    assert data.fold is None


def test_folds_are_those_of_the_training_when_a_checkpoint_is_read() -> None:
    data = table([f"{n},{'ab'[n % 3 == 0]}" for n in range(100)], folds=5)
    fold, _ = training_folds(data)
    again = TableDataModule(**data.hparams)
    assert again.folds == 5
    assert torch.equal(training_folds(again)[0], fold)


def test_groups_that_are_equal_as_numbers_are_distinct() -> None:
    names = ["1.1", "1.10", "1.100", "NA", "1e1", "10"]
    rows = [f"{n},{names[n % 6]},{'ab'[n // 6 % 2]}" for n in range(60)]
    data = table(rows, "x,group,target", groups="group", test_fraction=0.3, val_fraction=0.3)
    assert [len(data.split(name).x) for name in ("train", "val", "test")] == [20, 20, 20]
