"""TableDataModule: splits, targets, statistics of the training rows only, predictions."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression

from lit_classify import TableDataModule, UserError
from lit_classify.cli.main import main
from tests.example_tables import bundled, table

BEST = "lightning_logs/table/version_0/checkpoints/best.ckpt"


@pytest.mark.reliability(33)
def test_statistics_come_from_train_rows_alone() -> None:
    path = bundled(load_wine, "wine.csv")
    data = TableDataModule(str(path), "target")
    x = data.split("train").x
    torch.testing.assert_close(x.mean(dim=0), torch.zeros(13), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std(dim=0, correction=0), torch.ones(13), atol=1e-5, rtol=0)
    assert float(data.split("test").x.mean(dim=0).abs().max()) > 1e-3


@pytest.mark.reliability(19, 23)
@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (["1,a", "2,b"], {"target": "targt"}, "did you mean 'target'"),
        (
            ["1,a", "2,"] * 20,
            {},
            r"t.csv, row 2: the target 'target' is missing or not finite \(None\), as in 20",
        ),
        (["1,0", "2,1", "3,inf"] * 20, {}, r"row 3: the target 'target' is missing or not finite \(inf\)"),
        (
            ["1,0.5", "2,1e300"] * 20,
            {},
            r"row 2, target .target.: 1e\+300 is too large for single",
        ),
        (["1,a", "2,a"] * 20, {}, "a single class, 'a', in all 40 rows"),
        (["1,0", "2,1"] * 20 + ["3,0.5"], {}, "row 41, target 'target': 0.5 is a fraction among integers"),
        (["1,0", "2,1"] * 20 + ["3,-100"], {}, "row 41, target 'target': -100 often means no label"),
        ([f"{n},name {n}" for n in range(50)], {}, "50 distinct values in 50 rows, such as 'name"),
        (["1,a", "2,b"] * 20, {"ignore": "y"}, "unknown column 'y'"),
        (["1,a", "2,b"] * 20, {"numeric": "target"}, "row 1, column 'target': 'a' is not a number"),
        (["1,a", "1,b"] * 20, {}, "no feature is left"),
        (["1,a", ",b"] * 20, {"missing": "error"}, "row 2, column 'x': None is missing"),
        (["1,a", "inf,b"] * 20, {"missing": "error"}, "row 2, column 'x': inf is missing or not finite"),
        (["1,a", "2,b"] * 20, {"missing": "median"}, "missing must be impute or error, but is 'median'"),
        (
            ["1,a", "2,b"] * 20,
            {"test_fraction": 0.6, "val_fraction": 0.5},
            "leave no training points out of 40",
        ),
        (
            ["1,a", "2,b"] * 20,
            {"split": "x"},
            "row 1: the split 'x' is 1.0, but must be train, val or test",
        ),
        (["1,a", "2,b"] * 20, {"groups": "x"}, "fewer than three groups"),
        (["1,1"] * 30, {}, "a single class, '1', in all 30 rows"),
        (["1,a", "2,b"] * 20, {"target": []}, "target must be a column"),
        (["1,0", "2,1"] * 20, {"target": ["target", "target"]}, "several distinct columns of labels"),
        (["1,a", "2,b"] * 20, {"test_path": "t.csv"}, "t.csv is given twice"),
        ([f"{n},{1.7e9 + n / 100}" for n in range(50)], {}, "which single precision cannot resolve"),
        (["1,1.5", "2,2.5", "3,3.7"], {}, "3 rows are too few for training"),
    ],
)
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
def test_unusable_tables_and_settings_are_refused(
    rows: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        table(rows, **options)


@pytest.mark.slow
def test_a_fit_of_a_table_is_as_accurate_as_a_linear_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = bundled(load_breast_cancer, "cancer.csv")
    assert main(["fit", "--config", "table", "--data.path", str(path), "--data.target", "target"]) == 0
    printed = capsys.readouterr().out
    assert "BinaryClassifier" in printed
    assert "x0" in printed
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    assert main(["test", "--ckpt_path", checkpoint]) == 0
    printed = capsys.readouterr().out
    accuracy = float(printed.split("accuracy")[1].split()[0])
    data = TableDataModule(str(path), "target")
    train, test = data.split("train"), data.split("test")
    linear = LogisticRegression(max_iter=5000).fit(train.x, train.y).score(test.x, test.y)
    assert accuracy >= linear - 0.03


@pytest.mark.reliability(27)
def test_predictions_need_neither_the_target_nor_the_column_order_nor_the_training_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = bundled(load_wine, "wine.csv")
    fit = ["fit", "--config", "table", "--data.path", str(path), "--data.target", "target"]
    assert main([*fit, "--trainer.max_epochs", "3"]) == 0
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    assert main(["predict", "--ckpt_path", checkpoint, "--out", "before.csv"]) == 0
    table = pl.read_csv(path)
    table.drop("target").select(reversed(table.columns[:-1])).with_columns(extra=pl.lit("z")).write_csv(
        "new.csv"
    )
    path.unlink()
    predict = ["predict", "--ckpt_path", checkpoint, "--data.path", "new.csv"]
    assert main([*predict, "--out", "after.csv"]) == 0
    assert "ignored columns that the training data did not have: extra" in capsys.readouterr().err
    assert Path("after.csv").read_text() == Path("before.csv").read_text()
    assert len(Path("after.csv").read_text().splitlines()) == 179


@pytest.mark.reliability(28)
def test_a_table_that_lacks_feature_columns_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    path = bundled(load_wine, "wine.csv")
    fit = ["fit", "--config", "table", "--data.path", str(path), "--data.target", "target"]
    assert main([*fit, "--trainer.max_epochs", "1"]) == 0
    pl.read_csv(path).drop("x3").rename({"x5": "y5"}).write_csv("new.csv")
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    assert main(["predict", "--ckpt_path", checkpoint, "--data.path", "new.csv"]) == 2
    stderr = capsys.readouterr().err
    assert "lacks x3, x5" in stderr
    assert "y5" in stderr


def test_automatic_batches_depend_on_the_number_of_training_rows() -> None:
    for num_rows, expected in ((100, 10), (40, 8)):
        data = table(
            [f"{n},{'ab'[n % 2]}" for n in range(num_rows)], batch_size="auto", folds=2, test_fraction=0.2
        )
        x, y, fold = next(iter(data.train_dataloader()))
        assert len(x) == len(y) == len(fold) == data.batch_size == expected
