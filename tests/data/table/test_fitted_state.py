"""The fitted state recognizes the rows of the training; other rows are evaluated or refused."""

from pathlib import Path

import pytest
import torch

from lit_classify import DataError, TableDataModule
from lit_classify.cli.main import main
from lit_classify.errors import DataWarning
from tests.example_tables import table, three_files, write


@pytest.mark.reliability(33)
def test_settings_that_would_change_the_splits_are_refused_after_training() -> None:
    state = table([f"{n},{'ab'[n % 2]}" for n in range(50)]).hparams["fitted_state"]
    for name, value in {
        "random_state": 7,
        "test_fraction": 0.3,
        "features": ["x"],
        "scaling": "robust",
    }.items():
        with pytest.raises(DataError, match=f"data.{name} was .* in training, but is .* now"):
            TableDataModule("t.csv", "target", fitted_state=state, **{name: value})  # type: ignore[arg-type]


def test_all_rows_of_another_table_are_test_rows() -> None:
    trained = table([f"{n},{'ab'[n % 2]}" for n in range(50)])
    state = trained.hparams["fitted_state"]
    again = TableDataModule("t.csv", "target", fitted_state=state)
    for name in ("train", "val", "test"):
        assert torch.equal(again.split(name).x, trained.split(name).x)
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


@pytest.mark.reliability(50)
@pytest.mark.parametrize("name", ["val", "test"])
def test_evaluating_changed_validation_or_test_files_causes_a_warning(name: str) -> None:
    files = three_files()
    state = TableDataModule(**files).hparams["fitted_state"]
    TableDataModule(**files, fitted_state=state).setup()  # no warning for the same rows
    write("x,target\n300,b\n301,a\n302,a\n", f"{name}.csv")
    data = TableDataModule(**files, fitted_state=state)
    message = rf"{name}\.csv differs from data\.{name}_path in training .*: 3 other rows are evaluated"
    with pytest.warns(DataWarning, match=message):
        assert data.split(name).y.tolist() == [1, 0, 0]
    assert len(data.split("train").y) == 40


@pytest.mark.reliability(50)
@pytest.mark.parametrize("splits", [["val"], ["test"], ["val", "test"]])
def test_a_file_that_a_command_does_not_need_may_be_missing(splits: list[str]) -> None:
    files = three_files()
    files = {
        name: value
        for name, value in files.items()
        if name.removesuffix("_path") not in {"val", "test"} - {*splits}
    }
    trained = TableDataModule(**files)
    state = trained.hparams["fitted_state"]
    for missing in splits:
        Path(f"{missing}.csv").rename("away.csv")
        data = TableDataModule(**files, fitted_state=state)
        for name in {"train", "val", "test"} - {missing}:
            assert torch.equal(data.split(name).x, trained.split(name).x)
        with pytest.raises(DataError, match=rf"no table at {missing}\.csv"):
            data.split(missing)
        Path("away.csv").rename(f"{missing}.csv")


@pytest.mark.reliability(50)
def test_a_missing_file_is_refused_if_its_path_has_changed() -> None:
    files = three_files()
    state = TableDataModule(**files).hparams["fitted_state"]
    with pytest.raises(DataError, match=r"no table at other\.csv"):
        TableDataModule(**{**files, "val_path": "other.csv"}, fitted_state=state).setup()


@pytest.mark.reliability(50)
def test_the_same_rows_in_a_renamed_file_are_recognized() -> None:
    files = three_files()
    trained = TableDataModule(**files)
    Path("moved").mkdir()
    for name in ("path", "val_path", "test_path"):
        files[name] = str(Path(files[name]).rename(f"moved/{files[name]}"))
    again = TableDataModule(**files, fitted_state=trained.hparams["fitted_state"])
    for name in ("train", "val", "test"):
        assert torch.equal(again.split(name).x, trained.split(name).x)


@pytest.mark.reliability(50)
def test_a_test_file_is_evaluated_after_the_training_file_has_changed() -> None:
    files = three_files()
    state = TableDataModule(**files).hparams["fitted_state"]
    with Path("train.csv").open("a") as file:
        file.write("\n7,a\n")
    data = TableDataModule(**files, fitted_state=state)
    with pytest.warns(DataWarning, match=r"all 40 rows of test\.csv are evaluated"):
        assert data.split("test").x.shape[0] == 40
    assert not data.has_split("train")


@pytest.mark.reliability(50)
def test_another_table_is_evaluated_without_the_test_file_of_training() -> None:
    files = three_files()
    state = TableDataModule(**files).hparams["fitted_state"]
    Path("test.csv").unlink()
    write("x,target\n300,b\n301,a\n", "new.csv")
    data = TableDataModule(**{**files, "path": "new.csv"}, fitted_state=state)
    with pytest.warns(DataWarning, match=r"all 2 rows of new\.csv are evaluated"):
        assert data.split("test").y.tolist() == [1, 0]


@pytest.mark.reliability(50)
def test_a_test_file_that_training_did_not_have_is_refused_with_the_option_to_use() -> None:
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
    files = {key: value for key, value in three_files().items() if key != "target"}
    data = [word for key, value in files.items() for word in (f"--data.{key}", value)]
    fit = ["fit", "--config", "table", *data, "--data.target", "target", "--plots", "none"]
    assert main([*fit, "--trainer.max_epochs", "1"]) == 0
    resume = [*fit, "--trainer.max_epochs", "2", "--ckpt_path"]
    checkpoint = "lightning_logs/table/version_0/checkpoints/last.ckpt"
    path = Path(f"{changed}.csv")
    path.write_text(path.read_text().replace("1,b", "1.5,b", 1))
    capsys.readouterr()
    assert main([*resume, checkpoint]) == 2
    assert f"was trained on another table than {changed}.csv (data." in capsys.readouterr().err
    three_files()
    assert main([*resume, checkpoint]) == 0
