"""Prediction files: row order, class names, escaped formulas."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.datasets import load_iris

from lit_classify import UserError
from lit_classify import predict as predict_table
from lit_classify.cli.main import main
from lit_classify.evaluation.predictions import escape_formulas
from tests.example_tables import bundled
from tests.example_tables import write as write_text
from tests.forked import ForkedProgram
from tests.runs import FIT_MOONS, MOONS_CHECKPOINT

BEST = "lightning_logs/table/version_0/checkpoints/best.ckpt"


SHORT = ["--trainer.max_epochs", "2", "--plots", "none"]


def fit(path: Path | str, target: str, *options: str) -> int:
    return main(
        ["fit", "--data", "TableDataModule", "--data.path", str(path), "--data.target", target, *options]
    )


def predict(path: str, out: str, *options: str) -> int:
    return main(["predict", "--ckpt_path", BEST, "--data.path", path, "--out", out, *options])


def test_a_checkpoint_of_generated_data_reads_no_table() -> None:
    assert main([*FIT_MOONS, "--trainer.max_epochs", "1"]) == 0
    with pytest.raises(UserError, match=r"trained on MoonsDataModule; use load\(checkpoint\)"):
        predict_table(MOONS_CHECKPOINT.format(0), pl.DataFrame({"x1": [0.0], "x2": [1.0]}))


@pytest.mark.reliability(36)
def test_predictions_have_the_order_of_the_rows_and_the_kept_columns() -> None:
    path = bundled(load_iris, "iris.csv")
    names = ["setosa", "versicolor", "virginica"]
    table = pl.read_csv(path).with_columns(
        pl.col("target").replace_strict(range(3), names), id=pl.int_range(150)
    )
    table.write_csv("named.csv")
    assert fit("named.csv", "target", "--data.ignore", "id", *SHORT) == 0
    shuffled = table.drop("target").sample(fraction=1, shuffle=True, seed=0)
    shuffled.write_csv("new.csv")
    assert predict("new.csv", "p.csv", "--keep", "[id, x1]") == 0
    predicted = pl.read_csv("p.csv")
    assert predicted.columns == ["id", "x1", "prediction", *(f"p_{name}" for name in names)]
    assert predicted["id"].to_list() == shuffled["id"].to_list()
    best = predicted.select(pl.concat_list("^p_.*$").list.arg_max()).to_series()
    assert predicted["prediction"].to_list() == [names[index] for index in best]
    assert predicted.select(pl.sum_horizontal("^p_.*$")).to_series().to_list() == pytest.approx(
        [1] * 150, abs=1e-6
    )
    assert predict("new.csv", "p.parquet", "--keep", "id") == 0
    assert pl.read_parquet("p.parquet")["prediction"].to_list() == predicted["prediction"].to_list()
    assert predict("named.csv", "old.csv", "--keep", "id") == 0
    # the sums of a matrix product may round differently for another number of rows
    assert_frame_equal(pl.read_csv("old.csv").sort("id"), predicted.drop("x1").sort("id"), abs_tol=1e-5)


def test_labels_and_values_are_predicted() -> None:
    rows = [f"{n},{n % 2},{int(n % 3 == 0)},{100 * n}" for n in range(90)]
    path = write_text("x,even,third,price\n" + "\n".join(rows))
    assert fit(path, "[even, third]", "--data.ignore", "price", "--model.thresholds", "0.000001", *SHORT) == 0
    assert predict("t.csv", "p.csv") == 0
    predicted = pl.read_csv("p.csv")
    assert predicted.columns == ["prediction", "p_even", "p_third"]
    assert set(predicted["prediction"]) == {"even;third"}
    assert fit(path, "price", "--trainer.max_epochs", "60") == 0
    assert main(["predict", "--ckpt_path", BEST.replace("_0/", "_1/"), "--out", "n.csv"]) == 0
    price = pl.read_csv("n.csv")["prediction"]
    assert pl.DataFrame({"a": price, "b": range(90)}).select(pl.corr("a", "b")).item() > 0.9
    assert price.max() > 1000  # type: ignore[operator]  # the targets are in the thousands


@pytest.mark.reliability(36)
def test_formulas_are_escaped() -> None:
    risky = ["=1+1", "+cmd", "-2+3", "@sum", "\t=1", "-1", "+4.5", "-1e-3", "plain", None]
    escaped = escape_formulas(pl.DataFrame({"=name": risky, "number": range(10)}))
    assert escaped.columns == ["'=name", "number"]
    assert escaped["'=name"].to_list() == [
        "'=1+1", "'+cmd", "'-2+3", "'@sum", "'\t=1", "-1", "+4.5", "-1e-3", "plain", None
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.reliability(36)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_full_disk_while_predicting_is_one_message(suffix: str) -> None:
    code = (
        "import resource, polars as pl; from pathlib import Path\n"
        "from lit_classify.evaluation.predictions import write_predictions\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        f"write_predictions(Path('p.{suffix}'), pl.DataFrame({{'p': pl.Series(range(100_000)).hash()}}))"
    )
    _, stderr = ForkedProgram(code).communicate()
    message = stderr.splitlines()[-1]
    assert f"UserError: cannot write p.{suffix}: " in message
    assert "File too large" in message
    assert not list(Path().iterdir())


@pytest.mark.reliability(26)
def test_unseen_categories_cause_one_warning_or_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{n},{'red' if n % 2 else 'blue'},{'ab'[n % 2]}" for n in range(60)]
    assert fit(write_text("x,colour,target\n" + "\n".join(rows)), "target", *SHORT) == 0
    write_text("x,colour\n1,green\n2,red\n3,pink\n", "new.csv")
    capsys.readouterr()
    assert predict("new.csv", "p.csv") == 0
    stderr = capsys.readouterr().err
    assert stderr.count("note") == 1
    assert "'colour' has 2 values not seen in training, first 'green' in new.csv, row 1" in stderr
    assert predict("new.csv", "q.csv", "--data.handle_unknown", "error") == 2
    assert not Path("q.csv").exists()


@pytest.mark.reliability(16)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "there.csv"], "there.csv already exists; add --overwrite"),
        (["--out", "p.xlsx"], "unknown file format '.xlsx'"),
        (["--out", "nowhere/p.csv"], "no directory nowhere"),
        (["--keep", "idd"], "unknown column 'idd': did you mean 'id'?"),
        (["--keep", "p_0"], "the predictions have a column of that name"),
    ],
)
def test_invalid_options_write_nothing(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{n},{n},{n},{n % 2}" for n in range(40)]
    assert fit(write_text("id,x,p_0,target\n" + "\n".join(rows)), "target", *SHORT) == 0
    write_text("old", "there.csv")
    names = sorted(path.name for path in Path().iterdir())
    assert main(["predict", "--ckpt_path", BEST, *options]) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == names
