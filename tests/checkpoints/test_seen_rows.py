"""Rows that a run evaluates, although its first weights were trained on them."""

import shlex
import shutil
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sklearn import datasets

from lit_classify import BinaryClassifier, CirclesDataModule, MulticlassClassifier, TableDataModule, init_from
from lit_classify.cli.main import main
from lit_classify.data import InMemoryDataModule
from lit_classify.errors import DataWarning
from lit_classify.modules import LitModule
from tests.example_tables import bundled
from tests.training import trainer

pytestmark = pytest.mark.filterwarnings("ignore:.* also occur in")  # two rows of the table are equal


def model_of(data: InMemoryDataModule) -> LitModule:
    task = MulticlassClassifier if data.out_features > 1 else BinaryClassifier
    return task(data.in_features, data.out_features, class_names=data.class_names, folds=data.folds)


def save(data: InMemoryDataModule) -> None:
    made = trainer(max_epochs=1)
    made.fit(model_of(data), data)
    made.save_checkpoint("source.ckpt")


def warned(data: InMemoryDataModule) -> str:
    """Start from the checkpoint, and return what is warned of."""
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always")
        init_from(model_of(data), "source.ckpt", data)
    return "\n".join(str(each.message) for each in issued if issubclass(each.category, DataWarning))


def iris() -> Path:
    """Write a table with the number of each row, which is no feature."""
    path = bundled(datasets.load_iris, "iris.csv")
    pl.read_csv(path).with_row_index("id").write_csv(path)
    return path


def table(**options: Any) -> TableDataModule:
    return TableDataModule(**{"path": "iris.csv", "target": "target", "ignore": "id", **options})


def ids(data: TableDataModule, split: str) -> list[str]:
    """Return the ids in the file of the rows of a split."""
    return data.raw_rows(split, range(len(data.split(split).y)))["id"].to_list()


@pytest.mark.parametrize(
    ("recorded", "current", "advice"),
    [
        ({"random_state": 1}, {"random_state": 2}, "--data.random_state 1"),
        ({"random_state": 1, "val_fraction": 0.0}, {"val_fraction": 0.0}, "--data.random_state 1"),
        ({"test_fraction": 0.1}, {}, "--data.test_fraction 0.1"),
        ({"val_fraction": 0.1}, {"val_fraction": 0.3}, "--data.val_fraction 0.1"),
        ({}, {"groups": "x3"}, "--data.groups null"),
        ({"duplicates": "drop"}, {}, "--data.duplicates drop"),
        ({"folds": 3}, {"folds": 3, "random_state": 1}, "--data.random_state 42"),
    ],
)
def test_rows_that_another_split_trained_on_are_counted(
    recorded: dict[str, Any], current: dict[str, Any], advice: str
) -> None:
    iris()
    earlier, later = table(**recorded), table(**current)
    save(earlier)
    printed, trained = warned(later), set(ids(earlier, "train"))
    seen = {"test": [row in trained for row in ids(later, "test")]}
    if later.fold is not None and earlier.fold is not None:
        fold = dict(zip(ids(earlier, "train"), earlier.fold.tolist(), strict=True))
        pairs = zip(ids(later, "train"), later.fold.tolist(), strict=True)
        seen["validation"] = [fold.get(row, member) != member for row, member in pairs]
    elif not later.validates_on_test:
        seen["validation"] = [row in trained for row in ids(later, "val")]
    counts = [f"{sum(rows)} of {len(rows)} {split} rows" for split, rows in seen.items() if any(rows)]
    assert counts
    expected = f"{' and '.join(counts)} were training rows of source.ckpt"
    assert printed.splitlines()[-1].startswith(expected)
    assert printed.endswith(f"split the rows as that run did, with {advice}")


@pytest.mark.parametrize(
    ("recorded", "current"),
    [
        ({}, {"scaling": "robust", "batch_size": 8}),
        ({"val_fraction": 0.3}, {"val_fraction": 0.1}),  # fewer of the same rows
        ({"folds": 3}, {"folds": 3}),
        ({"split": "split_name", "random_state": 1}, {"split": "split_name", "random_state": 2}),
    ],
)
def test_no_warning_is_issued_if_no_row_was_trained_on(
    recorded: dict[str, Any], current: dict[str, Any]
) -> None:
    rows = pl.read_csv(iris()).with_columns(
        split_name=pl.Series(["train", "val", "train", "test", "train"] * 30)
    )
    rows.write_csv("iris.csv")
    ignore = {} if "split" in recorded else {"ignore": ["id", "split_name"]}
    save(table(**recorded, **ignore))
    assert warned(table(**current, **ignore)) == ""


def test_rows_are_found_in_files_that_were_moved_or_have_another_role() -> None:
    rows = pl.read_csv(iris())
    rows[::2].write_csv("even.csv")
    rows[1::2].write_csv("odd.csv")
    save(table(path="even.csv", test_fraction=0.0, val_fraction=0.2))
    shutil.move("even.csv", "moved.csv")
    printed = warned(table(path="odd.csv", test_path="moved.csv"))
    assert printed.startswith("60 of 75 test rows were training rows of source.ckpt")
    Path("moved.csv").write_text(Path("odd.csv").read_text())
    assert warned(table(path="moved.csv")) == ""


def test_rows_of_a_dataframe_are_found() -> None:
    frame = pl.read_csv(iris())
    save(table(path=frame))
    assert warned(table(path=frame)) == ""
    assert "--data.random_state 42" in warned(table(path=frame, random_state=1))


def test_a_table_that_cannot_be_read_again_may_have_been_trained_on() -> None:
    rows = pl.read_csv(iris())
    rows[::2].write_csv("even.csv")
    rows[1::2].write_csv("odd.csv")
    save(table(path=["even.csv", "odd.csv"]))
    Path("odd.csv").unlink()
    assert "if the table was split in another way, were training rows" in warned(table(path="even.csv"))


@pytest.mark.parametrize(("recorded", "current"), [("cache", None), (None, "cache")])
def test_a_table_in_blocks_is_split_in_another_way_than_one_in_memory(
    recorded: str | None, current: str | None
) -> None:
    iris()
    save(table(cache_dir=recorded))
    assert f"split the rows as that run did, with --data.cache_dir {recorded or 'none'}" in warned(
        table(cache_dir=current)
    )
    assert not warned(table(cache_dir=recorded))


def test_generated_points_are_compared_by_their_values() -> None:
    save(CirclesDataModule(noise=0.0))
    assert warned(CirclesDataModule(noise=0.0, batch_size=10)) == ""
    assert warned(CirclesDataModule(noise=0.01)) == ""
    data, earlier = CirclesDataModule(noise=0.0, random_state=1), CirclesDataModule(noise=0.0)
    trained = {tuple(point) for point in earlier.split("train").x.tolist()}
    seen = sum(tuple(point) in trained for point in data.split("test").x.tolist())
    assert warned(data).startswith(f"{seen} of 200 test rows were training rows of source.ckpt")
    assert warned(data).endswith("with --data.random_state 42")


@pytest.mark.slow
def test_the_option_of_the_warning_removes_it(capsys: pytest.CaptureFixture[str]) -> None:
    path = iris()
    fit = ["fit", "--config", "table", "--data.path", str(path), "--data.target", "target", "--plots", "none"]
    fit += ["--data.ignore", "id", "--trainer.max_epochs", "1", "--data.folds", "0"]
    assert main([*fit, "--seed_everything", "1"]) == 0
    fit += ["--seed_everything", "2", "--init_from", "lightning_logs/table/version_0"]
    capsys.readouterr()
    assert main(fit) == 0
    printed = capsys.readouterr().err
    assert printed.count("were training rows of") == 1
    resume = ["--trainer.max_epochs", "2", "--ckpt_path", "lightning_logs/table/version_1"]
    assert main([*fit[: fit.index("--init_from")], *resume]) == 0
    assert capsys.readouterr().err == printed
    advice = printed.rpartition("as that run did, with ")[2].splitlines()[0]
    assert main([*fit, *shlex.split(advice)]) == 0
    assert "were training rows" not in capsys.readouterr().err
