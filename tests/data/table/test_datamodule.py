"""One's own table: rows split, targets understood, statistics from train rows alone, predictions."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression

from lit_classify import DataError, TableDataModule, UserError
from lit_classify.cli.main import main
from lit_classify.errors import DataWarning
from tests.example_tables import bundled, write

BEST = "lightning_logs/table/version_0/checkpoints/best.ckpt"


def table(
    rows: list[str], header: str = "x,target", target: Any = "target", **options: Any
) -> TableDataModule:
    return TableDataModule(str(write("\n".join([header, *rows]))), target, **options)


@pytest.mark.reliability(33)
def test_statistics_come_from_train_rows_alone() -> None:
    path = bundled(load_wine, "wine.csv")
    data = TableDataModule(str(path), "target")
    x = data.split("train").x
    torch.testing.assert_close(x.mean(dim=0), torch.zeros(13), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std(dim=0, correction=0), torch.ones(13), atol=1e-5, rtol=0)
    assert float(data.split("test").x.mean(dim=0).abs().max()) > 1e-3


@pytest.mark.reliability(23, 33)
def test_splits_are_stratified_and_share_no_row() -> None:
    rows = [f"{number},{'rare' if number % 10 == 0 else 'often'}" for number in range(500)]
    data = TableDataModule(str(write("\n".join(["x,target", *rows]))), "target")
    splits = [data.split(name) for name in ("train", "val", "test")]
    assert [len(split.y) for split in splits] == [300, 100, 100]
    assert [int((split.y == 1).sum()) for split in splits] == [30, 10, 10]
    assert len({float(x) for split in splits for x in split.x}) == 500


@pytest.mark.reliability(18)
@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["1", "2"], ["1", "2"]),
        (["-1", "1"], ["-1", "1"]),
        (["1.0", "0.0"], ["0", "1"]),
        (["yes", "no"], ["no", "yes"]),
        (["True", "False"], ["False", "True"]),
        (["10", "9", "8"], ["8", "9", "10"]),
        (["b", "a", "c"], ["a", "b", "c"]),
    ],
)
def test_classes_of_any_kind_are_named_in_order(values: list[str], classes: list[str]) -> None:
    rows = [f"{number},{values[number % len(values)]}" for number in range(60)]
    data = TableDataModule(str(write("\n".join(["x,target", *rows]))), "target")
    assert data.class_names == classes
    assert data.out_features == (1 if len(classes) == 2 else len(classes))
    assert data.split("train").y.dtype == torch.int64


def test_a_target_of_numbers_is_a_regression() -> None:
    data = TableDataModule(str(bundled(load_diabetes, "d.csv")), "target")
    assert data.class_names is None
    assert data.split("train").y.dtype == torch.float32


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
        (["1,a", "2,b"] * 20, {"numeric": "target"}, "row 1, target 'target': 'a' is not a number"),
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
        (["1,a", "2,b"] * 20, {"numeric": "x", "categorical": "x"}, "'x' cannot be numeric and categorical"),
        (["1,a", "2,b"] * 20, {"features": ["x", "target"]}, "'target' cannot be features and target"),
        (["1,a", "2,b"] * 20, {"test_path": "t.csv"}, "t.csv is given twice"),
        ([f"{n},{1.7e9 + n / 100}" for n in range(50)], {}, "which single precision cannot resolve"),
        (["1,1.5", "2,2.5", "3,3.7"], {}, "3 rows are too few for training"),
    ],
)
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
def test_what_cannot_be_learned_is_said(rows: list[str], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(rows, **options)


@pytest.mark.reliability(33)
def test_possible_target_leakage_is_reported() -> None:
    rows = [f"{number},{'no' if number % 3 else 'yes'},{int(number % 3 == 0)}" for number in range(90)]
    with pytest.warns(DataWarning, match="possible target leakage: alive"):
        data = table(rows, "x,alive,survived", "survived")
    assert data.leaking == {"alive"}
    assert "possible target leakage" in data.describe()
    rows = [f"{number % 7},{100 * number + 3},{number / 7}" for number in range(90)]
    with pytest.warns(DataWarning, match="possible target leakage: same"):
        assert table(rows, "x,same,y", "y").leaking == {"same"}


@pytest.mark.reliability(22)
def test_columns_without_variation_are_dropped_with_a_warning() -> None:
    rows = [f"{number},7,,{'ab'[number % 2]}" for number in range(40)]
    with pytest.warns(DataWarning, match="dropped columns without variation: same, gone"):
        data = table(rows, "x,same,gone,target")
    assert data.in_features == 1


def test_several_columns_of_zeros_and_ones_are_labels() -> None:
    rows = [f"{number},{number % 2},{'yes' if number % 3 else 'no'}" for number in range(60)]
    data = table(rows, "x,odd,rest", ["odd", "rest"])
    assert (data.label_names, data.class_names, data.out_features) == (["odd", "rest"], None, 2)
    y = data.split("train").y
    assert y.dtype == torch.float32
    assert y.shape == (36, 2)
    assert set(y.flatten().tolist()) == {0.0, 1.0}
    with pytest.raises(DataError, match=r"row 2, label 'odd': 2.0 is neither 0 nor 1"):
        table(["1,1,0", "2,2,1", "3,0,0"] * 9, "x,odd,rest", ["odd", "rest"])


def test_a_target_can_be_declared() -> None:
    rows = [f"{number},{number % 3}" for number in range(60)]
    assert table(rows).class_names == ["0", "1", "2"]
    assert table(rows, numeric="target").class_names is None
    rows = [f"{number},{number % 2 - 100 * (number % 5 == 0)}" for number in range(60)]
    assert table(rows, categorical="target").class_names == ["-100", "-99", "0", "1"]


def test_a_column_says_the_split() -> None:
    names = ["train", "Train", "validation", "test"]
    data = table([f"{n},{names[n % 4]},{'ab'[n % 3 == 0]}" for n in range(80)], "x,part,target", split="part")
    assert {name: len(data.split(name).y) for name in names[::2] if name == "train"} == {"train": 40}
    assert len(data.split("val").y) == len(data.split("test").y) == 20
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


def test_a_group_that_a_column_tears_apart_is_refused() -> None:
    rows = [f"{n},{n // 10},{('train', 'val', 'test')[n % 3]},{'ab'[n % 2]}" for n in range(90)]
    with pytest.raises(DataError, match=r"the group 'g' 0\.0 \(t.csv, row 1\) is in two splits"):
        table(rows, "x,g,part,target", split="part", groups="g")


@pytest.mark.reliability(33)
def test_what_would_split_the_rows_anew_is_refused_after_training() -> None:
    state = table([f"{n},{'ab'[n % 2]}" for n in range(50)]).hparams["fitted_state"]
    for name, value in {
        "random_state": 7,
        "test_fraction": 0.3,
        "features": ["x"],
        "scaling": "robust",
    }.items():
        with pytest.raises(DataError, match=f"data.{name} was .* in training, but is .* now"):
            TableDataModule("t.csv", "target", fitted_state=state, **{name: value})  # type: ignore[arg-type]


@pytest.mark.reliability(23)
def test_files_of_their_own_are_for_validation_and_testing() -> None:
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
def test_a_class_with_a_single_row_is_kept_for_training() -> None:
    with pytest.warns(DataWarning, match="1 class has a single row, which is used for training"):
        data = table([f"{n},{'ab'[n % 2]}" for n in range(40)] + ["7,c"])
    assert 2 in data.split("train").y
    assert {0, 1} <= set(data.split("test").y.tolist())


@pytest.mark.reliability(24)
@pytest.mark.parametrize("num_rows", [5, 7, 12])
def test_few_rows_are_split_so_that_none_is_empty(num_rows: int) -> None:
    data = table([f"{n},{'ab'[n % 2]}" for n in range(num_rows)], batch_size=64)
    sizes = [len(data.split(name).y) for name in ("train", "val", "test")]
    assert min(sizes) >= 1
    assert sum(sizes) == num_rows
    assert len(data.train_dataloader()) == 1


def test_another_table_than_was_learned_from_is_all_test_rows() -> None:
    first = table([f"{n},{'ab'[n % 2]}" for n in range(50)])
    state = first.hparams["fitted_state"]
    again = TableDataModule("t.csv", "target", fitted_state=state)
    for name in ("train", "val", "test"):
        assert torch.equal(again.split(name).x, first.split(name).x)
    write("target,x\n" + "b,3\na,4\n" * 5, "new.csv")
    other = TableDataModule("new.csv", "target", fitted_state=state)
    with pytest.warns(DataWarning, match=r"all 10 rows of new\.csv are evaluated"):
        assert len(other.split("test").y) == 10
    assert other.split("test").y.tolist() == [1, 0] * 5
    assert not other.has_split("train")
    with pytest.raises(DataError, match="no train split"):
        other.split("train")
    write("target,x\nb,3\nc,4\n", "new.csv")
    foreign = TableDataModule("new.csv", "target", fitted_state=state)
    message = r"new\.csv, row 2, target 'target': 'c' is not one of the classes a, b"
    with pytest.warns(DataWarning, match="all 2 rows"), pytest.raises(DataError, match=message):
        foreign.setup()


def test_a_table_trains_from_the_command_line_as_well_as_a_linear_model(
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
def test_predictions_need_neither_target_nor_order_nor_the_old_file(
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
def test_a_table_without_a_column_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    path = bundled(load_wine, "wine.csv")
    fit = ["fit", "--config", "table", "--data.path", str(path), "--data.target", "target"]
    assert main([*fit, "--trainer.max_epochs", "1"]) == 0
    pl.read_csv(path).drop("x3").rename({"x5": "y5"}).write_csv("new.csv")
    checkpoint = "lightning_logs/table/version_0/checkpoints/best.ckpt"
    assert main(["predict", "--ckpt_path", checkpoint, "--data.path", "new.csv"]) == 2
    said = capsys.readouterr().err
    assert "lacks x3, x5" in said
    assert "y5" in said


@pytest.mark.reliability(19)
@pytest.mark.parametrize("far", [1, 7, 19])
@pytest.mark.parametrize(
    ("values", "wrong", "options", "message"),
    [
        (["a", "b"], "c", {}, "'c' is not one of the classes a, b"),
        (["8", "9", "10"], "x", {}, "'x' is not one of the classes 8, 9, 10"),
        (["1.0", "2.0", "3.0"], "four", {}, "'four' is not one of the classes 1, 2, 3"),
        (["1", "2"], "3", {}, "'3' is not one of the classes 1, 2"),
        (["yes", "no"], "maybe", {}, "'maybe' is not one of the classes no, yes"),
        (["01", "1"], "001", {"categorical": "target"}, "'001' is not one of the classes 01, 1"),
        (["0.5", "1.5", "7"], "many", {"numeric": "target"}, "'many' is not a number"),
    ],
)
def test_a_wrong_label_is_named_with_its_own_row(
    values: list[str], wrong: str, options: dict[str, Any], message: str, far: int
) -> None:
    rows = [f"{number},{values[number % len(values)]}" for number in range(60)]
    state = table(rows, **options).hparams["fitted_state"]
    new = rows[:20]
    new[far] = f"{far},{wrong}"
    data = table(new, fitted_state=state, **options)
    with (
        pytest.warns(DataWarning, match="all 20 rows"),
        pytest.raises(DataError, match=rf"t\.csv, row {far + 1}, target 'target': {message}"),
    ):
        data.setup()


@pytest.mark.reliability(19)
def test_a_word_among_the_numbers_of_a_target_is_named_with_its_own_row() -> None:
    rows = [f"{number},{number}.5" for number in range(40)]
    rows[30] = "30,many"
    with pytest.raises(DataError, match=r"t\.csv, row 31, target 'target': 'many' is not a number"):
        table(rows, numeric="target")


@pytest.mark.reliability(19)
@pytest.mark.parametrize("wrong", ["perhaps", "2", ""])
def test_a_wrong_cell_of_a_label_is_named_with_its_own_row(wrong: str) -> None:
    rows = [f"{number},{number % 2},{'yes' if number % 3 else 'no'}" for number in range(60)]
    for place, name in ((1, "odd"), (2, "rest")):
        cells = rows[40].split(",")
        cells[place] = wrong
        with pytest.raises(DataError, match=rf"t\.csv, row 41, label '{name}': .* is neither 0 nor 1"):
            table([*rows[:40], ",".join(cells), *rows[41:]], "x,odd,rest", ["odd", "rest"])


def test_classes_that_only_differ_as_text_stay_apart_when_they_are_read_again() -> None:
    rows = [f"{number},{'01' if number % 2 else '1'}" for number in range(60)]
    first = table(rows, categorical="target")
    again = table(rows, categorical="target", fitted_state=first.hparams["fitted_state"])
    assert first.class_names == ["01", "1"]
    for name in ("train", "val", "test"):
        assert torch.equal(again.split(name).y, first.split(name).y)


def _three_files() -> dict[str, Any]:
    for part, start in (("train", 0), ("val", 100), ("test", 200)):
        rows = [f"{start + number},{'ab'[number % 2]}" for number in range(40)]
        write("\n".join(["x,target", *rows]), f"{part}.csv")
    return {"path": "train.csv", "target": "target", "val_path": "val.csv", "test_path": "test.csv"}


@pytest.mark.reliability(50)
@pytest.mark.parametrize("name", ["val", "test"])
def test_other_rows_for_validation_and_testing_are_said_when_they_are_scored(name: str) -> None:
    files = _three_files()
    state = TableDataModule(**files).hparams["fitted_state"]
    TableDataModule(**files, fitted_state=state).setup()  # nothing is said of the same rows
    write("x,target\n300,b\n301,a\n302,a\n", f"{name}.csv")
    data = TableDataModule(**files, fitted_state=state)
    message = rf"{name}\.csv differs from data\.{name}_path in training .*: 3 other rows are evaluated"
    with pytest.warns(DataWarning, match=message):
        assert data.split(name).y.tolist() == [1, 0, 0]
    assert len(data.split("train").y) == 40


@pytest.mark.reliability(50)
@pytest.mark.parametrize("own", [["val"], ["test"], ["val", "test"]])
def test_a_file_that_a_command_does_not_need_may_be_missing(own: list[str]) -> None:
    files = _three_files()
    files = {
        name: value
        for name, value in files.items()
        if name.removesuffix("_path") not in {"val", "test"} - {*own}
    }
    first = TableDataModule(**files)
    state = first.hparams["fitted_state"]
    for lacking in own:
        Path(f"{lacking}.csv").rename("away.csv")
        data = TableDataModule(**files, fitted_state=state)
        for name in {"train", "val", "test"} - {lacking}:
            assert torch.equal(data.split(name).x, first.split(name).x)
        with pytest.raises(DataError, match=rf"no table at {lacking}\.csv"):
            data.split(lacking)
        Path("away.csv").rename(f"{lacking}.csv")


@pytest.mark.reliability(50)
def test_a_missing_file_that_is_named_anew_is_said() -> None:
    files = _three_files()
    state = TableDataModule(**files).hparams["fitted_state"]
    with pytest.raises(DataError, match=r"no table at other\.csv"):
        TableDataModule(**{**files, "val_path": "other.csv"}, fitted_state=state).setup()


@pytest.mark.reliability(50)
def test_the_same_rows_under_another_name_are_the_same() -> None:
    files = _three_files()
    first = TableDataModule(**files)
    Path("moved").mkdir()
    for name in ("path", "val_path", "test_path"):
        files[name] = str(Path(files[name]).rename(f"moved/{files[name]}"))
    again = TableDataModule(**files, fitted_state=first.hparams["fitted_state"])
    for name in ("train", "val", "test"):
        assert torch.equal(again.split(name).x, first.split(name).x)


@pytest.mark.reliability(50)
def test_a_test_file_is_scored_though_the_training_file_has_changed() -> None:
    files = _three_files()
    state = TableDataModule(**files).hparams["fitted_state"]
    with Path("train.csv").open("a") as file:
        file.write("\n7,a\n")
    data = TableDataModule(**files, fitted_state=state)
    with pytest.warns(DataWarning, match=r"all 40 rows of test\.csv are evaluated"):
        assert data.split("test").x.shape[0] == 40
    assert not data.has_split("train")


@pytest.mark.reliability(50)
def test_another_table_alone_is_scored_without_the_test_file_of_training() -> None:
    files = _three_files()
    state = TableDataModule(**files).hparams["fitted_state"]
    Path("test.csv").unlink()
    write("x,target\n300,b\n301,a\n", "new.csv")
    data = TableDataModule(**{**files, "path": "new.csv"}, fitted_state=state)
    with pytest.warns(DataWarning, match=r"all 2 rows of new\.csv are evaluated"):
        assert data.split("test").y.tolist() == [1, 0]


@pytest.mark.reliability(50)
def test_a_test_file_where_training_had_none_is_refused_with_what_to_type() -> None:
    rows = [f"{number},{'ab'[number % 2]}" for number in range(50)]
    state = table(rows).hparams["fitted_state"]
    write("x,target\n300,b\n", "new.csv")
    with pytest.raises(DataError, match=r"to evaluate other rows, pass their file as --data\.path"):
        TableDataModule("t.csv", "target", test_path="new.csv", fitted_state=state)


@pytest.mark.reliability(50)
@pytest.mark.parametrize("changed", ["train", "val", "test"])
def test_resume_is_refused_when_any_file_has_changed(
    changed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {key: value for key, value in _three_files().items() if key != "target"}
    data = [word for key, value in files.items() for word in (f"--data.{key}", value)]
    fit = ["fit", "--config", "table", *data, "--data.target", "target", "--plots", "none"]
    assert main([*fit, "--trainer.max_epochs", "1"]) == 0
    more = [*fit, "--trainer.max_epochs", "2", "--ckpt_path"]
    checkpoint = "lightning_logs/table/version_0/checkpoints/last.ckpt"
    path = Path(f"{changed}.csv")
    path.write_text(path.read_text().replace("1,b", "1.5,b", 1))
    capsys.readouterr()
    assert main([*more, checkpoint]) == 2
    assert f"was trained on another table than {changed}.csv (data." in capsys.readouterr().err
    _three_files()
    assert main([*more, checkpoint]) == 0


@pytest.mark.reliability(33, 50)
def test_rows_that_stand_in_two_splits_are_counted_in_one_warning() -> None:
    files = _three_files()
    write("x,target\n1,b\n2,a\n300,a\n1,a\n", "val.csv")
    write("target,x\na,2\na,300\nb,400\na,0\n", "test.csv")
    with pytest.warns(DataWarning) as said:
        TableDataModule(**files)
    (note,) = (str(warning.message) for warning in said)
    assert note.startswith(
        "2 of 4 test rows also occur in train; 2 of 4 val rows also occur in train; "
        "2 of 4 test rows also occur in val"
    )
    assert "--data.groups" in note


@pytest.mark.reliability(33, 50)
@pytest.mark.parametrize("target", ["target", ["target", "other"], "x"])
def test_a_table_with_repeated_rows_is_noted_however_it_is_split(target: Any) -> None:
    rows = [f"{number}.5,{number % 2},{number % 2}" for number in range(100)]
    table(rows, "x,target,other", target, ignore=[] if isinstance(target, list) else "other")
    with pytest.warns(DataWarning, match="of 40 test rows also occur in train"):
        table(rows * 2, "x,target,other", target, ignore=[] if isinstance(target, list) else "other")


@pytest.mark.reliability(33)
def test_the_same_features_with_another_target_are_not_the_same_row() -> None:
    files = _three_files()
    write("x,target\n0,b\n", "test.csv")
    TableDataModule(**files)  # nothing is said
