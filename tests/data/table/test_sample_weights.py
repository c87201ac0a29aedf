"""Weights of the rows in the loss, from a column of the table."""

from typing import Any

import pytest
import torch

from lit_classify import BinaryClassifier, DataError, TableDataModule
from tests.example_tables import table
from tests.training import trainer

HEADER = "x,w,target"
ROWS = [f"{n},{n % 3},{'ab'[n % 2]}" for n in range(60)]


def weights_by_x(data: TableDataModule, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weights of the batches of a split, and those of the rows with the same features."""
    (batch,) = {"train": data.train_dataloader, "val": data.val_dataloader}[split]()
    weights = [int(cell) for cell in data.raw_rows(split, range(len(batch[0])))["w"]]
    return batch[-1], torch.tensor(weights, dtype=torch.float32)


@pytest.mark.parametrize(
    ("options", "batch_len"),
    [({}, 3), ({"folds": 4}, 4), ({"val_fraction": 0}, 3)],
    ids=["validation rows", "folds", "course mode"],
)
def test_rows_of_training_and_validation_have_their_weights_and_test_rows_have_none(
    options: dict[str, Any], batch_len: int
) -> None:
    data = table(ROWS, HEADER, sample_weight="w", batch_size=None, **options)
    for split in ("train", "val"):
        weights, expected = weights_by_x(data, split)
        assert torch.equal(weights, expected)
    (train,), (test,) = data.train_dataloader(), data.test_dataloader()
    assert (len(train), len(test)) == (batch_len, 2)
    assert [column.name for column in data.columns] == ["x"]


@pytest.mark.parametrize("folds", [0, 4])
def test_a_fit_uses_the_weights(folds: int) -> None:
    losses = []
    for weight in ("w", None):
        options = {"sample_weight": weight} if weight else {"ignore": "w"}
        data = table(ROWS, HEADER, batch_size=None, folds=folds, **options)
        torch.manual_seed(0)
        model = BinaryClassifier(data.in_features, class_names=data.class_names, folds=data.folds)
        lightning_trainer = trainer(max_epochs=1)
        lightning_trainer.fit(model, data)
        losses.append(
            [float(lightning_trainer.callback_metrics[name]) for name in ("train/loss", "val/loss")]
        )
    assert all(weighted != unweighted for weighted, unweighted in zip(*losses, strict=True))


@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
def test_a_row_with_a_weight_counts_like_repeated_rows() -> None:
    # the columns have the same mean and standard deviation with and without repeated rows
    corners = [(u, v, count) for count, (u, v) in enumerate(((-1, -1), (-1, 1), (1, -1), (1, 1)))]
    counted = [(u, v, n, y) for u, v, count in corners for n, y in ((count, "a"), (4 - count, "b"))]
    repeated = [(u, v, 1, y) for u, v, n, y in counted for _ in range(n)]
    validation = ["0.5,-0.5,1,a,val", "-0.5,0.5,1,b,val"]
    weights = []
    for rows in (counted, repeated):
        lines = [",".join(map(str, row)) + ",train" for row in rows]
        options: dict[str, Any] = {
            "sample_weight": "n",
            "split": "split",
            "batch_size": None,
            "test_fraction": 0,
        }
        data = table([*lines, *validation], "u,v,n,y,split", "y", **options)
        torch.manual_seed(0)
        model = BinaryClassifier(data.in_features, class_names=data.class_names, hidden=[4])
        trainer(max_epochs=30).fit(model, data)
        weights.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))
    assert len(counted) < len(repeated)
    torch.testing.assert_close(*weights, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("-1", r"t.csv, row 61, sample_weight 'w': -1.0 is not a number of at least 0"),
        ("1e300", r"t.csv, row 61, sample_weight 'w': 1e\+300 is too large for single precision"),
        ("", r"t.csv, row 61, sample_weight 'w': None is not a number"),
        ("much", r"t.csv, row 61, column 'w': 'much' is not a number"),
    ],
)
def test_a_weight_that_is_not_a_number_of_at_least_zero_is_refused(cell: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table([*ROWS, f"1,{cell},a"], HEADER, sample_weight="w")


def test_weights_that_are_all_zero_are_refused() -> None:
    rows = [f"{n},0,{'ab'[n % 2]}" for n in range(60)]
    with pytest.raises(DataError, match="the sample_weight 'w' is 0 in all train rows"):
        table(rows, HEADER, sample_weight="w")


def test_predictions_and_tests_of_other_rows_need_no_weights() -> None:
    data = table(ROWS, HEADER, sample_weight="w")
    state = data.hparams["fitted_state"]
    other = table([f"{n},{'ab'[n % 2]}" for n in range(9)], sample_weight="w", fitted_state=state)
    assert len(next(iter(other.predict_dataloader()))[0]) == 9
