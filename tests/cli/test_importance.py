"""The command ``importance``: its table, plot and CSV file, and refused arguments."""

import shutil
import struct
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lightning.pytorch import Trainer

from lit_classify import BinaryClassifier
from lit_classify.cli.main import main
from lit_classify.data.table.streaming.cache import find_tables
from tests.example_tables import table, write

BEST = "lightning_logs/table/version_0/checkpoints/best.ckpt"
QUIET: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
RESULT = ["importance/importance.csv", "importance/importance.png"]


class OwnClassifier(BinaryClassifier):
    pass


def fit(*options: str) -> None:
    rows = [
        f"{n % 40},{n % 7 if n % 9 else ''},{'abc'[n % 3]},{'no' if n % 40 < 20 else 'yes'}"
        for n in range(200)
    ]
    write("\n".join(["age,=score,kind,target", *rows]))
    data = ["--data.path", "t.csv", "--data.target", "target", "--plots", "none"]
    assert main(["fit", "--config", "table", *data, "--trainer.max_epochs", "20", *options]) == 0


def written() -> list[str]:
    return sorted(str(path) for path in Path("importance").iterdir())


def test_the_importance_of_each_column_is_printed_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    fit()
    capsys.readouterr()
    assert main(["importance", BEST, "--repeats", "3"]) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert lines[0] == "decrease of accuracy when a column is permuted"
    assert lines[1].startswith("40 test rows, accuracy ")
    assert lines[1].endswith(", 3 permutations of each column")
    assert lines[3].split() == ["column", "mean", "std"]
    assert lines[4].split()[0] == "age"
    assert lines[-2:] == ["Plot:   importance/importance.png", "Table:  importance/importance.csv"]
    assert output.err == ""
    assert written() == RESULT
    importance = pl.read_csv("importance/importance.csv")
    assert importance.columns == ["column", "mean", "std"]
    assert sorted(importance["column"]) == ["'=score", "age", "kind"]  # a spreadsheet would evaluate =score
    assert [f"{mean:.5f}" for mean in importance["mean"]] == [line.split()[1] for line in lines[4:7]]
    width, height = struct.unpack(">II", Path("importance/importance.png").read_bytes()[16:24])
    assert min(width, height) > 200


def test_results_are_overwritten_only_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    fit()
    assert main(["importance", "best"]) == 0
    table_content = Path(RESULT[0]).read_bytes()
    assert main(["importance", "best", "--metric", "loss"]) == 2
    assert "importance/importance.png already exists; add --overwrite" in capsys.readouterr().err
    assert Path(RESULT[0]).read_bytes() == table_content
    assert main(["importance", "best", "--metric", "loss", "--overwrite"]) == 0
    assert "increase of loss when a column is permuted" in capsys.readouterr().out
    assert Path(RESULT[0]).read_bytes() != table_content


def test_another_table_is_used_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    fit()
    write(
        "target,kind,age,=score\n" + "".join(f"{'yes' if n > 9 else 'no'},b,{2 * n},1\n" for n in range(20)),
        "n.csv",
    )
    assert main(["importance", BEST, "--data.path", "n.csv"]) == 0
    output = capsys.readouterr()
    assert "20 test rows, accuracy" in output.out
    assert "data.path is not the table used in training" in output.err
    assert pl.read_csv(RESULT[0]).filter(pl.col("column") == "kind")["mean"].to_list() == [0]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["importance", "plot", "diagnose"])
def test_a_table_in_blocks_may_have_another_cache(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    fit("--data.cache_dir", "cache", "--trainer.max_epochs", "1")
    shutil.rmtree("cache")
    Path("cache").write_text("a file")
    assert main([command, BEST]) == 2
    assert "cannot write the cache cache" in capsys.readouterr().err
    assert main([command, BEST, "--data.cache_dir", "elsewhere"]) == 0
    assert find_tables(Path("elsewhere"))


def test_without_test_rows_the_rows_of_the_cross_validation_are_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [f"{n},{-n % 7},{'ab'[n > 40]}" for n in range(80)]
    data = table(rows, "age,size,target", test_fraction=0.0, folds=4)
    trainer = Trainer(max_epochs=2, accelerator="cpu", enable_checkpointing=False, **QUIET)
    trainer.fit(BinaryClassifier(data.in_features, folds=4, class_names=data.class_names), data)
    trainer.save_checkpoint("own.ckpt")
    assert main(["importance", "own.ckpt"]) == 0
    assert "80 out-of-fold rows, accuracy" in capsys.readouterr().out


def test_the_columns_of_points_are_their_coordinates(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "circles_v2", "--trainer.max_epochs", "5", "--plots", "none"]) == 0
    assert main(["importance", "last", "--out", "a/b"]) == 0
    assert sorted(pl.read_csv("a/b/importance.csv")["column"]) == ["x1", "x2"]
    assert main(["importance", "last", "--data.path", "t.csv"]) == 2
    assert "--data.path is not an option of the checkpoint's CirclesDataModule" in capsys.readouterr().err


def test_a_run_of_a_custom_module_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    class_path = f"{__name__}.OwnClassifier"
    short = ["--trainer.max_epochs", "2", "--plots", "none"]
    assert main(["fit", "--config", "circles_v2", *short, "--model", class_path]) == 0
    assert main(["importance", "last"]) == 2
    assert f"add --model {class_path}" in capsys.readouterr().err
    assert main(["importance", "last", "--model", class_path]) == 0


def test_unusable_arguments_are_refused_and_write_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    fit()
    Path("file").touch()
    for arguments, message in (
        ([], "required: checkpoint"),
        (["nowhere.ckpt"], "no checkpoint at nowhere.ckpt"),
        (["t.csv"], "t.csv is not a readable checkpoint"),
        ([BEST, "--out", "file"], "cannot write into file: not a directory"),
        ([BEST, "--metric", "mae"], "unknown metric 'mae': choose from accuracy, loss"),
        ([BEST, "--repeats", "0"], "repeats must be at least 1"),
        ([BEST, "--repeats", "many"], "invalid int value: 'many'"),
        ([BEST, "--data.path", "absent.csv"], "absent.csv"),
    ):
        capsys.readouterr()
        assert main(["importance", *arguments]) == 2, arguments
        stderr = capsys.readouterr().err
        assert message in stderr
        assert len(stderr.splitlines()) == 1
    assert not Path("importance").exists()
