"""TableDataModule: splits, targets, statistics of the training rows only, predictions."""

import warnings
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression

from lit_classify import DataError, TableDataModule, UserError
from lit_classify.cli.main import main
from tests.example_tables import bundled, table


@pytest.mark.reliability(33)
def test_statistics_are_those_of_the_training_rows_only() -> None:
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
            "row 1: the split 'x' is '1', but must be train, val or test",
        ),
        (["1,a", "2,b"] * 20, {"groups": "x"}, "fewer than three groups"),
        (["1,1"] * 30, {}, "a single class, '1', in all 30 rows"),
        (["1,a", "2,b"] * 20, {"target": []}, "target must be a column"),
        (["1,0", "2,1"] * 20, {"target": ["target", "target"]}, "several distinct columns of labels"),
        (["1,a", "2,b"] * 20, {"test_path": "t.csv"}, "t.csv is given twice"),
        ([f"{n},{1.7e9 + n / 100}" for n in range(50)], {}, "which single precision cannot resolve"),
        (["1,1.5", "2,2.5", "3,3.7"], {}, "3 rows cannot be split for training"),
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
    assert main(["predict", "--ckpt_path", checkpoint, "--out", "expected.csv"]) == 0
    table = pl.read_csv(path)
    table.drop("target").select(reversed(table.columns[:-1])).with_columns(extra=pl.lit("z")).write_csv(
        "new.csv"
    )
    path.unlink()
    predict = ["predict", "--ckpt_path", checkpoint, "--data.path", "new.csv"]
    assert main([*predict, "--out", "predicted.csv"]) == 0
    assert "ignored columns that the training data did not have: extra" in capsys.readouterr().err
    assert Path("predicted.csv").read_text() == Path("expected.csv").read_text()
    assert len(Path("predicted.csv").read_text().splitlines()) == 179


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


def test_dates_become_the_parts_that_vary_and_elapsed_time() -> None:
    times = [datetime(2023, 11, 1) + timedelta(hours=7 * n) for n in range(400)]
    rows = [f"{time:%d.%m.%Y %H:%M},{time:%Y-%m-%d},{'ab'[n % 2]}" for n, time in enumerate(times)]
    rows[5] = f",{times[5]:%Y-%m-%d},b"
    data = table(rows, "seen,day,target", folds=2, test_fraction=0.0)
    (uses,) = {tuple(column.use for column in data.columns)}
    assert uses == (
        "used as elapsed, year, month, weekday, hour and missing-value indicator",
        "used as elapsed, year, month, weekday",
    )
    x = data.split("train").x.double()
    names = [feature.name for feature in data.numeric_features]
    assert names[:5] == ["seen (elapsed)", "seen (year)", "seen (month)", "seen (weekday)", "seen (hour)"]
    columns = {
        "elapsed": [(time - datetime(1970, 1, 1)).total_seconds() / 86_400 for time in times],
        "month": [time.month for time in times],
        "weekday": [time.isoweekday() for time in times],
        "hour": [time.hour for time in times],
    }
    for feature in data.numeric_features[:5]:
        part = feature.name.removeprefix("seen (").removesuffix(")")
        if part in columns:
            expected = torch.tensor(columns[part]).double()
            actual = x[:, feature.column] * feature.scale + feature.center
            difference = (actual - expected).abs()
            difference[5] = 0  # the missing one
            assert difference.max() < 1e-3
    assert x[5, data.column_features["seen"][1]] == 1  # the indicator follows the elapsed time


def test_a_table_is_the_same_whatever_file_it_comes_from() -> None:
    times = [datetime(2023, 11, 1) + timedelta(days=n) for n in range(100)]
    typed = pl.DataFrame(
        {
            "price": [n * 1000.25 for n in range(100)],
            "day": times,
            "word": ["a", "b", None, "c", "d"] * 20,
            "y": ["no", "yes"] * 50,
        }
    )
    typed.write_parquet("t.parquet")
    cells = typed.with_columns(
        pl.Series("price", [f"€{n * 1000.25:,.2f}" for n in range(100)]),
        pl.Series("day", [time.strftime("%d/%m/%Y") for time in times]),
    )
    cells.write_csv("t.csv")
    cells.write_parquet("cells.parquet")
    expected = TableDataModule("t.parquet", "y")
    for path in ("t.csv", "cells.parquet"):
        data = TableDataModule(path, "y")
        for split in ("train", "val", "test"):
            assert torch.equal(data.split(split).x, expected.split(split).x)
            assert torch.equal(data.split(split).y, expected.split(split).y)
        states = [module.hparams["fitted_state"] for module in (data, expected)]
        assert states[0]["encoders"] == states[1]["encoders"]


@pytest.mark.reliability(28)
def test_another_currency_or_order_of_dates_than_in_training_is_refused() -> None:
    rows = [f"${n}.5,{1 + n % 12}/{1 + n % 28}/2024,{'ab'[n % 2]}" for n in range(60)]
    header = "price,day,target"
    state = table(rows, header).hparams["fitted_state"]
    same = table(["5,3/1/2024,a"], header, fitted_state=state)
    seconds = table(['"$5",1/3/2024,a'], header, fitted_state=state)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # 1/3/2024 is January 3, as in training
        (x,), (other,) = next(iter(same.predict_dataloader())), next(iter(seconds.predict_dataloader()))
    months = state["encoders"][1:]
    assert [encoder["part"] for encoder in months][:2] == ["elapsed", "month"]
    assert x[0, 0] == other[0, 0]
    assert x[0, 2] > other[0, 2]
    for row, cell in (
        ("£5,3/1/2024,a", "'£5' is not a number"),
        ("5,31/1/2024,a", "'31/1/2024' is not a date"),
    ):
        with pytest.raises(DataError, match=rf"row 1, column .*: {cell}.*, as it was in training"):
            table([row], header, fitted_state=state).predict_dataloader()


def test_a_new_table_is_read_with_the_decimal_separators_of_the_training() -> None:
    rows = [f'"{n % 9},5",{n % 7}.{n % 10}25,{"ab"[n % 2]}' for n in range(90)]
    data = table(rows, header="price,weight,target")
    new = [pl.DataFrame({"price": ["1,5"], "weight": [weight]}) for weight in ("1.125", "1.1250")]
    features = [data.transform(frame) for frame in new]
    assert features[0].equal(features[1])
